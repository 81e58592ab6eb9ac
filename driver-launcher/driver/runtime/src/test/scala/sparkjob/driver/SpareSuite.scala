/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.Test
import org.junit.Assert._

/** A driver that waits for its context. */
class SpareSuite {

  private def spare(test: TestLauncher => Unit): Unit = {
    val launcher = new TestLauncher(Map("SPARKJOB_SPARE" -> "1"))
    try test(launcher) finally launcher.close()
  }

  @Test def itComesForTheContextThatItIsGiven(): Unit = spare { launcher =>
    assertEquals(Message.Hello, launcher.hello.kind)
    assertEquals("id", launcher.hello.meta.get("context").asText)
    assertEquals(TestLauncher.Secret, launcher.hello.meta.get("secret").asText)

    launcher.send(Message.Ping)
    assertEquals(Message.Pong, launcher.receive().kind)

    launcher.send(Message.Assign, Json.obj().put("context", "other").put("secret", "another")
      .put("work", launcher.folder.toString))
    launcher.accept()
    val hello = launcher.receive()
    assertEquals(Message.Hello, hello.kind)
    assertEquals("other", hello.meta.get("context").asText)
    assertEquals("another", hello.meta.get("secret").asText)

    val ready = launcher.context(Map("spark.master" -> "local[2]"))
    assertEquals(ready.toString, Message.Ready, ready.kind)
    launcher.send(Message.Stop)
    assertEquals(Message.Stopped, launcher.receive().kind)
    assertEquals(0, launcher.exitCode())
  }

  @Test def withoutALauncherItEnds(): Unit = spare { launcher =>
    launcher.disconnect()
    assertEquals(0, launcher.exitCode())
  }

  @Test def itEndsWhenItIsToldTo(): Unit = spare { launcher =>
    launcher.send(Message.Stop)
    assertEquals(0, launcher.exitCode())
  }

  @Test def withAnythingElseItIsOfNoUse(): Unit = spare { launcher =>
    launcher.send(Message.Run, Json.obj().put("id", "x").put("class", "y"))
    assertEquals(0, launcher.exitCode())
  }
}
