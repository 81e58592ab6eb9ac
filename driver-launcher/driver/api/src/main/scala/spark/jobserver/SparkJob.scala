/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic.{Bad, Every, Good, One, Or}

import spark.jobserver.api.{JobEnvironment, SparkJobBase => NewSparkJobBase, ValidationProblem}

/** What the old API's `validate` says of a configuration. */
sealed trait SparkJobValidation {

  /** The first of the two that is not valid, or [[SparkJobValid]]. */
  def &&(sparkValidation: SparkJobValidation): SparkJobValidation = this match {
    case SparkJobValid => sparkValidation
    case invalid => invalid
  }
}

case object SparkJobValid extends SparkJobValidation

case class SparkJobInvalid(reason: String) extends SparkJobValidation with ValidationProblem

/** The old job API: the job works on the configuration as it was posted. */
@Deprecated
trait SparkJobBase extends NewSparkJobBase {
  type JobOutput = Any
  type JobData = Config

  /** The objects that the jobs of this context share; set before `validate` is called. */
  var namedObjects: NamedObjects = null

  def runJob(sc: C, runtime: JobEnvironment, data: JobData): JobOutput = runJob(sc, data)

  def validate(
      sc: C,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    namedObjects = runtime.namedObjects
    validate(sc, config) match {
      case SparkJobValid => Good(config)
      case invalid: SparkJobInvalid => Bad(One(invalid))
      case null => Bad(One(SparkJobInvalid("validate returned null")))
    }
  }

  /**
   * Does the work; what it returns is answered as JSON.
   *
   * @param sc the context, which other jobs may be using at the same time
   * @param jobConfig the posted configuration
   */
  def runJob(sc: C, jobConfig: Config): Any

  /** Checks the configuration. Should not take long: the client has no answer before it is done. */
  def validate(sc: C, config: Config): SparkJobValidation
}

/** The old API's job that needs a SparkContext. */
trait SparkJob extends SparkJobBase {
  type C = SparkContext
}
