/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.scheduler

import java.nio.ByteBuffer
import java.util.Properties
import java.util.concurrent.{ExecutorService, LinkedBlockingQueue, ThreadPoolExecutor, TimeUnit}

import org.apache.spark.SparkEnv
import org.apache.spark.TaskState.TaskState
import org.apache.spark.serializer.{Serializer, SerializerInstance}
import org.apache.spark.util.{ThreadUtils, Utils}

/**
 * Reads the results of tasks with the class loader of the job that they belong to.
 *
 * Spark's own reads all results with one class loader, which cannot know the classes of jobs whose
 * jars came later, nor two versions of one class.
 *
 * @param loaderOf the class loader for tasks that have these local properties
 */
private[spark] class JobTaskResultGetter(
    env: SparkEnv,
    scheduler: TaskSchedulerImpl,
    loaderOf: Properties => Option[ClassLoader])
  extends TaskResultGetter(env, scheduler) {

  /** Runs a task under the context class loader of the thread that handed it in. */
  private class Pool(size: Int)
    extends ThreadPoolExecutor(size, size, 60L, TimeUnit.SECONDS, new LinkedBlockingQueue[Runnable],
      ThreadUtils.namedThreadFactory("task-result-getter")) {

    override def execute(task: Runnable): Unit = {
      val loader = Thread.currentThread.getContextClassLoader
      super.execute(() => Utils.withContextClassLoader(loader)(task.run()))
    }
  }

  override protected val getTaskResultExecutor: ExecutorService =
    new Pool(env.conf.getInt("spark.resultGetter.threads", 4))

  override protected val serializer: ThreadLocal[SerializerInstance] =
    new PerLoader(env.closureSerializer)

  override protected val taskResultSerializer: ThreadLocal[SerializerInstance] =
    new PerLoader(env.serializer)

  /**
   * An instance per thread, for the context class loader that it had last: an instance keeps its
   * loader, which must not stay for ever.
   */
  private class PerLoader(serializer: Serializer) extends ThreadLocal[SerializerInstance] {

    private val last = new ThreadLocal[(ClassLoader, SerializerInstance)]

    override def get(): SerializerInstance = {
      val loader = Thread.currentThread.getContextClassLoader
      if (last.get == null || (last.get._1 ne loader)) {
        last.set(loader -> serializer.newInstance())
      }
      last.get._2
    }
  }

  override def enqueueSuccessfulTask(
      tasks: TaskSetManager,
      tid: Long,
      data: ByteBuffer): Unit = {
    underLoaderOf(tasks)(super.enqueueSuccessfulTask(tasks, tid, data))
  }

  override def enqueueFailedTask(
      tasks: TaskSetManager,
      tid: Long,
      state: TaskState,
      data: ByteBuffer): Unit = {
    underLoaderOf(tasks)(super.enqueueFailedTask(tasks, tid, state, data))
  }

  private def underLoaderOf(tasks: TaskSetManager)(enqueue: => Unit): Unit = {
    val loader = Option(tasks.taskSet.properties).flatMap(loaderOf)
      .getOrElse(Utils.getContextOrSparkClassLoader)
    Utils.withContextClassLoader(loader)(enqueue)
  }
}
