/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.charset.StandardCharsets.UTF_8

import org.junit.Assert._
import org.junit.Test

class HoconSuite {

  private def parse(text: String) = Hocon.parse(text.getBytes(UTF_8))

  private def refused(text: String): String =
    assertThrows(text, classOf[BadConfigException], () => parse(text)).getMessage

  @Test def emptyAndBlankTextsAreEmpty(): Unit = {
    for (text <- Seq("", " \n\t", "\uFEFF", "\uFEFF \n", "{}", "# nothing")) {
      assertTrue(text, parse(text).isEmpty)
    }
  }

  @Test def textsOfAllKindsAreRead(): Unit = {
    assertEquals("x y", parse("\uFEFFa.b = x y").getString("a.b"))
    assertEquals("x", parse("""{"a": {"b": "x"}}""").getString("a.b"))
    assertEquals("v", parse("k=v").getString("k"))
  }

  @Test def includesOfAllKindsAreRefused(): Unit = {
    for (what <- Seq("\"a\"", "file(\"/etc/passwd\")", "url(\"file:///etc/passwd\")",
        "classpath(\"reference.conf\")", "required(file(\"/etc/passwd\"))",
        "required(\"a\")", "\"file:///etc/passwd\"", "\"http://127.0.0.1:1/x\"")) {
      assertTrue(what, refused("include " + what).contains("include is not allowed"))
      assertTrue(what, refused("a { include " + what + " }").contains("include is not allowed"))
    }
  }

  @Test def substitutionsSeeOnlyTheText(): Unit = {
    assertEquals("1", parse("a = 1, b = ${a}").getString("b"))
    assertTrue(refused("a = ${HOME}").contains("HOME"))
    assertTrue(refused("a = ${java.home}").contains("java.home"))
    assertTrue(refused("a = ${spark.master}").contains("spark.master"))
    assertFalse(parse("a = ${?HOME}").hasPath("a"))
  }

  @Test def whatIsNoConfigurationIsRefused(): Unit = {
    for (text <- Seq("{", "a =", "a=b&c=d", "[1]", "\u0000\u0001", "a = \"", "a = ${a}")) {
      assertTrue(text, refused(text).nonEmpty)
    }
    refused("a=" + "[" * 200000)
    refused("a=" + "{a=" * 200000)
  }

  @Test def renderedAsNestedJson(): Unit = {
    val json = new String(Hocon.render(parse("a.b = x # why\nc = [1, ${a.b}]")), UTF_8)
    assertEquals("""{"a":{"b":"x"},"c":[1,"x"]}""", Json.mapper.readTree(json).toString)
    assertTrue(json, json.contains("\n    \"a\" : {\n        \"b\" : \"x\""))
    assertTrue(json, json.endsWith("}\n"))
  }
}
