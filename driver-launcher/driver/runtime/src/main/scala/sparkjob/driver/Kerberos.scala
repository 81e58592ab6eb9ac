/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException}
import java.net.URI
import java.util.concurrent.TimeUnit

import scala.util.Try
import scala.util.control.NonFatal

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.SparkConf
import org.slf4j.LoggerFactory

/**
 * Who the driver is towards a Hadoop that asks for Kerberos.
 *
 * @param principal its name there
 * @param fresh     logs in once more, as somebody who has no tokens
 */
class Kerberos private (val principal: String, val fresh: () => UserGroupInformation) {

  /**
   * Hadoop writes no file, and Spark asks for no token, unless somebody is named who could renew
   * it: YARN, or where there is no YARN we ourselves.
   */
  def adapt(conf: SparkConf, hadoop: Configuration): SparkConf =
    if (hadoop.get(Kerberos.Renewer) == null) {
      conf.set("spark.hadoop." + Kerberos.Renewer, principal)
    } else {
      conf
    }
}

/**
 * A ticket lasts hours and a context may live for weeks. With a keytab Hadoop logs in again by
 * itself. The launcher's cache of tickets, whose keytab is not for drivers, has to be read again
 * whenever the launcher has replaced it.
 */
object Kerberos {

  private val log = LoggerFactory.getLogger("sparkjob.driver.Kerberos")

  private val Principal = "spark.kerberos.principal"
  private val Keytab = "spark.kerberos.keytab"
  /** Those that only who logs in may have; Spark takes the older names as well. */
  val Settings: Seq[String] =
    Seq(Principal, Keytab, "spark.yarn.principal", "spark.yarn.keytab")

  /** Where the launcher keeps tickets, and whose; Spark knows these names, too. */
  private val Cache = "KRB5CCNAME"
  private val CachePrincipal = "KRB5PRINCIPAL"

  private val Renewer = "yarn.resourcemanager.principal"
  private val Authentication = "hadoop.security.authentication"
  private val MinRelogin = "hadoop.kerberos.min.seconds.before.relogin"
  private val LookSeconds = 2

  /**
   * To be called before anything is asked of Hadoop.
   *
   * @return None if nobody is to log in
   * @throws BadSettingException if settings, tickets or keytab do not let it log in
   */
  def login(
      conf: SparkConf,
      hadoop: => Configuration,
      environment: Map[String, String]): Option[Kerberos] = {
    (conf.getOption(Principal), conf.getOption(Keytab)) match {
      case (Some(principal), Some(keytab)) => Some(byKeytab(principal, path(keytab), hadoop))
      case (Some(_), None) => bad(s"$Principal is set, and $Keytab is not")
      case (None, Some(_)) => bad(s"$Keytab is set, and $Principal is not")
      case (None, None) =>
        for (cache <- environment.get(Cache); principal <- environment.get(CachePrincipal)) yield
          byCache(principal, new File(cache), hadoop)
    }
  }

  private def byKeytab(principal: String, keytab: File, hadoop: => Configuration): Kerberos = {
    if (!keytab.canRead) {
      bad(s"the keytab $keytab is not there, or this driver may not read it")
    }
    secure(principal, hadoop)
    val kerberos = new Kerberos(principal, () =>
      UserGroupInformation.loginUserFromKeytabAndReturnUGI(principal, keytab.getPath))
    // YARN's application master has done it already
    if (!UserGroupInformation.isLoginKeytabBased) {
      named(principal)(UserGroupInformation.loginUserFromKeytab(principal, keytab.getPath))
    }
    log.info(s"Logged in as ${UserGroupInformation.getLoginUser}")
    kerberos
  }

  private def byCache(principal: String, cache: File, hadoop: => Configuration): Kerberos = {
    val configuration = hadoop
    secure(principal, configuration)
    def fresh() = UserGroupInformation.getUGIFromTicketCache(cache.getPath, principal)
    val since = cache.lastModified
    val user = named(principal)(fresh())
    UserGroupInformation.setLoginUser(user)
    log.info(s"Logged in as ${UserGroupInformation.getLoginUser} by tickets of the launcher")
    new Reader(user, cache, since, configuration.getLong(MinRelogin, 60)).start()
    new Kerberos(principal, () => fresh())
  }

  /** Reads the cache again when it was replaced, if not sooner than Hadoop lets anyone do that. */
  private class Reader(user: UserGroupInformation, cache: File, since: Long, pause: Long)
    extends Thread("sparkjob-tickets") {

    setDaemon(true)

    override def run(): Unit = {
      var known = since
      var last = System.nanoTime
      while (true) {
        TimeUnit.SECONDS.sleep(LookSeconds)
        val now = cache.lastModified
        if (now != 0 && now != known && System.nanoTime - last > TimeUnit.SECONDS.toNanos(pause)) {
          try {
            user.reloginFromTicketCache()
            known = now
          } catch {
            case NonFatal(e) => log.warn(s"The tickets in $cache are of no use: ${reason(e)}")
          }
          last = System.nanoTime
        }
      }
    }
  }

  private def secure(principal: String, hadoop: Configuration): Unit = {
    UserGroupInformation.setConfiguration(hadoop)
    if (!UserGroupInformation.isSecurityEnabled) {
      bad(s"the cluster has the principal $principal, but its Hadoop configuration says " +
        s"$Authentication = ${hadoop.get(Authentication, "simple")}: hadoop_conf may be missing")
    }
  }

  private def named[T](principal: String)(login: => T): T = try login catch {
    case e@(_: IOException | _: IllegalArgumentException) =>
      bad(s"cannot log in as $principal: ${reason(e)}")
  }

  /** The innermost reason is the KDC's, or that of whoever could not reach it. */
  def reason(t: Throwable): String =
    if (t.getCause == null) Option(t.getMessage).getOrElse(t.toString) else reason(t.getCause)

  def bad(why: String): Nothing = throw new BadSettingException(s"Kerberos: $why")

  /** Spark takes a URI as well. */
  private def path(keytab: String): File = new File(Try(new URI(keytab).getPath).toOption
    .filter(_ != null).getOrElse(keytab))

  /**
   * Settings for a context that acts for somebody else: by the keytab, or by the tickets, Spark
   * would give tokens of their owner to executors, and these would act for the owner.
   * [[org.apache.spark.sparkjob.DelegationTokens]] gets others.
   */
  def impersonating(conf: SparkConf): SparkConf = Settings.foldLeft(conf)(_.remove(_))
}
