/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files
import java.util.Arrays.asList
import java.util.Collections.singletonMap

import org.apache.spark.sql.Row
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema
import org.apache.spark.sql.types._
import org.junit.Assert._
import org.junit.Test

class JobResultSuite {

  private def json(value: Any): String = {
    val out = new ByteArrayOutputStream
    JobResult.write(() => value, out)
    out.toString("UTF-8")
  }

  object Nameless {
    override def toString: String = null
  }

  case class Point(x: Int, label: Option[String])

  @Test def valuesOfAllKinds(): Unit = {
    val cases = Seq[(Any, String)](
      1 -> "1", Long.MinValue -> "-9223372036854775808", 1.5 -> "1.5", 0.5f -> "0.5",
      "a\"\u00e9\n" -> "\"a\\\"\u00e9\\n\"", "a\ud83d" -> "\"a?\"", "\u0000" -> "\"\\u0000\"",
      true -> "true", (null: Any) -> "null", (()) -> "\"()\"",
      Double.NaN -> "null", Double.PositiveInfinity -> "null", Float.NegativeInfinity -> "null",
      Seq(1, "a", null) -> "[1,\"a\",null]", Nil -> "[]", Array(1, 2) -> "[1,2]",
      Array("a") -> "[\"a\"]", (1 to 3) -> "[1,2,3]", Vector(Vector(1), Nil) -> "[[1],[]]",
      collection.mutable.Buffer(1) -> "[1]", Some(1) -> "[1]", None -> "[]",
      (1, "b") -> "[1,\"b\"]",
      Point(1, Some("p")) -> "[1,[\"p\"]]", Left(1) -> "[1]",
      Map("a" -> 1) -> "{\"a\":1}", Map(1 -> Map(2 -> 3)) -> "{\"1\":{\"2\":3}}",
      Map(Symbol("s") -> 1) -> "{\"s\":1}", Map.empty -> "{}",
      collection.mutable.Map("a" -> 1) -> "{\"a\":1}",
      Map((null: String) -> 1) -> "{\"null\":1}",
      asList(1, "a") -> "[1,\"a\"]", singletonMap("k", asList(1)) -> "{\"k\":[1]}",
      BigDecimal("1.50") -> "\"1.50\"", Set(1) -> "\"Set(1)\"", 'c' -> "\"c\"",
      Nameless -> "null", Seq(Nameless) -> "[null]", Map(Nameless -> 1) -> "{\"null\":1}",
      Stream(1, 2) -> "[1,2]", Stream.empty -> "[]", Iterator(1, 2) -> "[1,2]",
      Iterator.empty -> "[]", Seq(Iterator(1), asList(2).iterator) -> "[[1],[2]]",
      new java.util.TreeSet(asList(2, 1)) -> "[1,2]", asList(1, 2).iterator -> "[1,2]",
      BigInt("123456789012345678901") -> "\"123456789012345678901\"",
      new java.math.BigDecimal("0.10") -> "\"0.10\"",
      java.time.Instant.EPOCH -> "\"1970-01-01T00:00:00Z\"",
      java.sql.Date.valueOf("2020-02-29") -> "\"2020-02-29\"",
      Row(1, "a", null, Seq(1L)) -> "[1,\"a\",null,[1]]",
      row -> """{"n":1,"s":2,"b":"AQI=","inner":{"d":"2020-02-29"},"m":{"k":[null]}}""")
    for ((value, expected) <- cases) {
      assertEquals(String.valueOf(value), expected, json(value))
    }
  }

  private def row: Row = {
    val inner = new StructType().add("d", DateType)
    val schema = new StructType().add("n", IntegerType).add("s", ShortType).add("b", BinaryType)
      .add("inner", inner).add("m", MapType(StringType, ArrayType(IntegerType)))
    new GenericRowWithSchema(Array(1, 2.toShort, Array[Byte](1, 2),
      new GenericRowWithSchema(Array(java.sql.Date.valueOf("2020-02-29")), inner),
      Map("k" -> Seq(null))), schema)
  }

  @Test def iteratorsOfBytesAreWrittenAsTheyAre(): Unit = {
    assertEquals("{\"a\": 1.50}", json("{\"a\": 1.50}".getBytes(UTF_8).iterator))
    assertThrows(classOf[ResultException], () => json("{\"a\"".getBytes(UTF_8).iterator))
    assertThrows(classOf[ResultException], () => json("1 2".getBytes(UTF_8).iterator))
  }

  @Test def textOfAllPlanesIsKept(): Unit = {
    for (text <- Seq("\u00e9\u20ac\ud83d\ude00", "\u0001\u007f\uffff")) {
      assertEquals(text, Json.mapper.readTree(json(text)).asText)
    }
  }

  @Test def streamOfBytesIsWrittenAsItIs(): Unit = {
    for (text <- Seq("{\"a\": [1, 2.50]}", "\"x\"", " 1 ", "null", "{}")) {
      assertEquals(text, json(text.getBytes(UTF_8).toStream))
    }
  }

  @Test def streamOfBytesThatIsNotJsonIsAnError(): Unit = {
    for (text <- Seq("{", "[1", "x", " ", "1 2", "{}{}", "\"a", "{\"a\" 1}", "]")) {
      assertThrows(text, classOf[ResultException], () => json(text.getBytes(UTF_8).toStream))
    }
  }

  @Test def whatContainsItselfIsAnError(): Unit = {
    val cycle = new Array[Any](2)
    cycle(0) = cycle
    cycle(1) = cycle
    assertThrows(classOf[ResultException], () => json(cycle))
    val map = new java.util.HashMap[String, Any]
    map.put("self", map)
    assertThrows(classOf[ResultException], () => json(map))
    assertTrue(json(Iterator.iterate[Any](1)(Seq(_)).drop(400).next()).startsWith("[[["))
  }

  @Test def anEndlessResultCanBeInterrupted(): Unit = {
    val out = new java.io.OutputStream {
      override def write(b: Int): Unit = {}
      override def write(bytes: Array[Byte], offset: Int, length: Int): Unit =
        Thread.currentThread.interrupt()
    }
    assertThrows(classOf[InterruptedException],
      () => JobResult.write(() => Stream.continually(1), out))
    assertTrue(Thread.interrupted())
  }

  @Test def largeBodiesGoToAFile(): Unit = {
    val folder = Files.createTempDirectory("sparkjob-")
    val file = folder.resolve("body")
    try {
      val bytes = new Array[Byte](Frame.PayloadMax)
      assertTrue(Body.of(file)(_.write(bytes)).isInstanceOf[Bytes])
      assertFalse(Files.exists(file))

      val large = Body.of(file) { out => out.write(bytes); out.write(1) }
      assertEquals(Spilled(file, bytes.length + 1), large)
      assertEquals(bytes.length + 1, Files.size(file))

      assertEquals(Spilled(file, bytes.length + 1), Body.of(file, bytes.length + 1) { out =>
        JobResult.write(() => Iterator.fill(bytes.length / 2)(1), out)
      })
      val tooLarge = assertThrows(classOf[ResultException], () => Body.of(file, bytes.length + 1) {
        out => JobResult.write(() => Iterator.continually(1), out)
      })
      assertEquals(s"The result has more than ${bytes.length + 1} bytes", tooLarge.getMessage)
      assertFalse(Files.exists(file))

      assertThrows(classOf[ResultException], () => Body.of(file) { out =>
        out.write(new Array[Byte](Frame.PayloadMax + 1))
        throw new ResultException("no")
      })
      assertFalse(Files.exists(file))
    } finally {
      Files.deleteIfExists(file)
      Files.delete(folder)
    }
  }
}
