/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{FileDescriptor, FileOutputStream, IOException, OutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.concurrent.ConcurrentHashMap

import org.slf4j.{LoggerFactory, MDC}

/**
 * What one job prints and logs, in a file of its own.
 *
 * The file is made when there is something to write, and is not buffered, so that who follows it
 * misses nothing. Of a job that says too much the beginning is kept, and in memory the end, which
 * is added when the job is over.
 *
 * @param whose in words
 * @param first how many bytes of the beginning are kept
 * @param last  how many of the end
 */
class JobLog(whose: String, file: Path, first: Long = 16L << 20, last: Int = 1 << 20)
  extends OutputStream {

  // all guarded by this
  private var out: OutputStream = _
  private var size = 0L
  private var rest: LastBytes = _
  private var closed = false

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = synchronized {
    if (!closed) {
      try {
        val fits = math.min(length, first - size).toInt
        append(bytes, offset, fits)
        keep(bytes, offset + fits, length - fits)
      } catch {
        case e: IOException =>
          // before anything is logged: that would be written here
          closed = true
          JobLog.log.warn(s"What $whose prints is not kept any longer: $file: $e")
      }
    }
  }

  private def append(bytes: Array[Byte], offset: Int, length: Int): Unit = if (length > 0) {
    if (out == null) {
      // a file's stream, since a channel would be closed when a killed job's thread writes to it
      out = new FileOutputStream(file.toFile)
    }
    out.write(bytes, offset, length)
    size += length
  }

  private def keep(bytes: Array[Byte], offset: Int, length: Int): Unit = if (length > 0) {
    if (rest == null) {
      rest = new LastBytes(last)
      note(s"$first bytes are written: of the rest only the end will be, when it is over")
    }
    rest.write(bytes, offset, length)
  }

  private def note(text: String): Unit = out.write(s"\n--- $text ---\n".getBytes(UTF_8))

  /** The job is over: what it says from now on is not kept. */
  override def close(): Unit = synchronized {
    try {
      if (rest != null && !closed) {
        note(s"${rest.lost} bytes are left out here")
        rest.writeTo(out)
      }
    } catch {
      case e: IOException =>
        JobLog.log.warn(s"The end of what $whose printed is not kept: $file: $e")
    } finally {
      closed = true
      rest = null
      if (out != null) {
        out.close()
      }
    }
  }
}

/** Remembers the last bytes of all that is written to it. */
private class LastBytes(max: Int) extends OutputStream {

  private val bytes = new Array[Byte](max)
  private var written = 0L

  /** How many are not remembered any longer. */
  def lost: Long = math.max(0, written - max)

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(from: Array[Byte], offset: Int, length: Int): Unit = {
    var done = 0
    while (done < length) {
      val at = (written % max).toInt
      val part = math.min(length - done, max - at)
      System.arraycopy(from, offset + done, bytes, at, part)
      written += part
      done += part
    }
  }

  def writeTo(out: OutputStream): Unit = {
    val at = (written % max).toInt
    if (written > max) {
      out.write(bytes, at, max - at)
    }
    out.write(bytes, 0, if (written == max) max else at)
  }
}

/**
 * Which job it is that prints: the one that the thread's logging context names (so do Spark's task
 * threads, where they run in this JVM), or else the one whose thread started this one.
 */
object JobLog {

  /** Keys of the logging context: ours, and the one under which Spark hands it on to tasks. */
  val Keys: Seq[String] = Seq("jobId", "mdc.jobId")

  private lazy val log = LoggerFactory.getLogger(classOf[JobLog])

  private val open = new ConcurrentHashMap[String, JobLog]
  private val inherited = new InheritableThreadLocal[JobLog]
  @volatile private var all: JobLog = _

  /**
   * Has all that is printed written to the logs of jobs, too. To be called before the first logger
   * is made, since that keeps the stream which it finds.
   */
  def install(): Unit = {
    System.setOut(both(FileDescriptor.out))
    System.setErr(both(FileDescriptor.err))
  }

  private def both(descriptor: FileDescriptor): PrintStream =
    new PrintStream(new JobOutput(new FileOutputStream(descriptor)), true, UTF_8)

  /**
   * What this thread, and those that it starts, print belongs to the job from now on, until its log
   * is closed.
   */
  def begin(id: String, folder: Path): JobLog = {
    val log = new JobLog(s"job $id", file(id, folder))
    open.put(id, log)
    inherited.set(log)
    log
  }

  def file(id: String, folder: Path): Path = folder.resolve(s"$id.log")

  /**
   * Has all that this process prints written to a file, too: nobody else keeps its output. Of too
   * much the beginning is, and by [[endAll]] the end; together it is less than the launcher keeps.
   */
  def keepAll(file: Path, first: Long = 48L << 20, last: Int = 1 << 20): Unit =
    all = new JobLog("the driver", file, first, last)

  /** What it prints from now on is not kept. */
  def endAll(): Unit = Option(all).foreach { log =>
    all = null
    log.close()
  }

  def end(id: String): Unit = {
    inherited.remove()
    Option(open.remove(id)).foreach(_.close())
  }

  /** The log of a job that runs, for output that comes from elsewhere. */
  def of(id: String): Option[JobLog] = Option(open.get(id))

  private def current: JobLog = {
    var keys = Keys
    var id: String = null
    while (id == null && keys.nonEmpty) {
      id = MDC.get(keys.head)
      keys = keys.tail
    }
    if (id == null) inherited.get else open.get(id)
  }

  /** The driver's own output. */
  private class JobOutput(own: OutputStream) extends OutputStream {

    override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

    override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = {
      own.write(bytes, offset, length)
      val everything = all
      if (everything != null) {
        everything.write(bytes, offset, length)
      }
      val log = current
      if (log != null) {
        log.write(bytes, offset, length)
      }
    }
  }
}
