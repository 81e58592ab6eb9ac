/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException}
import java.lang.reflect.InvocationTargetException
import java.net.{InetSocketAddress, ServerSocket}
import java.util.concurrent.{ExecutionException, FutureTask}

import scala.annotation.tailrec
import scala.collection.JavaConverters._
import scala.util.{Failure, Random, Success, Try}
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.sql.SparkSession
import org.slf4j.LoggerFactory

/** There can be no thrift server; the message is for users. */
class ThriftServerException(message: String, cause: Throwable = null)
  extends Exception(message, cause)

/** Where thrift servers may listen: a range of ports. */
final case class ThriftPlace(listen: String, first: Int, last: Int)

object ThriftPlace {

  /** What `link-context` says. */
  def apply(node: JsonNode): Option[ThriftPlace] =
    if (node.isObject) {
      Some(ThriftPlace(node.path("listen").asText, node.path("first").asInt,
        node.path("last").asInt))
    } else {
      None
    }
}

/**
 * Spark's own thrift server, on the session of the context. Spark need not have it, and Spark 4
 * starts it in another way: hence reflection.
 *
 * @param place     None: the launcher's configuration has no ports for it
 * @param wanted    the port that the settings ask for
 * @param transport binary or http
 */
class ThriftServer(place: Option[ThriftPlace], wanted: Option[Int], transport: String) {
  import ThriftServer._

  private val log = LoggerFactory.getLogger(classOf[ThriftServer])

  // guarded by this
  private var running: Option[(AnyRef, Int)] = None

  /**
   * Starts it, unless it runs. The thread's class loader is the server's from now on.
   *
   * @throws ThriftServerException if that cannot be
   */
  def start(session: SparkSession): Unit = synchronized {
    if (running.isEmpty) {
      val at = place.getOrElse(throw new ThriftServerException(
        "thrift-server: there are no ports for it, see thrift.ports of the launcher"))
      readMessages()
      running = Some(launchOn(session, at.listen, free(at)))
    }
  }

  /**
   * Sessions of Hive's have class loaders, and one that is closed closes the jars that it has read
   * from, whoever else reads from them. Spark reads the words of its errors once, when the first
   * one happens, and can tell of none any more if that fails: so they are read before.
   */
  private def readMessages(): Unit =
    Class.forName(Messages, true, Thread.currentThread.getContextClassLoader)

  def stop(): Unit = synchronized {
    for ((server, port) <- running) {
      running = None
      server.getClass.getMethod("stop").invoke(server)
      log.info(s"The thrift server on port $port has stopped")
    }
  }

  /** Where it is, and how many sessions are open; None: it does not run. */
  def status: Option[ObjectNode] = synchronized(running).map { case (server, port) =>
    Json.obj().put("port", port).put("transport", transport).put("sessions", sessions(server))
  }

  /** Ports that nobody has, one at least, in any order. */
  private def free(at: ThriftPlace): Iterator[Int] = {
    for (port <- wanted if port < at.first || port > at.last) {
      throw new ThriftServerException(
        s"thrift-server-port must be one of ${at.first} to ${at.last}: $port")
    }
    val ports = wanted.map(Seq(_)).getOrElse(Random.shuffle((at.first to at.last).toVector))
    val free = ports.iterator.filter(isFree(at.listen, _))
    if (free.isEmpty) {
      throw new ThriftServerException(
        s"thrift-server: no port is free on ${at.listen} of ${ports.min} to ${ports.max}")
    }
    free
  }

  /** Another driver may take a port that was free: then it is the next one. */
  @tailrec
  private def launchOn(session: SparkSession, address: String, ports: Iterator[Int])
    : (AnyRef, Int) = {
    val port = ports.next()
    configure(session, address, port)
    Try(elsewhere(launch(session))) match {
      case Success(server) =>
        listenOn(server, address)
        log.info(s"The thrift server listens on $address:$port, $transport")
        (server, port)
      case Failure(_) if !isFree(address, port) && ports.hasNext =>
        launchOn(session, address, ports)
      case Failure(e) => throw e
    }
  }

  private def isFree(address: String, port: Int): Boolean = {
    val socket = new ServerSocket
    try {
      socket.setReuseAddress(true)
      socket.bind(new InetSocketAddress(address, port))
      true
    } catch {
      case _: IOException => false
    } finally {
      socket.close()
    }
  }

