/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import scala.collection.mutable

import com.typesafe.config.Config
import org.apache.spark.rdd.RDD
import org.apache.spark.streaming.StreamingContext

/**
 * Counts words in a stream, which lasts until the job is killed, its context stops, or `batches`
 * batches of three words are done; returns how many words there were. With `fail = true` it ends by
 * an error in a task.
 */
object StreamingTestJob extends SparkStreamingJob {

  override def validate(ssc: StreamingContext, config: Config): SparkJobValidation = {
    if (config.hasPath("batches") && config.getInt("batches") < 1) {
      SparkJobInvalid("batches must be above 0")
    } else {
      SparkJobValid
    }
  }

  override def runJob(ssc: StreamingContext, config: Config): Any = {
    val batches = if (config.hasPath("batches")) config.getInt("batches") else Int.MaxValue
    val fail = config.hasPath("fail") && config.getBoolean("fail")
    var words = 0L
    var done = 0
    val queue = mutable.Queue.empty[RDD[String]]
    ssc.queueStream(queue).map(word => if (fail) sys.error("as asked") else word)
      .foreachRDD { rdd =>
        val count = rdd.count()
        words += count
        if (count > 0) {
          done += 1
          println(s"batch $done: $words words")
        }
      }
    ssc.start()
    while (done < batches && !ssc.awaitTerminationOrTimeout(50)) {
      queue.synchronized {
        if (queue.isEmpty) {
          queue += ssc.sparkContext.parallelize(Seq("one", "two", "three"))
        }
      }
    }
    ssc.stop(stopSparkContext = false, stopGracefully = true)
    words
  }
}
