/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.Assert._
import org.junit.Test

class ErrorJsonSuite {

  private def error(bytes: Array[Byte]) = {
    assertTrue(bytes.length <= Frame.PayloadMax)
    val json = Json.parse(bytes)
    assertEquals(3, json.size)
    json
  }

  @Test def hasMessageClassAndStack(): Unit = {
    val json = error(ErrorJson(new IllegalStateException("m", new RuntimeException("inner"))))
    assertEquals("m", json.get("message").asText)
    assertEquals("java.lang.IllegalStateException", json.get("errorClass").asText)
    assertTrue(json.get("stack").asText.contains("\n\tat sparkjob.driver.ErrorJsonSuite"))
    assertTrue(json.get("stack").asText.contains("Caused by: java.lang.RuntimeException: inner"))
  }

  @Test def messageMayBeMissing(): Unit =
    assertTrue(error(ErrorJson(new StackOverflowError)).get("message").isNull)

  @Test def longTextsAreCut(): Unit = {
    for (c <- Seq('x', '\u0001', '\u20ac')) {
      val json = error(ErrorJson(new RuntimeException(new String(Array.fill(1000000)(c)))))
      assertTrue(json.get("message").asText.endsWith(" more characters"))
      assertTrue(json.get("stack").asText.endsWith(" more characters"))
    }
  }

  @Test def halfACharacterIsNoError(): Unit =
    assertEquals("a?", error(ErrorJson(new RuntimeException("a\ud83d"))).get("message").asText)

  @Test def exceptionsThatThrowWhenAskedDoNoHarm(): Unit = {
    class Nasty extends RuntimeException {
      override def getMessage: String = throw new IllegalStateException("no message")
    }
    assertTrue(error(ErrorJson(new Nasty)).get("message").asText.contains("IllegalStateException"))
  }

  @Test def killedJobsSoundAsClientsExpect(): Unit = {
    val json = error(ErrorJson.killed("7", Some(new InterruptedException("sleep interrupted"))))
    assertEquals("Job 7 killed", json.get("message").asText)
    assertEquals("spark.jobserver.JobManagerActor$JobKilledException",
      json.get("errorClass").asText)
    assertTrue(json.get("stack").asText.contains("sleep interrupted"))
  }
}
