/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.{ClassRule, Test}
import org.junit.Assert._

/** Executors in JVMs of their own, and Kryo for their results. */
class ClusterSuite {
  import ClusterSuite._

  @Test def versionsOfAClassLiveSideBySideOnExecutors(): Unit = {
    val launcher = new TestLauncher(Map("SPARK_TESTING" -> "1", "SPARK_HOME" -> home.toString))
    try {
      val ready = launcher.context(Map(
        "spark.master" -> "local-cluster[2,1,512]",
        "spark.executor.memory" -> "512m",
        "spark.executor.extraClassPath" -> TestLauncher.classPath,
        "spark.serializer" -> "org.apache.spark.serializer.KryoSerializer",
        "spark.ui.enabled" -> "false"))
      assertEquals(ready.toString, Message.Ready, ready.kind)
      Versions.check(launcher, jars)
      launcher.send(Message.Stop)
      assertEquals(Message.Stopped, launcher.receive().kind)
      assertEquals(0, launcher.exitCode())
    } finally {
      launcher.close()
    }
  }
}

object ClusterSuite {

  @ClassRule def userJars: UserJars = jars
  val jars = new UserJars

  private def home = java.nio.file.Paths.get(System.getProperty("sparkjob.home"))
}
