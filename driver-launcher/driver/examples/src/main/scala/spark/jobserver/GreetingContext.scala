/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.{Config, ConfigFactory}
import org.apache.spark.{SparkConf, SparkContext}
import org.scalactic.{Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, SparkJobBase => NewSparkJobBase, ValidationProblem}
import spark.jobserver.context.ScalaContextFactory

/** A context of one's own kind: it has what its jobs need, here a greeting. */
class GreetingContext(override val sparkContext: SparkContext, val greeting: String)
  extends ContextLike {

  override def stop(): Unit = sparkContext.stop()
}

/** Makes such contexts; the setting `greeting` says the word (Hello). */
class GreetingContextFactory extends ScalaContextFactory {

  type C = GreetingContext

  override def updateConfig(config: Config): Config =
    config.withFallback(ConfigFactory.parseString("greeting = Hello"))

  override def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C =
    new GreetingContext(new SparkContext(sparkConf), config.getString("greeting"))

  override def isValidJob(job: NewSparkJobBase): Boolean = job.isInstanceOf[GreetingJob]
}

/** Jobs for such contexts. */
trait GreetingJob extends NewSparkJobBase {
  type C = GreetingContext
}

/** Greets `name` (World). */
object HelloJob extends GreetingJob {
  type JobData = String
  type JobOutput = String

  override def validate(
      context: GreetingContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] =
    Good(if (config.hasPath("name")) config.getString("name") else "World")

  override def runJob(context: GreetingContext, runtime: JobEnvironment, name: JobData): JobOutput =
    context.sparkContext.parallelize(Seq(context.greeting, name)).collect().mkString(", ")
}
