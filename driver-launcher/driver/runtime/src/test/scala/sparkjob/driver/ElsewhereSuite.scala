/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayInputStream, InputStream, IOException}
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.Comparator
import java.util.concurrent.{CompletableFuture, CountDownLatch, ExecutionException}
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.concurrent.duration._

import com.fasterxml.jackson.databind.node.ObjectNode
import org.junit.{After, Test}
import org.junit.Assert._

/** A driver on another host: what it is told, and what goes over the link instead of by files. */
class ElsewhereSuite {
  import ElsewhereSuite._

  private val root: Path = Files.createTempDirectory("sparkjob-")
  private val wire = new Wire
  private val link = new Link(wire, wire)
  link.start()
  wire.greeted()
  link.establish(())

  @After def sweep(): Unit = {
    wire.gone.countDown()
    Files.walk(root).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))
  }

  private def secretFile(text: String): Path = Files.write(root.resolve("start"), text.getBytes(UTF_8))

  @Test def itIsToldByAFileWhichIsGoneThen(): Unit = {
    val file = secretFile(Start)
    val told = Elsewhere.start(Seq("--secret-file", file.toString), Map.empty).get
    assertEquals(("c", "s3", Some(7L), 9.seconds),
      (told.context, told.secret.text, told.generation, told.orphanTimeout))
    assertTrue(Files.isDirectory(told.elsewhere.get))
    assertFalse(Files.exists(file))
  }

  @Test def itIsToldByAVariableWhereItsClusterCarriesNoFiles(): Unit = {
    assertEquals("s3", Elsewhere.start(Nil, Map("SPARKJOB_START" -> Start)).get.secret.text)
    assertEquals(None, Elsewhere.start(Nil, Map.empty))
  }

  @Test def whatMakesNoSenseIsSaidWithoutTheSecret(): Unit = {
    for (text <- Seq("{", "[]", "", """{"secret": "s3"}""", Start.replace("9", "0"), Start.replace("tcp:", "x:"))) {
      val e = assertThrows(text, classOf[IllegalArgumentException],
        () => Elsewhere.start(Seq("--secret-file", secretFile(text).toString), Map.empty))
      assertFalse(e.getMessage, e.getMessage.contains("s3\""))
    }
    for (args <- Seq(Seq("--secret-file"), Seq("x"), Seq("--secret-file", s"$root/none"))) {
      assertThrows(classOf[IllegalArgumentException], () => Elsewhere.start(args, Map.empty))
    }
  }

  @Test def aYarnContainerTellsItsApplication(): Unit = {
    for (id <- Seq("container_1410901177871_0001_01_000005", "container_e17_1410901177871_0001_01_000005")) {
      assertEquals(Some("application_1410901177871_0001"), Elsewhere.id(Map("CONTAINER_ID" -> id)))
    }
    assertEquals(None, Elsewhere.id(Map.empty))
  }

  // files

  private def asked(files: LauncherFiles, sha256: String): CompletableFuture[Binary] =
    CompletableFuture.supplyAsync[Binary](() =>
      files.binary(Binary("b", "Jar", root.resolve("nowhere").toFile, sha256)))

  private def came(bytes: String): ObjectNode = {
    val file = Files.write(Files.createTempFile(root, "x", ".piece"), bytes.getBytes(UTF_8))
    Json.obj().put("key", wire.take().path("key").asText).put("spooled", bytes.length)
      .put("file", file.toString)
  }

  @Test def aBinaryIsFetchedOnceAndChecked(): Unit = {
    val files = new LauncherFiles(root, link)
    val sha256 = LauncherFiles.hash(Files.write(root.resolve("x"), "jar".getBytes(UTF_8)))
    val answer = asked(files, sha256)
    files.arrived(came("jar"))
    val file = answer.get(Patience, TimeUnit.SECONDS).file
    assertEquals(s"$sha256.jar", file.getName)
    assertEquals("jar", new String(Files.readAllBytes(file.toPath), UTF_8))
    assertEquals(file, asked(files, sha256).get(Patience, TimeUnit.SECONDS).file)
    assertTrue(wire.isSilent)
  }

  @Test def anotherContentThanThatOfTheHashIsRefused(): Unit = {
    val files = new LauncherFiles(root, link)
    val answer = asked(files, "0" * 64)
    files.arrived(came("jar"))
    val e = assertThrows(classOf[ExecutionException], () => answer.get(Patience, TimeUnit.SECONDS))
    assertTrue(s"$e", e.getMessage.contains("is damaged"))
    assertFalse(Files.exists(root.resolve("binaries").resolve("0" * 64 + ".jar")))
  }

  @Test def whatTheLauncherDoesNotHaveIsSaid(): Unit = {
    val files = new LauncherFiles(root, link)
    val answer = asked(files, "0" * 64)
    val key = wire.take().path("key").asText
    files.askAgain()
    assertEquals("asked again when the link is back", key, wire.take().path("key").asText)
    files.arrived(Json.obj().put("key", key).put("error", "there is none"))
    val e = assertThrows(classOf[ExecutionException], () => answer.get(Patience, TimeUnit.SECONDS))
    assertTrue(s"$e", e.getMessage.contains("there is none"))
  }

  @Test def anEmptyFileHasNoPieces(): Unit = {
    assertEquals(0, Files.size(new Spool(Some(root)).take(0)))
  }

  // logs

  private def logs(bytes: Array[Byte]): SentLogs = {
    val logs = new SentLogs(link)
    logs.begin("j", Files.write(root.resolve("log"), bytes))
    logs
  }

  private def sendAgain(logs: SentLogs): Unit = logs.synchronized(logs.tellAgain())

  /** The last piece of it is kept while its end is waited for: then nothing is left to send. */
  private def endWith(logs: SentLogs, at: Long, end: Long): Unit = {
    val ended = CompletableFuture.runAsync(() => logs.end("j"))
    logs.kept("j", at, end)
    ended.get(Patience, TimeUnit.SECONDS)
    sendAgain(logs)
    assertTrue("it is over", wire.isSilent)
  }

  @Test def whatIsNotKeptIsSentAgain(): Unit = {
    val sent = logs("0123456789".getBytes(UTF_8))
    sent.start()
    assertEquals(0, wire.take().path("at").asLong(-1))
    sent.kept("j", 0, 4)
    sendAgain(sent)
    assertEquals(4, wire.take().path("at").asLong(-1))
    endWith(sent, 4, 10)
  }

  @Test def aPieceThatWasDroppedLeavesNoHole(): Unit = {
    val sent = logs(new Array[Byte](80 * 1024))
    sent.start()
    val places = Seq.fill(3)(wire.take().path("at").asLong(-1))
    assertEquals(Seq(0L, 32768L, 65536L), places)
    sent.kept("j", 32768, 65536)
    sent.kept("j", 0, 0)
    sent.kept("j", 65536, 80 * 1024)
    assertEquals(places, Seq.fill(3)(wire.take().path("at").asLong(-1)))
    endWith(sent, 0, 32768)
  }

  @Test def anInterruptEndsTheWaitAndNothingElse(): Unit = {
    val sent = logs("0123456789".getBytes(UTF_8))
    Thread.currentThread.interrupt()
    sent.end("j")
    assertFalse(Thread.interrupted())
    wire.take()
    sendAgain(sent)
    assertEquals("the rest is sent later", 0, wire.take().path("at").asLong(-1))
  }
}

