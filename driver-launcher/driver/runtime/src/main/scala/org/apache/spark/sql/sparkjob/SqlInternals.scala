/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sql.sparkjob

import java.io.OutputStream
import java.lang.reflect.InvocationTargetException

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.{DataFrame, Encoder, Encoders, SparkSession}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.execution.QueryExecution
import org.apache.spark.sql.execution.arrow.ArrowBatchStreamWriter
import org.apache.spark.sql.types.StructType

/**
 * What SQL needs of Spark that Spark keeps to itself. Spark 4 has it in other classes, and gives
 * constructors more parameters, hence reflection.
 */
object SqlInternals {

  /** The rows of a query that is analysed already; a command is executed by this. */
  def rows(session: SparkSession, query: QueryExecution): DataFrame = reflectively {
    session.emptyDataFrame.getClass.getConstructor(classOf[QueryExecution], classOf[Encoder[_]])
      .newInstance(query, Encoders.row(query.analyzed.schema)).asInstanceOf[DataFrame]
  }

  /** The record batches of an Arrow stream, as Spark's executors make them. */
  def arrowBatches(rows: DataFrame): RDD[Array[Byte]] = reflectively {
    rows.getClass.getMethod("toArrowBatchRdd").invoke(rows).asInstanceOf[RDD[Array[Byte]]]
  }

  /**
   * Values as rows, collected as Spark does it: compressed, and unpacked one at a time. A partition
   * may have many more of them than the driver could hold as they are.
   */
  def packed[T: Encoder](session: SparkSession, values: RDD[T]): Iterator[InternalRow] =
    session.createDataset(values).queryExecution.executedPlan.executeCollectIterator()._2

  private def reflectively[T](body: => T): T = {
    try {
      body
    } catch {
      case e: InvocationTargetException => throw e.getCause
    }
  }

  /** An Arrow stream; what is written to it are batches of [[arrowBatches]]. */
  class ArrowStream(session: SparkSession, schema: StructType, out: OutputStream) {

    private val writer = {
      val made = classOf[ArrowBatchStreamWriter].getConstructors.head
      val zone = session.sessionState.conf.sessionLocalTimeZone
      // columns may have the same name; Spark 4 asks for 64-bit offsets, too
      val large = session.conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false").toBoolean
      val all = Seq[AnyRef](schema, out, zone, Boolean.box(false), Boolean.box(large))
      made.newInstance(all.take(made.getParameterCount): _*).asInstanceOf[ArrowBatchStreamWriter]
    }

    def write(batch: Array[Byte]): Unit = writer.writeBatches(Iterator(batch))

    def end(): Unit = writer.end()
  }
}
