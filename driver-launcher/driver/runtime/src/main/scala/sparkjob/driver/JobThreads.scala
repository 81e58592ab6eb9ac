/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.{SynchronousQueue, ThreadPoolExecutor, TimeUnit}

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * The threads that jobs run in. The launcher bounds how many run at once, so each gets one.
 *
 * A thread forgets everything of a job after it: its thread-local variables would reach the next
 * job, and keep the class loaders of jars that nobody uses any longer.
 */
class JobThreads
  extends ThreadPoolExecutor(0, Int.MaxValue, 60, TimeUnit.SECONDS, new SynchronousQueue[Runnable],
    (task: Runnable) => JobThreads.make(task)) {

  private val log = LoggerFactory.getLogger(classOf[JobThreads])

  private val variables = try {
    Seq("threadLocals", "inheritableThreadLocals").map { name =>
      val field = classOf[Thread].getDeclaredField(name)
      field.setAccessible(true)
      field
    }
  } catch {
    case NonFatal(e) =>
      log.warn(s"What jobs leave in thread-local variables stays in memory: $e")
      Nil
  }

  override protected def afterExecute(task: Runnable, failure: Throwable): Unit = {
    val thread = Thread.currentThread
    thread.setContextClassLoader(getClass.getClassLoader)
    thread.setName(JobThreads.Idle)
    thread.setPriority(Thread.NORM_PRIORITY)
    thread.setUncaughtExceptionHandler(null)
    variables.foreach(_.set(thread, null))
  }
}

private object JobThreads {
  val Idle = "sparkjob-idle"

  def make(task: Runnable): Thread = {
    val thread = new Thread(task, Idle)
    thread.setDaemon(true)
    thread
  }
}
