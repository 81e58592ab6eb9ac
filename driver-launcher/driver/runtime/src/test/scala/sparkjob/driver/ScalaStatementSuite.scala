/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.JsonNode
import org.junit.{AfterClass, BeforeClass, Test}
import org.junit.Assert._
import org.junit.Assume.assumeTrue

/** Statements of Scala on local[2], over the link. */
class ScalaStatementSuite {
  import ScalaStatementSuite._

  private def output(code: String): JsonNode = {
    val told = launcher.state("spark", code)
    assertEquals(told.toString, "FINISHED", told.state)
    told.json
  }

  private def text(code: String): String = {
    val output = this.output(code)
    assertEquals(output.toString, "ok", output.get("status").asText)
    assertEquals(1, output.get("data").size)
    // as newer versions of Scala begin what they show
    output.at("/data/text~1plain").asText.replaceAll("(?m)^val ", "")
  }

  private def error(code: String): JsonNode = {
    val output = this.output(code)
    assertEquals(output.toString, "error", output.get("status").asText)
    assertEquals(output.toString, "Error", output.get("ename").asText)
    output
  }

  /** With Scala 2.12 it is this driver that shows what there is. */
  private def assumeQuick(): Unit = assumeTrue(ScalaVersion.Own == "2.12")

  private def await(condition: => Boolean): Unit = {
    val end = System.nanoTime() + 300L * 1000 * 1000 * 1000
    while (!condition) {
      assertTrue(launcher.log, System.nanoTime() < end)
      Thread.sleep(50)
    }
  }

  @Test def valuesAreShownAsScalaShowsThem(): Unit = {
    assertEquals("x1: Int = 1\n", text("val x1 = 1"))
    assertTrue(text("x1 + 1").matches("res\\d+: Int = 2\n"))
    assertEquals("a1: Int = 1\nb1: Int = 2\n", text("\nval a1 = 1\n\nval b1 = 2\n"))
  }

  @Test def collectionsAreShownAsScalaShowsThem(): Unit = {
    assumeQuick()
    val values = """
      Seq(1, "", null, " a", 'c', 1.5, "a\nb")
      List.fill(300)(1)
      Nil
      (1, Seq(2))
      Tuple1(1)
      Map(1 -> (2, " "), 2 -> (3, ""))
      scala.collection.mutable.HashMap(1 -> List(null))
      Seq(1 -> 2)
      Set(Set(), Set(1))
      Array(Array(1, 2), Array())
      Array("", null)
      Array((), ())
      new Array[Unit](2)
      Array.fill(2)(Option(Seq("")))
      1 to 3
      Vector(1L to 2L)
      List(1).view
      Stream.from(1)
      scala.collection.immutable.TreeMap(1 -> "")
      " wrapped": Seq[Char]
      Iterator(1)
      Left(List(""))
      java.util.Arrays.asList("", 1)
      scala.collection.JavaConverters.asScalaBuffer(java.util.Arrays.asList(""))
      new scala.collection.mutable.PriorityQueue[Int]
      scala.collection.mutable.BitSet(1)
      Seq(spark.range(1).toDF)
      scala.collection.mutable.WrappedArray.make(Array(""))
      new StringBuilder("")
      List(1).toIterable
      "j" * 100000 + "\n"
      List(new Object { override def toString: String = null }, 1)
      (new Object { override def toString: String = null }, 1)
      List(1).par"""
    val scalas = "print(\"= \" + scala.runtime.ScalaRunTime.replStringOf(value, 1000))"
    def shown(code: String) = text(code).split(" ?= ?", 2)(1).take(700)
    for (value <- values.trim.split("\n *")) {
      val ours = shown(s"val value = $value")
      assertEquals(value, shown(scalas), ours)
    }
  }

