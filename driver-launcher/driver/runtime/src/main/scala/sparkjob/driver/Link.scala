/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{BufferedInputStream, IOException}
import java.nio.ByteBuffer
import java.nio.file.{Files, NoSuchFileException, Path}
import java.util.ArrayDeque
import java.util.concurrent.TimeUnit.NANOSECONDS

import scala.collection.mutable.ArrayBuffer
import scala.concurrent.duration.FiniteDuration
import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/** What a [[Link]] needs of its owner. Called from the thread that reads the link. */
trait LinkOwner {

  /** The first frame on every new connection. */
  def hello(): Frame

  def receive(frame: Frame): Unit

  /** How long to look for a launcher before giving up. */
  def patience: FiniteDuration

  /** No launcher was found for that long. */
  def abandoned(): Unit
}

/**
 * The connection to the launcher: it breaks and comes back.
 *
 * One thread reads, another one writes; nobody else touches the connection. A job's thread must
 * not, since interrupting a thread that writes to a channel closes that channel.
 */
class Link(endpoint: Endpoint, owner: LinkOwner) {
  import Link._

  private val log = LoggerFactory.getLogger(classOf[Link])

  // all guarded by this
  private val queue = new ArrayDeque[Parcel]
  private var connection: Connection = _
  private var established = false
  private var writing = false
  private var due = 0L

  // of the thread that reads
  private var connected = true

  def start(): Unit = {
    thread("sparkjob-link-write", write())
    thread("sparkjob-link-read", read())
  }

  /**
   * Sends a frame. While the link is broken, or the launcher has not answered the hello yet, the
   * frame is dropped: what matters is told again in [[establish]].
   */
  def send(frame: Frame): Unit = tell(Parcel(frame, None), 0)

  /** Likewise, what nobody waits for: it goes with the next frame, or a little later. */
  def sendLater(frame: Frame): Unit = tell(Parcel(frame, None), Patience)

  /** Likewise, with a file as payload that goes ahead of it in pieces. */
  def sendFile(frame: Frame, file: Path): Unit = tell(Parcel(frame, Some(file)), 0)

  private def tell(parcel: Parcel, patience: Long): Unit = synchronized {
    if (established) {
      call(patience)
      queue.add(parcel)
    }
  }

  /** Whether the launcher can read the files of this host. */
  def passesFiles: Boolean = endpoint.passesFiles

  /** The launcher has accepted the hello; `tellAgain` sends what it may not have. */
  def establish(tellAgain: => Unit): Unit = synchronized {
    established = true
    tellAgain
  }

  /** Waits until everything was written, for at most that long. */
  def drain(limit: FiniteDuration): Unit = synchronized {
    val end = System.nanoTime() + limit.toNanos
    while ((writing || !queue.isEmpty) && connection != null && System.nanoTime() < end) {
      wait(math.max(1, NANOSECONDS.toMillis(end - System.nanoTime())))
    }
  }

  /** What is put into the queue next has to be written within so many milliseconds. */
  private def call(patience: Long): Unit = {
    val moment = now + patience
    if (queue.isEmpty || moment < due) {
      due = moment
      notifyAll()
    }
  }

  /** For how many milliseconds there is nothing to write, unless somebody notifies. */
  private def idle: Long =
    if (connection == null || queue.isEmpty) Long.MaxValue else due - now

  /** Another one in tests. */
  protected def now: Long = NANOSECONDS.toMillis(System.nanoTime())

  private def thread(name: String, body: => Unit): Unit = {
    val thread = new Thread(() => body, name)
    thread.setDaemon(true)
    thread.start()
  }

  private def write(): Unit = {
    while (true) {
      val (parcels, to) = next()
      try {
        parcels.head.file match {
          case Some(file) => writeFile(file, parcels.head.frame, to)
          case None => to.write(parcels.map(parcel => Frame.encode(parcel.frame)))
        }
      } catch {
        case e: IOException =>
          log.info(s"Cannot write to the launcher: $e")
          close(to)
      } finally {
        synchronized {
          writing = false
          notifyAll()
        }
      }
    }
  }

