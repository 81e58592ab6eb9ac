/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.context

import com.typesafe.config.Config
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.sql.{SparkSession, SQLContext}
import org.scalactic.{Every, Or}
import org.slf4j.{Logger, LoggerFactory}

import spark.jobserver.{ContextLike, JobCache, SparkHiveJob, SparkSessionJob, SparkSqlJob}
import spark.jobserver.api.{JobEnvironment, SparkJobBase, ValidationProblem}
import spark.jobserver.util.{JobserverConfig, SparkJobUtils}

/** A session as a context. */
case class SparkSessionContextLikeWrapper(spark: SparkSession) extends ContextLike {

  val logger = LoggerFactory.getLogger(getClass)

  override def sparkContext: SparkContext = spark.sparkContext

  override def stop(): Unit = {
    spark.streams.active.foreach { query =>
      logger.info("Stopping the streaming query {}", query.name)
      query.stop()
    }
    spark.stop()
  }
}

/** Makes sessions. */
private[context] object Sessions {

  def make(sparkConf: SparkConf, config: Config, contextName: String)(
      prepare: SparkSession.Builder => Unit): SparkSessionContextLikeWrapper = {
    val builder = SparkSession.builder().config(sparkConf).appName(contextName)
    prepare(builder)
    val spark = builder.getOrCreate()
    val hadoop = spark.sparkContext.hadoopConfiguration
    SparkJobUtils.getHadoopConfig(config).foreach { case (k, v) => hadoop.set(k, v) }
    // a session keeps the class loader of the thread that uses it first, which must be no job's
    spark.conf.get("spark.app.name")
    SparkSessionContextLikeWrapper(spark)
  }

  def wantsHive(config: Config): Boolean =
    config.getBoolean(JobserverConfig.IS_SPARK_SESSION_HIVE_ENABLED)

  /** Hive support, where Spark's classes for it are there. */
  def enableHive(builder: SparkSession.Builder, logger: Logger): Unit = {
    try {
      builder.enableHiveSupport()
    } catch {
      case e: IllegalArgumentException => logger.warn(s"There is no Hive support: ${e.getMessage}")
    }
  }
}

/** A job of the old API for SQL, run on a session. */
private[context] class SqlJob(val job: SqlJob.OnSQLContext) extends SparkJobBase {
  type C = SparkSessionContextLikeWrapper
  type JobData = job.JobData
  type JobOutput = job.JobOutput

  override def runJob(sc: C, runtime: JobEnvironment, data: JobData): JobOutput =
    job.runJob(sc.spark.sqlContext, runtime, data)

  override def validate(
      sc: C,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] =
    job.validate(sc.spark.sqlContext, runtime, config)
}

private[context] object SqlJob {
  type OnSQLContext = SparkJobBase { type C = SQLContext }
}

/**
 * Contexts for jobs that need a SparkSession, or a SQLContext. They have Hive support unless
 * `spark.session.hive.enabled` is false.
 */
class SessionContextFactory extends ScalaContextFactory {

  type C = SparkSessionContextLikeWrapper

  override def isValidJob(job: SparkJobBase): Boolean = job match {
    case _: SparkSessionJob | _: SparkSqlJob | _: SparkHiveJob => true
    case _ => false
  }

  override def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError = {
    super.loadAndValidateJob(classPath, mainClass, jobCache).map(_.job match {
      case job: SparkSqlJob => ScalaJobContainer(new SqlJob(job))
      case job: SparkHiveJob => ScalaJobContainer(new SqlJob(job))
      case job => ScalaJobContainer(job)
    })
  }

  override def makeContext(sparkConf: SparkConf, config: Config, contextName: String): C =
    Sessions.make(sparkConf, config, contextName)(setupHiveSupport(config, _))

  protected def setupHiveSupport(config: Config, builder: SparkSession.Builder): Any =
    if (Sessions.wantsHive(config)) {
      Sessions.enableHive(builder, logger)
    }
}

/** The old name of sessions without Hive support. */
class SQLContextFactory extends SessionContextFactory {

  override def isValidJob(job: SparkJobBase): Boolean =
    super.isValidJob(job) && !job.isInstanceOf[SparkHiveJob]

  override protected def setupHiveSupport(config: Config, builder: SparkSession.Builder): Any = ()
}

/** The old name of sessions with Hive support. */
class HiveContextFactory extends SessionContextFactory {

  override protected def setupHiveSupport(config: Config, builder: SparkSession.Builder): Any =
    Sessions.enableHive(builder, logger)
}
