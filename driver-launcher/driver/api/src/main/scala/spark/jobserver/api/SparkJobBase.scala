/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.api

import java.io.{File, IOException}

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic.{Every, Or}

import spark.jobserver.NamedObjects

/** What a job may ask about the run that it is part of. */
trait JobEnvironment {

  /** The id under which clients know this run. */
  def jobId: String

  /** The objects that the jobs of this context share. */
  def namedObjects: NamedObjects

  /** The settings of the context: the server's defaults, the query's and the body's, merged. */
  def contextConfig: Config
}

/** Access to the server's data files; every [[JobEnvironment]] is one, too. */
trait DataFileCache {

  /**
   * A data file on the host of the driver.
   *
   * @param dataFile the path that the upload was answered with
   * @throws java.io.IOException if there is no such file
   */
  @throws(classOf[IOException])
  def getDataFile(dataFile: String): File
}

/** A reason why `validate` turns a configuration down. */
trait ValidationProblem

case class SingleProblem(problem: String) extends ValidationProblem

/**
 * A job. `validate` turns the posted configuration into the data that `runJob` works on, so that
 * bad input is refused before anything is run.
 */
trait SparkJobBase {
  /** The kind of context that the job needs. */
  type C

  /** What `validate` makes of the configuration. */
  type JobData

  /** What `runJob` returns; it is answered as JSON. */
  type JobOutput

  /**
   * Does the work.
   *
   * @param sc      the context, which other jobs may be using at the same time
   * @param runtime the run that this is
   * @param data    what `validate` returned
   */
  def runJob(sc: C, runtime: JobEnvironment, data: JobData): JobOutput

  /**
   * Checks the configuration. Should not take long: the client has no answer before it is done.
   *
   * @param config the posted configuration
   * @return the data for `runJob`, or everything that is wrong
   */
  def validate(sc: C, runtime: JobEnvironment, config: Config): JobData Or Every[ValidationProblem]
}

/** A job that needs a SparkContext. */
trait SparkJob extends SparkJobBase {
  type C = SparkContext
}

/** A job that needs a SparkContext and works on the configuration as it was posted. */
trait OldSparkJob extends SparkJobBase {
  type C = SparkContext
  type JobOutput = Any
  type JobData = Config
}
