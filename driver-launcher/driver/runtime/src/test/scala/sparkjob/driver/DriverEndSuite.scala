/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.collection.JavaConverters._

import org.junit.Test
import org.junit.Assert._

/** Drivers that get no context, or lose it. */
class DriverEndSuite {

  private val local = Map("spark.master" -> "local[1]", "spark.ui.enabled" -> "false")

  private def withDriver(check: TestLauncher => Unit): Unit = {
    val launcher = new TestLauncher
    try check(launcher) finally launcher.close()
  }

  private def failure(settings: Map[String, String], body: String = ""): Told = {
    var told: Told = null
    withDriver { launcher =>
      told = launcher.context(settings, body)
      assertEquals(told.toString, Message.Failed, told.kind)
      assertEquals(1, launcher.exitCode())
    }
    told
  }

  @Test def aMasterThatIsNotThereIsNamed(): Unit = {
    val told = failure(Map("spark.master" -> "spark://127.0.0.1:1"))
    assertEquals("context-init-failed", told.code)
    assertTrue(told.json.get("message").asText.contains("spark://127.0.0.1:1"))
  }

  @Test def anApiServerThatIsNotThereIsNamed(): Unit = {
    val image = Map("spark.kubernetes.container.image" -> "i")
    for (url <- Seq("k8s://https://127.0.0.1:1", "k8s://127.0.0.1:1")) {
      val told = failure(image + ("spark.master" -> url))
      assertEquals("context-init-failed", told.code)
      assertTrue(told.toString,
        told.json.get("message").asText.startsWith(s"No Kubernetes API server answers at $url"))
    }
  }

  @Test def anImageThatIsNotSetIsMissed(): Unit = {
    val told = failure(Map("spark.master" -> "k8s://https://127.0.0.1:1"))
    assertTrue(told.toString,
      told.json.get("message").asText.startsWith("spark.kubernetes.container.image is not set"))
  }

  @Test def mesosWithoutItsLibraryIsToldInWords(): Unit = {
    val told = failure(Map("spark.master" -> "mesos://127.0.0.1:5050"))
    assertEquals("context-init-failed", told.code)
    val message = told.json.get("message").asText
    assertTrue(message, message.contains("MESOS_NATIVE_JAVA_LIBRARY")
      || message.contains("this Spark has no Mesos"))
  }

  @Test def badSettingsAreNamed(): Unit = {
    for ((name, value, code) <- Seq(("spark.master", "nonsense", "context-init-failed"),
        ("context-factory", "x.Y", "bad-setting"),
        ("launcher.spark.driver.memory", "lots", "bad-setting"))) {
      val told = failure(Map(name -> value))
      assertEquals(code, told.code)
      assertTrue(told.toString, told.json.get("message").asText.contains(value))
    }
  }

  @Test def aBodyThatIsNoConfigurationIsABadConfig(): Unit = {
    for ((body, words) <- Seq("{" -> "end of file", "[1]" -> "object at file root",
        "include file(\"/etc/passwd\")" -> "include is not allowed here: /etc/passwd",
        "spark.context-settings=5" -> "spark.context-settings is not an object")) {
      val told = failure(local, body)
      assertEquals("bad-config", told.code)
      assertTrue(told.toString, told.meta.get("name").asText.contains(words))
    }
  }

  @Test def theBodyOfAnAdHocContextIsItsJobs(): Unit = withDriver { launcher =>
    val told = launcher.context(local, "a = ", Json.obj().put("adhoc", true))
    assertEquals(told.toString, Message.Ready, told.kind)
    assertEquals("bad-config", launcher.run("mine.NoOp", "a = ", Seq(UserJars.jobs)).code)
  }

  @Test def anotherHeapNeedsAnotherJvm(): Unit = {
    withDriver { launcher =>
      val body = "spark.context-settings.launcher.spark.driver.memory = 700m"
      val told = launcher.context(local, body)
      assertEquals(Message.Respawn, told.kind)
      assertEquals("[\"-Xmx700m\"]", told.meta.get("options").toString)
      assertEquals(0, launcher.exitCode())
    }
    withDriver { launcher =>
      val options = Json.obj()
      options.putArray("options").add("-Xmx700m")
      val told = launcher.context(local + ("spark.driver.memory" -> "700m"), more = options)
      assertEquals(told.toString, Message.Ready, told.kind)
    }
  }

  /** Asks for a context with a class path, and answers what the driver asks about that. */
  private def withPath(launcher: TestLauncher, entries: Map[String, String]*): Told = {
    val settings = Map("cp" -> "c", "dependent-jar-uris" -> "a, b")
    val asked = launcher.context(local ++ settings, more = TestLauncher.reads(
      UserJars.jobs.getParentFile))
    assertEquals(asked.toString, Message.Resolve, asked.kind)
    assertEquals("""{"id":"id","class":"","cp":["a","b","c"]}""", asked.meta.toString)
    val answer = Json.obj().put("id", "id").put("class", "")
    answer.set("cp", Json.mapper.valueToTree(entries.map(_.asJava).asJava))
    launcher.send(Message.Run, answer)
    launcher.receive()
  }