  private def configure(session: SparkSession, address: String, port: Int): Unit = {
    val sc = session.sparkContext
    val tmp = new File(System.getProperty("java.io.tmpdir"), "hive").getPath
    new File(tmp, "local").mkdirs()
    Seq("hive.server2.transport.mode" -> transport,
      "hive.server2.thrift.bind.host" -> address,
      "hive.server2.thrift.port" -> port.toString,
      "hive.server2.thrift.http.port" -> port.toString,
      // who asks says each time who that is
      "hive.server2.thrift.http.cookie.auth.enabled" -> "false",
      "hive.server2.authentication" -> "CUSTOM",
      // what it does it does as the context's jobs do
      "hive.server2.enable.doAs" -> "false",
      "hive.server2.logging.operation.enabled" -> "false",
      "hive.exec.scratchdir" -> s"$tmp/scratch",
      "hive.exec.local.scratchdir" -> s"$tmp/local",
      "hive.downloaded.resources.dir" -> s"$tmp/resources")
      .foreach { case (name, value) => sc.hadoopConfiguration.set(name, value) }
    if (transport == "http") {
      // there is no connection that would tell when a client has gone
      Seq("hive.server2.idle.session.timeout" -> "1h", "hive.server2.idle.operation.timeout" -> "1h",
        "hive.server2.session.check.interval" -> "1m")
        .foreach { case (name, value) => sc.hadoopConfiguration.setIfUnset(name, value) }
    }
    // for this one Hive makes a configuration of its own, of the JVM's properties
    sys.props("hive.server2.custom.authentication.class") = classOf[ThriftAuthentication].getName
    if (!sc.getConf.contains(SingleSession)) {
      session.sessionState.conf.setConfString(SingleSession, "true")
    }
  }

  /**
   * Hive takes the configuration of whatever session of its own a thread has, or had from the one
   * that made it, in place of ours: this thread has none.
   */
  private def elsewhere[T](body: => T): T = {
    val task = new FutureTask[T](() => body)
    val thread = new Thread(null, task, "sparkjob-thrift-server", 0, false)
    thread.setContextClassLoader(Thread.currentThread.getContextClassLoader)
    thread.setDaemon(true)
    thread.start()
    try {
      task.get()
    } catch {
      case e: ExecutionException => throw e.getCause
    }
  }

  private def launch(session: SparkSession): AnyRef = {
    try {
      val module = Class.forName(Server + "$", true, Thread.currentThread.getContextClassLoader)
      val server = module.getField("MODULE$").get(null)
      val methods = module.getMethods.toSeq
      methods.find(m => m.getName == "startWithSparkSession" && m.getParameterCount == 2)
        .map(_.invoke(server, session, Boolean.box(false)))
        .getOrElse(methods.find(_.getName == "startWithContext").get
          .invoke(server, session.sqlContext))
    } catch {
      case _: ClassNotFoundException => throw new ThriftServerException(
        "thrift-server: this Spark has none, spark-hive-thriftserver is not among its jars")
      case e: InvocationTargetException =>
        val why = Iterator.iterate(e.getCause)(_.getCause).takeWhile(_ != null).toSeq.last
        throw new ThriftServerException(s"thrift-server: Spark cannot start it: $why", e.getCause)
    }
  }

  /** By HTTP it listens on all addresses, whatever it was told: once more, on ours alone. */
  private def listenOn(server: AnyRef, address: String): Unit = {
    for (service <- services(server);
         field <- service.getClass.getDeclaredFields.find(_.getName == "httpServer")) {
      field.setAccessible(true)
      val http = field.get(service)
      val connectors = http.getClass.getMethod("getConnectors").invoke(http)
      for (connector <- connectors.asInstanceOf[Array[AnyRef]]) {
        val of = connector.getClass
        of.getMethod("stop").invoke(connector)
        of.getMethod("setHost", classOf[String]).invoke(connector, address)
        of.getMethod("start").invoke(connector)
      }
    }
  }

  private def services(server: AnyRef): Iterable[AnyRef] =
    server.getClass.getMethod("getServices").invoke(server)
      .asInstanceOf[java.util.Collection[AnyRef]].asScala

  private def sessions(server: AnyRef): Int = {
    try {
      services(server).flatMap { service =>
        service.getClass.getMethods.find(_.getName == "getSessionManager").map { method =>
          val manager = method.invoke(service)
          manager.getClass.getMethod("getOpenSessionCount").invoke(manager).asInstanceOf[Int]
        }
      }.sum
    } catch {
      case NonFatal(e) =>
        log.debug(s"The sessions of the thrift server cannot be counted: $e")
        0
    }
  }
}

private object ThriftServer {
  val Server = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"

  /** Spark's words of errors. */
  val Messages = "org.apache.spark.SparkThrowableHelper$"

  /** Whether all clients have one session, which is the context's here. */
  val SingleSession = "spark.sql.hive.thriftServer.singleSession"
}
