/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import org.junit.{After, Test}
import org.junit.Assert._

class JobLogSuite {

  private val file: Path = Files.createTempDirectory("sparkjob-").resolve("log")

  @After def sweep(): Unit = {
    Files.deleteIfExists(file)
    Files.delete(file.getParent)
  }

  private def text: String = new String(Files.readAllBytes(file), UTF_8)

  private def say(log: JobLog, text: String): Unit = log.write(text.getBytes(UTF_8))

  @Test def theFileIsMadeByTheFirstWordAndHoldsEachAtOnce(): Unit = {
    val log = new JobLog("id", file)
    assertFalse(Files.exists(file))
    say(log, "one\n")
    assertEquals("one\n", text)
    say(log, "two")
    assertEquals("one\ntwo", text)
    log.close()
    say(log, "late")
    assertEquals("one\ntwo", text)
  }

  @Test def aSilentJobHasNoFile(): Unit = {
    new JobLog("id", file).close()
    assertFalse(Files.exists(file))
  }

  @Test def ofTooMuchTheBeginningAndTheEndAreKept(): Unit = {
    for (piece <- Seq(1, 3, 7, 1000)) {
      val all = (0 until 1000).map(n => ('a' + n % 26).toChar).mkString
      val log = new JobLog("id", file, first = 100, last = 64)
      all.grouped(piece).foreach(say(log, _))
      val told = "\n--- 100 bytes are written: of the rest only the end will be, " +
        "when it is over ---\n"
      assertEquals(all.take(100) + told, text)
      log.close()
      assertEquals(all.take(100) + told + "\n--- 836 bytes are left out here ---\n" +
        all.takeRight(64), text)
    }
  }

  @Test def aLittleTooMuchIsKeptWhole(): Unit = {
    for (more <- Seq(1, 63, 64)) {
      val log = new JobLog("id", file, first = 10, last = 64)
      say(log, "0123456789" + "x" * more)
      log.close()
      assertTrue(text, text.endsWith("\n--- 0 bytes are left out here ---\n" + "x" * more))
    }
  }

  @Test def ofADriverTheEndIsKeptWhenItEnds(): Unit = {
    val (out, err) = (System.out, System.err)
    JobLog.install()
    JobLog.keepAll(file, first = 10, last = 5)
    try System.out.print("0123456789 and then the end") finally {
      JobLog.endAll()
      System.setOut(out)
      System.setErr(err)
    }
    assertTrue(text, text.startsWith("0123456789\n--- 10 bytes are written"))
    assertTrue(text, text.endsWith("left out here ---\ne end"))
  }

  @Test def aFolderThatIsGoneDoesNotHarmTheJob(): Unit = {
    val log = new JobLog("id", file.resolve("no/such"))
    say(log, "one")
    say(log, "two")
    log.close()
  }
}
