/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import scala.util.Try

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic.{Bad, Every, Good, One, Or}

import spark.jobserver.api.{SparkJob => NewSparkJob, _}

/** Counts the words of `input.string`, by the old API. */
object WordCountExample extends SparkJob {

  override def validate(sc: SparkContext, config: Config): SparkJobValidation = {
    if (Try(config.getString("input.string")).isSuccess) {
      SparkJobValid
    } else {
      SparkJobInvalid("No input.string config param")
    }
  }

  override def runJob(sc: SparkContext, config: Config): Any =
    sc.parallelize(config.getString("input.string").split(" ").toSeq).countByValue()
}

/** Counts the words of `input.string`: `validate` splits them, so that `runJob` gets words. */
object WordCountExampleNewApi extends NewSparkJob {
  type JobData = Seq[String]
  type JobOutput = collection.Map[String, Long]

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    Try(config.getString("input.string").split(" ").toSeq)
      .map(words => Good(words))
      .getOrElse(Bad(One(SingleProblem("No input.string param"))))
  }

  override def runJob(sc: SparkContext, runtime: JobEnvironment, words: JobData): JobOutput =
    sc.parallelize(words).countByValue()
}

/**
 * Counts the words of the text `input.file`, a path or URL that Spark can read, and returns the
 * most frequent ones, `top` of them (20), as pairs of word and count.
 */
object WordCountFile extends NewSparkJob {

  case class Input(file: String, top: Int)

  type JobData = Input
  type JobOutput = Seq[(String, Long)]

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    if (!config.hasPath("input.file")) {
      Bad(One(SingleProblem("No input.file config param")))
    } else {
      val top = if (config.hasPath("top")) config.getInt("top") else 20
      Good(Input(config.getString("input.file"), top))
    }
  }

  override def runJob(sc: SparkContext, runtime: JobEnvironment, input: JobData): JobOutput = {
    sc.textFile(input.file)
      .flatMap(_.toLowerCase.split("[^\\p{L}\\p{N}']+"))
      .filter(_.nonEmpty)
      .map(word => (word, 1L))
      .reduceByKey(_ + _)
      .top(input.top)(Ordering.by { case (word, count) => (count, word) })
      .toSeq
  }
}
