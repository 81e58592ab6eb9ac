/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{InputStream, IOException, OutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.UUID
import java.util.concurrent.CompletableFuture

/**
 * What a process of R prints while a statement runs: up to a mark, which nobody else can know.
 *
 * @param log gets all of it
 */
class RPrinted(val capture: Capture, log: Option[OutputStream]) {

  /** To be printed by the process behind what it prints. */
  val mark: Array[Byte] = ("\u0000" + UUID.randomUUID).getBytes(UTF_8)

  private val ended = new CompletableFuture[Unit]

  /** Nothing behind the mark. */
  def write(bytes: Array[Byte], offset: Int, length: Int): Unit = if (!ended.isDone) {
    capture.write(bytes, offset, length)
    log.foreach(_.write(bytes, offset, length))
  }

  def end(): Unit = ended.complete(())

  /** Waits for the mark. */
  def await(): Unit = ended.join()
}

/** Reads all that a process of R prints, however much that is. */
class ROutput(input: InputStream) {
  @volatile private var current = new RPrinted(new Capture(ROutput.Kept), None)

  def begin(printed: RPrinted): RPrinted = {
    current = printed
    printed
  }

  /** What comes from now on is nobody's. */
  def end(): Unit = current = new RPrinted(new Capture(0), None)

  /** What has come lately. */
  def text(): String = current.capture.take()

  /** Returns when the process prints no more. */
  def read(): Unit = {
    val buffer = new Array[Byte](64 * 1024)
    var held = 0
    try {
      var count = input.read(buffer, held, buffer.length - held)
      while (count != -1) {
        held = take(buffer, held + count)
        count = input.read(buffer, held, buffer.length - held)
      }
    } catch {
      case _: IOException => // it has ended
    }
    current.write(buffer, 0, held)
    current.end()
  }

  /**
   * Moves what may be the beginning of the mark to the front, and returns its length. What comes
   * with the mark, and behind it, is nobody's.
   */
  private def take(buffer: Array[Byte], end: Int): Int = {
    val printed = current
    val mark = printed.mark
    var at = 0
    while (at < end && !isHead(mark, buffer, at, end)) {
      at += 1
    }
    printed.write(buffer, 0, at)
    if (end - at >= mark.length) {
      printed.end()
      at = end
    }
    System.arraycopy(buffer, at, buffer, 0, end - at)
    end - at
  }

  /** Whether what is there from this place on begins the mark, or with it. */
  private def isHead(mark: Array[Byte], buffer: Array[Byte], at: Int, end: Int): Boolean = {
    buffer(at) == mark(0) &&
      (1 until math.min(mark.length, end - at)).forall(i => buffer(at + i) == mark(i))
  }
}

private object ROutput {
  /** So many bytes of what R prints when it starts. */
  val Kept = 4096
}
