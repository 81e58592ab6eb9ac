/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.UUID
import java.util.concurrent.{BlockingQueue, TimeUnit}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.ObjectNode

/**
 * Code of Python, run by a process of its own that has attached to the context; see interpreter.py.
 *
 * @param max   how many bytes a statement may show
 * @param ended called with the reason when the process has ended
 */
class PythonInterpreter(workers: PythonWorkers, max: Int, ended: String => Unit)
  extends Interpreter {
  import PythonInterpreter._

  private val worker = workers.interpreter(_.reason.foreach(ended))

  override def execute(statement: Statement): Output = {
    val answers = enroll(statement.id)
    workers.entry.begin(statement.id, statement.join)
    try {
      worker.send(Json.obj().put("op", "execute").put("id", statement.id)
        .put("code", statement.code).put("max", max))
      val answer = Interpreter.await(answers.take()) {
        worker.kill(statement.id)
        workers.entry.interrupt(statement.id)
      }
      answer.op match {
        case "result" => outputOf(Json.parse(answer.body))
        case _ => throw new InterpreterDiedException(answer.meta.path("reason").asText)
      }
    } finally {
      workers.entry.end(statement.id)
    }
  }

  override def complete(code: String, cursor: Int): Seq[String] = {
    val id = UUID.randomUUID.toString
    val answers = enroll(id)
    worker.send(Json.obj().put("op", "complete").put("id", id).put("code", code)
      .put("cursor", cursor))
    Option(answers.poll(Interpreter.CompleteMax, TimeUnit.SECONDS)).filter(_.op == "completed")
      .toSeq.flatMap(answer => Json.mapper.readTree(answer.body).elements.asScala.map(_.asText))
  }

  private def enroll(id: String): BlockingQueue[PythonAnswer] = worker.enroll(id)
    .getOrElse(throw new InterpreterDiedException(gone.get))

  override def gone: Option[String] = worker.reason

  override def stop(): Unit = worker.end("the session ends")
}

private object PythonInterpreter {

  def outputOf(told: ObjectNode): Output = Json.optional(told, "data") match {
    case Some(data) => Shown(data.fields.asScala.map(e => e.getKey -> e.getValue).toVector)
    case None => Wrong(told.path("ename").asText, told.path("evalue").asText,
      told.path("traceback").elements.asScala.map(_.asText).toVector)
  }
}