  @Test def definitionsAreShownAsScalaShowsThem(): Unit = {
    assumeQuick()
    assertEquals("d1: (n: Int)Int\n", text("def d1(n: Int) = n + 1"))
    assertEquals("d2: [T](t: T)T\n", text("def d2[T](t: T) = t"))
    assertEquals("d3: Int = <lazy>\n", text("lazy val d3 = { println(5); 6 }"))
    assertTrue(text("d3").matches("5\nres\\d+: Int = 6\n"))
    assertEquals("defined class D5\ndefined trait D6\n", text("case class D5(n: Int); trait D6"))
    assertEquals("defined object D7\n", text("object D7 { val n = d1(1) }"))
    assertEquals("defined type alias D8\n", text("type D8 = List[D5]"))
    assertEquals("import scala.util.Try\n", text("import scala.util.Try"))
    assertEquals("defined class D9\n", text("class D9(val n: Int) extends AnyVal"))
    assertTrue(text("(new D9(2)).n + D7.n").endsWith(": Int = 4\n"))
    assertEquals("a9: Int = 1\nb9: String = two\n", text("val (a9, b9) = (1, \"two\")"))
    assertEquals("\nc9: Int = 3\nd9: Int = 4\n", text("val c9 = 3; println(); val d9 = c9 + 1"))
    assertEquals("null9: String = null\n", text("val null9: String = null"))
    assertEquals("e9: Int = 5\n", text("var e9 = 5"))
    assertEquals("e9: Int = 6\n", text("e9 = 6"))
    assertEquals("", text("e9 += 1; ()"))
  }

  /** Scala's own phase for this is left out where there is nothing to specialise. */
  @Test def functionsAndClassesAreSpecialised(): Unit = {
    text("class Box[@specialized(Int) T](val in: T) { def out: T = in }\nval half = (n: Int) => n / 2")
    assertTrue(text("new Box(3).getClass.getName").contains("Box$mcI$sp"))
    assertTrue(text("half(8)").endsWith(": Int = 4\n"))
    assertTrue(text("List(1, 2, 3).map(half.andThen(_ + 1)).sum").endsWith(": Int = 5\n"))
  }

  /** What earlier code had defined is imported where later code may mean it. */
  @Test def namesMeanWhatWasLastDefinedOrImported(): Unit = {
    text("object Many1 { val many1 = 2; implicit val many2: java.util.Locale = java.util.Locale.ROOT }")
    text("val many1 = 1")
    text("import Many1._")
    assertTrue(text("many1 + 0").endsWith(": Int = 2\n"))
    text("val many1 = 3")
    assertTrue(text("many1 + 0").endsWith(": Int = 3\n"))
    assertTrue(text("implicitly[java.util.Locale] == java.util.Locale.ROOT").endsWith(": Boolean = true\n"))
    // the import is of the one that was there then
    text("val many3 = Many1\nimport many3.{many1 => many4}\nval many3 = 5")
    assertTrue(text("many4 + many3").endsWith(": Int = 7\n"))
    assertTrue(error("many5").get("evalue").asText.contains("not found: value many5"))
    // a value and a class of one name, an alias, and an implicit value that nobody names
    text("class Many6(val n: Int)\nval Many6 = 7\ntype Many8 = Many6\nimplicit val many9: Short = 9")
    assertTrue(text("(new Many6(Many6): Many8).n + implicitly[Short]").endsWith(": Int = 16\n"))
    text("implicit val many9: Short = 10")
    assertTrue(text("implicitly[Short] + 0").endsWith(": Int = 10\n"))
    // a case class, and its companion alone after that
    text("case class Many11(n: Int)")
    assertTrue(text("Many11(11).n").endsWith(": Int = 11\n"))
    text("object Many11 { def other = 12 }")
    assertTrue(text("Many11.other").endsWith(": Int = 12\n"))
  }

