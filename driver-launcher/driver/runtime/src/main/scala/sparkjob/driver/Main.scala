/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.reflect.Field
import java.nio.file.{Path, Paths}
import java.util.{Map => JMap}

import scala.concurrent.duration._
import scala.util.Try
import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/** What the launcher started this JVM with. */
final case class Surroundings(
    socket: Path,
    context: String,
    secret: String,
    orphanTimeout: FiniteDuration)

object Surroundings {

  private val Secret = "SPARKJOB_SECRET"
  private val DefaultOrphanTimeout = 600L

  /** @throws IllegalArgumentException if something is missing */
  def read(environment: Map[String, String]): Surroundings = {
    def member(name: String) = environment.getOrElse(name,
      throw new IllegalArgumentException(s"$name is not set: drivers are started by the launcher"))
    val timeout = "SPARKJOB_ORPHAN_TIMEOUT"
    val seconds = environment.get(timeout).map { text =>
      Try(text.toLong).toOption.filter(_ > 0).getOrElse(
        throw new IllegalArgumentException(s"$timeout is not a number of seconds: $text"))
    }
    Surroundings(Paths.get(member("SPARKJOB_SOCKET")), member("SPARKJOB_CONTEXT"), member(Secret),
      seconds.getOrElse(DefaultOrphanTimeout).seconds)
  }

  /**
   * Takes the secret out of what `System.getenv` shows and child processes get. It stays in
   * /proc/self/environ, which no process can change; it is good for one use, which was ours.
   */
  def hideSecret(): Unit = {
    val unmodifiable = System.getenv()
    field(unmodifiable.getClass, "m").get(unmodifiable).asInstanceOf[JMap[String, String]]
      .remove(Secret)
  }

  private def field(owner: Class[_], name: String): Field = {
    val field = owner.getDeclaredField(name)
    field.setAccessible(true)
    field
  }
}

/** The driver's JVM begins here. */
object Main {

  def main(args: Array[String]): Unit = {
    // before anything asks for a logger
    JobLog.install()
    sys.props.getOrElseUpdate("log4j2.configurationFile", "sparkjob-log4j2.properties")
    val log = LoggerFactory.getLogger("sparkjob.driver.Main")
    val surroundings = try {
      Surroundings.read(sys.env)
    } catch {
      case e: IllegalArgumentException =>
        log.error(e.getMessage)
        sys.exit(2)
    }
    try {
      Surroundings.hideSecret()
    } catch {
      case NonFatal(e) => log.warn(s"Jobs can see the driver's secret, which is used up: $e")
    }
    new Driver(surroundings).start()
    // all other threads are daemons
    Thread.currentThread.join()
  }
}
