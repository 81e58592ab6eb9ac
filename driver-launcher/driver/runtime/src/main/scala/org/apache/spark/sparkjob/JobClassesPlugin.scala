/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.util.{Map => JMap}

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}
import org.apache.spark.executor.ExecutorClassLoader
import org.apache.spark.serializer.Serializer
import org.apache.spark.util.MutableURLClassLoader

/**
 * Lets executors read broadcast variables and serialized blocks with the classes of the job whose
 * task reads them, and code of statements refer to the jars of the context.
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

    override def onTaskStart(): Unit = {
      val set = TaskContext.get.getLocalProperty(SparkInternals.SetProperty)
      if (set == SparkInternals.NoBinaries) {
        share(Thread.currentThread.getContextClassLoader)
      }
    }
  }

  /**
   * The classes of statements are loaded above the loaders of all sets, for the whole executor, and
   * refer to those of the context's jars. The set of no binaries has nothing but these jars.
   */
  private def share(loader: ClassLoader): Unit = synchronized {
    val loaders = above(loader).collect { case loader: MutableURLClassLoader => loader }.toVector
    if (loaders.size > 1) {
      loaders.head.getURLs.diff(loaders.last.getURLs).foreach(loaders.last.addURL)
    }
  }

  private def above(loader: ClassLoader): Iterator[ClassLoader] =
    Iterator.iterate(loader) {
      case repl: ExecutorClassLoader => repl.parentLoader
      case other => other.getParent
    }.takeWhile(_ != null)
}
