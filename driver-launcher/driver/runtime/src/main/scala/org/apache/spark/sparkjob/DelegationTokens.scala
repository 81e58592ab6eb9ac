/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.io.IOException
import java.security.PrivilegedExceptionAction
import java.util.ServiceLoader
import java.util.concurrent.TimeUnit

import scala.collection.JavaConverters._
import scala.util.Try
import scala.util.control.NonFatal

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}
import org.apache.hadoop.security.{Credentials, UserGroupInformation}
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.deploy.SparkHadoopUtil
import org.apache.spark.internal.Logging
import org.apache.spark.scheduler.{SparkListener, SparkListenerExecutorAdded}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.UpdateDelegationTokens
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend
import org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend
import org.apache.spark.security.HadoopDelegationTokenProvider
import org.apache.spark.util.{ThreadUtils, Utils}

/**
 * Delegation tokens for executors where Spark gets none, or those of somebody else: executors of
 * a standalone master have none from it, and for a context that acts for another user it gets
 * them once, when the context begins. Spark also wants a principal of YARN to renew tokens of
 * HDFS; here they are renewed by nobody, new ones come in time.
 *
 * @param login logs in by Kerberos, as somebody who has no tokens: who has one is not given another
 * @param user  for whom the context acts, if that is somebody else
 */
class DelegationTokens(
    conf: SparkConf,
    login: () => UserGroupInformation,
    user: Option[UserGroupInformation]) extends Logging {

  import DelegationTokens._

  private val thread = ThreadUtils.newDaemonSingleThreadScheduledExecutor("sparkjob-tokens")

  // an executor that has asked for its settings before these were there, and is known only since
  // then, has missed them
  @volatile private var newest: Option[Array[Byte]] = None

  /** As Spark's own. */
  private val ratio = conf.getDouble("spark.security.credentials.renewalRatio", 0.75)

  /**
   * Looks whether the driver may act for the user, before anything is begun.
   *
   * @throws IOException if it is told that it may not
   */
  def check(): Unit = if (user.isDefined) {
    try {
      obtain()
    } catch {
      case e: IOException if !isRefusal(e) => logWarning(s"No tokens for $owner as yet", e)
    }
  }

  /** The context is there: its executors get tokens, the first ones before this returns. */
  def start(sc: SparkContext): Unit = sc.schedulerBackend match {
    case backend: CoarseGrainedSchedulerBackend
        if user.isDefined || backend.isInstanceOf[StandaloneSchedulerBackend] =>
      sc.addSparkListener(new SparkListener {
        override def onExecutorAdded(added: SparkListenerExecutorAdded): Unit =
          newest.foreach(send(backend, _))
      })
      renew(sc, backend)
    case _ => thread.shutdown()
  }

  private def owner: String = user.map(_.getUserName).getOrElse("the driver")

  private def renew(sc: SparkContext, backend: CoarseGrainedSchedulerBackend): Unit = {
    val wait = try {
      val (tokens, expiry) = obtain()
      if (tokens.numberOfTokens > 0) {
        user.foreach(_.addCredentials(tokens))
        val bytes = SparkHadoopUtil.get.serialize(tokens)
        newest = Some(bytes)
        send(backend, bytes)
        logInfo(s"Executors have ${tokens.numberOfTokens} new tokens for $owner")
      }
      expiry.map(date => ((date - System.currentTimeMillis) * ratio).toLong)
    } catch {
      case NonFatal(e) =>
        logWarning(s"No new tokens for $owner, tried again in ${Pause / 1000} s", e)
        Some(Pause)
    }
    // without a date they are good for ever
    wait.foreach { ms =>
      thread.schedule(new Runnable {
        override def run(): Unit = if (sc.isStopped) thread.shutdown() else renew(sc, backend)
      }, math.max(ms, Shortest), TimeUnit.MILLISECONDS)
    }
  }

  /**
   * New tokens, for [[DelegationTokens.give]].
   *
   * @throws IOException if there are none to be had
   */
  def fetch(): Array[Byte] = {
    val tokens = obtain()._1
    if (tokens.numberOfTokens == 0) {
      throw new IOException(s"No service of the cluster has given tokens for $owner")
    }
    SparkHadoopUtil.get.serialize(tokens)
  }

  private def send(backend: CoarseGrainedSchedulerBackend, tokens: Array[Byte]): Unit =
    backend.driverEndpoint.send(UpdateDelegationTokens(tokens))

  /** New tokens, and when the first of them ends. */
  private def obtain(): (Credentials, Option[Long]) = {
    val driver = login()
    val who = user.map(u => UserGroupInformation.createProxyUser(u.getUserName, driver))
      .getOrElse(driver)
    val hadoop = SparkHadoopUtil.newConfiguration(conf)
    try {
      val tokens = new Credentials
      val dates = as(who) {
        fileSystems(hadoop).foreach(_.addDelegationTokens(driver.getUserName, tokens))
        providers.filter(_.delegationTokensRequired(conf, hadoop))
          .flatMap(_.obtainDelegationTokens(hadoop, conf, tokens))
      }
      // only who may renew a token is told when it ends
      val ends = as(driver) {
        tokens.getAllTokens.asScala.filter(_.isManaged)
          .flatMap(token => Try(token.renew(hadoop)).toOption).toSeq
      }
      (tokens, (dates ++ ends).reduceOption(_ min _))
    } finally {
      FileSystem.closeAllForUGI(who)
    }
  }

  private def as[T](who: UserGroupInformation)(body: => T): T =
    who.doAs(new PrivilegedExceptionAction[T] {
      override def run(): T = body
    })

  private def fileSystems(hadoop: Configuration): Seq[FileSystem] = {
    val named = conf.get("spark.kerberos.access.hadoopFileSystems", "").split(",").map(_.trim)
      .filter(_.nonEmpty).map(new Path(_).getFileSystem(hadoop))
    (FileSystem.get(hadoop) +: named.toSeq).distinct
  }

  /** Those of other services: Hive, HBase, Kafka. */
  private def providers: Seq[HadoopDelegationTokenProvider] = {
    val all = ServiceLoader.load(classOf[HadoopDelegationTokenProvider],
      Utils.getContextOrSparkClassLoader).iterator
    Iterator.continually(()).takeWhile(_ => all.hasNext).flatMap { _ =>
      // some are for libraries that are not there
      try {
        Some(all.next())
      } catch {
        case _: LinkageError | _: java.util.ServiceConfigurationError => None
      }
    }.filter(p => p.serviceName != FileSystems &&
      conf.getBoolean(s"spark.security.credentials.${p.serviceName}.enabled", true)).toVector
  }
}

object DelegationTokens {

  private val FileSystems = "hadoopfs"
  private val Pause: Long = 10 * 1000
  private val Shortest: Long = 1000

  /** Tokens that somebody else has fetched, for this driver and its executors. */
  def give(sc: SparkContext, tokens: Array[Byte]): Unit = {
    UserGroupInformation.getCurrentUser.addCredentials(SparkHadoopUtil.get.deserialize(tokens))
    sc.schedulerBackend match {
      case backend: CoarseGrainedSchedulerBackend =>
        backend.driverEndpoint.send(UpdateDelegationTokens(tokens))
      case _ =>
    }
  }

  /** Whether who was asked says that it may not be. */
  def isRefusal(t: Throwable): Boolean = Iterator.iterate(t)(_.getCause).takeWhile(_ != null)
    .exists(e => Option(e.getMessage).exists(_.contains("is not allowed to impersonate")))
}
