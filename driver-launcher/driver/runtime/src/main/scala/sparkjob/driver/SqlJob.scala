/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.OutputStream

import com.typesafe.config.Config
import org.apache.spark.sql.{AnalysisException, DataFrame, SparkSession}
import org.apache.spark.sql.execution.QueryExecution
import org.apache.spark.sql.sparkjob.SqlInternals
import org.scalactic.{Every, Good, Or}

import spark.jobserver.ContextLike
import spark.jobserver.api.{JobEnvironment, SparkJobBase, ValidationProblem}

/**
 * What `POST /sql` runs: one statement, in the session of the context. Its class is built in, and
 * has a name for each format of the result.
 *
 * @param max  so many bytes the result may have
 * @param body makes a body of what is written; true: in a file in any case
 */
class SqlJob(
    mainClass: String,
    session: => SparkSession,
    max: Long,
    body: Boolean => (OutputStream => Unit) => Body) extends SparkJobBase {

  type C = ContextLike
  type JobData = SqlJob.Query
  type JobOutput = Body

  /** The statement is parsed and analysed, nothing of it is executed. */
  override def validate(
      context: ContextLike,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    if (!config.hasPath("query")) {
      throw new RefusedException("bad-config", "query is missing", Frame.Nothing)
    }
    val query = config.getString("query")
    val withSchema = config.hasPath("schema") && config.getBoolean("schema")
    SparkSession.setActiveSession(session)
    try {
      val execution = session.sessionState.executePlan(
        session.sessionState.sqlParser.parsePlan(query))
      execution.assertAnalyzed()
      Good(SqlJob.Query(execution, withSchema))
    } catch {
      case _: AnalysisException if SqlText.statements(query) > 1 => refuse(new Exception(
        "The query has more than one statement; each needs a request of its own"))
      case e: AnalysisException => refuse(e)
    }
  }

  private def refuse(why: Throwable): Nothing =
    throw new RefusedException("validation-failed", mainClass, ErrorJson(why))

  override def runJob(context: ContextLike, runtime: JobEnvironment, query: JobData): Body = {
    val rows = SqlInternals.rows(session, query.execution)
    mainClass match {
      case SqlJob.Csv => body(true)(SqlRows.csv(rows, max, _))
      case SqlJob.Arrow => body(true)(SqlRows.arrow(rows, max, _))
      case _ if query.withSchema => body(false)(SqlRows.jsonWithSchema(rows, max, _))
      case _ => body(false)(SqlRows.json(rows, max, _))
    }
  }
}

object SqlJob {
  private val Json = "sparkjob.sql"
  private val Csv = "sparkjob.sql.csv"
  private val Arrow = "sparkjob.sql.arrow"

  /** The names of the built-in class. */
  val Classes: Set[String] = Set(Json, Csv, Arrow)

  final case class Query(execution: QueryExecution, withSchema: Boolean)
}

/** SQL as text. */
object SqlText {

  /** A string, a quoted name, a comment, or anything else that is one token here. */
  private val Token = ("(?s)'(?:[^'\\\\]|\\\\.)*+'|\"(?:[^\"\\\\]|\\\\.)*+\"|`[^`]*+`" +
    "|(--[^\n]*+|/\\*.*?\\*/|\\s++)|(;)|.").r

  /** How many statements there are, with semicolons between, as far as that shows in the text. */
  def statements(text: String): Int = {
    var (count, empty) = (0, true)
    for (token <- Token.findAllMatchIn(text)) {
      if (token.group(2) != null) {
        empty = true
      } else if (token.group(1) == null && empty) {
        count += 1
        empty = false
      }
    }
    count
  }
}
