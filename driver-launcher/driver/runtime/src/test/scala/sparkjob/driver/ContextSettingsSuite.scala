/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.junit.Assert._
import org.junit.Test

class ContextSettingsSuite {

  private def settings(defaults: String = "{}", query: String = "{}", body: String = "") =
    ContextSettings(Json.mapper.readTree(defaults), Json.mapper.readTree(query),
      Hocon.parse(body.getBytes), Set("spark.driver.port"))

  private def bad(settings: => Any): String =
    assertThrows(classOf[BadSettingException], () => settings).getMessage

  @Test def bodyWinsOverQueryOverDefaults(): Unit = {
    val s = settings("""{"spark.a": "1", "spark.b": "1", "spark.c": 1}""",
      """{"spark.b": "2", "spark.c": "2"}""", "spark.context-settings { spark.c = 3 }\nspark.a = 9")
    assertEquals(Seq("1", "2", "3"), Seq("a", "b", "c").map(n => s.get("spark." + n).get))
  }

  @Test def whatTheServerFixesCannotBeSet(): Unit = {
    val ports = settings("""{"spark.driver.port": "7000"}""", """{"spark.ui.port": "1"}""")
    assertEquals(Some("7000"), ports.get("spark.driver.port"))
    for (prefix <- Seq("", "launcher.", "passthrough."); value <- Seq("7001", "null")) {
      val name = prefix + "spark.driver.port"
      assertTrue(name, bad(settings(query = s"""{"$name": $value}""")).contains(name))
      assertTrue(bad(settings(body = s"spark.context-settings { $name = $value }")).contains(name))
    }
  }

  @Test def theUserOfADriverCannotBePosted(): Unit = {
    assertTrue(bad(settings(body = "spark.context-settings.run-as = nobody")).contains("run-as"))
    assertEquals(Some("nobody"), settings(query = """{"run-as": "nobody"}""").get("run-as"))
  }

  @Test def nullTakesADefaultBack(): Unit = {
    val s = settings("""{"spark.a": 1}""", body = "spark.context-settings.spark.a = null")
    assertEquals(None, s.get("spark.a"))
  }

  @Test def settingsGoToSpark(): Unit = {
    val conf = settings("""{"spark": {"master": "local[3]"}, "num-cpu-cores": 2}""",
      """{"memory-per-node": "512m", "passthrough.es.nodes": "e", "hadoop.fs.x": "y",
        "launcher.spark.q": "r", "max-jobs-per-context": "3"}""")
      .sparkConf("name", Map("spark.d" -> "e"))
    val expected = Map("spark.master" -> "local[3]", "spark.cores.max" -> "2",
      "spark.executor.memory" -> "512m", "es.nodes" -> "e", "spark.hadoop.fs.x" -> "y",
      "spark.q" -> "r", "spark.app.name" -> "name", "spark.ui.port" -> "0", "spark.d" -> "e")
    assertEquals(expected, expected.keys.map(k => k -> conf.get(k)).toMap)
    assertFalse(conf.contains("max-jobs-per-context"))
  }

  @Test def whatARequestSaysBySparkJobserversNamesWinsOverTheDefaultsToo(): Unit = {
    val defaults = """{"spark.executor.memory": "512m", "spark.cores.max": "1"}"""
    def told(s: ContextSettings) = {
      val conf = s.sparkConf("n", Map.empty)
      (conf.get("spark.executor.memory"), conf.get("spark.cores.max"))
    }
    assertEquals(("2g", "3"), told(settings(defaults,
      query = """{"memory-per-node": "2g", "num-cpu-cores": "3"}""")))
    assertEquals(("2g", "3"), told(settings(defaults,
      body = "spark.context-settings { memory-per-node = 2g, num-cpu-cores = 3 }")))
    assertEquals(("1g", "1"), told(settings(defaults,
      query = """{"memory-per-node": "2g", "spark.executor.memory": "1g"}""")))
  }

