/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import java.util.concurrent.ThreadLocalRandom
import java.util.concurrent.TimeUnit.SECONDS

import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic.{Every, Good, Or}

import spark.jobserver.api.{JobEnvironment, SparkJob => NewSparkJob, ValidationProblem}

/**
 * Throws darts at a square for `stress.test.longpijob.duration` seconds (5); the share that hits
 * the circle in it gives Pi.
 */
object LongPiJob extends NewSparkJob {
  type JobData = Int
  type JobOutput = Double

  private val DartsPerRound = 100000

  override def validate(
      sc: SparkContext,
      runtime: JobEnvironment,
      config: Config): JobData Or Every[ValidationProblem] = {
    val key = "stress.test.longpijob.duration"
    Good(if (config.hasPath(key)) config.getInt(key) else 5)
  }

  override def runJob(sc: SparkContext, runtime: JobEnvironment, seconds: JobData): JobOutput = {
    val end = System.nanoTime() + SECONDS.toNanos(seconds)
    var hits = 0L
    var darts = 0L
    do {
      hits += sc.parallelize(1 to DartsPerRound).filter(_ => hit()).count()
      darts += DartsPerRound
    } while (System.nanoTime() < end)
    4.0 * hits / darts
  }

  private def hit(): Boolean = {
    val random = ThreadLocalRandom.current()
    val x = random.nextDouble()
    val y = random.nextDouble()
    x * x + y * y <= 1
  }
}
