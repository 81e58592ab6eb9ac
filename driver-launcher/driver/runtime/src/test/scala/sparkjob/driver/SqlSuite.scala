/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.ByteArrayInputStream

import scala.collection.JavaConverters._

import org.apache.arrow.memory.RootAllocator
import org.apache.arrow.vector.ipc.ArrowStreamReader
import org.junit.{AfterClass, BeforeClass, Test}
import org.junit.Assert._

/** The built-in job that runs SQL, in a context without a session of its own. */
class SqlSuite {
  import SqlSuite._

  private def run(query: String, format: String = "", schema: Boolean = false): Told = {
    val config = Json.obj().put("query", query).put("schema", schema)
    launcher.run("sparkjob.sql" + format, config.toString)
  }

  private def result(query: String, format: String = ""): String = {
    val told = run(query, format)
    assertEquals(told.toString, "FINISHED", told.state)
    told.text
  }

  private def refused(query: String): Told = {
    val told = run(query)
    assertEquals(told.toString, (Message.Refused, "validation-failed"), (told.kind, told.code))
    told
  }

  @Test def rowsAreObjects(): Unit = {
    assertEquals("[{\"a\":1,\"b\":null},\n{\"a\":2,\"b\":\"x\\\"\u00e9\"}]",
      result("SELECT * FROM VALUES (1, NULL), (2, 'x\"\u00e9') AS t(a, b)"))
    assertEquals("[]", result("SELECT 1 AS a WHERE 1 = 2"))
    val all = """SELECT true AS flag, 1Y AS byte, 12345678901L AS long, 1.50BD AS decimal,
      |  1.5e0 AS double, double('NaN') AS nan, X'0102' AS bytes, DATE'2020-02-29' AS day,
      |  TIMESTAMP'2020-02-29 12:00:00.123456Z' AS instant,
      |  TIMESTAMP_NTZ'2020-02-29 12:00:00.5' AS local, array(1, NULL) AS list,
      |  map('k', 1) AS map, named_struct('x', NULL) AS inner, 1 AS flag""".stripMargin
    result("SET TIME ZONE 'UTC'")
    assertEquals("""[{"flag":true,"byte":1,"long":12345678901,"decimal":1.50,"double":1.5,""" +
      """"nan":"NaN","bytes":"AQI=","day":"2020-02-29","instant":"2020-02-29T12:00:00.123456Z",""" +
      """"local":"2020-02-29T12:00:00.500000","list":[1,null],"map":{"k":1},"inner":{"x":null},""" +
      """"flag":1}]""", result(all))
  }

  @Test def theSchemaIsToldWhereItIsAskedFor(): Unit = {
    val told = run("SELECT 1 AS a", schema = true)
    assertEquals("""{"schema":{"type":"struct","fields":[{"name":"a","type":"integer",""" +
      """"nullable":false,"metadata":{}}]},"data":[{"a":1}]}""", told.text)
    assertEquals("""{"schema":{"type":"struct","fields":[]},"data":[]}""",
      run("CREATE OR REPLACE TEMP VIEW empty AS SELECT 1", schema = true).text)
  }

  @Test def csvIsQuotedWhereNeedBe(): Unit = {
    assertEquals("a,\"b,\"\"c\"\"\",a\n1,x,true\n,\"\",\n2,\"y\"\"\r\nz\",\n3, \\ ,false\n", result(
      "SELECT * FROM VALUES (1, 'x', true), (NULL, '', NULL), (2, 'y\"\r\nz', NULL), " +
        "(3, ' \\\\ ', false) AS t(a, `b,\"c\"`, a)", ".csv"))
    assertEquals("bytes,list,day\nAQI=,\"[{\"\"k\"\":null}]\",2020-02-29\n", result(
      "SELECT X'0102' AS bytes, array(map('k', NULL)) AS list, DATE'2020-02-29' AS day", ".csv"))
    assertEquals("\n", result("CREATE OR REPLACE TEMP VIEW empty AS SELECT 1", ".csv"))
    // even a little of it comes as a file
    assertTrue(run("SELECT 1", ".csv").meta.has("file"))
  }

  private def arrow(query: String): Seq[String] = {
    val told = run(query, ".arrow")
    assertTrue(told.toString, told.meta.has("file"))
    val reader = new ArrowStreamReader(new ByteArrayInputStream(told.body), new RootAllocator)
    try {
      val root = reader.getVectorSchemaRoot
      Iterator.continually(reader.loadNextBatch()).takeWhile(identity).flatMap { _ =>
        (0 until root.getRowCount).map { row =>
          root.getFieldVectors.asScala
            .map(vector => vector.getField.getName + "=" + vector.getObject(row)).mkString(",")
        }
      }.toVector
    } finally {
      reader.close()
    }
  }

  @Test def arrowIsAStreamOfRecordBatches(): Unit = {
    assertEquals(Seq("a=1,b=x,a=null", "a=2,b=null,a=true"),
      arrow("SELECT * FROM VALUES (1, 'x', NULL), (2, NULL, true) AS t(a, b, a)"))
    assertEquals(Nil, arrow("SELECT 1 AS a WHERE 1 = 2"))
    assertEquals(Nil, arrow("CREATE OR REPLACE TEMP VIEW empty AS SELECT 1"))
    assertEquals((0 until 20000).map("id=" + _), arrow("SELECT id FROM range(0, 20000, 1, 7)"))
  }

