/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.ConcurrentHashMap

import org.apache.spark.api.java.JavaSparkContext
import org.apache.spark.sql.SparkSession
import org.slf4j.MDC

/**
 * What the R of a session calls in this JVM, by its class and name, as SparkR calls. It has a
 * connection for each statement, which one thread serves.
 */
object REntry {

  private class Run(join: () => Unit) {
    // both guarded by this
    private var thread: Option[Thread] = None
    private var killed = false

    def enter(): Unit = {
      synchronized {
        if (killed) {
          throw new InterruptedException("the statement was cancelled before it began")
        }
        // that was for the one before
        Thread.interrupted()
        thread = Some(Thread.currentThread)
      }
      join()
    }

    def interrupt(): Boolean = synchronized {
      killed = true
      thread.foreach(_.interrupt())
      thread.isDefined
    }
  }

  private val runs = new ConcurrentHashMap[String, Run]

  /** @param join makes what the calling thread does the work of the statement */
  def begin(id: String, join: () => Unit): Unit = runs.put(id, new Run(join))

  /**
   * Interrupts what the statement waits for in this JVM. False: it has not entered, and will not;
   * it may still be on its way to R, and nothing must interrupt that.
   */
  def interrupt(id: String): Boolean = Option(runs.get(id)).exists(_.interrupt())

  def end(id: String): Unit = runs.remove(id)

  // what R calls

  def session(): SparkSession = SessionValues.spark

  def context(): JavaSparkContext = new JavaSparkContext(SessionValues.sc)

  /** The calling thread serves this statement. */
  def enter(id: String): Unit = Option(runs.get(id)).foreach { run =>
    MDC.put("jobId", id)
    run.enter()
  }
}
