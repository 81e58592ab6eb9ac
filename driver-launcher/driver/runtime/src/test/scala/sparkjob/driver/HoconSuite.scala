/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.RandomAccessFile
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files

import com.typesafe.config.Config
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

  @Test def textsAboveSixteenMebibytesAreNotRead(): Unit = {
    val most = "a = 1" + " " * ((16 << 20) - 5)
    val file = Files.createTempFile("sparkjob-", ".conf")
    try {
      for (text <- Seq(most, most + " ")) {
        Files.write(file, text.getBytes(UTF_8))
        for (read <- Seq[() => Config](() => parse(text), () => Hocon.parse(Hocon.read(file)))) {
          if (text eq most) {
            assertEquals(1, read().getInt("a"))
          } else {
            assertEquals("The configuration is larger than 16 MiB",
              assertThrows(classOf[BadConfigException], () => read()).getMessage)
          }
        }
      }
      val huge = new RandomAccessFile(file.toFile, "rw")
      huge.setLength(1L << 40)
      huge.close()
      assertThrows(classOf[BadConfigException], () => Hocon.read(file))
    } finally {
      Files.delete(file)
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

  /** Texts in which each step makes a value `times` as large as the one before. */
  private def bombs(steps: Int, times: Int): Seq[String] = {
    def chain(first: String, step: String => String) = {
      val names = (1 to steps).map(i => s"a$i = " + step("${a" + (i - 1) + "}"))
      (s"a0 = $first" +: names).mkString("\n")
    }
    def again(first: String, path: String, line: String) =
      (first +: Seq.fill(steps)(line)).mkString("\n") + s"\nb = $${$path}"
    val members = (1 to times).map("m" + _)
    Seq(
      chain("xxxxxxxxxx", _ * times),
      chain("[1]", _ * times),
      chain("[1]", ref => Seq.fill(times)(ref).mkString("[", ",", "]")),
      chain("{ m = 1 }", ref => members.map(_ + " = " + ref).mkString("{ ", "\n", " }")),
      chain("xx", _ * times).linesIterator.toSeq.reverse.mkString("o {\n", "\n", "\n}")
        .replace("${", "${o."),
      "l = [{ a = 1 }, ${a" + steps + "}]\n" + chain("xx", _ * times),
      again("a = xx", "a", "a = " + "${a}" * times),
      again("a = [1]", "a", "a = " + "${?a}" * times),
      again("a = xx", "a", "a = " + "${?a} " * times),
      again("x.m = xx\na = ${x}", "a.m", "a = { m = " + "${a.m}" * times + " }"),
      again("x.m = xx\na = ${x}", "a.m", "a { m = " + "${a.m}" * times + " }\na = ${a} { n = 1 }"))
  }

  @Test def substitutionsCannotFillTheMemory(): Unit = {
    for (text <- bombs(15, 4) ++ bombs(40, 2)) {
      assertTrue(text, refused(text).contains("larger than 16 MiB when its substitutions"))
    }
    val ring = "a0 = ${?a40}\n" + (1 to 40).map(i => s"a$i = $${?a${i - 1}}$${?a${i - 1}}")
      .mkString("\n")
    assertTrue(refused(ring).nonEmpty)
    // both of them are only too much together
    val half = "x" * 10000000
    assertEquals(half, parse(s"a = $half, b = $${a}").getString("b"))
    assertTrue(refused(s"a = $half, b = $${a}, c = $${a}").contains("larger than"))
  }

  @Test def substitutionsOfAllKindsAreResolved(): Unit = {
    // the library takes values that refer to themselves below a merged object for cycles
    bombs(3, 2).filterNot(_.startsWith("x.m")).foreach(parse)
    assertEquals("x:1:2", parse("p = x, p = ${p}\":1\"\np = ${p}\":2\"").getString("p"))
    val appended = parse((1 to 40).map(n => s"a += $n, s = $${?s} $n").mkString("\n"))
    assertEquals(40, appended.getList("a").size)
    val merged = "d { x = 1 }\no = ${d} { y = 2 }\n" +
      (1 to 40).map(n => s"o = $${o} { z$n = $${o.x} }").mkString("\n")
    assertEquals(42, parse(merged).getObject("o").size)
    assertEquals(1, parse("a { b = ${c.d} }, c = ${e}, e.d.f = 1, g = ${a.b.f}").getInt("g"))
    assertTrue(refused("a = ${b}, b = ${a}").contains("cycle"))
    assertTrue(refused("a = ${a}").nonEmpty)
    assertTrue(parse("a { b = 1, c = ${?a} }").hasPath("a.b"))
    assertTrue(refused("a { b = ${a.b.c} }").nonEmpty)
  }

  @Test def substitutionsCannotTakeSeconds(): Unit = {
    val lines = Seq("a = x\n" + "a = ${a} x\n" * 300, "a += 1\n" * 300,
      "l = [{ m = x\n" + "m = ${l} x\n" * 300 + "}]", "o.a = x\n" + "o.a = ${o.a} x\n" * 300,
      (1 to 300).map(i => s"o = $${?o} { z$i = 1 }").mkString("\n"),
      (1 to 60).map(p => s"a$p += 1\n" * 60).mkString)
    for (text <- lines) {
      val began = System.nanoTime()
      assertTrue(text.take(40), refused(text).contains("too often"))
      assertTrue(text.take(40), System.nanoTime() - began < 60000000000L)
    }
    assertEquals(90, parse("a += 1\n" * 90).getList("a").size)
    assertEquals(2000, parse("a = x\n" + "b = ${a}\n" + (1 to 2000).map(i => s"c.k$i = 1\n").mkString)
      .getObject("c").size)
  }

  @Test def configurationsThatRenderingWouldSwellAreRefused(): Unit = {
    parse("a." * 198 + "a = 1")
    for (text <- Seq("a." * 200 + "a = 1", "a." * 1500 + "a = 1", "a = " + "[" * 250 + "]" * 250,
        "a = " + "{a=" * 250 + "1" + "}" * 250)) {
      assertTrue(text.take(20), refused(text).contains("nested too deeply"))
    }
    assertTrue(refused("a." * 150 + "a = [" + "1," * 200000 + "1]").contains("larger than 64 MiB"))
    assertEquals(200000, parse("a = [" + "1," * 199999 + "1]").getList("a").size)
  }

  @Test def valuesThatTheMemoryWouldNotHoldAreRefused(): Unit = {
    // of each 12 MiB or so, one at a time
    def list(n: Int = 6 << 20) = "a = [" + "1," * n + "]"
    for (text <- Seq[() => String](() => list(), () => "a = [" + "[]," * (4 << 20) + "]",
        () => "a = [" + "{}," * (4 << 20) + "]", () => "a=1," * (3 << 20), () => "a{}," * (3 << 20),
        () => "a = " + "1 " * (6 << 20), () => "a = 1" + "\n" * (12 << 20), () => "#\n" * (6 << 20),
        () => "a = " + "[" * (12 << 20), () => "a." * (6 << 20) + "a = 1",
        () => "a=" + "\"\" " * (4 << 20), () => "# \"\n" + list(), () => "// \"\n" + list(),
        () => "b = \"\\\"\", " + list(), () => "b = \"\"\" \" \"\"\", " + list(),
        () => "b = \"\"\"x\"\"\"\", " + list(), () => "b = \"\"\"x\"\"\"\"\", " + list(),
        () => "b = \"x\n" + list())) {
      val e = assertThrows(classOf[BadConfigException], () => parse(text()))
      assertTrue(e.getMessage.take(200), e.getMessage.contains("words and signs"))
    }
    // not so much, or in few pieces
    assertEquals(400000, parse("a = [" + "1," * 399999 + "1]").getList("a").size)
    val words = "one two, three. " * 300000
    for (text <- Seq("a = \"" + words + "\"", "a = \"\"\"" + words + "\"\"\"",
        "a = \"\\\\" + words + "\"")) {
      assertTrue(parse(text).getString("a").endsWith(words))
    }
    assertEquals("x\"", parse("a = \"\"\"x\"\"\"\"").getString("a"))
    assertEquals(1, parse("a = 1 # " + words + "\n// " + words.take(1 << 20)).getInt("a"))
  }

  @Test def halfACharacterIsRefused(): Unit = {
    for (text <- Seq("a = \"b\\ud83d\"", "a = [\"\\ude00\"]", "\"x\\ud83d\" = 1", "a = \"\\ude00\\ud83d\"")) {
      assertTrue(text, refused(text).contains("half of a surrogate pair"))
    }
    assertEquals("\ud83d\ude00", parse("a = \"\\ud83d\\ude00\"").getString("a"))
  }

  @Test def renderedAsNestedJson(): Unit = {
    val json = new String(Hocon.render(parse("a.b = x # why\nc = [1, ${a.b}]")), UTF_8)
    assertEquals("""{"a":{"b":"x"},"c":[1,"x"]}""", Json.mapper.readTree(json).toString)
    assertTrue(json, json.contains("\n    \"a\" : {\n        \"b\" : \"x\""))
    assertTrue(json, json.endsWith("}\n"))
  }
}
