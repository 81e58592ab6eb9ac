/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.Test
import org.junit.Assert._

/** Executors in JVMs of their own, and Kryo for their results. */
class ClusterSuite {

  @Test def versionsOfAClassLiveSideBySideOnExecutors(): Unit = {
    val launcher = new TestLauncher(Map("SPARK_TESTING" -> "1",
      "SPARK_HOME" -> System.getProperty("sparkjob.home")))
    try {
      val ready = launcher.context(Map(
        "spark.master" -> "local-cluster[2,1,512]",
        "spark.executor.memory" -> "512m",
        "spark.executor.extraClassPath" -> TestLauncher.classPath,
        "spark.serializer" -> "org.apache.spark.serializer.KryoSerializer",
        "spark.ui.enabled" -> "false"))
      assertEquals(ready.toString, Message.Ready, ready.kind)
      // the executors may have come before it said so, or come now
      val told = (Iterator(ready) ++
        Iterator.continually(launcher.receiveAny()).filter(_.kind == Message.Status))
        .map(_.meta.get("status")).find(_.get("executors").asInt == 2).get
      assertEquals(2, told.get("cores").asInt)
      val logs = told.get("logs").get("executors")
      assertEquals(told.toString, 2, logs.size)
      assertTrue(told.toString, logs.get("0").get("stdout").asText.startsWith("http://"))
      Versions.check(launcher)
      launcher.send(Message.Stop)
      assertEquals(Message.Stopped, launcher.receive().kind)
      assertEquals(0, launcher.exitCode())
    } finally {
      launcher.close()
    }
  }
}
