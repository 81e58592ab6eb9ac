/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.util.Properties

import org.apache.spark.{SparkConf, SparkContext, SparkEnv}
import org.apache.spark.api.r.RBackend
import org.apache.spark.internal.config.R

/** What SparkR talks with in this JVM. */
class RSide(conf: SparkConf) {
  // which it reads: a call that goes on after its statement must not keep every second one waiting
  SparkEnv.get.conf.set(R.R_NUM_BACKEND_THREADS, 1)
  private val backend = new RBackend

  /** Which port it has on the loopback interface, and the secret of who may connect. */
  val (port: Int, secret: String) = {
    val (port, helper) = backend.init()
    (port, helper.secret)
  }

  /** After how many silent seconds Spark closes a connection. */
  val timeout: Int = conf.get(R.R_BACKEND_CONNECTION_TIMEOUT)

  def close(): Unit = synchronized(backend.close())
}

object RSide {

  /** What the calling thread has said of its Spark work. */
  def forget(sc: SparkContext): Unit = sc.setLocalProperties(new Properties)
}
