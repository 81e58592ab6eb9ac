/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.Assert._
import org.junit.Test

/** A driver with a streaming context, which a job that fails would stop. */
class StreamSuite {

  private val settings = Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false",
    "context-factory" -> "spark.jobserver.context.StreamingContextFactory",
    "streaming.batch_interval" -> "100", "streaming.stopGracefully" -> "false",
    "streaming.stopSparkContext" -> "true")

  private val jars = Seq(UserJars.jobs)

  private def begin(launcher: TestLauncher, config: String = ""): String = {
    val id = launcher.begin("mine.Streams", config, jars)
    assertEquals(Message.Started, launcher.receive().kind)
    id
  }

  private def refused(launcher: TestLauncher, by: String): Unit = {
    val told = launcher.run("mine.Streams", "", jars)
    assertEquals(told.toString, "validation-failed", told.code)
    assertEquals(s"A stream runs in this context already: job $by",
      told.json.get("message").asText)
  }

  private def kill(launcher: TestLauncher, id: String): Unit = {
    launcher.send(Message.Kill, Json.obj().put("id", id))
    val told = launcher.receive()
    assertEquals(told.toString, ("KILLED", id), (told.state, told.meta.get("id").asText))
    launcher.acknowledge(id)
  }

  @Test def aSecondStreamIsRefusedAndEndsNothing(): Unit = {
    val launcher = new TestLauncher
    try {
      assertEquals(Message.Ready, launcher.context(settings).kind)
      val first = begin(launcher)
      refused(launcher, first)
      refused(launcher, first)
      kill(launcher, first)
      assertEquals("validation-failed", launcher.run("mine.Streams", "bad = 1", jars).code)
      val second = begin(launcher)
      refused(launcher, second)
      kill(launcher, second)
      // a stream that its job has left behind
      val third = begin(launcher, "leave = true")
      assertEquals("FINISHED", launcher.receive().state)
      launcher.acknowledge(third)
      refused(launcher, third)
    } finally {
      launcher.close()
    }
  }
}
