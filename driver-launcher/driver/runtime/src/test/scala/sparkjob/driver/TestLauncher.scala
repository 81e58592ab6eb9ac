/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayOutputStream, File, InputStream, IOException, OutputStream}
import java.lang.management.ManagementFactory
import java.net.{StandardProtocolFamily, UnixDomainSocketAddress}
import java.nio.ByteBuffer
import java.nio.channels.{Channels, ServerSocketChannel, SocketChannel}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.util.{Comparator, UUID}
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.junit.Assert._

/** What the driver said. */
final case class Told(kind: Int, meta: ObjectNode, body: Array[Byte]) {
  def text: String = new String(body, UTF_8)
  def json: JsonNode = Json.mapper.readTree(body)
  def state: String = meta.path("state").asText
  def code: String = meta.path("code").asText
  override def toString: String = s"$kind $meta ${text.take(2000)}"
}

/**
 * The launcher's end of a link, and a driver in a JVM of its own at the other one.
 *
 * @param environment what the driver gets besides the protocol's variables
 * @param tcp         where drivers connect in place of the Unix socket, and what they are told of it
 */
class TestLauncher(environment: Map[String, String] = Map.empty, tcp: Option[TestPort] = None)
    extends AutoCloseable {
  import TestLauncher._

  val folder: Path = Files.createTempDirectory("sparkjob-")
  val token: String = UUID.randomUUID.toString

  private val socket = folder.resolve("link")
  private val server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)
  server.bind(UnixDomainSocketAddress.of(socket))

  val driver: Process = start()

  private var connection: TestConnection = _
  private var told: LinkedBlockingQueue[Told] = _
  accept()
  val hello: Told = receive()

  /** Waits for the driver to connect (again). */
  def accept(): Unit = {
    connection = tcp.map(_.accept()).getOrElse {
      val channel = server.accept()
      TestConnection(Channels.newInputStream(channel), new ChannelOutput(channel), channel)
    }
    told = new LinkedBlockingQueue[Told]
    val (input, to) = (connection.input, told)
    new Thread(() => read(input, to), "test-launcher").start()
  }

  def disconnect(): Unit = connection.closer.close()

  /** Nobody listens any longer. */
  def leave(): Unit = {
    server.close()
    tcp.foreach(_.close())
    disconnect()
  }

  def send(kind: Int, meta: ObjectNode = Json.obj(), body: String = ""): Unit = {
    val frame = Frame.encode(Frame(kind, 0, 0, Json.bytes(meta), body.getBytes(UTF_8)))
    connection.output.write(frame.array)
    connection.output.flush()
  }

  def receive(seconds: Int = 300): Told =
    Iterator.continually(receiveAny(seconds)).filterNot(told => Asides(told.kind)).next()

  /** What comes next, also how far a job is, and how many executors there are. */
  def receiveAny(seconds: Int = 300): Told = {
    val next = told.poll(seconds, TimeUnit.SECONDS)
    assertNotNull(s"the driver says nothing\n$log", next)
    next
  }

  /** Asks for a context and returns what the driver answers. */
  def context(
      settings: Map[String, String],
      body: String = "",
      more: ObjectNode = Json.obj()): Told = {
    val meta = more.put("name", "c").put("token", token).put("work", folder.toString)
      .put("maxJobs", 8)
    settings.foreach { case (name, value) => meta.withObject("/settings").put(name, value) }
    send(Message.Context, meta, body)
    receive()
  }

  /** Starts a job without waiting for it. */
  def begin(
      mainClass: String,
      config: String = "",
      jars: Seq[File] = Nil,
      id: String = UUID.randomUUID.toString,
      file: Option[Path] = None,
      spooled: Option[Int] = None): String = {
    val meta = Json.obj().put("id", id).put("class", mainClass).put("user", "u")
    val cp = meta.putArray("cp")
    jars.foreach { jar =>
      cp.addObject().put("name", "n").put("type", "Jar").put("path", jar.getPath)
        .put("sha256", jar.getName)
    }
    file.foreach(path => meta.put("file", path.toString))
    spooled.foreach(meta.put("spooled", _))
    send(Message.Run, meta, config)
    id
  }

  /** Starts a statement. */
  def beginStatement(kind: String, code: String): String = {
    val id = UUID.randomUUID.toString
    send(Message.Run, Json.obj().put("id", id).put("class", s"statement.$kind").put("kind", kind)
      .put("statement", statements).put("user", "u"), code)
    statements += 1
    id
  }

  /** Runs one and returns what it came to. */
  def state(kind: String, code: String): Told = last(beginStatement(kind, code))

  private var statements = 0

  /** Runs a job whose class path is of URIs. */
  def runUris(mainClass: String, uris: Seq[String]): Told = {
    val id = UUID.randomUUID.toString
    val meta = Json.obj().put("id", id).put("class", mainClass)
    uris.foreach(uri => meta.withArray("cp").addObject().put("uri", uri))
    send(Message.Run, meta)
    last(id)
  }

  /** Runs a job and returns what the driver says last, which it may forget then. */
  def run(mainClass: String, config: String = "", jars: Seq[File] = Nil): Told = {
    last(begin(mainClass, config, jars))
  }

  private def last(id: String): Told =
    Iterator.continually(receive()).filter(ends(id)).map { last => acknowledge(id); last }.next()

  def ends(id: String)(told: Told): Boolean =
    told.kind != Message.Started && told.meta.path("id").asText == id

  /** A driver that has ended meanwhile needs none. */
  def acknowledge(id: String): Unit = {
    try {
      send(Message.Ack, Json.obj().put("id", id))
    } catch {
      case _: IOException =>
    }
  }

  def log: String = read("log")

  /** A file below the context's folder. */
  def read(name: String): String = new String(Files.readAllBytes(folder.resolve(name)), UTF_8)

  def exitCode(seconds: Int = 120): Int = {
    assertTrue(s"the driver does not end\n$log", driver.waitFor(seconds, TimeUnit.SECONDS))
    driver.exitValue
  }

  override def close(): Unit = {
    driver.destroyForcibly().waitFor()
    server.close()
    tcp.foreach(_.close())
    if (connection != null) {
      disconnect()
    }
    Files.walk(folder).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))
  }

  private def start(): Process = {
    val options = ManagementFactory.getRuntimeMXBean.getInputArguments.asScala
      .filter(option => option.startsWith("--add-opens") || option.startsWith("-Djdk."))
    val java = Paths.get(System.getProperty("java.home"), "bin", "java").toString
    val command = Seq(java, "-Xmx600m", "-XX:+ExitOnOutOfMemoryError",
      "-Djava.io.tmpdir=" + folder) ++ options ++
      Seq("-cp", classPath, "sparkjob.driver.Main")
    val builder = new ProcessBuilder(command.asJava).directory(folder.toFile)
      .redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile)
    (environment ++ tcp.map("SPARKJOB_LINK" -> _.url) ++ Map("SPARKJOB_SOCKET" -> socket.toString,
      "SPARKJOB_CONTEXT" -> "id", "SPARKJOB_ORPHAN_TIMEOUT" -> "5"))
      .foreach { case (name, value) => builder.environment.put(name, value) }
    val process = builder.start()
    val lines = Secret +: tcp.flatMap(_.pin).toSeq
    process.getOutputStream.write(lines.map(_ + "\n").mkString.getBytes(UTF_8))
    process.getOutputStream.close()
    process
  }

  private def read(input: InputStream, to: LinkedBlockingQueue[Told]): Unit = {
    val pieces = new ByteArrayOutputStream
    try {
      while (true) {
        val frame = Frame.decode(input)
        val meta = Json.parse(frame.meta)
        if (frame.kind == Message.Piece) {
          pieces.write(frame.payload)
        } else if (meta.has("spooled")) {
          assertEquals(meta.get("spooled").asInt, pieces.size)
          to.add(Told(frame.kind, meta, pieces.toByteArray))
          pieces.reset()
        } else {
          to.add(Told(frame.kind, meta, if (meta.has("file")) take(meta) else frame.payload))
        }
      }
    } catch {
      case _: IOException => // the driver, or the test, has closed it
    }
  }

  private def take(meta: ObjectNode): Array[Byte] = {
    val file = Paths.get(meta.get("file").asText)
    try Files.readAllBytes(file) finally Files.delete(file)
  }
}

