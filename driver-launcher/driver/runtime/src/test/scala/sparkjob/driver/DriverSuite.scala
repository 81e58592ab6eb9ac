/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.file.Files

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import org.junit.{AfterClass, BeforeClass, Test}
import org.junit.Assert._

/** A driver on local[2], over its link. */
class DriverSuite {
  import DriverSuite._

  private def refused(mainClass: String, config: String = ""): Told = {
    val told = launcher.run(mainClass, config, Seq(UserJars.jobs))
    assertEquals(told.toString, Message.Refused, told.kind)
    told
  }

  private def failed(mainClass: String): Told = {
    val told = launcher.run(mainClass, "", Seq(UserJars.jobs))
    assertEquals(told.toString, "ERROR", told.state)
    told
  }

  @Test def helloHasTheSecretAndReadyTheContext(): Unit = {
    assertEquals(Message.Hello, launcher.hello.kind)
    assertEquals(1, launcher.hello.meta.get("protocol").asInt)
    assertEquals(TestLauncher.Secret, launcher.hello.meta.get("secret").asText)
    assertEquals(launcher.driver.pid, launcher.hello.meta.get("pid").asLong)
    assertEquals(0, launcher.hello.meta.get("jobs").size)
    assertTrue(ready.meta.get("applicationId").asText.startsWith("local-"))
    assertTrue(ready.meta.get("url").asText.startsWith("http://"))
    assertEquals(8, ready.meta.get("maxJobs").asInt)
    assertEquals(3600, ready.meta.get("idleTimeout").asInt)
    assertEquals(0, ready.meta.get("ttl").asInt)
    assertFalse(ready.meta.get("supervise").asBoolean(true))
    assertFalse(ready.meta.has("maxQueued"))
    // in local mode the driver is its own executor, and has no logs but its own
    assertEquals("""{"executors":1,"cores":2}""", status.toString)
  }

  @Test def aJobStartsAndFinishes(): Unit = {
    val id = launcher.begin("mine.NoOp", "a.b = 1", Seq(UserJars.jobs))
    val started = launcher.receive()
    assertEquals(Message.Started, started.kind)
    assertEquals("{\n    \"a\" : {\n        \"b\" : 1\n    }\n}\n", started.text)
    val result = launcher.receive()
    assertEquals(("FINISHED", "1", 1), (result.state, result.text, result.meta.get("size").asInt))
    assertTrue(result.meta.get("start").asLong <= result.meta.get("end").asLong)
    assertTrue(result.meta.get("runMicros").isIntegralNumber)
    launcher.acknowledge(id)
  }

  @Test def whatCannotRunIsRefused(): Unit = {
    for ((mainClass, code) <- Seq("no.Such" -> "class-not-found",
        "mine/NoOp" -> "class-not-found", "java.lang.String" -> "wrong-job-type",
        "scala.collection.immutable.Nil" -> "wrong-job-type", "mine.BadObject" -> "loading-failed",
        "mine.BadClass" -> "loading-failed", "mine.Needs" -> "loading-failed",
        "mine.Abstract" -> "loading-failed")) {
      assertEquals(mainClass, code, refused(mainClass).code)
    }
    assertEquals("cannot be made", refused("mine.BadClass").json.get("message").asText)
    assertTrue(refused("mine.BadObject").json.get("stack").asText.contains("cannot be made"))
    assertEquals("bad-config", refused("mine.NoOp", "a = ").code)
    assertFalse(refused("mine.NoOp", "\u0000\u0001").meta.get("name").asText.exists(_ < ' '))
    assertTrue(refused("mine.NoOp", "a = ${HOME}").meta.get("name").asText.contains("HOME"))
  }

