/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.context

import com.typesafe.config.Config
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.api.java.JavaSparkContext

import spark.jobserver.ContextLike
import spark.jobserver.japi.{BaseJavaJob, JSparkJob}

/** Contexts for Java jobs that need a JavaSparkContext. */
class JavaSparkContextFactory extends JavaContextFactory {

  type C = JavaSparkContext with ContextLike

  override def isValidJob(job: BaseJavaJob[_, _]): Boolean = job.isInstanceOf[JSparkJob[_]]

  override def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C = {
    new JavaSparkContext(sparkConf) with ContextLike {
      override def sparkContext: SparkContext = sc
    }
  }
}
