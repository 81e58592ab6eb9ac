/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sql.sparkjob

import java.io.OutputStream
import java.lang.reflect.InvocationTargetException
import java.nio.ByteBuffer

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.{DataFrame, Encoder, Encoders, Row, SparkSession}
import org.apache.spark.sql.catalyst.{CatalystTypeConverters, InternalRow}
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.catalyst.plans.logical.{CommandResult, LocalRelation}
import org.apache.spark.sql.execution.{CollectLimitExec, QueryExecution, SQLExecutionRDD, SparkPlan}
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec
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
   * The rows as Spark has them, and how many of them to take in their order: where Spark would
   * collect the first rows only, a few partitions may have them.
   */
  def limited(rows: DataFrame): (RDD[InternalRow], Long) = {
    def of(plan: SparkPlan): (RDD[InternalRow], Long) = plan match {
      case CollectLimitExec(limit, child, 0) if limit >= 0 =>
        (new SQLExecutionRDD(child.execute(), rows.sparkSession.sessionState.conf), limit)
      case adaptive: AdaptiveSparkPlanExec => adaptive.finalPhysicalPlan match {
        case plan: CollectLimitExec => of(plan)
        case _ => (rows.queryExecution.toRdd, Long.MaxValue)
      }
      case _ => (rows.queryExecution.toRdd, Long.MaxValue)
    }
    of(rows.queryExecution.executedPlan)
  }

  /** Rows of Spark as their bytes, with the length of each before it. */
  def bytes(rows: RDD[InternalRow]): RDD[Array[Byte]] = rows.map { row =>
    val bytes = row.asInstanceOf[UnsafeRow].getBytes
    ByteBuffer.allocate(4 + bytes.length).putInt(bytes.length).put(bytes).array
  }

  /** What makes a row of its [[bytes]], without the length. */
  def row(schema: StructType): Array[Byte] => Row = {
    val unsafe = new UnsafeRow(schema.length)
    val converter = CatalystTypeConverters.createToScalaConverter(schema)
    bytes => {
      unsafe.pointTo(bytes, bytes.length)
      converter(unsafe).asInstanceOf[Row]
    }
  }

  /** The driver has them already, or makes the only one there can be. */
  def isAtHand(rows: DataFrame): Boolean = rows.queryExecution.optimizedPlan match {
    case _: LocalRelation | _: CommandResult => true
    case plan => plan.maxRows.exists(_ <= 1)
  }

  private def reflectively[T](body: => T): T = {
    try {
      body
    } catch {
      case e: InvocationTargetException => throw e.getCause
    }
  }

  /** The beginning and the end of an Arrow stream; between them are the bytes of [[arrowBatches]]. */
  class ArrowStream(session: SparkSession, schema: StructType, out: OutputStream) {

    private val writer = {
      val made = classOf[ArrowBatchStreamWriter].getConstructors.head
      val zone = session.sessionState.conf.sessionLocalTimeZone
      // columns may have the same name; Spark 4 asks for 64-bit offsets, too
      val large = session.conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false").toBoolean
      val all = Seq[AnyRef](schema, out, zone, Boolean.box(false), Boolean.box(large))
      made.newInstance(all.take(made.getParameterCount): _*).asInstanceOf[ArrowBatchStreamWriter]
    }

    def end(): Unit = writer.end()
  }
}
