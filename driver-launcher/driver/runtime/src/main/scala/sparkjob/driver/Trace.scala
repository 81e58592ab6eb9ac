/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.TimeUnit.NANOSECONDS

/**
 * When one job was where, for who asked for it: in microseconds of the clock that the launcher
 * reads as well, if it is on this host. What never happened is 0. The job is here since now.
 */
final class Trace {
  import Trace._

  private val marks = new Array[Long](Out + 1)
  mark(In)

  def mark(place: Int): Unit = marks(place) = NANOSECONDS.toMicros(System.nanoTime())

  /** As the message has it. */
  def times: Array[Long] = marks.clone()
}

object Trace {
  val In = 0
  val Begun = 1
  val Run = 2
  val Ran = 3
  val Out = 4
}
