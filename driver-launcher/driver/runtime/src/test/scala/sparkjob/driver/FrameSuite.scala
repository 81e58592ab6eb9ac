/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayInputStream, EOFException, File}
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import org.junit.Assert._
import org.junit.Test

/** The frames that the C side must read and write alike. */
class FrameSuite {

  private val vectors = Json.mapper.readTree(new File(System.getProperty("sparkjob.vectors")))

  private def bytes(hex: String): Array[Byte] =
    hex.filterNot(_ == ' ').grouped(2).map(Integer.parseInt(_, 16).toByte).toArray

  private def each(kind: String)(check: JsonNode => Unit): Unit = {
    assertTrue(vectors.get(kind).size > 0)
    vectors.get(kind).asScala.foreach(check)
  }

  @Test def goodFramesAreReadAndWritten(): Unit = each("good") { vector =>
    val name = vector.get("name").asText
    val raw = bytes(vector.get("hex").asText)
    val frame = Frame.decode(new ByteArrayInputStream(raw))
    assertEquals(name, vector.get("type").asInt, frame.kind)
    assertEquals(name, vector.get("flags").asInt, frame.flags)
    assertEquals(name, vector.get("stream").asLong, Integer.toUnsignedLong(frame.stream))
    assertEquals(name, vector.get("meta").asText, new String(frame.meta, UTF_8))
    assertArrayEquals(name, bytes(vector.get("payload").asText), frame.payload)
    assertArrayEquals(name, raw, Frame.encode(frame).array)
  }

  @Test def badFramesAreRefused(): Unit = each("bad") { vector =>
    val e = assertThrows(vector.get("name").asText, classOf[FrameException],
      () => Frame.decode(new ByteArrayInputStream(bytes(vector.get("hex").asText))))
    assertEquals(vector.get("error").asText, e.getMessage)
  }

  @Test def aFrameThatEndsEarlyIsNoFrame(): Unit = each("good") { vector =>
    val raw = bytes(vector.get("hex").asText)
    for (size <- 0 until raw.length) {
      assertThrows(classOf[EOFException],
        () => Frame.decode(new ByteArrayInputStream(raw, 0, size)))
    }
  }

  @Test def ofMetadataThatLacksAMemberNoValuesAreTold(): Unit = {
    val e = assertThrows(classOf[IllegalArgumentException],
      () => Json.string(Json.obj().put("secret", "s3").put("pin", "p"), "link"))
    assertEquals("no string link among secret, pin", e.getMessage)
  }
}
