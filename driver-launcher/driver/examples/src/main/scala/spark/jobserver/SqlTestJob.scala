/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.sql.SQLContext
import org.scalactic.{Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, ValidationProblem}

/** By the old API for SQL: makes the view `addresses` and returns how many rows it has. */
object SqlLoaderJob extends SparkSqlJob {

  override def validate(sql: SQLContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sql: SQLContext, config: Config): Any = {
    sql.createDataFrame(Address.all).createOrReplaceTempView("addresses")
    sql.table("addresses").count()
  }
}

/** By the old API for SQL: runs the query `sql` and returns its rows as arrays. */
object SqlTestJob extends SparkSqlJob {

  override def validate(sql: SQLContext, config: Config): SparkJobValidation =
    if (config.hasPath("sql")) SparkJobValid else SparkJobInvalid("No sql config param")

  override def runJob(sql: SQLContext, config: Config): Any =
    sql.sql(config.getString("sql")).collect().toSeq.map(_.toSeq)
}

/** By the old API for Hive: makes a table in Hive's own format and returns how many rows it has. */
object HiveLoaderJob extends SparkHiveJob {
  type JobData = Config
  type JobOutput = Long

  override def validate(
      hive: SQLContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = Good(config)

  override def runJob(hive: SQLContext, runtime: JobEnvironment, config: JobData): JobOutput = {
    hive.sql("DROP TABLE IF EXISTS hive_addresses")
    hive.sql("CREATE TABLE hive_addresses (firstName STRING, lastName STRING, street STRING, " +
      "city STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' STORED AS TEXTFILE")
    hive.createDataFrame(Address.all).createOrReplaceTempView("addresses_to_load")
    hive.sql("INSERT INTO hive_addresses SELECT * FROM addresses_to_load")
    hive.table("hive_addresses").count()
  }
}
