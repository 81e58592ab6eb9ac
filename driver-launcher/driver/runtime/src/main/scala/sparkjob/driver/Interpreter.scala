/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayOutputStream, OutputStream}
import java.net.URL
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{ObjectNode, TextNode}

/**
 * A statement of a session, as its interpreter gets it.
 *
 * @param id        of the job that it is
 * @param join      makes the Spark work of the calling thread that of the statement
 * @param cancelled whether somebody has cancelled it
 */
final case class Statement(id: String, code: String, join: () => Unit, cancelled: () => Boolean)

/** Runs code of one language, statement by statement: what one defines is there for the next. */
trait Interpreter {

  /**
   * To be called by one thread at a time.
   *
   * @throws InterpreterDiedException if there will be no next one
   */
  def execute(statement: Statement): Output

  /** Why it takes no statements any longer; known before anybody is told that it has died. */
  def gone: Option[String] = None

  /** Ends code that does not heed that it is interrupted, where that can be done. */
  def force(): Unit = {}

  /**
   * What the code could go on with at this place; a statement may run meanwhile.
   *
   * @param cursor so many characters, those beyond 16 bits are one, too; at most all of the code
   */
  def complete(code: String, cursor: Int): Seq[String]

  /** Code may refer to the classes in these jars, too. */
  def add(jars: Seq[URL]): Unit = {}

  def stop(): Unit
}

private object Interpreter {

  /** So many seconds a process completes code. */
  val CompleteMax = 10L

  /**
   * Waits for the answer of a process. A statement that is killed has its end, too: what it defined
   * is there for the next.
   *
   * @param interrupt has it end; it may take several times
   */
  def await[T](answer: => T)(interrupt: => Unit): T = {
    def once(): Option[T] = try Some(answer) catch {
      case _: InterruptedException =>
        interrupt
        None
    }
    Iterator.continually(once()).flatten.next()
  }
}

/** The interpreter's process has ended; the message is for users. */
class InterpreterDiedException(message: String) extends Exception(message)

/** What a statement came to, as Livy tells it. */
sealed trait Output {

  /** @param count the statement's number */
  def json(count: Int): ObjectNode

  /** The same, with these lines before it. */
  def behind(lines: String): Output
}

/** @param data by media type */
final case class Shown(data: Seq[(String, JsonNode)]) extends Output {

  override def json(count: Int): ObjectNode = {
    val output = Json.obj().put("status", "ok").put("execution_count", count)
    val all = output.putObject("data")
    data.foreach { case (kind, value) => all.set[JsonNode](kind, value) }
    output
  }

  override def behind(lines: String): Output = if (lines.isEmpty) this else {
    val (texts, others) = data.partition(_._1 == Output.Text)
    val text = texts.map(_._2.textValue).mkString
    Shown((Output.Text -> TextNode.valueOf(lines + text)) +: others)
  }

  /** The text of what is nothing but text. */
  def text: Option[String] = data match {
    case Seq((Output.Text, text)) => Some(text.textValue)
    case _ => None
  }
}

/** The code is wrong, or has failed. */
final case class Wrong(name: String, value: String, traceback: Seq[String] = Nil) extends Output {

  override def json(count: Int): ObjectNode = {
    val output = Json.obj().put("status", "error").put("execution_count", count)
      .put("ename", Json.text(name)).put("evalue", Json.text(value))
    output.set("traceback", Json.mapper.valueToTree(traceback.map(Json.text).asJava))
    output
  }

  override def behind(lines: String): Output = copy(value = lines + value)
}

object Output {

  /** So many bytes a statement may show, as JSON: what is built for that has to fit the driver. */
  val Max: Int = 64 * 1024 * 1024

  /** What is too much of, in the words of a [[ResultException]]. */
  val Subject = "What the statement shows"

  val Text = "text/plain"
  val JsonType = "application/json"
  val Table = "application/vnd.livy.table.v1+json"

  def text(value: String): Shown = Shown(Seq(Text -> TextNode.valueOf(Json.text(value))))
}

/**
 * Takes what a statement prints: the beginning is kept, and the rest counted.
 *
 * @param max how many bytes are kept
 */
class Capture(@volatile var max: Int) extends OutputStream {

  // guarded by this
  private val kept = new ByteArrayOutputStream(256)
  private var lost = 0L

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = synchronized {
    val fits = math.min(length, max - kept.size)
    kept.write(bytes, offset, fits)
    lost += length - fits
  }

  /** All since the last time. */
  def take(): String = synchronized {
    val text = kept.toString(UTF_8)
    val note = Capture.note(lost, max)
    kept.reset()
    lost = 0
    text + note
  }
}

object Capture {
  val Setting = "statement-output-max"

  /** What stands in the place of what was left out. */
  def note(lost: Long, max: Int): String = if (lost == 0) "" else {
    s"\n... $lost more bytes are left out: a statement shows $max of what it prints ($Setting)\n"
  }

  object Nowhere extends OutputStream {
    override def write(byte: Int): Unit = {}
    override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = {}
  }

  /** Code that prints need not wait for anything to be interrupted. */
  object Heeding extends OutputStream {
    override def write(byte: Int): Unit = heed()
    override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = heed()
    private def heed(): Unit = if (Thread.interrupted()) throw new InterruptedException
  }

  /** Writes the same to all of them. */
  class Tee(outs: OutputStream*) extends OutputStream {
    override def write(byte: Int): Unit = outs.foreach(_.write(byte))

    override def write(bytes: Array[Byte], offset: Int, length: Int): Unit =
      outs.foreach(_.write(bytes, offset, length))
  }
}
