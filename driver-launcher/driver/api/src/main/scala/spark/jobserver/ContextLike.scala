/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import org.apache.spark.SparkContext

/** What a context factory makes: jobs get it as their `C`. */
trait ContextLike {

  /** The Spark context below it. */
  def sparkContext: SparkContext

  /** Ends it, and the Spark context with it. */
  def stop(): Unit
}
