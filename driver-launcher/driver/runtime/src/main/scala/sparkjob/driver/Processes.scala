/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.security.SecureRandom
import java.util.Base64

import scala.collection.JavaConverters._

/** What all processes need that run code of users beside the driver. */
private object Processes {

  /** A process that ended by a signal has 128 and its number as code, as in a shell. */
  def exit(code: Int): String =
    if (code > 128) s"killed by signal ${code - 128}" else s"exit code $code"

  /** Ends a process and those that it has started. */
  def destroy(process: Process): Unit = {
    val all = process.descendants.iterator.asScala.toVector
    process.destroyForcibly()
    all.foreach(_.destroyForcibly())
  }

  def newSecret(): String = {
    val bytes = new Array[Byte](32)
    new SecureRandom().nextBytes(bytes)
    Base64.getUrlEncoder.withoutPadding.encodeToString(bytes)
  }

  def daemon(task: Runnable, name: String): Thread = {
    val thread = new Thread(task, name)
    thread.setDaemon(true)
    thread
  }
}