final case class TestConnection(input: InputStream, output: OutputStream, closer: AutoCloseable)

/** Unlike the stream of Channels this one does not wait for a reader of the same channel. */
private class ChannelOutput(channel: SocketChannel) extends OutputStream {
  override def write(byte: Int): Unit = write(Array(byte.toByte))

  override def write(bytes: Array[Byte], offset: Int, length: Int): Unit = {
    val buffer = ByteBuffer.wrap(bytes, offset, length)
    while (buffer.hasRemaining) {
      channel.write(buffer)
    }
  }
}

/** A port on loopback that a driver connects to. */
trait TestPort extends AutoCloseable {
  def accept(): TestConnection
  def url: String
  def pin: Option[String]
}

object TestLauncher {
  private val Asides = Set(Message.Progress, Message.Status)

  val Secret = "open-sesame"

  /** Lets drivers read files below a folder. */
  def reads(folder: File): ObjectNode = {
    val meta = Json.obj()
    meta.putObject("outbound").putArray("files").add(folder.getPath)
    meta
  }

  /** Surefire hides the class path in the manifest of a jar. */
  val classPath: String =
    System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))

  /** Compiles a source to a jar, in this JVM. */
  def jar(folder: Path, name: String, source: String): File = {
    val jar = folder.resolve(name + ".jar").toFile
    val file = Files.write(folder.resolve(name + ".scala"), source.getBytes(UTF_8))
    val compiler = new scala.tools.nsc.MainClass
    compiler.process(Array("-nowarn", "-d", jar.getPath, "-cp", classPath, file.toString))
    assertFalse(s"$name does not compile", compiler.reporter.hasErrors)
    jar
  }
}
