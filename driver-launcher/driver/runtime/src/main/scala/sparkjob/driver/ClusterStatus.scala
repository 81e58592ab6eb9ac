/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.{Executors, TimeUnit}

import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.SparkContext
import org.apache.spark.sparkjob.SparkInternals
import org.apache.spark.status.api.v1.ExecutorSummary
import org.slf4j.LoggerFactory

/**
 * What a context has of its cluster, told to the launcher when it has changed. It is looked at now
 * and then: what Spark tells its listeners comes to us and to what counts executors in any order.
 *
 * @param tell   sends what there is to say
 * @param thrift where the thrift server is, if there is one
 */
class ClusterStatus(
    sc: SparkContext,
    tell: ObjectNode => Unit,
    thrift: () => Option[ObjectNode] = () => None) {
  import ClusterStatus._

  private val log = LoggerFactory.getLogger(classOf[ClusterStatus])

  // guarded by this
  private var told: ObjectNode = Json.obj()

  private val timer = Executors.newSingleThreadScheduledExecutor { (task: Runnable) =>
    val thread = new Thread(task, "sparkjob-status")
    thread.setDaemon(true)
    thread
  }

  /** As it is now, for `link-ready`. */
  def begin(): ObjectNode = synchronized {
    told = status
    timer.scheduleWithFixedDelay(() => look(), Interval, Interval, TimeUnit.MILLISECONDS)
    told
  }

  /** A launcher that is new here may not know it. */
  def tellAgain(): Unit = tell(synchronized(told))

  /** Tells what has changed: one at a time, so that what is told last is how it is. */
  def look(): Unit = synchronized {
    try {
      val now = status
      if (now != told) {
        told = now
        tell(now)
      }
    } catch {
      case NonFatal(e) => log.debug(s"Cannot look at the executors: $e")
    }
  }

  private def status: ObjectNode = {
    val all = SparkInternals.executors(sc)
    val (driver, executors) = all.partition(_.id == SparkInternals.DriverId)
    // in local mode the driver is its own executor
    val working = all.filter(_.totalCores > 0)
    val status = Json.obj().put("executors", working.size).put("cores", working.map(_.totalCores).sum)
    thrift().foreach(status.set[ObjectNode]("thriftServer", _))
    SparkInternals.trackingUrl(sc).foreach(status.put("trackingUrl", _))
    driver.filter(_.executorLogs.nonEmpty).foreach(putLogs(status.withObject("/logs"), "driver", _))
    executors.filter(_.executorLogs.nonEmpty).sortBy(e => (e.id.length, e.id)).take(ExecutorsMax)
      .foreach(executor => putLogs(status.withObject("/logs/executors"), executor.id, executor))
    status
  }

  private def putLogs(logs: ObjectNode, name: String, of: ExecutorSummary): Unit = {
    val links = logs.putObject(name)
    of.executorLogs.toSeq.sorted.foreach { case (log, link) => links.put(log, link) }
  }
}

object ClusterStatus {
  private val Interval = 2000L

  /** Of so many executors the logs are told. */
  private val ExecutorsMax = 16

  def frame(status: ObjectNode): Frame = {
    val meta = Json.obj()
    meta.set[ObjectNode]("status", status)
    Frame(Message.Status, 0, 0, Json.bytes(meta), Frame.Nothing)
  }
}
