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

  private class Run(val join: () => Unit) {
    @volatile var thread: Option[Thread] = None
  }

  private val runs = new ConcurrentHashMap[String, Run]

  /** @param join makes what the calling thread does the work of the statement */
  def begin(id: String, join: () => Unit): Unit = runs.put(id, new Run(join))

  /** Interrupts what the statement waits for in this JVM. */
  def interrupt(id: String): Unit =
    Option(runs.get(id)).flatMap(_.thread).foreach(_.interrupt())

  def end(id: String): Unit = runs.remove(id)

  // what R calls

  def session(): SparkSession = SessionValues.spark

  def context(): JavaSparkContext = new JavaSparkContext(SessionValues.sc)

  /** The calling thread serves this statement. */
  def enter(id: String): Unit = Option(runs.get(id)).foreach { run =>
    // that was for the one before
    Thread.interrupted()
    MDC.put("jobId", id)
    run.join()
    run.thread = Some(Thread.currentThread)
  }
}
