/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.OutputStream
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._
import scala.reflect.ClassTag

import org.apache.spark.rdd.{PartitionPruningRDD, RDD}
import org.apache.spark.sql.{Column, DataFrame, Dataset, Encoders}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.sparkjob.SqlInternals
import org.apache.spark.sql.types._

/**
 * The rows of a query as text or Arrow. Executors make that of them; the driver has a portion of it
 * in memory at a time.
 */
private object SqlRows {

  /** A portion may have so much, or else is one partition. */
  private val PortionBytes = 16L * 1024 * 1024

  /** So few rows are had at once: Spark computes no more partitions than they need. */
  private val FewRows = 1000

  private val JsonOptions = Map("ignoreNullFields" -> "false",
    "timestampFormat" -> "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat" -> "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")

  /** An array of objects, as Spark's `to_json` writes rows. */
  def json(rows: DataFrame, out: OutputStream): Unit = {
    var before = "["
    if (rows.schema.nonEmpty) {
      lines(rows.select(to_json(struct(col("*")), JsonOptions))) { row =>
        out.write((before + row).getBytes(UTF_8))
        before = ",\n"
      }
    }
    out.write((if (before == "[") "[]" else "]").getBytes(UTF_8))
  }

  /** The schema as Spark tells it in JSON, and the rows. */
  def jsonWithSchema(rows: DataFrame, out: OutputStream): Unit = {
    out.write(s"""{"schema":${rows.schema.json},"data":""".getBytes(UTF_8))
    json(rows, out)
    out.write('}')
  }

  /** A line of names, and one for each row: quoted where need be, NULL is nothing at all. */
  def csv(rows: DataFrame, out: OutputStream): Unit = {
    out.write((rows.schema.fieldNames.map(quoted).mkString(",") + "\n").getBytes(UTF_8))
    if (rows.schema.nonEmpty) {
      // columns may have the same name
      val names = rows.schema.indices.map("c" + _)
      val plain = rows.toDF(names: _*)
      val cells = names.map(plain(_)).zip(rows.schema).map { case (cell, field) =>
        quoted(text(cell, field.dataType))
      }
      lines(plain.select(concat_ws(",", cells: _*))) { row =>
        out.write((row + "\n").getBytes(UTF_8))
      }
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
  def arrow(rows: DataFrame, out: OutputStream): Unit = {
    val stream = new SqlInternals.ArrowStream(rows.sparkSession, rows.schema, out)
    inPortions(SqlInternals.arrowBatches(rows)) { batches =>
      SqlInternals.packed(rows.sparkSession, batches)(Encoders.BINARY).map(_.getBinary(0))
    }(_.length.toLong)(stream.write)
    stream.end()
  }

  private def lines(rows: DataFrame)(write: String => Unit): Unit = {
    val texts: Dataset[String] = rows.as(Encoders.STRING)
    if (texts.queryExecution.optimizedPlan.maxRows.exists(_ <= FewRows)) {
      texts.collectAsList().asScala.foreach(write)
    } else {
      inPortions(texts.rdd) { texts =>
        SqlInternals.packed(rows.sparkSession, texts)(Encoders.STRING).map(_.getString(0))
      }(_.length.toLong)(write)
    }
  }

  /**
   * Writes all elements in their order. Partitions are computed some at a time: one at first, then
   * as many as should fit a portion, by the size of those before, but at most four times as many as
   * the last time.
   */
  private def inPortions[T: ClassTag](rdd: RDD[T])(collect: RDD[T] => Iterator[T])(
      size: T => Long)(write: T => Unit): Unit = {
    val count = rdd.partitions.length
    var (next, portion, bytes) = (0, 1L, 0L)
    while (next < count) {
      val (from, until) = (next, math.min(count.toLong, next + portion).toInt)
      collect(PartitionPruningRDD.create(rdd, index => from <= index && index < until))
        .foreach { element =>
          if (Thread.currentThread.isInterrupted) {
            throw new InterruptedException("interrupted while the rows were written")
          }
          bytes += size(element)
          write(element)
        }
      next = until
      portion = math.max(1, math.min(4 * portion, PortionBytes * next / math.max(1, bytes)))
    }
  }
}
