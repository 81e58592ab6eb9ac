/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.util.{Map => JMap}

import org.apache.spark.SparkEnv
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}
import org.apache.spark.serializer.Serializer

/**
 * Lets executors read broadcast variables and serialized blocks with the classes of the job whose
 * task reads them.
 *
 * A task's context class loader is that of its set of binaries, but the executor gives its
 * serializer a fixed one, which knows no job's classes. Without that one the serializer takes the
 * context's.
 */
class JobClassesPlugin extends SparkPlugin {

  override def driverPlugin(): DriverPlugin = null

  override def executorPlugin(): ExecutorPlugin = new ExecutorPlugin {
    override def init(context: PluginContext, extra: JMap[String, String]): Unit = {
      // by reflection, since it is for subclasses only
      classOf[Serializer].getMethod("defaultClassLoader_$eq", classOf[Option[_]])
        .invoke(SparkEnv.get.serializer, None)
    }
  }
}