  @Test def manyPartitionsKeepTheirOrder(): Unit = {
    val lines = result("SELECT id FROM range(0, 30000, 1, 37)", ".csv").split("\n")
    assertEquals("id" +: (0 until 30000).map(_.toString), lines.toSeq)
    val first = result("SELECT id FROM range(0, 30000, 1, 37) ORDER BY id LIMIT 700", ".csv")
    assertEquals("id" +: (0 until 700).map(_.toString), first.split("\n").toSeq)
  }

  /** A partition has more than the driver takes at once: its executor keeps it. */
  @Test def largePartitionsComeInPieces(): Unit = {
    val query = "SELECT id, sha2(string(id), 512) AS x FROM range(0, 200000, 1, %d)"
    val expected = result(query.format(400), ".csv")
    assertTrue(expected.length > 25000000)
    assertEquals(200001, expected.split("\n").length)
    for (partitions <- Seq(1, 2, 5)) {
      assertTrue(s"$partitions partitions", expected == result(query.format(partitions), ".csv"))
    }
    val rows = arrow(query.format(2))
    assertTrue(expected.split("\n").toSeq.tail == rows.map(_.replace("id=", "").replace("x=", "")))
    val one = "SELECT repeat(sha2(string(id), 512), 200000) AS x FROM range(0, 2, 1, 1)"
    assertEquals(2 * 128 * 200000 + 4, result(one, ".csv").length)
  }

  @Test def aLimitTakesTheFirstRows(): Unit = {
    // a few partitions at a time, of which the last has too many
    val query = "SELECT id FROM range(0, 100000, 1, 100) LIMIT 7500"
    assertEquals("id" +: (0 until 7500).map(_.toString), result(query, ".csv").split("\n").toSeq)
    assertEquals("id\n3\n4\n", result("SELECT id FROM range(0, 100, 1, 10) LIMIT 2 OFFSET 3", ".csv"))
    assertEquals("id\n", result("SELECT id FROM range(0, 100, 1, 10) LIMIT 0", ".csv"))
    assertEquals("k,n\n0,300\n1,300\n", result("SELECT id % 2 AS k, count(*) AS n " +
      "FROM (SELECT * FROM range(0, 100000, 1, 10) LIMIT 600) GROUP BY id % 2 ORDER BY k LIMIT 5", ".csv"))
    val shuffled = "SELECT id % 9 AS k, count(*) AS n FROM range(0, 9000, 1, 10) GROUP BY id % 9 LIMIT 4"
    val lines = result(shuffled, ".csv").split("\n").toSeq.tail
    assertEquals(4, lines.distinct.size)
    assertTrue(lines.mkString(" "), lines.forall(_.endsWith(",1000")))
  }

  @Test def whatCannotBeAnalysedIsRefused(): Unit = {
    val parse = refused("SELEC 1")
    assertEquals("org.apache.spark.sql.catalyst.parser.ParseException",
      parse.json.get("errorClass").asText)
    assertTrue(parse.toString, parse.json.get("message").asText.contains("SELEC"))
    for (query <- Seq("SELECT * FROM no_such_table", "SELECT no_such_column FROM range(1)",
        "SELECT 1 +", "-- nothing")) {
      val errorClass = refused(query).json.get("errorClass").asText
      assertTrue(query, errorClass.startsWith("org.apache.spark.sql"))
    }
    val several = refused("SELECT 1; -- and\n SELECT ';'")
    assertTrue(several.toString,
      several.json.get("message").asText.contains("more than one statement"))
    assertEquals("""[{"a;b":"; -- '"}]""", result("SELECT '; -- \\'' AS `a;b`; -- one\n ;"))
    assertEquals("bad-config", launcher.run("sparkjob.sql", "a = 1").code)
  }

  @Test def whatFailsIsTheJobsError(): Unit = {
    val told = run("SELECT raise_error('bad luck') AS a FROM range(3)", ".csv")
    assertEquals(told.toString, (Message.Result, "ERROR"), (told.kind, told.state))
    assertTrue(told.toString, told.json.get("message").asText.contains("bad luck"))
  }

  @Test def aCommandIsExecutedOnceAndTheSessionIsTheContexts(): Unit = {
    result("CREATE TABLE t (n INT) USING parquet")
    assertEquals("[]", result("INSERT INTO t VALUES (1), (2)"))
    assertEquals("[{\"n\":2}]", result("SELECT count(*) AS n FROM t"))
    result("CREATE TEMP VIEW twice AS SELECT 2 * n AS m FROM t")
    assertEquals("m\n2\n4\n", result("SELECT m FROM twice ORDER BY m", ".csv"))
    // the table is there already: told by the command, which has begun
    val again = run("CREATE TABLE t (n INT) USING parquet")
    assertEquals(again.toString, "ERROR", again.state)
    assertTrue(again.toString, again.json.get("message").asText.contains("already exists"))
  }

  @Test def statementsAreCountedAsFarAsTheTextShows(): Unit = {
    for ((text, count) <- Seq("" -> 0, " ; ;" -> 0, "a" -> 1, "a;" -> 1, "a; -- b" -> 1,
        "a /* ; b */ c" -> 1, "';' || \";\" || `;`" -> 1, "'\\';'" -> 1, "a;b" -> 2,
        "a\n;\nb;" -> 2, "'it''s'; b" -> 2, "a -- x\n; b; c" -> 3)) {
      assertEquals(text, count, SqlText.statements(text))
    }
  }
}

object SqlSuite {
  private var launcher: TestLauncher = _

  @BeforeClass def start(): Unit = {
    launcher = new TestLauncher
    launcher.context(Map("spark.master" -> "local[2]", "spark.ui.enabled" -> "false"))
  }

  @AfterClass def stop(): Unit = launcher.close()
}