  @Test def theClassPathOfAContextIsThatOfItsJobs(): Unit = withDriver { launcher =>
    val told = withPath(launcher, Map("uri" -> UserJars.jobs.toURI.toString), Map("name" -> "c",
      "type" -> "Jar", "path" -> UserJars.two.getPath, "sha256" -> "2"))
    assertEquals(told.toString, Message.Ready, told.kind)
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.one)).text)
    assertEquals("[\"two\"]", launcher.run("mine.Versioned", "", Seq(UserJars.jobs)).text)
  }

  @Test def aClassPathThatIsTooLongIsABadSetting(): Unit = withDriver { launcher =>
    val told = launcher.context(local + ("cp" -> "http://".padTo(70000, 'x')))
    assertEquals("bad-setting", told.code)
    assertTrue(told.toString, told.json.get("message").asText.contains("too long"))
  }

  @Test def aSessionOfRIsRefusedWithoutAStack(): Unit = {
    val launcher = new TestLauncher(Map("SPARK_HOME" -> "/no/spark", "PATH" -> "/no/bin"))
    try {
      val told = launcher.context(local, more = Json.obj().put("kind", "sparkr"))
      assertEquals("bad-setting", told.code)
      val message = "no interpreter for kind sparkr: there is no executable Rscript, and there is " +
        "no SparkR in /no/spark/R/lib"
      assertEquals(message, told.json.get("message").asText)
      assertEquals(s"sparkjob.driver.BadSettingException: $message",
        told.json.get("stack").asText.stripLineEnd)
    } finally {
      launcher.close()
    }
  }

  @Test def aContextsUriThatCannotBeHadIsNamed(): Unit = {
    for ((uri, code) <- Seq("nosuch:x" -> "context-bad-url",
        "file:/etc/passwd" -> "context-bad-url",
        "http://no.such.host.invalid/" -> "context-init-failed")) {
      withDriver { launcher =>
        val told = withPath(launcher, Map("uri" -> uri))
        assertEquals(told.toString, code, told.code)
        assertTrue(told.toString, told.json.get("message").asText.contains(uri.takeRight(10)))
        assertEquals(1, launcher.exitCode())
      }
    }
  }

  @Test def aContextAndItsJobsActForItsUser(): Unit = {
    val settings = local + ("spark.proxy.user" -> "alice")
    for ((more, user) <- Seq(Json.obj() -> "alice", Json.obj().put("proxyUser", "bob") -> "bob")) {
      withDriver { launcher =>
        assertEquals(Message.Ready, launcher.context(settings, more = more).kind)
        val seen = launcher.run("mine.WhoAmI", "", Seq(UserJars.jobs))
        assertEquals(seen.toString, Set(user), seen.json.elements.asScala.map(_.asText).toSet)
        val failed = launcher.run("mine.LinksBadly", "", Seq(UserJars.jobs))
        assertEquals("java.lang.NoSuchMethodError", failed.json.get("errorClass").asText)
      }
    }
  }

  @Test def systemExitEndsTheDriver(): Unit = withDriver { launcher =>
    launcher.context(local)
    launcher.begin("mine.Exits", "", Seq(UserJars.jobs))
    assertEquals(7, launcher.exitCode())
  }

  @Test def memoryThatRunsOutEndsTheDriverAfterTheJobsError(): Unit = withDriver { launcher =>
    launcher.context(local)
    val told = launcher.run("mine.Fatal", "", Seq(UserJars.jobs))
    assertEquals("java.lang.OutOfMemoryError", told.json.get("errorClass").asText)
    assertEquals(3, launcher.exitCode())
    assertTrue(launcher.log.contains("OutOfMemoryError"))
  }

  @Test def aJobThatStopsSparkEndsTheDriver(): Unit = withDriver { launcher =>
    launcher.context(local)
    val words = "The SparkContext was stopped, not by the launcher"
    // keeps the driver for a while, but has not ended when it leaves
    launcher.begin("mine.Sleeps", "ms = 60000", Seq(UserJars.jobs))
    assertEquals(Message.Started, launcher.receive().kind)
    val told = launcher.run("mine.StopsSpark", "", Seq(UserJars.jobs))
    assertEquals("ERROR", told.state)
    assertTrue(told.toString, told.json.get("message").asText.startsWith(words))

    val late = launcher.run("mine.NoOp", "", Seq(UserJars.jobs))
    assertEquals(Message.Refused, late.kind)
    assertEquals(("loading-failed", "mine.NoOp"), (late.code, late.meta.get("name").asText))
    assertTrue(late.toString, late.json.get("message").asText.startsWith(words))
    assertEquals(1, launcher.exitCode())
    assertTrue(launcher.log, launcher.log.linesIterator.toSeq.last.startsWith(words))
  }

  @Test def workThatTheStopEndsIsAnErrorWithItsCause(): Unit = withDriver { launcher =>
    launcher.context(local)
    val ids = Seq("mine.Hides", "mine.StopsSpark").map(launcher.begin(_, "", Seq(UserJars.jobs)))
    // which of them ends first is open
    val ends = Iterator.continually(launcher.receive()).filter(_.kind == Message.Result).take(2)
    assertEquals(ids.map(_ -> "ERROR").toMap,
      ends.map(told => told.meta.get("id").asText -> told.state).toMap)
    assertEquals(1, launcher.exitCode())
  }

  @Test def aStopKillsJobs(): Unit = withDriver { launcher =>
    launcher.context(local)
    launcher.begin("mine.Sleeps", "ms = 60000", Seq(UserJars.jobs))
    assertEquals(Message.Started, launcher.receive().kind)
    launcher.send(Message.Stop)
    assertEquals("KILLED", launcher.receive().state)
    assertEquals(Message.Stopped, launcher.receive().kind)
    assertEquals(0, launcher.exitCode())
  }

  @Test def aDriverWithoutLauncherStopsItself(): Unit = withDriver { launcher =>
    launcher.context(local)
    launcher.leave()
    assertEquals(0, launcher.exitCode())
    assertTrue(launcher.log.contains("no launcher was found for 5 seconds"))
  }
}
