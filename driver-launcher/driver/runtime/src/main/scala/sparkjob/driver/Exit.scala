/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.CountDownLatch

import scala.concurrent.duration._

import org.slf4j.LoggerFactory

/** Ways out of the JVM. Threads of users must not be able to keep it. */
object Exit {

  private val log = LoggerFactory.getLogger("sparkjob.driver.Exit")

  private val HooksMax = 5.seconds
  private val MainMax = 10.seconds
  private val OutOfMemoryCode = 3
  private val over = new CountDownLatch(1)

  /** To be called by main, which is to return after this. */
  def await(): Unit = over.await()

  /**
   * Has main return, whose caller ends the JVM then. YARN takes an application for failed whose
   * driver ends the JVM itself, whatever its exit code is.
   */
  def byMain(): Nothing = {
    over.countDown()
    Thread.sleep(MainMax.toMillis)
    now(0)
  }

  /** Runs the shutdown hooks, but does not wait for them for ever. */
  def now(code: Int): Nothing = {
    val thread = new Thread(() => {
      Thread.sleep(HooksMax.toMillis)
      Runtime.getRuntime.halt(code)
    }, "sparkjob-exit")
    thread.setDaemon(true)
    thread.start()
    sys.exit(code)
  }

  /** After this error nothing in the JVM can be relied on. */
  def outOfMemory(e: OutOfMemoryError): Nothing = {
    log.error(s"The driver ends, since a job ran out of memory: $e")
    // leaves the link the time to tell the job's end
    Thread.sleep(500)
    Runtime.getRuntime.halt(OutOfMemoryCode)
    throw e
  }
}
