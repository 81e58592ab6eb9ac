/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayInputStream, InputStream, OutputStream}
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import org.apache.spark.sparkjob.Portions
import org.apache.spark.sql.{Column, DataFrame, Row}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.sparkjob.SqlInternals
import org.apache.spark.sql.types._

/**
 * The rows of a query as text or Arrow. Executors make that of them; the driver has few of the
 * bytes in memory at a time. Of those there have to be no more than `max`.
 */
private object SqlRows {

  private val JsonOptions = Map("ignoreNullFields" -> "false",
    "timestampFormat" -> "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat" -> "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")

  /** An array of objects, as Spark's `to_json` writes rows. */
  def json(rows: DataFrame, max: Long, out: OutputStream): Unit = {
    out.write('[')
    if (rows.schema.nonEmpty) {
      var first = true
      val objects = rows.select(to_json(struct(col("*")), JsonOptions))
      texts(objects, max, Between, "") { bytes =>
        if (first) {
          bytes.readNBytes(Between.length)
          first = false
        }
        bytes.transferTo(out)
      }
    }
    out.write(']')
  }

  private val Between = ",\n"

  /** The schema as Spark tells it in JSON, and the rows. */
  def jsonWithSchema(rows: DataFrame, max: Long, out: OutputStream): Unit = {
    out.write(s"""{"schema":${rows.schema.json},"data":""".getBytes(UTF_8))
    json(rows, max, out)
    out.write('}')
  }

  /** A line of names, and one for each row: quoted where need be, NULL is nothing at all. */
  def csv(rows: DataFrame, max: Long, out: OutputStream): Unit = {
    out.write((rows.schema.fieldNames.map(quoted).mkString(",") + "\n").getBytes(UTF_8))
    if (rows.schema.nonEmpty) {
      // columns may have the same name
      val names = rows.schema.indices.map("c" + _)
      val plain = rows.toDF(names: _*)
      val cells = names.map(plain(_)).zip(rows.schema).map { case (cell, field) =>
        quoted(text(cell, field.dataType))
      }
      texts(plain.select(concat_ws(",", cells: _*)), max, "", "\n")(_.transferTo(out))
    }
  }

  private def text(cell: Column, dataType: DataType): Column = dataType match {
    case _: StructType | _: ArrayType | _: MapType => to_json(cell, JsonOptions)
    case BinaryType => base64(cell)
    case _ => cell.cast(StringType)
  }

  private def quoted(cell: Column): Column = when(cell.isNull, "")
    .when(cell.rlike(Special), concat(lit("\""), regexp_replace(cell, "\"", "\"\""), lit("\"")))
    .otherwise(cell)

  /** Also what is empty: it is not NULL. */
  private val Special = "[\",\r\n]|^$"

  private def quoted(name: String): String =
    if (name.isEmpty || name.exists("\",\r\n".contains(_))) {
      "\"" + name.replace("\"", "\"\"") + "\""
    } else {
      name
    }

  /** An Arrow stream: the schema, record batches, the end. */
  def arrow(rows: DataFrame, max: Long, out: OutputStream): Unit = {
    val stream = new SqlInternals.ArrowStream(rows.sparkSession, rows.schema, out)
    Portions.read(SqlInternals.arrowBatches(rows), max)(_.transferTo(out))
    stream.end()
  }

  /** The first rows, one after the other. */
  def first(rows: DataFrame, count: Int)(take: Row => Unit): Unit = {
    val some = rows.limit(count)
    if (SqlInternals.isAtHand(some)) {
      some.collectAsList().asScala.foreach(take)
    } else {
      val (all, limit) = SqlInternals.limited(some)
      val row = SqlInternals.row(some.schema)
      // a row may begin in one piece and end in another
      var begun = Array.emptyByteArray
      Portions.read(SqlInternals.bytes(all), Long.MaxValue, limit) { piece =>
        val bytes = ByteBuffer.wrap(begun ++ piece.readAllBytes())
        while (bytes.remaining >= 4 && bytes.remaining - 4 >= bytes.getInt(bytes.position())) {
          val one = new Array[Byte](bytes.getInt())
          bytes.get(one)
          take(row(one))
        }
        begun = bytes.array.drop(bytes.position())
      }
    }
  }

  /** Each row is a text. */
  private def texts(rows: DataFrame, max: Long, before: String, after: String)(
      take: InputStream => Unit): Unit = {
    def bytes(text: String) = (before + text + after).getBytes(UTF_8)
    if (SqlInternals.isAtHand(rows)) {
      rows.collectAsList().asScala.foreach { row =>
        take(new ByteArrayInputStream(bytes(row.getString(0))))
      }
    } else {
      val (all, limit) = SqlInternals.limited(rows)
      Portions.read(all.map(row => bytes(row.getString(0))), max, limit)(take)
    }
  }
}
