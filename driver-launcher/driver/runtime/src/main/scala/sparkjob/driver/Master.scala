/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.lang.reflect.InvocationTargetException
import java.net.{InetSocketAddress, Socket, URI}

import scala.concurrent.duration._
import scala.util.Try

import org.apache.spark.{SparkConf, SparkException}

/**
 * What masters need of the driver before it makes its context there, and what can be known of them
 * before Spark tries, which may take minutes, and then not say where.
 */
object Master {

  private val Standalone = "spark://"
  private val Kubernetes = "k8s://"
  private val Mesos = "mesos://"

  private val Patience = 5.seconds
  private val Pause = 500.millis
  private val Tags = "spark.yarn.tags"

  /** Settings of which Spark wants one for its executors. */
  private val Images =
    Seq("spark.kubernetes.executor.container.image", "spark.kubernetes.container.image")

  /** Set by Spark's own submission in the driver's pod, which has another way to the API server. */
  private val InPod = "spark.kubernetes.submitInDriver"

  /** @throws SparkException that says what is wrong, if anything is */
  def probe(conf: SparkConf): Unit = {
    val url = conf.get("spark.master")
    if (url.startsWith(Standalone)) {
      answers("Spark master", url, url.stripPrefix(Standalone).split(",").toSeq.flatMap(address))
    } else if (url.startsWith(Kubernetes)) {
      if (!Images.exists(conf.contains)) {
        throw new SparkException(s"${Images.last} is not set: Kubernetes has to know the image that "
          + "executors are to be made of")
      }
      if (!conf.getBoolean(InPod, false)) {
        answers("Kubernetes API server", url, kubernetes(url.stripPrefix(Kubernetes)).toSeq)
      }
    } else if (url.startsWith(Mesos)) {
      mesos(url)
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

  private def answers(what: String, url: String, addresses: Seq[(String, Int)]): Unit = {
    val end = Patience.fromNow
    var failure = addresses.headOption.flatMap(_ => attempt(addresses))
    while (failure.isDefined && end.hasTimeLeft()) {
      Thread.sleep(Pause.toMillis)
      failure = attempt(addresses)
    }
    failure.foreach(e => throw new SparkException(s"No $what answers at $url: $e", e))
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

  /** Without a scheme it is https. */
  private def kubernetes(text: String): Option[(String, Int)] = {
    Try(new URI(if (text.contains("://")) text else s"https://$text")).toOption
      .filter(_.getHost != null).map { uri =>
        val port = if (uri.getPort != -1) uri.getPort else if (uri.getScheme == "http") 80 else 443
        uri.getHost -> port
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
        case e: IllegalArgumentException => Some(new IOException(e.getMessage))
      } finally {
        socket.close()
      }
    }.takeWhile(_.isDefined).flatten.toList
    if (failures.size < addresses.size) None else failures.headOption
  }

  /** In client mode the driver speaks to Mesos by a library that is not Java's. */
  private def mesos(url: String): Unit = {
    val name = "org.apache.mesos.MesosNativeLibrary"
    try {
      Class.forName(name).getMethod("load").invoke(null)
    } catch {
      case _: ClassNotFoundException =>
        throw new SparkException(s"$url: this Spark has no Mesos, 3.5 is the last line that has it")
      case e: InvocationTargetException if e.getCause.isInstanceOf[LinkageError] =>
        throw new SparkException(s"$url: a driver here needs Mesos' own library: set "
          + s"MESOS_NATIVE_JAVA_LIBRARY in its environment to the path of libmesos.so (${e.getCause})")
    }
  }
}
