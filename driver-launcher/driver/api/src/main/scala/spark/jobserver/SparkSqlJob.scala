/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import org.apache.spark.sql.SQLContext

import spark.jobserver.api.{SparkJobBase => NewSparkJobBase}

/** The old API's job for SQL. */
trait SparkSqlJob extends SparkJobBase {
  type C = SQLContext
}

/**
 * The old job for Hive. Spark's HiveContext, a subclass of SQLContext, is gone; the job gets the
 * SQLContext of a session that has Hive support.
 */
trait SparkHiveJob extends NewSparkJobBase {
  type C = SQLContext
}
