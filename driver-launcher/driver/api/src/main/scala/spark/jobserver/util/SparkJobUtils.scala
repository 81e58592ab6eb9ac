/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver.util

import scala.collection.JavaConverters._

import com.typesafe.config.{Config, ConfigList, ConfigUtil, ConfigValue}
import org.apache.spark.SparkConf

/** How settings of contexts become settings of Spark; for context factories. */
object SparkJobUtils {

  /**
   * What a Spark context is configured with: what its JVM has in `spark.*` properties, and over
   * that the settings.
   *
   * @param config        as it is handed to `makeContext`
   * @param contextConfig the settings of the context
   */
  def configToSparkConf(
      config: Config,
      contextConfig: Config,
      contextName: String): SparkConf = {
    val conf = new SparkConf().setAppName(contextName)
    if (!conf.contains("spark.master")) {
      conf.setMaster(SparkMasterProvider.fromConfig(config).getSparkMaster(config))
    }
    for ((setting, name) <- Renamed if contextConfig.hasPath(setting)) {
      conf.set(name, contextConfig.getString(setting))
    }
    entries(contextConfig, "spark").foreach { case (key, value) => conf.set("spark." + key, value) }
    entries(contextConfig, "passthrough").foreach { case (key, value) => conf.set(key, value) }
    conf.setIfMissing("spark.ui.port", "0")
  }

  /** The settings below `hadoop`, for Hadoop's configuration. */
  def getHadoopConfig(config: Config): Map[String, String] = entries(config, "hadoop")

  /** A setting's value as Spark wants it: lists are separated by commas. */
  def text(value: ConfigValue): String = value match {
    case list: ConfigList => list.unwrapped.asScala.mkString(",")
    case single => String.valueOf(single.unwrapped)
  }

  private val Renamed =
    Seq("num-cpu-cores" -> "spark.cores.max", "memory-per-node" -> "spark.executor.memory")

  private def entries(config: Config, path: String): Map[String, String] = {
    if (config.hasPath(path)) {
      config.getConfig(path).entrySet.asScala.map { entry =>
        ConfigUtil.splitPath(entry.getKey).asScala.mkString(".") -> text(entry.getValue)
      }.toMap
    } else {
      Map.empty
    }
  }
}
