/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io._
import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.core.{JsonFactory, JsonGenerator, JsonProcessingException}
import org.apache.spark.sql.{Dataset, Row}

/** What a job returned cannot be told as JSON; the message is for users. */
class ResultException(message: String, cause: Throwable = null) extends Exception(message, cause)

object ResultException {
  def tooLarge(subject: String, max: Long): ResultException =
    new ResultException(s"$subject has more than $max bytes")
}

/** A body of a frame: bytes, or a file where they are too many. */
sealed trait Body {
  def size: Long
}

final case class Bytes(bytes: Array[Byte]) extends Body {
  override def size: Long = bytes.length
}

final case class Spilled(file: Path, size: Long) extends Body

/**
 * Keeps what is written in memory as long as it fits a frame, then in a file.
 *
 * @param max     how many bytes it takes: more than that is a [[ResultException]]
 * @param inFile  whether it is a file from the first byte on
 * @param subject what is written, in words
 */
class BodyStream(
    file: Path,
    max: Long,
    inFile: Boolean = false,
    subject: String = "The result") extends OutputStream {

  private val memory = new ByteArrayOutputStream(1024)
  private var spill: OutputStream = _
  private var size = 0L

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = {
    size += length
    if (size > max) {
      throw ResultException.tooLarge(subject, max)
    }
    if (spill == null && (inFile || size > Frame.PayloadMax)) {
      spill = new BufferedOutputStream(new FileOutputStream(file.toFile), Frame.PayloadMax)
      memory.writeTo(spill)
    }
    (if (spill == null) memory else spill).write(bytes, offset, length)
  }

  override def close(): Unit = if (spill != null) spill.close()

  /** To be called once, after [[close]]. */
  def body: Body = if (spill == null) Bytes(memory.toByteArray) else Spilled(file, size)

  def discard(): Unit = {
    try {
      close()
    } finally {
      Files.deleteIfExists(file)
    }
  }
}

object Body {

  /** The body that `write` writes; `file` is used if it is large, and gone if `write` throws. */
  def of(
      file: Path,
      max: Long = Long.MaxValue,
      inFile: Boolean = false,
      subject: String = "The result")(write: OutputStream => Unit): Body = {
    val stream = new BodyStream(file, max, inFile, subject)
    try {
      write(stream)
      stream.close()
      stream.body
    } catch {
      case t: Throwable =>
        stream.discard()
        throw t
    }
  }
}

/**
 * What jobs return, as JSON. Numbers of the types below, strings, booleans and null are
 * themselves; sequences, arrays, iterators and Java collections are arrays; maps are objects; any
 * product (a tuple, an option, a case class) is the array of its members; a Dataset is the array of
 * its rows, and a row the object of its columns; everything else (decimals and dates, too) is the
 * string that `toString` makes of it, or null. What is no number in JSON (NaN, infinities) is null.
 * An iterator or lazy sequence of bytes is JSON text already.
 *
 * What can be made while it is written (iterators, lazy sequences, Datasets) is never in memory as
 * a whole.
 */
object JobResult {

  private val DepthMax = 500
  private val Factory = new JsonFactory

  /**
   * @param result hands over the value, once; who keeps a `Stream` keeps all that it has made
   * @throws ResultException      if it has no end in depth, or a stream of bytes is not JSON
   * @throws InterruptedException if the thread is interrupted meanwhile
   */
  def write(result: () => Any, out: OutputStream): Unit = {
    opened(result) match {
      case Left(bytes) => copy(bytes, out)
      case Right(value) =>
        val json = Factory.createGenerator(out)
        emit(value, json, 0)
        json.close()
    }
  }

  /** Nobody keeps the beginning of what is lazy, once this has returned. */
  private def opened(result: () => Any): Either[Iterator[Byte], Any] = result() match {
    case values: Iterator[_] => bytesOrNot(values.buffered)
    case values: collection.Seq[_] if isLazy(values) => bytesOrNot(values.iterator.buffered)
    case value => Right(value)
  }

  /** A `Stream`, or what Scala 2.13 has instead. */
  private def isLazy(values: collection.Seq[_]): Boolean =
    values.isInstanceOf[Stream[_]] || values.getClass.getName.contains(".LazyList")

  private def bytesOrNot(values: BufferedIterator[Any]): Either[Iterator[Byte], Any] =
    if (values.hasNext && values.head.isInstanceOf[Byte]) {
      Left(values.asInstanceOf[Iterator[Byte]])
    } else {
      Right(values)
    }

