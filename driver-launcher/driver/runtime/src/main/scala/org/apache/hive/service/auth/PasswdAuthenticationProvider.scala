/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.hive.service.auth

import javax.security.sasl.AuthenticationException

/**
 * What Spark's thrift server asks about users: its own interface, declared once more to compile
 * against, since the jar that has it is in no repository. It does not go into ours.
 */
trait PasswdAuthenticationProvider {

  @throws(classOf[AuthenticationException])
  def Authenticate(user: String, password: String): Unit
}