  /** With Scala 2.12 what is imported and what code defines are in one class where that can be. */
  @Test def codeMayDefineOrInheritWhatIsImported(): Unit = {
    // of org.apache.spark.sql.functions
    assertTrue(text("val max = 5; max + 1").endsWith(": Int = 6\n"))
    assertTrue(text("val min = max").endsWith(": Int = 5\n"))
    assertTrue(text("def sum(n: Int): Int = if (n < 1) 0 else n + sum(n - 1)\nsum(3)").endsWith(": Int = 6\n"))
    assertTrue(text("lit(1).toString").endsWith(": String = 1\n"))
    assertEquals("import scala.math.Pi\nPi: Int = 3\n", text("import scala.math.Pi\nval Pi = 3"))
    // of Object, and of Any
    assertTrue(text("synchronized { max }").endsWith(": Int = 5\n"))
    assertTrue(text("isInstanceOf[String]").endsWith(": Boolean = false\n"))
    assertTrue(text("val hash = hashCode; hash == hash").endsWith(": Boolean = true\n"))
    // what an earlier import is of
    assertTrue(text("val spark = 1").endsWith("spark: Int = 1\n"))
    text("val spark = sparkjob.driver.SessionValues.spark")
    // other code is run to find out what is imported
    text("class Holder7 { val held7 = 7 }\nval holder7 = new Holder7")
    assertTrue(text("import holder7._\nclass User7 { def user7 = held7 }\n(new User7).user7").endsWith(": Int = 7\n"))
  }

  @Test def functionsTakeWhatTheyUseToTasks(): Unit = {
    text("val factor = 3\nval unused = new Object\ndef times(n: Int) = n * factor")
    text("val multiplied = sc.parallelize(1 to 3).map(_ * factor)")
    assertTrue(text("multiplied.sum").endsWith(": Double = 18.0\n"))
    assertTrue(text("sc.parallelize(1 to 3).map(times).sum").endsWith(": Double = 18.0\n"))
    assertTrue(text("val more = multiplied.map(_ + factor); val other = new Object; more.sum").contains(": Double = 27.0\n"))
    text("val one = 1")
    Seq("Seq(1, 2).map(y => y * factor).sum", "scala.util.Try(x * 3 * factor).get").foreach { inner =>
      val code = s"sc.parallelize(1 to 3).map(x => one + $inner).first()"
      assertTrue(text(code).endsWith(": Int = 10\n"))
    }
    text("case class Pair5(a: Int, b: Int)")
    assertTrue(text("Seq(Pair5(1, factor)).toDS.map(_.b).collect.sum").endsWith(": Int = 3\n"))
  }

  /** Packages, of which each piece of code is one, stay where they are; classes in classes do not. */
  @Test def classesInClassesOutliveTheirPiece(): Unit = {
    text("object Deep1 { class In1 { class In2 { def n = 2 }; object In3 { val n = 3 } } }")
    assertTrue(text("(new Deep1.In1).getClass.getName").contains("Deep1$In1\n"))
    text("class Deep2 extends Deep1.In1 { class In4 extends In2 { override def n = super.n + In3.n } }")
    text("val deep2 = new Deep2")
    assertTrue(text("(new deep2.In4).n").endsWith(": Int = 5\n"))
  }

  @Test def linesAreJoinedUntilTheyAreComplete(): Unit = {
    assertEquals("6\n", text("println(List(1, 2, 3)\n  .sum)"))
    assertEquals("12", text("def add(a: Int) = {\n  a + 1\n}\nprint(1)\nprint(add(1))")
      .stripPrefix("add: (a: Int)Int\n").stripPrefix("def add(a: Int): Int\n"))
    // a line that cannot begin anything belongs to the one before it
    assertEquals("3\n", text("List(1, 2)\n  .map(_ + 1)\n  .max match { case n => println(n) }"))
    assertEquals("no\n", text("if (1 > 2) {\n  println(\"yes\")\n}\nelse {\n  println(\"no\")\n}"))
    assertEquals("", text("// nothing but this"))
    assertEquals("r1: Int = 1\n", text("val r1 = 1\n/*\ncomment\n*/\n// and another"))
    assertEquals("incomplete statement", error("sc.").get("evalue").asText)
    assertEquals("incomplete statement", error("def f(").get("evalue").asText)
  }

