/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.sql.SparkSession
import org.scalactic.{Every, Or}

import spark.jobserver.api.{JobEnvironment, SparkJobBase => NewSparkJobBase, ValidationProblem}
import spark.jobserver.context.SparkSessionContextLikeWrapper

/** A job that needs a SparkSession: it defines the two methods that take one. */
trait SparkSessionJob extends NewSparkJobBase {
  type C = SparkSessionContextLikeWrapper

  /** As `runJob` of any job. */
  def runJob(sparkSession: SparkSession, runtime: JobEnvironment, data: JobData): JobOutput

  override def runJob(sc: C, runtime: JobEnvironment, data: JobData): JobOutput =
    runJob(sc.spark, runtime, data)

  /** As `validate` of any job. */
  def validate(
      sparkSession: SparkSession,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem]

  override def validate(
      sc: C,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = validate(sc.spark, runtime, config)
}
