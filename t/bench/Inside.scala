/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package bench

import java.util.concurrent.{Executors, TimeUnit}

import com.typesafe.config.Config
import org.apache.spark.SparkContext

import spark.jobserver.{SparkJob, SparkJobValid, SparkJobValidation}

/** A Spark action: what `sync-count` asks for. */
object Count extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = sc.parallelize(1 to 4).count()
}

/** The same `n` times within the driver; the ms of each. */
object CountInside extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    (1 to config.getInt("n")).map { _ =>
      val began = System.nanoTime()
      Count.runJob(sc, config)
      (System.nanoTime() - began) / 1e6
    }
  }
}

/** Does nothing. */
object NoOp extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = 1
}

/** [[NoOp]] by 8 threads within the driver: how many a second. */
object PoolInside extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    val jobs = config.getInt("n")
    val pool = Executors.newFixedThreadPool(8)
    val began = System.nanoTime()
    (1 to jobs).foreach(_ => pool.execute { () =>
      NoOp.validate(sc, config)
      NoOp.runJob(sc, config)
    })
    pool.shutdown()
    pool.awaitTermination(1, TimeUnit.MINUTES)
    jobs / ((System.nanoTime() - began) / 1e9)
  }
}

/** Counts the words of `input.string` by Spark. */
object Words extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any =
    sc.parallelize(config.getString("input.string").split(" ").toSeq).countByValue()
}
