/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.util.control.NonFatal

import org.apache.spark.sql.SparkSession

/**
 * A statement is one query; its rows are shown with their schema.
 *
 * @param rows how many of them are shown
 */
class SqlInterpreter(spark: SparkSession, rows: Int) extends Interpreter {

  override def execute(statement: Statement): Output = {
    statement.join()
    try {
      val result = spark.sql(statement.code)
      val table = Json.obj()
      table.set("schema", Json.mapper.readTree(result.schema.json))
      val data = table.putArray("data")
      val values = new ValueJson
      SqlRows.first(result, rows)(row => data.add(values.of(row.toSeq)))
      Shown(Seq(Output.JsonType -> table))
    } catch {
      case e: ResultException => throw e
      case NonFatal(e) =>
        Wrong("Error", String.valueOf(e.getMessage), e.getStackTrace.toSeq.map(_.toString))
    }
  }

  override def complete(code: String, cursor: Int): Seq[String] = Nil

  override def stop(): Unit = {}
}