  @Test def errorsHaveTheirFirstLineAsValue(): Unit = {
    val unknown = error("println(5)\nnosuch + 1")
    assertTrue(unknown.toString, unknown.get("evalue").asText.contains("error: not found: value nosuch"))
    assertTrue(unknown.toString, unknown.get("traceback").size >= 1)
    val thrown = error("print(\"before\\n\"); throw new RuntimeException(\"mine\")")
    assertEquals("java.lang.RuntimeException: mine", thrown.get("evalue").asText)
    assertEquals("before\n", thrown.get("traceback").get(0).asText)
    // what follows is not run
    error("1 / 0\nval never = 1")
    assertTrue(error("never").get("evalue").asText.contains("not found"))
  }

  @Test def sparkIsThereAndCodeRunsInItsTasks(): Unit = {
    assertTrue(text("spark").contains("org.apache.spark.sql."))
    assertTrue(text("case class Point(x: Int)\nval two = 2\n"
      + "sc.parallelize(1 to 4).map(n => Point(n * two)).map(_.x).sum").endsWith(": Double = 20.0\n"))
    assertTrue(text("Seq(1, 2, 3).toDF(\"n\").where($\"n\" > 1).select(max(\"n\")).show()")
      .contains("|     3|"))
    assertTrue(text("spark.range(3).map(_ + 1).collect()").contains("Array(1, 2, 3)"))
    assertTrue(text("sql(\"select 1 as one\").show()").contains("|one|"))
  }

  @Test def magicsShowJsonAndTables(): Unit = {
    val table = output("val rows = List(List(1, \"a\"), List(3, \"b\"))\n%table rows")
    assertEquals("""{"headers":[{"type":"BIGINT_TYPE","name":"0"},{"type":"STRING_TYPE","name":"1"}],"""
      + """"data":[[1,"a"],[3,"b"]]}""",
      table.get("data").get("application/vnd.livy.table.v1+json").toString)
    assertEquals("""[[1,"a"],[3,"b"]]""",
      output("%json rows").get("data").get("application/json").toString)
    assertEquals("NameError", output("%json nosuch").get("ename").asText)
    assertEquals("TypeError", output("%table List(1, \"a\")").get("ename").asText)
    assertEquals("UnknownMagic", output("%nosuch rows").get("ename").asText)
  }

  @Test def namedObjectsAreSharedWithJobs(): Unit = {
    output("import _root_.spark.jobserver._\n"
      + "implicit val keep: NamedObjectPersister[NamedRDD[Int]] = new RDDPersister[Int]\n"
      + "class Twice(val n: Int) extends Serializable { def twice = n * 2 }\n"
      + "namedObjects.update(\"theirs\", NamedRDD(sc.parallelize(1 to 3).map(new Twice(_).twice),"
      + " true, org.apache.spark.storage.StorageLevel.MEMORY_ONLY))")
    assertEquals("[12.0,[\"theirs\"]]", launcher.run("mine.Sums", "", Seq(UserJars.jobs)).text)
  }

  @Test def aStatementMayPrintAsMuchAsItLikes(): Unit = {
    val shown = text("for (_ <- 1 to 300000) println(\"0123456789\")")
    assertTrue(shown.length.toString, shown.length < 110000)
    assertTrue(shown.takeRight(200), shown.contains("more bytes are left out"))
    assertTrue(shown.takeRight(200), shown.contains("statement-output-max"))
  }

  @Test def aKilledStatementEndsAndTheNextOneRuns(): Unit = {
    val id = launcher.beginStatement("spark", "Thread.sleep(600000)")
    assertEquals(Message.Started, launcher.receive().kind)
    launcher.send(Message.Kill, Json.obj().put("id", id))
    val told = launcher.receive()
    assertEquals("KILLED", told.state)
    launcher.acknowledge(id)
    assertEquals("k1: Int = 1\n", text("val k1 = 1"))
  }

