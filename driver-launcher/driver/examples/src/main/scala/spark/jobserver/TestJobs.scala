/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic.{Bad, Every, Good, Many, Or}

import spark.jobserver.api.{SparkJob => NewSparkJob, _}

/** Does nothing: what it takes is the server's time. */
object NoOpJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = 1
}

/** Has a Spark job double three numbers. */
object VeryShortDoubleJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any =
    sc.parallelize(Seq(1, 2, 3)).map(_ * 2).collect()
}

/** Takes no configuration whatsoever. */
object InvalidJob extends NewSparkJob {
  type JobData = Unit
  type JobOutput = Unit

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] =
    Bad(Many(SingleProblem("this job takes no input"), SingleProblem("and no other either")))

  override def runJob(sc: SparkContext, runtime: JobEnvironment, data: JobData): JobOutput = ()
}

/** Throws: in `runJob`, or with `in = validate` or `in = task` there; `message` is what it says. */
object ThrowingJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = {
    if (place(config) == "validate") {
      fail(config)
    }
    SparkJobValid
  }

  override def runJob(sc: SparkContext, config: Config): Any = {
    if (place(config) == "task") {
      val message = text(config)
      sc.parallelize(1 to 4, 2).foreach(_ => throw new IllegalArgumentException(message))
    } else {
      fail(config)
    }
  }

  private def place(config: Config): String =
    if (config.hasPath("in")) config.getString("in") else "run"

  private def text(config: Config): String =
    if (config.hasPath("message")) config.getString("message") else "Foobar"

  private def fail(config: Config): Nothing = throw new IllegalArgumentException(text(config))
}

/**
 * Returns `bytes` characters (1,000,000): as one string, or with `kind = array` as numbers of nine
 * digits, or with `kind = stream` as JSON text that is made while it is sent.
 */
object LargeResultJob extends NewSparkJob {

  case class Wanted(kind: String, bytes: Int)

  type JobData = Wanted
  type JobOutput = Any

  private val Kinds = Set("string", "array", "stream")

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    val kind = if (config.hasPath("kind")) config.getString("kind") else "string"
    val bytes = if (config.hasPath("bytes")) config.getInt("bytes") else 1000000
    if (Kinds(kind) && bytes >= 0) {
      Good(Wanted(kind, bytes))
    } else {
      Bad(Every(SingleProblem(s"kind must be one of ${Kinds.mkString(", ")}, bytes not negative")))
    }
  }

  override def runJob(sc: SparkContext, runtime: JobEnvironment, wanted: JobData): JobOutput = {
    wanted.kind match {
      case "string" => new String(Array.fill(wanted.bytes)('x'))
      case "array" => Array.fill(wanted.bytes / 10)(123456789)
      case "stream" => text(wanted.bytes).toStream
    }
  }

  private def text(bytes: Int): Iterator[Byte] =
    Iterator.single('"'.toByte) ++ Iterator.fill(bytes)('x'.toByte) ++ Iterator.single('"'.toByte)
}

/**
 * The jobs of one context share the RDD of the numbers from 1 to `n` (1000): the first one makes
 * it. Returns whether this run did, and the numbers' sum.
 */
object SharedRddJob extends SparkJob with NamedRddSupport {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    val n = if (config.hasPath("n")) config.getInt("n") else 1000
    var made = false
    val numbers = namedRdds.getOrElseCreate(s"numbers-$n", {
      made = true
      sc.parallelize(1 to n)
    })
    Map("made" -> made, "sum" -> numbers.map(_.toLong).reduce(_ + _))
  }
}

/** Sleeps `ms` milliseconds (or `sleep.time.millis`); a kill wakes it. */
class SleepJob extends SparkJob {

  private val Keys = Seq("ms", "sleep.time.millis")

  override def validate(sc: SparkContext, config: Config): SparkJobValidation =
    if (Keys.exists(config.hasPath)) SparkJobValid else SparkJobInvalid("No ms config param")

  override def runJob(sc: SparkContext, config: Config): Any = {
    val ms = config.getLong(Keys.filter(config.hasPath).head)
    Thread.sleep(ms)
    ms
  }
}

/** Sleeps `ms` milliseconds (60,000) in a Spark task; a kill ends the task. */
object SleepInTaskJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    val ms = if (config.hasPath("ms")) config.getLong("ms") else 60000L
    sc.parallelize(Seq(ms), 1).map { time => Thread.sleep(time); time }.collect()
  }
}

/** Computes for `ms` milliseconds (60,000) and takes no notice of being killed. */
object StubbornJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    val ms = if (config.hasPath("ms")) config.getLong("ms") else 60000L
    val end = System.nanoTime() + ms * 1000000
    var rounds = 0L
    while (System.nanoTime() < end) {
      rounds += 1
    }
    rounds
  }
}

/** Ends the driver's JVM with the exit code `code` (1). */
object ExitJob extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any =
    sys.exit(if (config.hasPath("code")) config.getInt("code") else 1)
}

/** Takes memory until there is none. */
object MemoryEaterJob extends SparkJob {

  private val Piece = 16 * 1024 * 1024

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any =
    Iterator.continually(new Array[Byte](Piece)).toList.size
}
