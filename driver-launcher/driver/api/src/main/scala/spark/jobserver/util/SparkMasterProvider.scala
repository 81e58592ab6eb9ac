/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.util

import com.typesafe.config.Config

/** Says which Spark master a context is for; implemented by a Scala object of a user's. */
trait SparkMasterProvider {

  /** @param config the settings of the context */
  def getSparkMaster(config: Config): String
}

object SparkMasterProvider {

  /** The setting that names the object. */
  val SparkMasterProperty = "spark.master-provider"

  /**
   * The provider that the settings name, or else [[DefaultSparkMasterProvider]].
   *
   * @throws java.lang.ReflectiveOperationException if there is no such object
   */
  def fromConfig(config: Config): SparkMasterProvider = {
    if (config.hasPath(SparkMasterProperty)) {
      val name = config.getString(SparkMasterProperty).stripSuffix("$") + "$"
      Class.forName(name, true, Thread.currentThread.getContextClassLoader)
        .getField("MODULE$").get(null).asInstanceOf[SparkMasterProvider]
    } else {
      DefaultSparkMasterProvider
    }
  }
}

/** The master is the setting `spark.master`. */
object DefaultSparkMasterProvider extends SparkMasterProvider {

  override def getSparkMaster(config: Config): String = config.getString("spark.master")
}