  @Test def aKilledStatementTellsHowLongItHasRun(): Unit = {
    val rows = "range(1000000000) a join range(1000000) b on a.id % 7 = b.id % 3"
    val id = launcher.beginStatement("sql", s"select count(*) from $rows")
    assertEquals(Message.Started, launcher.receive().kind)
    Thread.sleep(2000)
    launcher.send(Message.Kill, Json.obj().put("id", id))
    val told = launcher.receive()
    assertEquals("KILLED", told.state)
    assertTrue(told.toString, told.meta.get("runMicros").asLong >= 400000)
    launcher.acknowledge(id)
  }

  @Test def aLoopThatHeedsNoInterruptIsEnded(): Unit = {
    for (turn <- Seq("turns += 1", "println(turns)")) {
      val begun = Files.createTempDirectory(launcher.folder, "loop").resolve("begun")
      val id = launcher.beginStatement("spark",
        "var turns = 0L\nnew java.io.File(\"" + begun + "\").createNewFile(); while (true) " + turn)
      assertEquals(Message.Started, launcher.receive().kind)
      await(Files.exists(begun))
      launcher.send(Message.Kill, Json.obj().put("id", id))
      assertEquals("KILLED", launcher.receive().state)
      launcher.acknowledge(id)
    }
    assertEquals("0\n", text("println(turns)"))
    assertTrue(text("sc.parallelize(1 to 3).map(_ + 1).sum").endsWith("9.0\n"))
  }

  @Test def codeThatHeedsNoInterruptIsToldOf(): Unit = {
    val (begun, end) = (launcher.folder.resolve("begun"), launcher.folder.resolve("end"))
    def file(path: Path) = "new java.io.File(\"" + path + "\")"
    val id = launcher.beginStatement("spark",
      s"val end = ${file(end)}\n${file(begun)}.createNewFile(); "
        + "while (!end.exists) try { while (!end.exists) {} } catch { case _: Throwable => }")
    assertEquals(Message.Started, launcher.receive().kind)
    await(Files.exists(begun))
    launcher.send(Message.Kill, Json.obj().put("id", id))
    await(launcher.log.contains("does not heed that it is interrupted"))
    Files.createFile(end)
    assertEquals("KILLED", launcher.receive().state)
    launcher.acknowledge(id)
  }

  @Test def whatCannotBeInterpretedIsRefusedInWords(): Unit = {
    val told = launcher.state("sparkr", "1 + 1").json
    assertEquals(("error", "InterpreterError"),
      (told.get("status").asText, told.get("ename").asText))
    assertTrue(told.toString, told.get("evalue").asText.startsWith("Fail to start interpreter: " +
      "no interpreter for kind sparkr: there is no "))
    assertTrue(told.toString, told.get("evalue").asText.endsWith(
      "there is no SparkR in /no/spark/R/lib"))
  }

  @Test def codeIsCompleted(): Unit = {
    text("val completed = \"text\"")
    val code = "completed.ch"
    // a place past the end is the end, and a character that is two for Java is one
    for ((before, cursor, after) <- Seq(("", 12L, ""), ("", 12L, " + other"), ("", 99999L, ""),
        ("", 1L << 40, ""), ("\"\ud83d\ude00\"; ", 17L, " + other"))) {
      val meta = Json.obj().put("key", "k").put("kind", "spark").put("cursor", cursor)
      launcher.send(Message.Complete, meta, before + code + after)
      val told = launcher.receive()
      assertEquals((Message.Completed, "k"), (told.kind, told.meta.get("key").asText))
      assertTrue(s"$before$code$after at $cursor: $told", told.text.contains("\"charAt\""))
    }
  }

