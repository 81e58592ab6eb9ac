/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.file.{Files, Path}
import java.util.concurrent.{BlockingQueue, TimeUnit}

import scala.collection.JavaConverters._
import scala.concurrent.duration._

import com.typesafe.config.{Config, ConfigRenderOptions}
import org.scalactic.{Bad, Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, SingleProblem, SparkJobBase, ValidationProblem}

/**
 * What runs where.
 *
 * @param result where a large result is put
 * @param join   makes the Spark work of the calling thread that of the job
 */
final case class PythonRun(id: String, mainClass: String, result: Path, join: () => Unit)

/**
 * A job of Python, as the driver knows jobs: a worker does what its methods ask for. They are called
 * once, by one thread; interrupting that one kills the job over there.
 */
class PythonJob(run: PythonRun, worker: PythonWorker, answers: BlockingQueue[PythonAnswer],
    entry: PythonEntry) extends SparkJobBase {
  import PythonJob._

  override type C = Any
  override type JobData = Unit
  override type JobOutput = Body

  /** How long the job's run took, as Python has measured it: it does not wait for [[runJob]]. */
  var runNanos = 0L

  private var asked = false
  private var killedAt: Option[Long] = None
  private var ended = false

  override def validate(
      context: Any,
      runtime: JobEnvironment,
      config: Config): Unit Or Every[ValidationProblem] = {
    asked = true
    entry.begin(run.id, run.join)
    worker.send(Json.obj().put("op", "run").put("id", run.id).put("class", run.mainClass)
      .put("config", config.root.render(ConfigRenderOptions.concise))
      .put("result", run.result.toString))
    val answer = next()
    answer.op match {
      case "valid" => Good(())
      case "problems" =>
        val problems = answer.meta.path("problems").elements.asScala
          .map(problem => SingleProblem(problem.asText)).toVector
        Bad(Every.from(problems).get)
      case "refused" =>
        val error = if (answer.meta.has("errorClass")) {
          ErrorJson(PythonWorker.errorOf(answer))
        } else {
          Frame.Nothing
        }
        throw new RefusedException(answer.meta.path("code").asText, run.mainClass, error)
      case _ => throw errorOf(answer)
    }
  }

  override def runJob(context: Any, runtime: JobEnvironment, data: Unit): Body = {
    val answer = next()
    answer.op match {
      case "result" if answer.meta.has("file") => Spilled(run.result, answer.meta.path("file").asLong)
      case "result" => Bytes(answer.body)
      case _ => throw errorOf(answer)
    }
  }

  /** To be called when nobody will call the other methods: a job that still runs has to end. */
  def leave(): Unit = {
    if (asked && !ended) {
      interrupt()
      next()
    }
    entry.end(run.id)
  }

  private def errorOf(answer: PythonAnswer): Exception = {
    Files.deleteIfExists(run.result)
    if (answer.op == "died") {
      new PythonWorkerException(answer.meta.path("reason").asText)
    } else {
      PythonWorker.errorOf(answer)
    }
  }

  /** The next that the worker says of the job, or the last once it is to be killed. */
  private def next(): PythonAnswer = {
    var answer: PythonAnswer = null
    while (answer == null || killedAt.isDefined && !answer.isLast) {
      try {
        answer = killedAt match {
          case None => answers.take()
          case Some(since) => poll(since)
        }
      } catch {
        case _: InterruptedException => interrupt()
      }
    }
    ended = answer.isLast
    runNanos = TimeUnit.MICROSECONDS.toNanos(answer.meta.path("micros").asLong)
    answer
  }

  private def poll(since: Long): PythonAnswer = {
    val left = since + KillMax.toNanos - System.nanoTime()
    if (left > 0) {
      answers.poll(left, TimeUnit.NANOSECONDS)
    } else {
      worker.giveUp()
      answers.take()
    }
  }

  private def interrupt(): Unit = {
    killedAt = killedAt.orElse(Some(System.nanoTime()))
    worker.kill(run.id)
    entry.interrupt(run.id)
  }
}

private object PythonJob {

  /** So long a killed job may go on before its process is given up. */
  val KillMax: FiniteDuration = 2.seconds
}
