/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.util

/** Names of settings of contexts. */
object JobserverConfig {

  /** Whether a job that ends with an error ends its context, too. */
  val STOP_CONTEXT_ON_JOB_ERROR = "stop-context-on-job-error"

  /** Whether sessions have Hive support, where Spark's classes for it are there. */
  val IS_SPARK_SESSION_HIVE_ENABLED = "spark.session.hive.enabled"
}
