/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.apache.spark.api.java.JavaSparkContext

/** The old API's job for Java: a class that overrides `runJob` and perhaps `invalidate`. */
class JavaSparkJob extends SparkJob {

  override def runJob(sc: SparkContext, jobConfig: Config): Any =
    runJob(new JavaSparkContext(sc), jobConfig)

  override def validate(sc: SparkContext, config: Config): SparkJobValidation =
    invalidate(new JavaSparkContext(sc), config) match {
      case null => SparkJobValid
      case reason => SparkJobInvalid(reason)
    }

  /** Does the work; what it returns is answered as JSON. */
  def runJob(jsc: JavaSparkContext, jobConfig: Config): Any = ()

  /** What is wrong with the configuration, or null. */
  def invalidate(jsc: JavaSparkContext, config: Config): String = null
}
