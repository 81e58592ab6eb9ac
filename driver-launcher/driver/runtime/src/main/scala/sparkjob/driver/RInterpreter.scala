/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, StandardCopyOption}
import java.util.Base64
import java.util.concurrent.Semaphore

import com.fasterxml.jackson.databind.node.TextNode
import org.apache.spark.SparkContext
import org.apache.spark.sparkjob.{RSide, SparkInternals}
import org.slf4j.LoggerFactory

/**
 * Code of R, run by a process of its own whose SparkR has attached to the context; see
 * sparkjob-interpreter.R.
 *
 * @param max    how many bytes a statement may show
 * @param folder for the file that R runs
 * @param ended  called with the reason when the process has ended
 */
class RInterpreter(sc: SparkContext, max: Int, folder: Path, ended: String => Unit)
  extends Interpreter {
  import RInterpreter._

  private val log = LoggerFactory.getLogger(classOf[RInterpreter])
  private val command = RCommand.of(sc.getConf, sys.env)
  private val spark = new RSide(sc.getConf)
  @volatile private var ready = false
  private val worker = try start() catch {
    case e: Throwable =>
      spark.close()
      throw e
  }

  // who has it may ask the process
  private val turn = new Semaphore(1)

  private def start(): RWorker = {
    val worker = new RWorker(command, script(folder), over)
    val answer = worker.await(worker.ask("start", bytes(command.library.getPath),
      bytes(spark.port.toString), bytes(spark.secret), bytes(spark.timeout.toString))).map(text)
    if (answer.head != "ready") {
      worker.end("it cannot use Spark")
      throw new BadSettingException(s"R (${command.executable}) cannot use Spark: ${answer(1)}")
    }
    ready = true
    log.info(s"Statements run in R ${answer(1)} (${command.executable})")
    worker
  }

  private def over(why: String): Unit = {
    if (ready) {
      ended(why)
    }
    // which waits for calls that go on
    Processes.daemon(() => spark.close(), "sparkjob-r-close").start()
  }

  override def execute(statement: Statement): Output = {
    turn.acquire()
    val output = worker.output.begin(new RPrinted(new Capture(max), JobLog.of(statement.id)))
    REntry.begin(statement.id, joining(statement.join))
    try {
      val number = worker.ask("execute", bytes(statement.id), bytes(lines(statement.code)),
        bytes(max.toString), output.mark)
      val answer = Interpreter.await(worker.await(number)) {
        if (REntry.interrupt(statement.id)) {
          worker.interrupt()
        }
      }
      output.await()
      outputOf(answer, output.capture.take())
    } finally {
      REntry.end(statement.id)
      worker.output.end()
      turn.release()
    }
  }

  /** What threads of SparkR's side of this JVM do for a statement they do as its own thread does. */
  private def joining(join: () => Unit): () => Unit = {
    val loader = Thread.currentThread.getContextClassLoader
    val set = sc.getLocalProperty(SparkInternals.SetProperty)
    () => {
      // the thread has served others: who cancels one of those must not end this one
      RSide.forget(sc)
      Thread.currentThread.setContextClassLoader(loader)
      sc.setLocalProperty(SparkInternals.SetProperty, set)
      join()
    }
  }

  override def gone: Option[String] = worker.reason

  override def force(): Unit =
    worker.end("it was ended, since a statement that was cancelled did not end")

  /** Of the line that the place is in; nothing while a statement runs. */
  override def complete(code: String, cursor: Int): Seq[String] = {
    if (turn.tryAcquire()) {
      try {
        val line = code.take(code.offsetByCodePoints(0, cursor)).split("\n", -1).last
        worker.poll(worker.ask("complete", bytes(line)), Interpreter.CompleteMax).toSeq.flatten
          .map(text)
      } finally {
        turn.release()
      }
    } else {
      Nil
    }
  }

  override def stop(): Unit = worker.end("the session ends")
}

private object RInterpreter {

  private val Image = "image/png"

  /** Puts what the process is to run into a file there. */
  def script(folder: Path): Path = {
    val file = Files.createDirectories(folder).resolve("interpreter.R")
    val input = getClass.getResourceAsStream("/sparkjob-interpreter.R")
    try Files.copy(input, file, StandardCopyOption.REPLACE_EXISTING) finally input.close()
    file
  }

  /** Livy's ways: what was printed comes before an error, and an image beside it. */
  def outputOf(answer: Seq[Array[Byte]], printed: String): Output = answer.map(text) match {
    case "ok" +: _ =>
      val shown = Output.text(printed.stripSuffix("\n"))
      if (answer(1).isEmpty) shown else {
        val image = Base64.getEncoder.encodeToString(answer(1))
        Shown(shown.data :+ (Image -> TextNode.valueOf(image)))
      }
    case _ +: value +: traceback => Wrong("Error", printed + value, traceback)
  }

  /** R takes no other ends of lines. */
  def lines(code: String): String = code.replaceAll("\r\n?", "\n")

  def bytes(text: String): Array[Byte] = text.getBytes(UTF_8)

  def text(bytes: Array[Byte]): String = new String(bytes, UTF_8)
}
