/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.context

import scala.util.control.NonFatal

import com.typesafe.config.Config
import org.apache.spark.{SparkConf, SparkContext}
import org.scalactic.{Bad, Good, Or}
import org.slf4j.LoggerFactory

import spark.jobserver.{api, ContextLike, JobCache, SparkJob}
import spark.jobserver.japi.{BaseJavaJob, JavaJob}
import spark.jobserver.util.SparkJobUtils

/** A job that was found and fits the context. */
trait JobContainer {
  def getSparkJob: api.SparkJobBase
}

/** Why a job cannot run in a context. */
sealed trait LoadingError
case object JobClassNotFound extends LoadingError
case object JobWrongType extends LoadingError
case class JobLoadError(t: Throwable) extends LoadingError

/**
 * A kind of context: how one is made, and which jobs run in it. The setting `context-factory` names
 * a class with a constructor that has no parameters, ours or one of a jar of the context.
 */
trait SparkContextFactory {
  import SparkJobUtils._

  /** What jobs get as their `C`. */
  type C <: ContextLike

  type J <: JobContainer

  /**
   * Finds a job.
   *
   * @param classPath paths of the job's binaries
   * @param mainClass the name of its class
   * @param jobCache  what finds classes of these binaries
   */
  def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError

  /**
   * Makes a context.
   *
   * @param sparkConf   what the settings mean for Spark
   * @param config      the settings of the context
   * @param contextName its name
   */
  def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C

  /**
   * Makes a context; this is what the driver calls.
   *
   * @param config        the settings of the context; `spark.master` is always among them
   * @param contextConfig the settings of the context
   * @param contextName   its name
   */
  def makeContext(config: Config, contextConfig: Config, contextName: String): C = {
    val sparkConf = configToSparkConf(config, contextConfig, contextName)
    makeContext(sparkConf, contextConfig, contextName)
  }

  /** The settings with what this kind of context adds; it is called before `makeContext`. */
  def updateConfig(config: Config): Config = config

  /** Whether jobs are Python packages. */
  def runsPython: Boolean = false
}

case class ScalaJobContainer(job: api.SparkJobBase) extends JobContainer {
  override def getSparkJob: api.SparkJobBase = job
}

/** A kind of context for Scala jobs. */
trait ScalaContextFactory extends SparkContextFactory {
  type J = ScalaJobContainer

  val logger = LoggerFactory.getLogger(getClass)

  override def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError = Loading {
    val job = jobCache.getSparkJob(classPath, mainClass).constructor()
    if (isValidJob(job)) Good(ScalaJobContainer(job)) else Bad(JobWrongType)
  }

  /** Whether the job can run in such contexts. */
  def isValidJob(job: api.SparkJobBase): Boolean
}

/** A kind of context for Java jobs. */
trait JavaContextFactory extends SparkContextFactory {
  type J = ScalaJobContainer

  val logger = LoggerFactory.getLogger(getClass)

  override def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError = Loading {
    val job = jobCache.getJavaJob(classPath, mainClass).job
    if (isValidJob(job)) Good(ScalaJobContainer(JavaJob(job))) else Bad(JobWrongType)
  }

  /** Whether the job can run in such contexts. */
  def isValidJob(job: BaseJavaJob[_, _]): Boolean
}

/** What a job cache throws, as the error that it means. */
private[context] object Loading {

  def apply[J](find: => J Or LoadingError): J Or LoadingError = {
    try {
      find
    } catch {
      case _: ClassNotFoundException => Bad(JobClassNotFound)
      case _: ClassCastException => Bad(JobWrongType)
      case e: LinkageError => Bad(JobLoadError(e))
      case NonFatal(e) => Bad(JobLoadError(e))
    }
  }
}

/** Contexts for jobs that need a SparkContext. */
class DefaultSparkContextFactory extends ScalaContextFactory {

  type C = SparkContext with ContextLike

  override def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C = {
    val sc = new SparkContext(sparkConf) with ContextLike {
      override def sparkContext: SparkContext = this
    }
    SparkJobUtils.getHadoopConfig(config).foreach { case (k, v) => sc.hadoopConfiguration.set(k, v) }
    sc
  }

  override def isValidJob(job: api.SparkJobBase): Boolean =
    job.isInstanceOf[SparkJob] || job.isInstanceOf[api.SparkJob]
}