  /** A pipe is as slow as can be. */
  @Test def aJarThatIsReadSlowlyKeepsNoOtherJobWaiting(): Unit = {
    val pipe = launcher.folder.resolve("slow.jar")
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString).start().waitFor())
    val slow = launcher.begin("mine.NoOp", "", Seq(pipe.toFile))
    // nobody else has used this one
    val jar = Files.copy(UserJars.jobs.toPath, launcher.folder.resolve("quick.jar")).toFile
    val quick = launcher.begin("mine.NoOp", "", Seq(jar))
    assertEquals(Message.Started, launcher.receive().kind)
    val result = launcher.receive()
    assertEquals((quick, "FINISHED"), (result.meta.get("id").asText, result.state))
    launcher.acknowledge(quick)
    // now it is a file, and the reader is at its end
    val out = Files.newOutputStream(pipe)
    Files.delete(pipe)
    Files.copy(UserJars.jobs.toPath, pipe)
    out.close()
    val last = launcher.receive()
    assertEquals(last.toString, slow, last.meta.get("id").asText)
    if (last.kind == Message.Started) {
      assertEquals("FINISHED", launcher.receive().state)
    }
    launcher.acknowledge(slow)
  }

  @Test def aValidationThatReturnsNullIsNamed(): Unit = {
    for (mainClass <- Seq("mine.OldNull", "mine.NewNull")) {
      val told = refused(mainClass)
      assertEquals("validation-failed", told.code)
      assertTrue(told.toString, told.json.get("message").asText.contains("validate returned null"))
    }
  }

  @Test def aConfigurationAboveSixteenMebibytesEndsNothing(): Unit = {
    val file = Files.createTempFile(launcher.folder, "config", "")
    val out = new java.io.RandomAccessFile(file.toFile, "rw")
    out.setLength(2000L << 20)
    out.close()
    val id = launcher.begin("mine.NoOp", "", Seq(UserJars.jobs), file = Some(file))
    val told = launcher.receive()
    launcher.acknowledge(id)
    assertEquals("bad-config", told.code)
    assertEquals("The configuration is larger than 16 MiB", told.meta.get("name").asText)
    assertFalse(Files.exists(file))
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.jobs)).text)
  }

  @Test def aJarThatIsNotThereIsALoadingError(): Unit = {
    val told = launcher.run("mine.NoOp", "", Seq(new java.io.File("/no/such.jar")))
    assertEquals("loading-failed", told.code)
    assertTrue(told.json.get("message").asText.contains("/no/such.jar"))
  }

  @Test def theClassIsTakenWhereTheObjectIsNoJob(): Unit =
    assertEquals("42", launcher.run("mine.WithCompanion", "", Seq(UserJars.jobs)).text)

  @Test def errorsOfAllKindsEndTheJobOnly(): Unit = {
    assertEquals("java.lang.StackOverflowError",
      failed("mine.Overflows").json.get("errorClass").asText)
    assertEquals("gone", failed("mine.LinksBadly").json.get("message").asText)
    assertTrue(failed("mine.Cycle").json.get("message").asText.contains("contains itself"))
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.jobs)).text)
  }

  @Test def namedObjectsAreSharedByTheJobsOfAContext(): Unit = {
    val first = launcher.run("mine.Shared", "", Seq(UserJars.jobs)).text
    val second = launcher.run("mine.Shared", "", Seq(UserJars.jobs)).text
    assertTrue(first, first.startsWith("[true,55.0,[") && first.contains("\"rdd\""))
    assertTrue(second, second.startsWith("[false,55.0,[") && second.contains("\"rdd\""))
  }

  @Test def eightJobsAtOnceLoseNoNamedObject(): Unit = {
    val ids = (1 to 8).map { n =>
      launcher.begin("mine.SharesMuch", s"rounds = 3, me = $n", Seq(UserJars.jobs))
    }
    val results = Iterator.continually(launcher.receive()).filter(_.kind == Message.Result)
      .take(ids.size).toSeq
    ids.foreach(launcher.acknowledge)
    results.foreach(told => assertEquals(told.toString, "FINISHED", told.state))
    assertEquals(1, results.map(_.json.get(0).asInt).sum)
    val names = launcher.run("mine.SharesMuch", "rounds = 0, me = 0", Seq(UserJars.jobs)).json
      .get(1).elements.asScala.map(_.asText).filter(_ != "rdd")
    assertEquals(Set("contended", "shared") ++ (1 to 8).map("frame-" + _), names.toSet)
  }

  @Test def aJobSeesNoSecret(): Unit = {
    val seen = launcher.run("mine.Look", "a = 1", Seq(UserJars.jobs))
    assertEquals("FINISHED", seen.state)
    assertTrue(seen.text.contains("SPARKJOB_CONTEXT"))
    assertFalse(seen.text.contains(TestLauncher.Secret))
    assertFalse(seen.text.contains(launcher.token))
    assertFalse(launcher.log.contains(TestLauncher.Secret))
  }

  @Test def versionsOfAClassLiveSideBySide(): Unit = {
    Versions.check(launcher)
  }

  @Test def largeResultsComeAsFilesThatGo(): Unit = {
    val told = launcher.run("mine.Large", "", Seq(UserJars.jobs))
    assertEquals(200002, told.body.length)
    assertEquals(200002, told.meta.get("size").asInt)
    launcher.run("mine.NoOp", "", Seq(UserJars.jobs))
    assertEquals(Nil, Files.list(launcher.folder.resolve("out")).iterator.asScala.toList)
  }

  /** The driver has a heap of 600 MB; as objects these rows take more. */
  @Test def resultsThatAreLargerThanTheHeapAreWrittenAsTheyAreMade(): Unit = {
    for (inMemory <- Seq("lazy = false", "lazy = true")) {
      val told = launcher.run("mine.Rows", s"n = 2400000, $inMemory", Seq(UserJars.jobs))
      assertEquals(told.meta.toString, "FINISHED", told.state)
      assertTrue(told.body.length.toString, told.body.length > 300000000)
      assertEquals("[[0,\"00000000000000000000\"],", new String(told.body, 0, 28))
    }
  }

  @Test def aDatasetIsTheArrayOfItsRows(): Unit = {
    val told = launcher.run("mine.Frame", "n = 10000", Seq(UserJars.jobs))
    assertEquals(10000, told.json.size)
    assertEquals("""{"id":9999,"name":"9999","nested":{"half":4999.5}}""",
      told.json.get(9999).toString)
  }

  @Test def largeConfigurationsComeAndGoAsFiles(): Unit = {
    val text = "a" * 300000
    val file = Files.write(launcher.folder.resolve("config"), s"text = $text".getBytes)
    val id = launcher.begin("mine.NoOp", "", Seq(UserJars.jobs), file = Some(file))
    assertEquals(text, launcher.receive().json.get("text").asText)
    assertEquals("1", launcher.receive().text)
    assertFalse(Files.exists(file))
    launcher.acknowledge(id)
  }

  @Test def aKilledJobEndsAtOnce(): Unit = {
    for ((mainClass, config) <- Seq("mine.Sleeps" -> "ms = 60000", "mine.Hides" -> "")) {
      val id = launcher.begin(mainClass, config, Seq(UserJars.jobs))
      assertEquals(Message.Started, launcher.receive().kind)
      Thread.sleep(500)
      launcher.send(Message.Kill, Json.obj().put("id", id))
      val told = launcher.receive()
      assertEquals(mainClass, "KILLED", told.state)
      assertEquals(s"Job $id killed", told.json.get("message").asText)
      launcher.acknowledge(id)
      launcher.send(Message.Kill, Json.obj().put("id", id))
    }
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.jobs)).text)
  }

  @Test def whatAKilledJobLeavesBeginsNoMoreSparkWork(): Unit = {
    val id = launcher.begin("mine.Leaves", "", Seq(UserJars.jobs))
    assertEquals(Message.Started, launcher.receive().kind)
    Thread.sleep(500)
    launcher.send(Message.Kill, Json.obj().put("id", id))
    assertEquals("KILLED", launcher.receive().state)
    launcher.acknowledge(id)
    Thread.sleep(500)
    assertEquals("0", launcher.run("mine.Counts", "", Seq(UserJars.jobs)).text)
  }

  @Test def whatWasNotAcknowledgedIsToldAgain(): Unit = {
    val ended = launcher.begin("mine.Large", "", Seq(UserJars.jobs))
    assertEquals(Message.Started, launcher.receive().kind)
    assertEquals("FINISHED", launcher.receive().state)
    val running = launcher.begin("mine.Sleeps", "ms = 1000", Seq(UserJars.jobs))
    assertEquals(Message.Started, launcher.receive().kind)
    launcher.disconnect()
    launcher.accept()

    val hello = launcher.receive()
    assertEquals(launcher.token, hello.meta.get("token").asText)
    assertFalse(hello.meta.has("secret"))
    assertEquals(Set(ended, running), hello.meta.get("jobs").elements.asScala.map(_.asText).toSet)
    launcher.send(Message.Context, Json.obj().put("token", launcher.token))
    launcher.begin("mine.Sleeps", "ms = 1", Seq(UserJars.jobs), id = running)

    val told = Iterator.continually(launcher.receive()).takeWhile(!launcher.ends(running)(_)).toList
    assertEquals(Message.Ready, told.head.kind)
    val large = told.filter(_.meta.path("id").asText == ended)
    assertEquals(Seq(Message.Started, Message.Result), large.map(_.kind))
    assertEquals(200002, large.last.body.length)
    assertTrue(told.exists(t => t.kind == Message.Started && t.meta.get("id").asText == running))
    Seq(ended, running).foreach(launcher.acknowledge)
    // a second run of it would have counted
    val runs = launcher.run("mine.Sleeps", "ms = 1", Seq(UserJars.jobs)).text.toInt
    val again = launcher.run("mine.Sleeps", "ms = 1", Seq(UserJars.jobs)).text.toInt
    assertEquals(runs + 1, again)
  }

  @Test def whatAJobPrintsAndLogsIsInAFileOfItsOwn(): Unit = {
    val ids = Seq("one", "two").map { word =>
      launcher.begin("mine.Talks", s"word = $word", Seq(UserJars.jobs)) -> word
    }
    Iterator.continually(launcher.receive()).filter(_.kind == Message.Result).take(2)
      .foreach(told => assertEquals(told.toString, "FINISHED", told.state))
    for ((id, word) <- ids) {
      launcher.acknowledge(id)
      val log = launcher.read(s"logs/$id.log")
      val lines = log.linesIterator.toSeq
      for (said <- Seq("println", "Console", "err", "thread", "task", "\u00e4\u20ac")) {
        assertTrue(s"$said in $log", lines.contains(s"$word $said"))
        // the last one is said in two pieces, and the other job may say something in between
        assertTrue(said, launcher.log.contains(if (said.length == 2) s" $said" else s"$word $said"))
      }
      val logged = raw"\d{4}-\d\d-\d\d [0-9:.]{12} INFO +\[.*\] Talks.?: " + word + " logged"
      assertTrue(log, lines.exists(_.matches(logged)))
      assertTrue(log, lines.exists(_.endsWith(s"$word logged by a task")))
      assertFalse(log, ids.filter(_._1 != id).exists(other => log.contains(other._2)))
    }
    val silent = launcher.begin("mine.NoOp", "", Seq(UserJars.jobs))
    Iterator.continually(launcher.receive()).find(launcher.ends(silent))
    launcher.acknowledge(silent)
    assertFalse(Files.exists(launcher.folder.resolve(s"logs/$silent.log")))
  }

  /** What is told of a job up to its end. */
  private def progress(id: String): Seq[Seq[Int]] = {
    val told = Iterator.continually(launcher.receiveAny()).takeWhile(_.kind != Message.Result)
      .filter(_.kind == Message.Progress).toList
    launcher.acknowledge(id)
    assertTrue(told.forall(_.meta.get("id").asText == id))
    told.map(told => Seq("stages", "stagesDone", "tasks", "tasksDone", "tasksFailed")
      .map(told.meta.get(_).asInt))
  }

  /** What is told of a job that takes so long for each step: each half second, and at the end. */
  private def steps(ms: Int): Seq[Seq[Int]] = {
    val begun = System.nanoTime
    val told = progress(launcher.begin("mine.Steps", s"ms = $ms", Seq(UserJars.jobs)))
    val halves = (System.nanoTime - begun) / 500000000L
    assertTrue(told.toString, told.size <= halves + 1)
    told
  }

  @Test def howFarAJobIsIsToldNowAndThen(): Unit = {
    val slow = steps(2000)
    assertTrue(slow.toString, slow.size >= 3)
    assertEquals(Seq(2, 0, 8, 0, 0), slow.head)
    assertEquals(slow, slow.sortBy(_(3)))
    for (last <- Seq(slow.last, steps(1).last)) {
      assertEquals(Seq(3, 3, 12, 12, 0), last)
    }
    assertEquals(Nil, progress(launcher.begin("mine.NoOp", "", Seq(UserJars.jobs))))
  }

  private def told(path: Seq[String]): Told = {
    val resolve = launcher.receive()
    assertEquals(resolve.toString, Message.Resolve, resolve.kind)
    assertEquals(path, resolve.meta.get("cp").elements.asScala.map(_.asText).toSeq)
    resolve
  }

  @Test def whatTheConfigurationNamesTheLauncherResolves(): Unit = {
    val jobs = Seq(UserJars.jobs)
    for ((config, path, given) <- Seq(
        ("cp = \"a, b\", mainClass = mine.NoOp", Seq("a", "b"), Nil),
        ("cp = [a, \"b\"], classPath = mine.NoOp", Seq("a", "b"), Nil),
        ("appName = a, mainClass = mine.NoOp", Seq("a"), Nil),
        ("n = a, cp = [${n}], dependent-jar-uris = [\"x:/y\"], mainClass = mine.NoOp",
          Seq("x:/y", "a"), Nil),
        ("dependent-jar-uris = \"d,e\", cp = x, mainClass = mine.NoOp", Seq("d", "e", "n"),
          jobs))) {
      val id = launcher.begin("", config, given)
      assertEquals("mine.NoOp", told(path).meta.get("class").asText)
      launcher.begin("mine.NoOp", "", jobs, id)
      assertEquals(Message.Started, launcher.receive().kind)
      assertEquals("1", launcher.receive().text)
      launcher.acknowledge(id)
    }
  }

  @Test def aConfigurationThatDoesNotNameTheJobIsRefused(): Unit = {
    for ((config, words) <- Seq("" -> "To start the job appName or cp parameters",
        "cp = a" -> "mainClass parameter is missing!", "cp = [], mainClass = x" -> "To start the",
        "appName = a" -> "classPath parameter is missing!", "cp { a = 1 }" -> "cp has type OBJECT",
        "cp = a, mainClass = [1]" -> "mainClass has type LIST")) {
      val refused = launcher.run("", config)
      assertEquals("bad-config", refused.code)
      assertTrue(refused.toString, refused.meta.get("name").asText.contains(words))
    }
  }

  /** The launcher would take the frame for the end of what the driver has to say. */
  @Test def whatIsTooLongForAFrameIsRefusedHere(): Unit = {
    for (config <- Seq("cp = \"http://" + "x" * 70000 + "\", mainClass = a",
        "cp = [" + "a," * 257 + "], mainClass = a",
        "cp = \"a" + "\\u0001" * 11000 + "b\", mainClass = a",
        "cp = a, mainClass = " + "a" * 300000)) {
      val file = Files.write(launcher.folder.resolve("config"), config.getBytes)
      val id = launcher.begin("", file = Some(file))
      val refused = launcher.receive()
      assertEquals("bad-config", refused.code)
      assertTrue(refused.toString, refused.meta.get("name").asText.contains("too long"))
      launcher.acknowledge(id)
    }
    val id = launcher.begin("", "cp = [" + "a," * 256 + "], mainClass = a")
    assertEquals("a", told(Seq.fill(256)("a")).meta.get("class").asText)
    launcher.send(Message.Kill, Json.obj().put("id", id))
    assertEquals("KILLED", launcher.receive().state)
    launcher.acknowledge(id)
  }

  @Test def aJobThatWaitsForTheLauncherIsToldAgainAndKilled(): Unit = {
    val id = launcher.begin("", "cp = a, mainClass = mine.NoOp")
    told(Seq("a"))
    launcher.disconnect()
    launcher.accept()
    assertEquals(id, launcher.receive().meta.get("jobs").get(0).asText)
    launcher.send(Message.Context, Json.obj().put("token", launcher.token))
    assertEquals(Message.Ready, launcher.receive().kind)
    told(Seq("a"))
    launcher.send(Message.Kill, Json.obj().put("id", id))
    assertEquals("KILLED", launcher.receive().state)
    launcher.acknowledge(id)
  }

  @Test def aJobThatTheLauncherGivesUpIsForgotten(): Unit = {
    val id = launcher.begin("", "cp = a, mainClass = mine.NoOp")
    told(Seq("a"))
    launcher.acknowledge(id)
    // nothing more is said of it: this one is what is told next
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.jobs)).text)
    launcher.disconnect()
    launcher.accept()
    assertEquals(0, launcher.receive().meta.get("jobs").size)
    launcher.send(Message.Context, Json.obj().put("token", launcher.token))
    assertEquals(Message.Ready, launcher.receive().kind)
  }

  @Test def whatComesByUriIsFetched(): Unit = {
    val file = UserJars.jobs.toURI.toString
    assertEquals("1", launcher.runUris("mine.NoOp", Seq(file)).text)
    for ((uri, code) <- Seq("nosuch:x" -> "bad-uri", "no-scheme/:" -> "loading-bad-url",
        "file:/etc/passwd" -> "bad-uri",
        "http://127.0.0.1/x.jar" -> "bad-uri",
        "http://no.such.host.invalid/" -> "loading-failed")) {
      val told = launcher.runUris("mine.NoOp", Seq(uri, file))
      assertEquals(told.toString, code, told.code)
      assertTrue(told.toString, told.json.get("message").asText.nonEmpty)
    }
  }

  @Test def messagesThatMakeNoSenseAreSurvived(): Unit = {
    launcher.send(Message.Run, Json.obj().put("id", "x"))
    launcher.send(Message.Kill)
    launcher.send(Message.Ack, Json.obj().put("id", "never"))
    assertEquals("1", launcher.run("mine.NoOp", "", Seq(UserJars.jobs)).text)
  }
}