  /** Some messages, or one that has a file. */
  private def next(): (Array[Parcel], Connection) = synchronized {
    var pause = idle
    while (pause > 0) {
      wait(pause)
      pause = idle
    }
    writing = true
    val parcels = ArrayBuffer(queue.poll())
    while (parcels.head.file.isEmpty && parcels.size < FramesAtOnce && !queue.isEmpty
        && queue.peek().file.isEmpty) {
      parcels += queue.poll()
    }
    (parcels.toArray, connection)
  }

  private def writeFile(file: Path, frame: Frame, to: Connection): Unit = {
    try {
      val input = Files.newInputStream(file)
      try {
        Iterator.continually(input.readNBytes(Frame.PayloadMax)).takeWhile(_.nonEmpty)
          .foreach { bytes =>
            to.write(pongs() :+ Frame.encode(Frame(Message.Piece, 0, 0, Frame.Nothing, bytes)))
          }
      } finally {
        input.close()
      }
      to.write(Array(Frame.encode(frame)))
    } catch {
      case _: NoSuchFileException => log.info(s"$file was acknowledged before it was sent again")
    }
  }

  /** What goes between two pieces of a file: the launcher takes who does not answer for hung. */
  private def pongs(): Array[ByteBuffer] = synchronized {
    Iterator.continually(queue.peek()).takeWhile(next => next != null && next.isPong)
      .map(_ => Frame.encode(queue.poll().frame)).toArray
  }

  private def read(): Unit = {
    var lost = System.nanoTime()
    var pause = FirstPause
    while (true) {
      connect() match {
        case Some(connection) =>
          connected = true
          converse(connection)
          if (broken()) {
            lost = System.nanoTime()
            pause = FirstPause
          }
        case None =>
      }
      if (System.nanoTime() - lost > owner.patience.toNanos) {
        owner.abandoned()
      }
      Thread.sleep(pause)
      pause = math.min(pause * 2, LongestPause)
    }
  }

  private def connect(): Option[Connection] = {
    try {
      Some(endpoint.connect())
    } catch {
      case e: IOException =>
        if (connected) {
          log.info(s"No launcher at $endpoint: $e")
          connected = false
        }
        None
    }
  }

  /** Returns when the connection is of no more use. */
  private def converse(to: Connection): Unit = {
    val input = new BufferedInputStream(to.input, 64 * 1024)
    // not under the lock: the owner takes locks of its own, and then this one
    val hello = owner.hello()
    synchronized {
      queue.clear()
      connection = to
      call(0)
      queue.add(Parcel(hello, None))
    }
    try {
      while (true) {
        val frame = Frame.decode(input)
        frame.kind match {
          case Message.Ping => synchronized {
            call(0)
            queue.addFirst(
              Parcel(Frame(Message.Pong, 0, frame.stream, Frame.Nothing, Frame.Nothing), None))
          }
          case Message.Pong =>
          case _ => owner.receive(frame)
        }
      }
    } catch {
      case e: FrameException => log.error(s"The launcher sent what is no frame: ${e.getMessage}")
      case e: IOException => log.info(s"The launcher went away: $e")
      case NonFatal(e) => log.error("A frame of the launcher could not be handled", e)
    } finally {
      close(to)
    }
  }

  /** Whether the connection that is gone had been established. */
  private def broken(): Boolean = synchronized {
    val was = established
    connection = null
    established = false
    notifyAll()
    was
  }

  private def close(connection: Connection): Unit = {
    try {
      connection.close()
    } catch {
      case e: IOException => log.debug(s"Cannot close the connection to $endpoint: $e")
    }
  }
}

private object Link {

  /** A message, and the file that goes ahead of it. */
  final case class Parcel(frame: Frame, file: Option[Path]) {
    def isPong: Boolean = frame.kind == Message.Pong
  }

  val FirstPause = 100L
  val LongestPause = 2000L
  val FramesAtOnce = 64

  /** In milliseconds: short Spark jobs have ended by then, and nobody sees it. */
  val Patience = 10L
}
