/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.sql.SparkSession
import org.scalactic.{Bad, Every, Good, One, Or}

import spark.jobserver.api.{JobEnvironment, SingleProblem, ValidationProblem}

/** A person who lives somewhere. */
case class Address(firstName: String, lastName: String, street: String, city: String)

object Address {
  val all: Seq[Address] = Seq(
    Address("Bob", "Charles", "101 A St.", "San Jose"),
    Address("Sandy", "Charles", "10200 Ranch Rd.", "Purple City"),
    Address("Randy", "Charles", "101 A St.", "San Jose"))
}

/**
 * Makes the table `table` (addresses) in the session's catalog, or with `temporary = true` a view
 * that is the session's own, and returns how many rows it has.
 */
object SessionLoaderTestJob extends SparkSessionJob {
  type JobData = Config
  type JobOutput = Long

  override def validate(
      spark: SparkSession,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = Good(config)

  override def runJob(spark: SparkSession, runtime: JobEnvironment, config: JobData): JobOutput = {
    import spark.implicits._
    val table = if (config.hasPath("table")) config.getString("table") else "addresses"
    val addresses = Address.all.toDS()
    if (config.hasPath("temporary") && config.getBoolean("temporary")) {
      addresses.createOrReplaceTempView(table)
    } else {
      addresses.write.mode("overwrite").saveAsTable(table)
    }
    spark.table(table).count()
  }
}

/** Runs the query `sql` and returns its rows as arrays. */
object SessionTestJob extends SparkSessionJob {
  type JobData = String
  type JobOutput = Seq[Seq[Any]]

  override def validate(
      spark: SparkSession,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    if (config.hasPath("sql")) {
      Good(config.getString("sql"))
    } else {
      Bad(One(SingleProblem("No sql config param")))
    }
  }

  override def runJob(spark: SparkSession, runtime: JobEnvironment, sql: JobData): JobOutput =
    spark.sql(sql).collect().toSeq.map(_.toSeq)
}