  private def emit(value: Any, json: JsonGenerator, depth: Int): Unit = {
    if (depth > DepthMax) {
      throw new ResultException(
        s"The result is nested more than $DepthMax deep, or contains itself")
    }
    value match {
      case null => json.writeNull()
      case n: Int => json.writeNumber(n)
      case n: Long => json.writeNumber(n)
      case n: Double => number(n, json)
      case n: Float => number(n.toDouble, json)
      case s: String => json.writeString(Json.text(s))
      case b: Boolean => json.writeBoolean(b)
      case seq: collection.Seq[_] => array(seq.iterator, json, depth)
      case map: collection.Map[_, _] => members(map.iterator, json, depth)
      case values: Iterator[_] => array(values, json, depth)
      case row: Row => emitRow(row, json, depth)
      case data: Dataset[_] => array(data.toDF().toLocalIterator().asScala, json, depth)
      case values: Array[_] => array(values.iterator, json, depth)
      case product: Product => array(product.productIterator, json, depth)
      case map: java.util.Map[_, _] =>
        members(map.entrySet.asScala.iterator.map(e => (e.getKey, e.getValue)), json, depth)
      case values: java.util.Collection[_] => array(values.iterator.asScala, json, depth)
      case values: java.util.Iterator[_] => array(values.asScala, json, depth)
      case other => Option(other.toString) match {
        case Some(text) => json.writeString(Json.text(text))
        case None => json.writeNull()
      }
    }
  }

  /** By the names of its columns, if they have names. */
  private def emitRow(row: Row, json: JsonGenerator, depth: Int): Unit = {
    if (row.schema == null) {
      array(row.toSeq.iterator, json, depth)
    } else {
      json.writeStartObject()
      for ((name, value) <- row.schema.fieldNames.iterator.zip(row.toSeq.iterator)) {
        json.writeFieldName(Json.text(name))
        value match {
          case n: Byte => json.writeNumber(n.toInt)
          case n: Short => json.writeNumber(n.toInt)
          case bytes: Array[Byte] => json.writeBinary(bytes)
          case other => emit(other, json, depth + 1)
        }
      }
      json.writeEndObject()
    }
  }

  private def number(n: Double, json: JsonGenerator): Unit =
    if (n.isNaN || n.isInfinite) json.writeNull() else json.writeNumber(n)

  private def array(values: Iterator[Any], json: JsonGenerator, depth: Int): Unit = {
    json.writeStartArray()
    values.foreach { value =>
      stopIfInterrupted()
      emit(value, json, depth + 1)
    }
    json.writeEndArray()
  }

  private def members(values: Iterator[(Any, Any)], json: JsonGenerator, depth: Int): Unit = {
    json.writeStartObject()
    values.foreach { case (key, value) =>
      stopIfInterrupted()
      json.writeFieldName(Json.text(name(key)))
      emit(value, json, depth + 1)
    }
    json.writeEndObject()
  }

  private def name(key: Any): String = key match {
    case symbol: Symbol => symbol.name
    case null => "null"
    case other => String.valueOf(other.toString)
  }

  /** A result may be long, or endless: killing the job has to end it. */
  private def stopIfInterrupted(): Unit = {
    if (Thread.currentThread.isInterrupted) {
      throw new InterruptedException("interrupted while the result was written")
    }
  }

  /** Checks the text on its way: one that is not JSON would spoil the whole answer. */
  private def copy(bytes: Iterator[Byte], out: OutputStream): Unit = {
    val parser = Factory.createParser(new Tee(bytes, out))
    try {
      var depth = 0
      var values = 0
      var token = parser.nextToken()
      while (token != null) {
        if (depth == 0) {
          values += 1
        }
        if (values > 1) {
          throw new ResultException("The stream of bytes that the job returned is two JSON values")
        }
        depth += (if (token.isStructStart) 1 else if (token.isStructEnd) -1 else 0)
        token = parser.nextToken()
      }
      if (values == 0) {
        throw new ResultException("The stream of bytes that the job returned ends too early")
      }
    } catch {
      case e: JsonProcessingException =>
        throw new ResultException(
          s"The stream of bytes that the job returned is not JSON: ${e.getOriginalMessage}", e)
    }
  }

  /** Reads bytes of an iterator; what was read has been written, too. */
  private class Tee(bytes: Iterator[Byte], out: OutputStream) extends InputStream {

    override def read(): Int = {
      val one = new Array[Byte](1)
      if (read(one, 0, 1) == -1) -1 else one(0) & 0xff
    }

    override def read(buffer: Array[Byte], offset: Int, length: Int): Int = {
      stopIfInterrupted()
      var size = 0
      while (size < length && bytes.hasNext) {
        buffer(offset + size) = bytes.next()
        size += 1
      }
      out.write(buffer, offset, size)
      if (size == 0) -1 else size
    }
  }
}
