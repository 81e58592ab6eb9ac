/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.util.Comparator

import scala.collection.JavaConverters._
import scala.concurrent.duration._
import scala.util.Try

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.logging.log4j.core.config.Configurator
import org.slf4j.LoggerFactory

/**
 * A driver that its cluster has started, on another host than the launcher's: none of the
 * launcher's files is there, and nobody but the cluster knows the process.
 */
object Elsewhere {

  /** The name of the driver's own log, in its folder. */
  val Log = "driver.log"

  private val log = LoggerFactory.getLogger("sparkjob.driver.Elsewhere")

  private val Argument = "--secret-file"
  private val Variable = "SPARKJOB_START"
  private val StandaloneId = "driver-[0-9]{14}-[0-9]+".r
  private val Container = "CONTAINER_ID"
  private val YarnContainer = "container_(?:e[0-9]+_)?([0-9]+_[0-9]+)_[0-9]+_[0-9]+".r

  /**
   * What the launcher has to say to such a driver, by a file that came with the application or a
   * variable of the submission; None: this is a process of the launcher's.
   *
   * @throws IllegalArgumentException if it makes no sense, or cannot be read
   */
  def start(args: Seq[String], environment: Map[String, String]): Option[Surroundings] = args match {
    case Seq(Argument, name) => Some(read(take(Paths.get(name))))
    case Seq() => environment.get(Variable).map(text => read(text.getBytes(UTF_8)))
    case _ => throw new IllegalArgumentException(
      s"Usage: $Argument <file>; drivers are started by the launcher, or by a cluster for it")
  }

  /** It is read once, so nobody else has to find it; some clusters do not let it be deleted. */
  private def take(file: Path): Array[Byte] = {
    try {
      val text = Files.readAllBytes(file)
      Try(Files.delete(file))
      text
    } catch {
      case e: IOException =>
        throw new IllegalArgumentException(s"$Argument $file cannot be read: $e")
    }
  }

  private def read(text: Array[Byte]): Surroundings = {
    val start = try Json.parse(text) catch {
      // its message quotes the text
      case _: IOException => throw new IllegalArgumentException("what the driver is told is no JSON")
    }
    val pin = Option(start.get("pin")).map(_.asText)
    val secret = new Secret(Json.string(start, "secret").getBytes(UTF_8))
    Surroundings(Endpoint.parse(Json.string(start, "link"), pin), Json.string(start, "context"),
      secret, timeout(start).seconds, Option(start.get("generation")).map(_.asLong), Some(folder()))
  }

  private def timeout(start: ObjectNode): Long = {
    val seconds = start.path("orphanTimeout").asLong
    if (seconds <= 0) {
      throw new IllegalArgumentException("orphanTimeout is not a number of seconds")
    }
    seconds
  }

  /** A folder of this driver's own, which goes away with it. */
  private def folder(): Path = {
    val here = Paths.get("").toAbsolutePath
    val folder = Try(Files.createTempDirectory(here, "sparkjob-"))
      .getOrElse(Files.createTempDirectory("sparkjob-"))
    Runtime.getRuntime.addShutdownHook(new Thread(() => remove(folder)))
    JobLog.keepAll(folder.resolve(Log))
    // Spark's wrapper has made loggers before us, which keep the streams that they found
    Option(getClass.getClassLoader.getResource("sparkjob-log4j2.properties"))
      .foreach(file => Configurator.reconfigure(file.toURI))
    folder
  }

  private def remove(folder: Path): Unit = {
    try {
      Files.walk(folder).sorted(Comparator.reverseOrder[Path]).iterator.asScala
        .foreach(file => Try(Files.delete(file)))
    } catch {
      case e: IOException => log.info(s"$folder is left: $e")
    }
  }

  /** Whether this JVM is an application master of YARN. */
  def isMaster(environment: Map[String, String]): Boolean = environment.contains(Container)

  /** By which id the cluster knows this driver, as far as that can be seen from inside. */
  def id(environment: Map[String, String]): Option[String] = {
    val folder = Paths.get("").toAbsolutePath.getFileName.toString
    folder match {
      case StandaloneId() => Some(folder)
      case _ => environment.get(Container).collect {
        case YarnContainer(application) => s"application_$application"
      }
    }
  }
}
