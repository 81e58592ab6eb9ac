/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{BufferedInputStream, ByteArrayOutputStream, IOException, InputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.{BlockingQueue, CompletableFuture, Executors, ExecutionException}
import java.util.concurrent.{LinkedBlockingQueue, RejectedExecutionException}

import scala.collection.JavaConverters._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory
import py4j.ClientServer

/** What a worker says of a job. */
final case class PythonAnswer(op: String, meta: ObjectNode, body: Array[Byte]) {

  /** Whether nothing comes after it. */
  def isLast: Boolean = !PythonWorker.Interim.contains(op)
}

/** An error of Python, which has a class and a stack of its own. */
class PythonException(message: String, val errorClass: String, val stack: String)
  extends Exception(message)

/** The process that ran a job has ended. */
class PythonWorkerException(message: String) extends Exception(message)

/**
 * How a worker is started.
 *
 * @param module what it runs
 */
final case class PythonCommand(
    executable: String,
    environment: Map[String, String],
    module: String = "sparkjobserver.worker")

/**
 * A Python process that runs jobs of one set of binary versions, each in a thread of its own.
 *
 * We speak with it over its standard input and output, in lines of JSON (see worker.py). One thread
 * writes and one reads: nobody who may be interrupted, and nobody who holds a lock, waits for a
 * process that runs code of users.
 *
 * @param entry   what its side of py4j can call
 * @param onEnded called when a job has ended here, or when the process has
 */
class PythonWorker(command: PythonCommand, entry: PythonEntry, onEnded: PythonWorker => Unit) {
  import PythonWorker._

  private val log = LoggerFactory.getLogger(classOf[PythonWorker])
  private val secret = Processes.newSecret()

  private val process = start()
  private val input = new BufferedInputStream(process.getInputStream, 64 * 1024)

  private val writer = Executors.newSingleThreadExecutor { (task: Runnable) =>
    Processes.daemon(task, s"sparkjob-python-write-${process.pid}")
  }

  // a gateway of its own, since its Python may shut it down, and what it refers to goes with it
  private val gateway = new ClientServer.ClientServerBuilder(entry).authToken(secret).javaPort(0)
    .pythonPort(0).build()
  gateway.startServer(true)

  private val started = new CompletableFuture[String]

  // guarded by this
  private var jobs = Map.empty[String, BlockingQueue[PythonAnswer]]
  private var killed = Set.empty[String]
  private var stuck = false
  private var gone: Option[String] = None
  private var why = ""

  Processes.daemon(() => read(), s"sparkjob-python-read-${process.pid}").start()

  /** Has it attach to the context. */
  def attach(start: ObjectNode): Unit = send(start.put("op", "start")
    .put("port", gateway.getJavaServer.getListeningPort).put("secret", secret))

  /**
   * Waits until it has attached, and returns Python's version.
   *
   * @throws PythonException       if it cannot
   * @throws PythonWorkerException if it has ended
   */
  def await(): String = {
    try {
      started.get()
    } catch {
      case e: ExecutionException => throw e.getCause
    }
  }

  /** A process that has ended gets nothing; its jobs are told so by themselves. */
  def send(message: ObjectNode): Unit = {
    val line = (Json.mapper.writeValueAsString(message) + "\n").getBytes(UTF_8)
    try {
      writer.execute(() => write(line))
    } catch {
      case e: RejectedExecutionException => log.debug(s"Python process ${process.pid} is gone: $e")
    }
  }

  private def write(line: Array[Byte]): Unit = {
    try {
      process.getOutputStream.write(line)
      process.getOutputStream.flush()
    } catch {
      case e: IOException => log.debug(s"Python process ${process.pid} reads no more: $e")
    }
  }

  /** The queue of what it says of this job; None if it takes no jobs any longer. */
  def enroll(id: String): Option[BlockingQueue[PythonAnswer]] = synchronized {
    if (gone.isDefined || stuck) {
      None
    } else {
      val queue = new LinkedBlockingQueue[PythonAnswer]
      jobs += id -> queue
      Some(queue)
    }
  }

  def isIdle: Boolean = synchronized(jobs.isEmpty)

  def isGone: Boolean = reason.isDefined

  /** Why the process has ended, if it has. */
  def reason: Option[String] = synchronized(gone)

  /** Whether it takes jobs. */
  def isAlive: Boolean = synchronized(gone.isEmpty && !stuck)

  /** Interrupts the job's Python; may have to be done again. */
  def kill(id: String): Unit = {
    synchronized(killed += id)
    send(Json.obj().put("op", "kill").put("id", id))
  }

  /** The killed job does not end: the process takes no more jobs, and ends when only such are left. */
  def giveUp(): Unit = {
    synchronized {
      stuck = true
    }
    endIfUseless()
  }

  private def endIfUseless(): Unit = {
    if (synchronized(stuck && gone.isEmpty && jobs.keySet.subsetOf(killed))) {
      end("it was ended, since a killed job did not end")
    }
  }

  /** Ends the process and those that its jobs have started. */
  def end(reason: String): Unit = {
    synchronized {
      why = reason
    }
    Processes.destroy(process)
  }

  private def start(): Process = {
    val builder = new ProcessBuilder(command.executable, "-m", command.module)
      .redirectError(ProcessBuilder.Redirect.INHERIT)
    builder.environment.putAll(command.environment.asJava)
    try {
      builder.start()
    } catch {
      case e: IOException => throw new BadSettingException(
        s"python.executable ${command.executable} cannot be started: ${e.getMessage}")
    }
  }

  private def read(): Unit = {
    try {
      Iterator.continually(next()).takeWhile(_.isDefined).flatten.foreach(receive)
    } catch {
      case NonFatal(e) =>
        log.warn(s"Python process ${process.pid} does not keep to the protocol: $e")
        end("it did not keep to the protocol of workers")
    }
    ended()
  }

  private def next(): Option[PythonAnswer] = line(input).map { line =>
    val meta = Json.parse(line)
    val size = meta.path("size").asInt
    val body = input.readNBytes(size)
    if (body.length < size) {
      throw new IOException(s"${body.length} bytes came of $size")
    }
    PythonAnswer(Json.string(meta, "op"), meta, body)
  }

  private def receive(answer: PythonAnswer): Unit = answer.op match {
    case "ready" => started.complete(answer.meta.path("python").asText)
    case "failed" =>
      val e = errorOf(answer)
      log.warn(s"Python process ${process.pid} cannot use Spark: ${e.stack}")
      started.completeExceptionally(e)
    case "log" =>
      JobLog.of(Json.string(answer.meta, "id")).foreach(_.write(answer.body, 0, answer.body.length))
    case _ =>
      val id = Json.string(answer.meta, "id")
      val queue = synchronized {
        val queue = jobs.get(id)
        if (answer.isLast) {
          jobs -= id
          killed -= id
        }
        queue
      }
      queue.foreach(_.add(answer))
      if (answer.isLast) {
        endIfUseless()
        onEnded(this)
      }
  }

  /** The process is over: so are its jobs. */
  private def ended(): Unit = {
    val code = process.waitFor()
    val (left, reason) = synchronized {
      val reason = s"Python process ${process.pid} has ended: " +
        (if (why.nonEmpty) why else Processes.exit(code))
      gone = Some(reason)
      val left = jobs
      jobs = Map.empty
      (left, reason)
    }
    (if (left.isEmpty) log.info(_: String) else log.warn(_: String))(reason)
    started.completeExceptionally(new PythonWorkerException(reason))
    onEnded(this)
    left.values.foreach(_.add(PythonAnswer("died", Json.obj().put("reason",
      reason + left.keys.mkString("; jobs that ran in it: ", ", ", "")), Frame.Nothing)))
    writer.shutdown()
    gateway.shutdown()
  }
}

object PythonWorker {

  /** What a worker says of a job before its last word. */
  private[driver] val Interim = Set("valid")

  def errorOf(answer: PythonAnswer): PythonException = {
    def text(name: String) = answer.meta.path(name).asText
    new PythonException(text("message"), text("errorClass"), text("stack"))
  }

  private def line(input: InputStream): Option[Array[Byte]] = {
    val bytes = new ByteArrayOutputStream(256)
    var byte = input.read()
    while (byte != -1 && byte != '\n') {
      bytes.write(byte)
      byte = input.read()
    }
    if (byte == -1) None else Some(bytes.toByteArray)
  }
}
