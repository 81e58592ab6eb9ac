/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.japi

import scala.reflect.ClassTag

import com.typesafe.config.Config
import org.scalactic.{Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, SparkJobBase, ValidationProblem}

/**
 * What `verify` throws to refuse a configuration.
 *
 * @param reason what is wrong, for the user
 * @param t      where it comes from; may be null
 */
case class JavaValidationException(reason: String, t: Throwable)
  extends RuntimeException(reason, t) with ValidationProblem

/** A Java job as the server runs it. */
case class JavaJob[R: ClassTag, CX: ClassTag](job: BaseJavaJob[R, CX]) extends SparkJobBase {

  override type C = CX
  override type JobData = Config
  override type JobOutput = R

  override def runJob(sc: CX, runtime: JobEnvironment, data: Config): R = job.run(sc, runtime, data)

  override def validate(
      sc: CX,
      runtime: JobEnvironment,
      config: Config): Config Or Every[ValidationProblem] = Good(job.verify(sc, runtime, config))
}
