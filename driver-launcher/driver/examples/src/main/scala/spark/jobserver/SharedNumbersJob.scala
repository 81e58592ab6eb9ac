/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.sql.SparkSession
import org.apache.spark.storage.StorageLevel
import org.scalactic._

import spark.jobserver.api.{JobEnvironment, ValidationProblem}

/** What `example_jobs.sql.SharedNumbers` does in Python, with the same named object. */
object SharedNumbersJob extends SparkSessionJob {
  type JobData = Long
  type JobOutput = Map[String, Any]

  private implicit val persister: NamedObjectPersister[NamedDataFrame] = new DataFramePersister

  override def validate(
      spark: SparkSession,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] =
    Good(if (config.hasPath("n")) config.getLong("n") else 100L)

  override def runJob(spark: SparkSession, runtime: JobEnvironment, n: JobData): JobOutput = {
    val made = !runtime.namedObjects.getNames().toSeq.contains("numbers")
    val numbers = runtime.namedObjects.getOrElseCreate("numbers",
      NamedDataFrame(spark.range(n).toDF(), forceComputation = false, StorageLevel.MEMORY_AND_DISK))
    Map("made" -> made, "sum" -> numbers.df.groupBy().sum().head().getLong(0))
  }
}
