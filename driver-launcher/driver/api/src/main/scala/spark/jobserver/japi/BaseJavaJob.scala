/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.japi

import com.typesafe.config.Config
import org.apache.spark.api.java.JavaSparkContext
import org.apache.spark.sql.{SparkSession, SQLContext}
import org.apache.spark.streaming.StreamingContext

import spark.jobserver.api.JobEnvironment
import spark.jobserver.context.SparkSessionContextLikeWrapper

/**
 * A job in Java. It runs in contexts of the Java factories.
 *
 * @tparam R what `run` returns; it is answered as JSON
 * @tparam C the kind of context that the job needs
 */
trait BaseJavaJob[R, C] {

  /**
   * Does the work.
   *
   * @param sc      the context, which other jobs may be using at the same time
   * @param runtime the run that this is
   * @param data    what `verify` returned
   */
  def run(sc: C, runtime: JobEnvironment, data: Config): R

  /**
   * Checks the configuration and returns the one that `run` is to work on. Bad input is refused by
   * throwing a [[JavaValidationException]].
   */
  def verify(sc: C, runtime: JobEnvironment, config: Config): Config
}

/** A Java job that needs a JavaSparkContext. */
trait JSparkJob[R] extends BaseJavaJob[R, JavaSparkContext]

/** A Java job that needs a SparkSession. */
abstract class JSessionJob[R] extends BaseJavaJob[R, SparkSessionContextLikeWrapper] {

  /** As `run` of any Java job. */
  def run(sparkSession: SparkSession, runtime: JobEnvironment, data: Config): R

  override def run(sc: SparkSessionContextLikeWrapper, runtime: JobEnvironment, data: Config): R =
    run(sc.spark, runtime, data)

  /** As `verify` of any Java job. */
  def verify(sparkSession: SparkSession, runtime: JobEnvironment, config: Config): Config

  override def verify(
      sc: SparkSessionContextLikeWrapper,
      runtime: JobEnvironment,
      config: Config): Config = verify(sc.spark, runtime, config)
}

/** A Java job that needs a StreamingContext, which it starts. */
trait JStreamingJob[R] extends BaseJavaJob[R, StreamingContext]

/** The old Java job for SQL. */
trait JSqlJob[R] extends BaseJavaJob[R, SQLContext]

/** The old Java job for Hive: it gets the SQLContext of a session that has Hive support. */
trait JHiveJob[R] extends BaseJavaJob[R, SQLContext]