  @Test def whatIsShownHasItsBound(): Unit = {
    val why = "What the statement shows has more than 67108864 bytes"
    def assertRefused(kind: String, code: String): Unit = {
      val told = launcher.state(kind, code).json
      assertEquals(told.toString.take(1000), why, told.path("evalue").asText)
      assertEquals("Error", told.get("ename").asText)
    }
    text("val much = \"j\" * 10000; val more = Seq.fill(7000)(much)")
    assertRefused("spark", "%json more")
    assertRefused("spark", "%table more")
    assertEquals(6000, output("val fits = more.take(6000)\n%json fits").at("/data/application~1json").size)
    // what it takes to write it counts, too
    text("val zeros = \"\\u0000\" * 12000000")
    assertRefused("spark", "%json zeros")
    assertRefused("sql", "select repeat('x', 1000000) as r from range(1000)")
    val rows = launcher.state("sql", "select id, repeat('x', 1000000) as r from range(0, 60, 1, 3)").json
    assertEquals(0 until 60, (0 until 60).map(rows.at("/data/application~1json/data").get(_).get(0).asInt))
    assertEquals(1000000, rows.at("/data/application~1json/data/59/1").asText.length)
  }

  /** The driver has a heap of 600 MB. */
  @Test def whatNobodySeesIsNotMade(): Unit = {
    assumeQuick()
    text("val one = \"j\" * 1000000")
    for (values <- Seq("Seq.fill(900)(one)", "Array.fill(900)(Array(one))", "(1 to 900).map(_ -> one).toMap",
        "(0, Vector.fill(30, 30)(Tuple1(one)))", "Tuple1(Set(Iterable.fill(900)(Some(one))))")) {
      val shown = text(s"val values = $values")
      assertTrue(shown, shown.endsWith("jjj...\n") && shown.length < 1000)
    }
    assertTrue(text("var assigned = one; assigned = one").endsWith("jjj...\n"))
    assertEquals("assigned: String = null\n", text("assigned = null").linesWithSeparators.toSeq.last)
  }

  @Test def sqlShowsValuesOfAllTypes(): Unit = {
    val told = launcher.state("sql", "select 1Y, 2.5BD, 1.5e0, true, null, X'01', DATE'2020-02-29', " +
      "array(1, null), map('k', 1), named_struct('x', 'y') from range(2)").json
    assertEquals("[1,2.5,1.5,true,null,[1],\"2020-02-29\",[1,null],{\"k\":1},{\"x\":\"y\"}]",
      told.at("/data/application~1json/data/1").toString)
    val first = launcher.state("sql", "select id from range(0, 100000, 1, 100) order by -id").json
    assertEquals("[99999]", first.at("/data/application~1json/data/0").toString)
    assertEquals(1000, first.at("/data/application~1json/data").size)
  }

  @Test def sqlShowsRowsWithTheirSchema(): Unit = {
    val told = launcher.state("sql", "select id, cast(id as string) as text from range(1200)").json
    val json = told.at("/data/application~1json")
    assertEquals(1000, json.get("data").size)
    assertEquals("[1,\"1\"]", json.get("data").get(1).toString)
    assertEquals("text", json.at("/schema/fields/1/name").asText)
    assertEquals("string", json.at("/schema/fields/1/type").asText)
    val wrong = launcher.state("sql", "select nosuch").json
    assertEquals(("error", "Error"), (wrong.get("status").asText, wrong.get("ename").asText))
    assertTrue(wrong.get("evalue").asText.contains("nosuch"))
    assertTrue(wrong.get("traceback").size > 1)
  }
}

object ScalaStatementSuite {
  private var launcher: TestLauncher = _

  @BeforeClass def start(): Unit = {
    launcher = new TestLauncher(Map("SPARK_HOME" -> "/no/spark"))
    launcher.context(Map("spark.master" -> "local[2]", "statement-output-max" -> "100000"))
  }

  @AfterClass def stop(): Unit = launcher.close()
}
