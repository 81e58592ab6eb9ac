/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.python

import com.typesafe.config.{Config, ConfigValueFactory}
import org.scalactic.{Bad, Or}

import spark.jobserver.JobCache
import spark.jobserver.context._

/** A kind of context where Python jobs run, perhaps among others. */
trait RunsPython extends SparkContextFactory {

  override def runsPython: Boolean = true

  /** YARN brings PySpark to the executors of what it takes for an application of Python. */
  override def updateConfig(config: Config): Config =
    super.updateConfig(config).withValue("spark.yarn.isPython", ConfigValueFactory.fromAnyRef(true))

  /** What Python makes of the context; ours have names that it knows. */
  def pythonContext: String = RunsPython.Custom
}

object RunsPython {
  val Custom = "custom"
}

/**
 * A kind of context for Python jobs alone. What a factory of a user's own makes, the jobs' method
 * `build_context` turns into something of Python.
 */
trait PythonContextFactory extends RunsPython {

  /** Jobs of the JVM do not run here. */
  override def loadAndValidateJob(
      classPath: Seq[String],
      mainClass: String,
      jobCache: JobCache): J Or LoadingError = Bad(JobWrongType)
}

/** Contexts for Python jobs that need a SparkSession. */
class PythonSessionContextFactory extends SessionContextFactory with PythonContextFactory {
  override def pythonContext: String = "session"
}

/** Contexts for Python jobs that need a SparkContext. */
class PythonSparkContextFactory extends DefaultSparkContextFactory with PythonContextFactory {
  override def pythonContext: String = "spark"
}

/** The old name of sessions without Hive support; jobs get a SQLContext. */
class PythonSQLContextFactory extends SQLContextFactory with PythonContextFactory {
  override def pythonContext: String = "sql"
}

/** The old name of sessions with Hive support; jobs get a HiveContext. */
class PythonHiveContextFactory extends HiveContextFactory with PythonContextFactory {
  override def pythonContext: String = "hive"
}

/** Contexts for both Python jobs and Scala jobs that need a SparkSession: they share DataFrames. */
class MixedSessionContextFactory extends SessionContextFactory with RunsPython {
  override def pythonContext: String = "session"
}
