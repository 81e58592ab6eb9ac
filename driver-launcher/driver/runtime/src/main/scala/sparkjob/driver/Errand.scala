/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.file.{Files, Paths}
import java.util.Base64

import scala.collection.JavaConverters._
import scala.concurrent.duration._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.security.UserGroupInformation
import org.apache.hadoop.yarn.api.records.{ApplicationId, YarnApplicationState}
import org.apache.hadoop.yarn.client.api.YarnClient
import org.apache.hadoop.yarn.conf.YarnConfiguration
import org.apache.spark.SparkConf
import org.apache.spark.sparkjob.{DelegationTokens, SparkInternals}

/**
 * What the launcher has to have done at a cluster that asks for Kerberos, in a JVM that has
 * tickets of its own and runs no code of users: it is told what, and the cluster's settings, by a
 * JSON object in a file of its folder, and tells what came of it by another one.
 */
object Errand {

  /** More than the launcher has, which may be gone. */
  private val Patience = 1.minute

  /** Beside the report. */
  private val Told = "context.conf"

  def main(args: Array[String]): Unit = {
    Probe.giveUpAfter(Patience)
    Main.begin()
    val target = Paths.get(args(0))
    val report = try {
      run(Json.parse(Files.readAllBytes(target.resolveSibling(Told))))
    } catch {
      case e@(NonFatal(_) | _: LinkageError) =>
        Json.obj().put("message", Json.plain(Kerberos.reason(e)))
    }
    Probe.leave(target, report)
  }

  private def run(words: ObjectNode): ObjectNode = {
    val conf = settings(words)
    val hadoop = SparkInternals.hadoopConfiguration(conf)
    val kerberos = Kerberos.login(conf, hadoop, sys.env).getOrElse(
      throw new IllegalArgumentException("there are no tickets to log in by"))
    if (words.has("kill")) {
      kill(ApplicationId.fromString(Json.string(words, "kill")), Json.string(words, "tag"), hadoop)
    } else {
      tokens(Json.string(words, "tokens"), conf, kerberos)
    }
  }

  /** Those of the cluster and the context; who it logs in as is none of them. */
  private[driver] def settings(words: ObjectNode): SparkConf = {
    val conf = new SparkConf(false)
    Json.optional(words, "settings").toSeq.flatMap(_.fields.asScala)
      .foreach(setting => conf.set(setting.getKey, setting.getValue.asText))
    Kerberos.impersonating(conf)
  }

  /**
   * Whoever owns it may kill it. By its tag it is one of this launcher's; its id alone might have
   * been told by a driver, which runs code of users.
   */
  private def kill(id: ApplicationId, tag: String, hadoop: Configuration): ObjectNode = {
    val found = ask(hadoop)(_.getApplicationReport(id))
    if (!found.getApplicationTags.contains(tag)) {
      throw new IllegalArgumentException(s"$id of ${found.getUser} has not the tag $tag")
    }
    new ProxyUser(Some(found.getUser)).run(ask(hadoop)(_.killApplication(id)))
    val state = ask(hadoop)(_.getApplicationReport(id)).getYarnApplicationState
    if (!Over.contains(state)) {
      throw new IllegalStateException(s"$id is still $state")
    }
    Json.obj().put("state", state.toString)
  }

  private val Over = Set(
    YarnApplicationState.FINISHED, YarnApplicationState.FAILED, YarnApplicationState.KILLED)

  private def ask[T](hadoop: Configuration)(question: YarnClient => T): T = {
    val client = YarnClient.createYarnClient()
    client.init(new YarnConfiguration(hadoop))
    client.start()
    try question(client) finally client.stop()
  }

  private def tokens(user: String, conf: SparkConf, kerberos: Kerberos): ObjectNode = {
    val whose = UserGroupInformation.createProxyUser(user, UserGroupInformation.getLoginUser)
    val tokens = new DelegationTokens(conf, kerberos.fresh, Some(whose)).fetch()
    Json.obj().put("tokens", Base64.getEncoder.encodeToString(tokens))
  }
}
