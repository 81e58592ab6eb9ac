/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.streaming

/** The streams of this JVM, of which there is one at a time. */
object Streams {

  /**
   * Ends the stream that a job has started, if there is one, without waiting for what it has
   * received. The SparkContext goes on.
   *
   * @param property what names a job in the local properties of its Spark work
   */
  def stopOf(property: String, jobId: String): Unit = {
    StreamingContext.getActive()
      .filter(_.savedProperties.get.getProperty(property) == jobId)
      .foreach(_.stop(stopSparkContext = false, stopGracefully = false))
  }

  /** The job that has started the stream that runs, if there is one; "" if it was none. */
  def owner(property: String): Option[String] = StreamingContext.getActive()
    .map(context => Option(context.savedProperties.get.getProperty(property)).getOrElse(""))

  def stopAll(gracefully: Boolean): Unit = StreamingContext.getActive()
    .foreach(_.stop(stopSparkContext = false, stopGracefully = gracefully))
}
