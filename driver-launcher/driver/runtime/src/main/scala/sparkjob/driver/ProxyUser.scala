/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.reflect.UndeclaredThrowableException
import java.security.PrivilegedExceptionAction

import org.apache.hadoop.security.UserGroupInformation

/** For whom the context and its jobs act towards Spark and Hadoop: a user, or the driver's own. */
class ProxyUser(name: Option[String]) {

  private val user = name.map(_.trim).filter(_.nonEmpty).map(
    UserGroupInformation.createProxyUser(_, UserGroupInformation.getCurrentUser))

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
}
