/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.scheduler

import java.util.concurrent.{CountDownLatch, TimeUnit}

import org.apache.spark.SparkContext

/** A listener that can be waited for. It has a queue of its own, so that it waits for no others. */
abstract class JobEvents(sc: SparkContext) extends SparkListener {

  private case class Mark(heard: CountDownLatch) extends SparkListenerEvent {
    override protected[spark] def logEvent: Boolean = false
  }

  def listen(): Unit = sc.listenerBus.addToQueue(this, "sparkjob")

  override def onOtherEvent(event: SparkListenerEvent): Unit = event match {
    case Mark(heard) => heard.countDown()
    case _ =>
  }

  /** How many Spark jobs the context has begun, ever. */
  protected def begun: Int = Option(sc.dagScheduler).map(_.numTotalJobs).getOrElse(0)

  /** Waits until all was heard that has happened so far, for at most that long. */
  protected def await(millis: Long): Unit = if (!sc.isStopped) {
    val mark = Mark(new CountDownLatch(1))
    sc.listenerBus.post(mark)
    mark.heard.await(millis, TimeUnit.MILLISECONDS)
  }
}
