/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.context

import com.typesafe.config.Config
import org.apache.spark.SparkConf
import org.apache.spark.sql.SparkSession
import org.scalactic.Or

import spark.jobserver.JobCache
import spark.jobserver.japi.{BaseJavaJob, JavaJob, JHiveJob, JSessionJob, JSqlJob}

/** [[SessionContextFactory]] for Java jobs. */
class JavaSessionContextFactory extends JavaContextFactory {

  type C = SparkSessionContextLikeWrapper

  override def isValidJob(job: BaseJavaJob[_, _]): Boolean = job match {
    case _: JSessionJob[_] | _: JSqlJob[_] | _: JHiveJob[_] => true
    case _ => false
  }

  override def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError = {
    super.loadAndValidateJob(classPath, mainClass, jobCache).map(_.job match {
      case job: JavaJob[_, _] if !job.job.isInstanceOf[JSessionJob[_]] =>
        ScalaJobContainer(new SqlJob(job.asInstanceOf[SqlJob.OnSQLContext]))
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

/** The old name of sessions for Java jobs, without Hive support. */
class JavaSqlContextFactory extends JavaSessionContextFactory {

  override def isValidJob(job: BaseJavaJob[_, _]): Boolean =
    super.isValidJob(job) && !job.isInstanceOf[JHiveJob[_]]

  override protected def setupHiveSupport(config: Config, builder: SparkSession.Builder): Any = ()
}

/** The old name of sessions for Java jobs, with Hive support. */
class JavaHiveContextFactory extends JavaSessionContextFactory {

  override protected def setupHiveSupport(config: Config, builder: SparkSession.Builder): Any =
    Sessions.enableHive(builder, logger)
}
