/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{PrintWriter, Writer}

import scala.util.control.NonFatal

/** Errors as clients read them: `{"message", "errorClass", "stack"}`. */
object ErrorJson {

  /** At most so many characters of a stack, and half as many of a message, are told. */
  private val StackMax = 32 * 1024

  private val KilledClass = "spark.jobserver.JobManagerActor$JobKilledException"

  def apply(t: Throwable): Array[Byte] = apply(message(t), className(t), stack(t))

  /** @param ended how the job's thread ended, if by an exception */
  def killed(id: String, ended: Option[Throwable]): Array[Byte] = {
    val message = s"Job $id killed"
    val cause = ended.map(t => "\nCaused by: " + stack(t)).getOrElse("\n")
    apply(message, KilledClass, s"$KilledClass: $message$cause")
  }

  /** Fits a frame: text that swells when it is written as JSON is cut shorter. */
  private def apply(message: String, errorClass: String, stack: String): Array[Byte] = {
    Iterator.iterate(StackMax)(_ / 2).map { limit =>
      Json.bytes(Json.obj().put("message", cut(message, limit / 2)).put("errorClass", errorClass)
        .put("stack", cut(stack, limit)))
    }.find(_.length <= Frame.PayloadMax).get
  }

  private def cut(text: String, limit: Int): String = {
    if (text == null) {
      null
    } else if (text.length <= limit) {
      Json.text(text)
    } else {
      Json.text(text.take(limit)) + s"\n... ${text.length - limit} more characters"
    }
  }

  private def className(t: Throwable): String = t match {
    case e: PythonException => e.errorClass
    case _ => t.getClass.getName
  }

  /** Exceptions of users may throw when they are asked. */
  private def message(t: Throwable): String = {
    try {
      t.getMessage
    } catch {
      case NonFatal(e) => s"(its message cannot be had: ${e.getClass.getName})"
    }
  }

  private def stack(t: Throwable): String = {
    val text = new Bounded(2 * StackMax)
    try {
      t match {
        case e: PythonException => text.write(e.stack)
        case _ => t.printStackTrace(new PrintWriter(text, true))
      }
    } catch {
      case NonFatal(e) => text.write(s"\n(its stack cannot be had: ${e.getClass.getName})\n")
    }
    text.toString
  }

  /** A chain of causes may be of any length: what exceeds the limit is only counted. */
  private class Bounded(limit: Int) extends Writer {
    private val text = new StringBuilder
    private var left = 0L

    override def write(chars: Array[Char], offset: Int, length: Int): Unit = {
      val taken = math.min(length, limit - text.length)
      text.appendAll(chars, offset, taken)
      left += length - taken
    }

    override def flush(): Unit = {}
    override def close(): Unit = {}
    override def toString: String =
      if (left == 0) text.toString else s"$text\n... $left more characters"
  }
}
