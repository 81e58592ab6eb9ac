/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{IOException, RandomAccessFile}
import java.nio.file.{Files, Path}
import java.util.TreeMap

import scala.collection.mutable
import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * Logs that are written on this host and read on the launcher's: of each it gets what is new, a few
 * times in a second, and says which pieces are kept. What is not is sent again.
 *
 * The lock is taken before that of the link.
 */
class SentLogs(link: Link) {
  import SentLogs._

  private val log = LoggerFactory.getLogger(classOf[SentLogs])

  /** A file, how much of it was sent, and how much the launcher has kept, from its beginning. */
  private class Sent(val id: String, val file: Path) {
    var sent = 0L
    var kept = 0L
    var over = false
    // pieces that are kept behind one that is not: where each begins and ends
    private val beyond = new TreeMap[Long, Long]

    def size: Long = if (Files.exists(file)) Files.size(file) else 0

    def keep(at: Long, end: Long): Unit = {
      beyond.put(at, end)
      while (!beyond.isEmpty && beyond.firstKey <= kept) {
        kept = math.max(kept, beyond.pollFirstEntry().getValue)
      }
      sent = math.max(sent, kept)
    }

    def lose(at: Long): Unit = sent = math.max(kept, math.min(sent, at))
  }

  // guarded by this
  private val logs = mutable.LinkedHashMap.empty[String, Sent]

  def start(): Unit = {
    val thread = new Thread(() => run(), "sparkjob-logs")
    thread.setDaemon(true)
    thread.start()
  }

  /** The log of a job, or of the context, is the launcher's, too. */
  def begin(id: String, file: Path): Unit = synchronized(logs.put(id, new Sent(id, file)))

  /**
   * Nothing more is written to it. Waits, though not for ever, until the launcher has all of it. An
   * interrupt ends that, and nothing else: what follows has to be told. The rest is sent later.
   */
  def end(id: String): Unit = synchronized {
    logs.get(id).foreach { sent =>
      sent.over = true
      val end = System.nanoTime() + Patience * 1000000L
      pump(sent)
      try {
        while (sent.kept < sent.size && System.nanoTime() < end) {
          wait(Pause)
          pump(sent)
        }
      } catch {
        case _: InterruptedException => log.debug(s"The log of $id is not waited for")
      }
      forget()
    }
  }

  /**
   * The launcher has the bytes of a log from one place to another; if that is the same one, the
   * piece which begins there came when it had too many. That is sent again, but not at once.
   */
  def kept(id: String, at: Long, end: Long): Unit = synchronized {
    logs.get(id).foreach { sent =>
      if (at < end) {
        sent.keep(at, end)
        pump(sent)
      } else {
        sent.lose(at)
      }
    }
    forget()
    notifyAll()
  }

  /** To be called when the link has come back, with the lock held. */
  def tellAgain(): Unit = logs.values.foreach { sent =>
    sent.sent = sent.kept
    pump(sent)
  }

  private def forget(): Unit = {
    logs.values.filter(sent => sent.over && sent.kept >= sent.size).map(_.id).toVector
      .foreach(logs.remove)
  }

  private def run(): Unit = {
    while (true) {
      Thread.sleep(Pause)
      synchronized {
        logs.values.foreach(pump)
        forget()
      }
    }
  }

  /** Sends what is new, as long as not too much of it is on its way. */
  private def pump(sent: Sent): Unit = {
    try {
      while (sent.sent - sent.kept < Window && sent.sent < sent.size) {
        val bytes = read(sent)
        val meta = Json.obj().put("id", sent.id).put("at", sent.sent)
        link.send(Frame(Message.Log, 0, 0, Json.bytes(meta), bytes))
        sent.sent += bytes.length
      }
    } catch {
      case NonFatal(e) =>
        log.debug(s"The log of ${sent.id} cannot be sent: $e")
        sent.over = true
        sent.kept = Long.MaxValue
    }
  }

  private def read(sent: Sent): Array[Byte] = {
    val file = new RandomAccessFile(sent.file.toFile, "r")
    try {
      file.seek(sent.sent)
      val bytes = new Array[Byte](Piece)
      val length = file.read(bytes)
      if (length <= 0) {
        throw new IOException(s"${sent.file} has become shorter")
      }
      bytes.take(length)
    } finally {
      file.close()
    }
  }
}

private object SentLogs {
  val Pause = 200L
  val Patience = 5000L
  val Piece: Int = 32 * 1024
  val Window: Long = 256 * 1024
}
