/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.net.{InetSocketAddress, Socket}

import scala.concurrent.duration._

import org.apache.spark.{SparkConf, SparkException}

/** What masters need of the driver before it makes its context there. */
object Master {

  private val Prefix = "spark://"
  private val Patience = 5.seconds
  private val Pause = 500.millis
  private val Tags = "spark.yarn.tags"

  /**
   * Sees whether anything listens at a standalone master's address. Spark itself would try for a
   * minute, and then not say which master it was.
   */
  def probe(url: String): Unit = {
    if (url.startsWith(Prefix)) {
      val addresses = url.stripPrefix(Prefix).split(",").toSeq.flatMap(address)
      val end = Patience.fromNow
      var failure = addresses.headOption.flatMap(_ => attempt(addresses))
      while (failure.isDefined && end.hasTimeLeft()) {
        Thread.sleep(Pause.toMillis)
        failure = attempt(addresses)
      }
      failure.foreach(e => throw new SparkException(s"No Spark master answers at $url: $e", e))
    }
  }

  /**
   * Has YARN know the application by its context, so that the launcher finds it there whatever
   * became of this driver.
   */
  def tag(conf: SparkConf, context: String): Unit = if (conf.get("spark.master") == "yarn") {
    val own = conf.getOption(Tags).filter(_.nonEmpty)
    conf.set(Tags, (own.toSeq :+ s"sparkjob-$context").mkString(","))
  }

  /** None for what is no address: Spark says so. */
  private def address(text: String): Option[(String, Int)] = text.lastIndexOf(':') match {
    case -1 => None
    case colon => text.drop(colon + 1) match {
      case port if port.nonEmpty && port.forall(_.isDigit) && port.length <= 5 =>
        Some(text.take(colon) -> port.toInt)
      case _ => None
    }
  }

  /** None if one of them can be connected to. */
  private def attempt(addresses: Seq[(String, Int)]): Option[IOException] = {
    val failures = addresses.iterator.map { case (host, port) =>
      val socket = new Socket
      try {
        socket.connect(new InetSocketAddress(host, port), Patience.toMillis.toInt)
        None
      } catch {
        case e: IOException => Some(e)
      } finally {
        socket.close()
      }
    }.takeWhile(_.isDefined).flatten.toList
    if (failures.size < addresses.size) None else failures.headOption
  }
}
