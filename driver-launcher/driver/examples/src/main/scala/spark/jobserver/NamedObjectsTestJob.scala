/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.storage.StorageLevel
import org.scalactic.{Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, SparkJob => NewSparkJob, ValidationProblem}

/**
 * Shares an RDD, a data frame and a broadcast variable with the other jobs of its context, made by
 * whichever comes first; returns what they hold. With `delete`, a list of names, forgets these.
 */
class NamedObjectsTestJob extends NewSparkJob {
  type JobData = Config
  type JobOutput = Map[String, Any]

  private implicit def rddPersister[T]: NamedObjectPersister[NamedRDD[T]] = new RDDPersister[T]
  private implicit val dataFramePersister: NamedObjectPersister[NamedDataFrame] =
    new DataFramePersister
  private implicit def broadcastPersister[T]: NamedObjectPersister[NamedBroadcast[T]] =
    new BroadcastPersister[T]

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = Good(config)

  override def runJob(sc: SparkContext, runtime: JobEnvironment, config: JobData): JobOutput = {
    val objects = runtime.namedObjects
    if (config.hasPath("delete")) {
      config.getStringList("delete").forEach(name => objects.forget(name))
      Map("names" -> objects.getNames())
    } else {
      val numbers = objects.getOrElseCreate("rdd1",
        NamedRDD(sc.parallelize(1 to 100), forceComputation = true, StorageLevel.MEMORY_ONLY))
      val frame = objects.getOrElseCreate("df1",
        NamedDataFrame(SparkSession.builder().getOrCreate().range(10).toDF("n"),
          forceComputation = true, StorageLevel.MEMORY_AND_DISK))
      val shared = objects.getOrElseCreate("broadcast1", NamedBroadcast(sc.broadcast(Set(1, 2, 3))))
      Map(
        "rdd" -> numbers.rdd.sum(),
        "frame" -> frame.df.collect().map { case Row(n: Long) => n }.sum,
        "broadcast" -> shared.broadcast.value.toSeq.sorted,
        "names" -> objects.getNames())
    }
  }
}
