/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.context

import com.typesafe.config.{Config, ConfigValueFactory}
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.streaming.{Milliseconds, StreamingContext}

import spark.jobserver.{api, ContextLike, SparkStreamingJob}
import spark.jobserver.japi.{BaseJavaJob, JStreamingJob}
import spark.jobserver.util.{JobserverConfig, SparkJobUtils}

/**
 * A kind of context whose streams end before it does: a StreamingContext that was stopped cannot be
 * used any longer, so the next job gets another one. A job that fails ends its context, unless the
 * settings say otherwise.
 */
trait StreamingFactory extends SparkContextFactory {

  type C = StreamingContext with ContextLike

  override def updateConfig(contextConfig: Config): Config = {
    val name = JobserverConfig.STOP_CONTEXT_ON_JOB_ERROR
    if (contextConfig.hasPath(name)) {
      contextConfig
    } else {
      contextConfig.withValue(name, ConfigValueFactory.fromAnyRef(true))
    }
  }

  /** A StreamingContext on a SparkContext that runs. */
  def streamingContext(sc: SparkContext, config: Config): C = {
    val gracefully = config.getBoolean("streaming.stopGracefully")
    val wholly = config.getBoolean("streaming.stopSparkContext")
    new StreamingContext(sc, Milliseconds(config.getInt("streaming.batch_interval").toLong))
      with ContextLike {
      override def stop(): Unit = stop(wholly, gracefully)
    }
  }

  override def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C = {
    val sc = new SparkContext(sparkConf)
    SparkJobUtils.getHadoopConfig(config).foreach { case (k, v) => sc.hadoopConfiguration.set(k, v) }
    try {
      streamingContext(sc, config)
    } catch {
      case t: Throwable =>
        sc.stop()
        throw t
    }
  }
}

/** Contexts for jobs that need a StreamingContext. */
class StreamingContextFactory extends ScalaContextFactory with StreamingFactory {

  override def isValidJob(job: api.SparkJobBase): Boolean = job.isInstanceOf[SparkStreamingJob]
}

/** Contexts for Java jobs that need a StreamingContext. */
class JavaStreamingContextFactory extends JavaContextFactory with StreamingFactory {

  override def isValidJob(job: BaseJavaJob[_, _]): Boolean = job.isInstanceOf[JStreamingJob[_]]
}
