/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.lang.reflect.UndeclaredThrowableException
import java.security.PrivilegedExceptionAction

import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.SparkConf
import org.apache.spark.sparkjob.DelegationTokens

/** For whom the context and its jobs act towards Spark and Hadoop: a user, or the driver's own. */
class ProxyUser(name: Option[String]) {

  private val own = UserGroupInformation.getCurrentUser

  // an application that was submitted for the user is the user's already
  private val user = name.map(_.trim).filter(_.nonEmpty)
    .map(UserGroupInformation.createProxyUser(_, own))
    .filter(_.getShortUserName != own.getShortUserName)

  /** What `body` throws comes out as it is. */
  def run[T](body: => T): T = user match {
    case Some(user) =>
      try {
        user.doAs(new PrivilegedExceptionAction[T] {
          override def run(): T = body
        })
      } catch {
        case e: UndeclaredThrowableException if e.getCause != null => throw e.getCause
      }
    case None => body
  }

  /** The settings of a context that acts for the user. */
  def adapt(conf: SparkConf): SparkConf = if (user.isDefined) Kerberos.impersonating(conf) else conf

  /**
   * Tokens for executors, of the user or of the driver itself.
   *
   * @throws BadSettingException if the driver may not act for the user
   */
  def tokens(conf: SparkConf, kerberos: Kerberos): DelegationTokens = {
    val tokens = new DelegationTokens(conf, kerberos.fresh, user)
    try {
      tokens.check()
    } catch {
      case e: IOException =>
        Kerberos.bad(s"${kerberos.principal} cannot act for ${user.map(_.getUserName).orNull}: " +
          Kerberos.reason(e))
    }
    tokens
  }
}
