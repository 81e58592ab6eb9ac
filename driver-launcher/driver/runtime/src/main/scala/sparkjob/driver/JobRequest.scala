/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.ObjectNode
import com.typesafe.config.{Config, ConfigException, ConfigList}

/**
 * What `link-run` asks for.
 *
 * @param mainClass empty if the configuration is to name it
 * @param cp        empty if the configuration is to name it
 * @param dependent what comes before `cp`
 * @param body      reads the configuration, once
 * @param sync      nobody waits for it to begin, only for its end
 * @param trace     if the launcher wants one
 * @param statement its number in the session, if it is a statement; the body is its code
 * @param kind      of a statement, the language
 */
final case class JobRequest(
    id: String,
    mainClass: String,
    cp: Seq[ClassPathEntry],
    dependent: Seq[ClassPathEntry],
    body: () => Array[Byte],
    sync: Boolean = false,
    trace: Option[Trace] = None,
    statement: Option[Int] = None,
    kind: String = "") {

  /**
   * What of the job only its configuration says, if anything: its class and its class path, in
   * names that the launcher has to resolve.
   *
   * @throws BadConfigException if something is said nowhere
   */
  def unresolved(config: Config): Option[(String, Seq[String])] = {
    val before = JobRequest.names(config, "dependent-jar-uris")
    if (mainClass.nonEmpty && cp.nonEmpty && before.isEmpty) {
      None
    } else {
      val names = if (cp.isEmpty) JobRequest.names(config, "cp", "appName") else cp.map(_.name)
      if (names.isEmpty) {
        throw new BadConfigException(
          "To start the job appName or cp parameters should be configured!")
      }
      val main = if (mainClass.isEmpty) JobRequest.mainClass(config) else mainClass
      val path = before ++ names
      if (main.length > JobRequest.ClassMax || !ClassPathEntry.fit(path)) {
        throw new BadConfigException("mainClass or cp is too long, or names too many binaries")
      }
      Some((main, path))
    }
  }
}

object JobRequest {
  private val ClassMax = 1024

  /** @throws IllegalArgumentException if a member is missing */
  def apply(meta: ObjectNode, body: () => Array[Byte]): JobRequest =
    JobRequest(Json.string(meta, "id"), Json.string(meta, "class"),
      ClassPathEntry.list(meta, "cp"), ClassPathEntry.list(meta, "dependent"), body,
      meta.path("sync").asBoolean, if (meta.path("trace").asBoolean) Some(new Trace) else None,
      Option(meta.get("statement")).map(_.asInt).filter(_ >= 0), meta.path("kind").asText)

  private def mainClass(config: Config): String = {
    Seq("mainClass", "classPath").find(config.hasPath).map(string(config, _)).getOrElse {
      val name = if (config.hasPath("appName")) "classPath" else "mainClass"
      throw new BadConfigException(s"$name parameter is missing!")
    }
  }

  /** What the first of these members names, by a list or with commas between. */
  private def names(config: Config, members: String*): Seq[String] =
    members.find(config.hasPath).map(name => config.getValue(name) match {
      case _: ConfigList => checked(config.getStringList(name).asScala.toVector)
      case _ => string(config, name).split(",").toVector
    }).getOrElse(Nil).map(_.trim).filter(_.nonEmpty)

  private def string(config: Config, name: String): String = checked(config.getString(name))

  private def checked[T](read: => T): T = {
    try {
      read
    } catch {
      case e: ConfigException => throw new BadConfigException(e.getMessage)
    }
  }
}
