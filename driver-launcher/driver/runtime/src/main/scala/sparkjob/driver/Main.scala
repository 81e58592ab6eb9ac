/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{FileDescriptor, FileInputStream, InputStream}
import java.nio.charset.StandardCharsets.US_ASCII
import java.nio.file.{Path, Paths}
import java.util.Arrays

import scala.concurrent.duration._
import scala.util.Try

import org.slf4j.LoggerFactory

/** What says that this is the driver that the launcher has started; it is good for one use. */
class Secret(bytes: Array[Byte]) {

  def text: String = new String(bytes, US_ASCII)

  /** It is used up. */
  def wipe(): Unit = Arrays.fill(bytes, '-'.toByte)
}

/**
 * What the launcher started this JVM with.
 *
 * @param generation which driver of the context this is, if that was told
 * @param elsewhere  the driver's own folder, if it runs on another host than the launcher
 */
final case class Surroundings(
    endpoint: Endpoint,
    context: String,
    secret: Secret,
    orphanTimeout: FiniteDuration,
    generation: Option[Long] = None,
    elsewhere: Option[Path] = None)

object Surroundings {

  private val DefaultOrphanTimeout = 600L
  private val SecretMax = 256

  /**
   * @param input its first line is the secret, the second one the pin of the launcher's key if there
   *              is a link by TLS; not buffered, or the buffer would keep it
   * @throws IllegalArgumentException if something is missing
   */
  def read(environment: Map[String, String], input: InputStream): Surroundings = {
    def member(name: String) = environment.getOrElse(name,
      throw new IllegalArgumentException(s"$name is not set: drivers are started by the launcher"))
    val timeout = "SPARKJOB_ORPHAN_TIMEOUT"
    val seconds = environment.get(timeout).map { text =>
      Try(text.toLong).toOption.filter(_ > 0).getOrElse(
        throw new IllegalArgumentException(s"$timeout is not a number of seconds: $text"))
    }
    val socket = Paths.get(member("SPARKJOB_SOCKET"))
    val context = member("SPARKJOB_CONTEXT")
    val (secret, pin) = read(input)
    val endpoint = environment.get("SPARKJOB_LINK").map(Endpoint.parse(_, pin))
      .getOrElse(new UnixEndpoint(socket))
    Surroundings(endpoint, context, secret, seconds.getOrElse(DefaultOrphanTimeout).seconds,
      environment.get("SPARKJOB_GENERATION").flatMap(text => Try(text.toLong).toOption))
  }

  private def read(input: InputStream): (Secret, Option[String]) = {
    val bytes = new Array[Byte](SecretMax)
    val length = input.readNBytes(bytes, 0, SecretMax)
    val end = bytes.take(length).indexOf('\n'.toByte)
    if (end <= 0) {
      throw new IllegalArgumentException(
        "There is no secret on the standard input: drivers are started by the launcher")
    }
    val secret = new Secret(Arrays.copyOf(bytes, end))
    val pin = new String(bytes, end, length - end, US_ASCII).linesIterator.map(_.trim).find(_.nonEmpty)
    Arrays.fill(bytes, 0.toByte)
    (secret, pin)
  }
}

/** The driver's JVM begins here. */
object Main {

  def main(args: Array[String]): Unit = {
    begin()
    val spare = Spare.wanted(sys.env)
    if (!spare) {
      Warmup.ahead()
    }
    val log = LoggerFactory.getLogger("sparkjob.driver.Main")
    val surroundings = try {
      Elsewhere.start(args, sys.env)
        .getOrElse(Surroundings.read(sys.env, new FileInputStream(FileDescriptor.in)))
    } catch {
      case e: IllegalArgumentException =>
        log.error(e.getMessage)
        sys.exit(2)
    }
    new Driver(if (spare) new Spare(surroundings).await() else surroundings).start()
    // all other threads are daemons
    Exit.await()
  }

  /** To be called before anything asks for a logger. */
  def begin(): Unit = {
    JobLog.install()
    sys.props.getOrElseUpdate("log4j2.configurationFile", "sparkjob-log4j2.properties")
    // nobody looks at loggers by JMX, and it takes a tenth of the start
    sys.props.getOrElseUpdate("log4j2.disableJmx", "true")
  }
}