object DriverSuite {

  var launcher: TestLauncher = _
  var ready: Told = _
  var status: JsonNode = _

  @BeforeClass def start(): Unit = {
    launcher = new TestLauncher
    ready = launcher.context(Map("spark.master" -> "local[2]",
      "context-idle-timeout" -> "1h"), more = TestLauncher.reads(UserJars.jobs.getParentFile))
    assertEquals(ready.toString, Message.Ready, ready.kind)
    // Spark counts executors in a thread of its own: one is told of with the context, or soon after
    status = (Iterator(ready) ++
        Iterator.continually(launcher.receiveAny()).filter(_.kind == Message.Status))
      .map(_.meta.get("status")).find(_.get("executors").asInt == 1).get
  }

  @AfterClass def stop(): Unit = {
    try {
      launcher.send(Message.Stop)
      assertEquals(Message.Stopped, launcher.receive().kind)
      assertEquals(0, launcher.exitCode())
    } finally {
      launcher.close()
    }
  }
}

/** Two versions of one class, in one context. */
object Versions {

  def check(launcher: TestLauncher): Unit = {
    def result(jar: java.io.File) = launcher.run("mine.Versioned", "", Seq(jar)).text
    for (_ <- 1 to 2) {
      assertEquals("[\"one\"]", result(UserJars.one))
      assertEquals("[\"two\"]", result(UserJars.two))
    }
    val versions = Seq("one" -> UserJars.one, "two" -> UserJars.two)
    val jobs = (versions ++ versions).map { case (version, jar) =>
      launcher.begin("mine.Versioned", "wait = 100", Seq(jar)) -> ("[\"" + version + "\"]")
    }.toMap
    val ends = Iterator.continually(launcher.receive()).filter(_.kind != Message.Started)
      .take(jobs.size).map(told => told.meta.get("id").asText -> told.text).toMap
    assertEquals(jobs, ends)
    jobs.keys.foreach(launcher.acknowledge)
  }
}