private object ElsewhereSuite {

  val Patience = 300L
  val Start: String = """{"context": "c", "generation": 7, "secret": "s3",""" +
    """ "link": "tcp://127.0.0.1:9", "orphanTimeout": 9}"""

  /** A link whose other end keeps what it is sent. */
  class Wire extends Endpoint with LinkOwner {
    val gone = new CountDownLatch(1)
    private val sent = new LinkedBlockingQueue[Frame]

    override def connect(): Connection = new Connection {
      override val input: InputStream = new InputStream {
        override def read(): Int = {
          gone.await()
          -1
        }
      }
      override def write(frames: Array[ByteBuffer]): Unit = frames.foreach { buffer =>
        val bytes = new Array[Byte](buffer.remaining)
        buffer.get(bytes)
        sent.add(Frame.decode(new ByteArrayInputStream(bytes)))
      }
      override def close(): Unit = {}
    }

    override def passesFiles: Boolean = false
    override def hello(): Frame = Frame(Message.Hello, 0, 0, Json.bytes(Json.obj()), Frame.Nothing)
    override def receive(frame: Frame): Unit = throw new IOException("nothing is received")
    override def patience: FiniteDuration = 1.hour
    override def abandoned(): Unit = {}

    /** The metadata of what is sent next. */
    def take(): ObjectNode = {
      val frame = sent.poll(Patience, TimeUnit.SECONDS)
      assertNotNull(frame)
      Json.parse(frame.meta)
    }

    /** Waits for the hello, before which nothing is sent. */
    def greeted(): Unit = take()

    def isSilent: Boolean = sent.isEmpty
  }
}