  @Test def portsOfLocalContextsWantASecret(): Unit = {
    def authenticate(more: String*) = settings(more.mkString("{", ",", "}"))
      .sparkConf("n", Map.empty).get("spark.authenticate", "unset")
    assertEquals("true", authenticate(""""spark.master": "local[2]""""))
    assertEquals("true", authenticate(""""spark.master": "local[*, 3]""""))
    assertEquals("true", authenticate())
    assertEquals("unset", authenticate(""""spark.master": "spark://h:1""""))
    assertEquals("unset", authenticate(""""spark.master": "local-cluster[1,1,1024]""""))
    // Spark has to say that this is no master, and not that a secret is missing
    assertEquals("unset", authenticate(""""spark.master": "local[x]""""))
    assertEquals("false",
      authenticate(""""spark.master": "local"""", """"spark.authenticate": "false""""))
  }

  @Test def oneSettingMayBeginWithTheNameOfAnother(): Unit = {
    val s = settings("""{"spark.speculation": "true", "spark.speculation.interval": "5s"}""",
      body = """spark.context-settings {
        "spark.locality.wait" = 1s, spark.locality.wait.node = 2s }""")
    val conf = s.sparkConf("n", Map.empty)
    val names = Seq("spark.speculation", "spark.speculation.interval", "spark.locality.wait",
      "spark.locality.wait.node")
    assertEquals(Seq("true", "5s", "1s", "2s"), names.map(conf.get))
    assertTrue(s.config.hasPath("spark.speculation.interval"))
  }

  @Test def listsAreJoined(): Unit = assertEquals(Some("a,b"),
    settings(body = "spark.context-settings.spark.jars = [a, b]").get("spark.jars"))

  @Test def masterIsLocalUnlessSet(): Unit = {
    assertEquals("local[*]", settings().master(Map.empty))
    assertEquals("spark://d", settings().master(Map("spark.master" -> "spark://d")))
    assertEquals("x", settings("""{"spark.master": "x"}""").master(Map("spark.master" -> "d")))
  }

  @Test def whatARunningJvmCannotTake(): Unit = {
    def options(body: String) =
      settings(body = s"spark.context-settings { $body }").jvmOptions(Map.empty)
    assertEquals(Nil, options(""))
    assertEquals(Seq("-Xmx700m"), options("launcher.spark.driver.memory = 700M"))
    assertEquals(Seq("-Xmx700m"), options("spark.driver.memory = 700"))
    assertEquals(Seq("-Da=b c", "-Dd=e"),
      options("spark.driver.extraJavaOptions = \"'-Da=b c' -Dd=e\""))
    assertEquals(Seq("-Xmx2g"), settings().jvmOptions(Map("spark.driver.memory" -> "2g")))
  }

  @Test def badValuesAreNamed(): Unit = {
    for (value <- Seq("lots", "1gb", "-1m", "1 m")) {
      val message = bad(settings(query = s"""{"launcher.spark.driver.memory": "$value"}""")
        .jvmOptions(Map.empty))
      assertTrue(message, message.contains("launcher.spark.driver.memory"))
      assertTrue(message, message.contains(value))
    }
    for (name <- Seq("memory-per-node", "spark.executor.memory", "launcher.spark.executor.memory");
        value <- Seq("banana", "-1g", "0", "1.5g", "1x", "1k", "")) {
      val message = bad(settings(query = s"""{"$name": "$value"}""").sparkConf("n", Map.empty))
      assertTrue(message, message.startsWith(s"$name must be a size"))
    }
    for (value <- Seq("1", "1g", "1024KB", "2Gb")) {
      settings(query = s"""{"memory-per-node": "$value"}""").sparkConf("n", Map.empty)
    }
    for (value <- Seq("0", "-1", "x")) {
      assertTrue(bad(settings(query = s"""{"num-cpu-cores": "$value"}""").sparkConf("n", Map.empty))
        .contains("num-cpu-cores"))
      assertTrue(bad(settings(query = s"""{"max-jobs-per-context": "$value"}""").maxJobs(8))
        .contains("max-jobs-per-context"))
    }
  }

  @Test def whatTheLauncherHeeds(): Unit = {
    val none = settings()
    assertEquals((None, 0L, 0L, false),
      (none.maxQueued, none.idleTimeout, none.ttl, none.supervise))
    val s = settings("""{"max-queued-jobs": 5, "supervise": "on"}""",
      """{"context-idle-timeout": "90", "context-ttl": "2h"}""",
      "spark.context-settings { max-queued-jobs = 0 }")
    assertEquals((Some(0), 90L, 7200L, true), (s.maxQueued, s.idleTimeout, s.ttl, s.supervise))
    for ((text, seconds) <- Seq("10m" -> 600L, "500ms" -> 1L, "0" -> 0L, " 7 s" -> 7L,
        "1d" -> 86400L, "1.5s" -> 2L)) {
      assertEquals(text, seconds, settings(query = s"""{"context-ttl": "$text"}""").ttl)
    }
  }

  @Test def badValuesOfWhatTheLauncherHeedsAreNamed(): Unit = {
    for (value <- Seq("soon", "-1", "-1s", "1 fortnight", "99999999999999999999", "1000000d", "");
        (name, read) <- Seq[(String, ContextSettings => Any)]("context-ttl" -> (_.ttl),
          "context-idle-timeout" -> (_.idleTimeout), "max-queued-jobs" -> (_.maxQueued))) {
      val message = bad(read(settings(query = s"""{"$name": "$value"}""")))
      assertTrue(message, message.startsWith(name) && message.endsWith(": " + value))
    }
    assertTrue(bad(settings(query = """{"supervise": "maybe"}""").supervise).contains("maybe"))
    assertEquals(864000000L, settings(query = """{"context-ttl": "10000d"}""").ttl)
    assertEquals("context-ttl must be at most 10000d: 864000001",
      bad(settings(query = """{"context-ttl": "864000001"}""").ttl))
  }

  @Test def settingsThatAreNoObjectAreABadConfig(): Unit =
    assertThrows(classOf[BadConfigException], () => settings(body = "spark.context-settings = 3"))
}
