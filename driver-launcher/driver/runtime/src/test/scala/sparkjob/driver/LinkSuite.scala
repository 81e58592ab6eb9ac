/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayInputStream, FileInputStream, InputStream, IOException}
import java.net.{InetAddress, ServerSocket}
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.security.{KeyStore, MessageDigest}
import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, TimeUnit}
import java.util.concurrent.atomic.AtomicLong
import javax.net.ssl.{KeyManagerFactory, SSLContext, SSLServerSocket}

import scala.concurrent.duration._

import org.junit.{AfterClass, Test}
import org.junit.Assert._

/** Links by TCP and by TLS, whose other end has to have a certain key. */
class LinkSuite {
  import LinkSuite._

  private def driver(tcp: TestPort): Unit = {
    val launcher = new TestLauncher(tcp = Some(tcp))
    try {
      assertEquals(TestLauncher.Secret, launcher.hello.meta.path("secret").asText)
      assertEquals(Message.Ready, launcher.context(Map("spark.master" -> "local[1]")).kind)
      launcher.disconnect()
      launcher.accept()
      val again = launcher.receive()
      assertEquals(Message.Hello, again.kind)
      assertEquals(launcher.token, again.meta.path("token").asText)
      assertFalse(again.meta.has("secret"))
      tcp.pin.foreach(_ => largeBodies(launcher))
    } finally {
      launcher.close()
    }
  }

  /** The configuration goes to the driver in pieces, and comes back in pieces, with a ping between. */
  private def largeBodies(launcher: TestLauncher): Unit = {
    launcher.send(Message.Context, Json.obj().put("token", launcher.token))
    assertEquals(Message.Ready, launcher.receive().kind)
    val word = "w" * 200000
    val config = s"""{"word": "$word"}"""
    config.grouped(Frame.PayloadMax).foreach(launcher.send(Message.Piece, Json.obj(), _))
    launcher.begin("mine.Large", "", Seq(UserJars.jobs), spooled = Some(config.length))
    launcher.send(Message.Ping)
    val told = Iterator.continually(launcher.receive()).filter(_.kind != Message.Pong).take(2).toList
    assertEquals(Seq(Message.Started, Message.Result), told.map(_.kind))
    assertTrue(told.head.json.path("word").asText == word)
    assertTrue(told(1).text.length > Frame.PayloadMax)
    assertEquals(0, launcher.folder.toFile.list.count(_.endsWith(".piece")))
  }

  @Test def driverConnectsByTlsAndComesBack(): Unit = driver(new Port(Some(own), own.pin))

  @Test def driverConnectsByTcpAndComesBack(): Unit = driver(new Port(None, ""))

  @Test def secretIsToldToNobodyWithAnotherKey(): Unit = {
    val port = new Port(Some(other), own.pin)
    val endpoint = Endpoint.parse(port.url, port.pin)
    val heard = new java.util.concurrent.ArrayBlockingQueue[String](1)
    val listener = new Thread(() => heard.add(try {
      val bytes = port.accept().input.readNBytes(1000)
      s"${bytes.length} bytes"
    } catch {
      case e: IOException => "nothing"
    }))
    listener.start()
    try {
      endpoint.connect()
      fail("it has connected")
    } catch {
      case e: IOException => assertTrue(e.toString, e.toString.contains("has not the launcher's key"))
    }
    assertEquals("nothing", heard.poll(60, java.util.concurrent.TimeUnit.SECONDS))
    port.close()
  }

  @Test def bytesPassUnchangedInBothDirections(): Unit = {
    val port = new Port(Some(own), own.pin)
    val echo = new Thread(() => {
      val connection = port.accept()
      connection.input.transferTo(connection.output)
    })
    echo.setDaemon(true)
    echo.start()
    val connection = Endpoint.parse(port.url, port.pin).connect()
    val sent = Array.tabulate(300000)(n => (n * 7 % 251).toByte)
    val writer = new Thread(() => sent.grouped(70000).foreach { piece =>
      connection.write(Array(ByteBuffer.wrap(piece), ByteBuffer.allocate(0)))
    })
    writer.start()
    assertArrayEquals(sent, connection.input.readNBytes(sent.length))
    connection.close()
    port.close()
  }

  @Test def whatMayWaitGoesWithTheNextFrameOrAlone(): Unit = {
    val written = new LinkedBlockingQueue[Seq[Int]]
    val link = new Link(new Recorder(written), Greeter)
    link.start()
    def next(): Seq[Int] = written.poll(60, TimeUnit.SECONDS)
    assertEquals(Seq(Message.Hello), next())
    link.establish(())
    link.sendLater(frame(Message.Started))
    assertEquals(Seq(Message.Started), next())
    // this thread may be kept from its second call for longer than the first one may wait
    val together = Iterator.continually {
      link.sendLater(frame(Message.Started))
      link.send(frame(Message.Result))
      val first = next()
      assertEquals(Seq(Message.Started, Message.Result), if (first.size == 1) first ++ next() else first)
      first.size
    }
    assertTrue(together.take(1000).contains(2))
  }

  @Test def whatMayWaitIsWrittenThoughTheMomentComesWhileItIsLookedAt(): Unit = {
    val written = new LinkedBlockingQueue[Seq[Int]]
    val looks = new AtomicLong
    val link = new Link(new Recorder(written), Greeter) {
      override protected def now: Long = looks.getAndAdd(5)
    }
    link.start()
    assertEquals(Seq(Message.Hello), written.poll(60, TimeUnit.SECONDS))
    link.establish(())
    link.sendLater(frame(Message.Started))
    assertEquals(Seq(Message.Started), written.poll(60, TimeUnit.SECONDS))
  }

  @Test def addressesThatCannotBeAreRefused(): Unit = {
    Seq("127.0.0.1:1", "tls://127.0.0.1", "http://a:1", "tcp://a b:1", "").foreach { url =>
      assertThrows(url, classOf[IllegalArgumentException], () => Endpoint.parse(url, Some(own.pin)))
    }
    assertThrows(classOf[IllegalArgumentException], () => Endpoint.parse("tls://a:1", None))
  }

  @Test def theSecondLineOfTheInputIsThePin(): Unit = {
    val environment = Map("SPARKJOB_SOCKET" -> "/s", "SPARKJOB_CONTEXT" -> "c",
      "SPARKJOB_LINK" -> "tls://[::1]:8079")
    def read(text: String) =
      Surroundings.read(environment, new ByteArrayInputStream(text.getBytes(UTF_8)))
    val told = read("secret\n" + "ab" * 32 + "\n")
    assertEquals("secret", told.secret.text)
    assertEquals("::1:8079", told.endpoint.toString)
    assertThrows(classOf[IllegalArgumentException], () => read("secret\n"))
    assertEquals("/s", Surroundings.read(environment - "SPARKJOB_LINK",
      new ByteArrayInputStream("secret\n".getBytes(UTF_8))).endpoint.toString)
  }
}

object LinkSuite {
  private val folder = Files.createTempDirectory("sparkjob-link-")
  private val Password = "changeit"

  private def frame(kind: Int): Frame = Frame(kind, 0, 0, Frame.Nothing, Frame.Nothing)

  private[driver] object Greeter extends LinkOwner {
    override def hello(): Frame = frame(Message.Hello)
    override def receive(frame: Frame): Unit = {}
    override def patience: FiniteDuration = 1.hour
    override def abandoned(): Unit = {}
  }

  /** Notes which messages go together; its launcher says nothing. */
  private[driver] class Recorder(written: LinkedBlockingQueue[Seq[Int]]) extends Endpoint {
    override def passesFiles: Boolean = true

    override def connect(): Connection = new Connection {
      private val silence = new CountDownLatch(1)

      override val input: InputStream = new InputStream {
        override def read(): Int = {
          silence.await()
          -1
        }
      }

      override def write(frames: Array[ByteBuffer]): Unit =
        written.add(frames.map(_.getShort(4).toInt).toSeq)

      override def close(): Unit = silence.countDown()
    }
  }

  private lazy val own = new Key("own")
  private lazy val other = new Key("other")

  @AfterClass def clean(): Unit = {
    folder.toFile.listFiles.foreach(_.delete())
    Files.delete(folder)
  }

  /** A key and its certificate, as keytool makes them. */
  private class Key(name: String) {
    private val file: Path = folder.resolve(s"$name.p12")
    private val made = new ProcessBuilder(
      Paths.get(System.getProperty("java.home"), "bin", "keytool").toString, "-genkeypair",
      "-alias", name, "-keyalg", "EC", "-dname", s"CN=$name", "-storetype", "PKCS12",
      "-keystore", file.toString, "-storepass", Password).redirectErrorStream(true).start()
    assertEquals(new String(made.getInputStream.readAllBytes(), UTF_8), 0, made.waitFor())

    private val store = KeyStore.getInstance("PKCS12")
    private val input = new FileInputStream(file.toFile)
    store.load(input, Password.toCharArray)
    input.close()

    val pin: String = MessageDigest.getInstance("SHA-256")
      .digest(store.getCertificate(name).getPublicKey.getEncoded)
      .map(byte => f"${byte & 0xff}%02x").mkString

    val context: SSLContext = {
      val keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm)
      keys.init(store, Password.toCharArray)
      val context = SSLContext.getInstance("TLSv1.3")
      context.init(keys.getKeyManagers, null, null)
      context
    }
  }

  /** By TLS if there is a key. */
  private class Port(key: Option[Key], told: String) extends TestPort {
    private val loopback = InetAddress.getLoopbackAddress
    private val server: ServerSocket = key match {
      case Some(key) => key.context.getServerSocketFactory.createServerSocket(0, 50, loopback)
        .asInstanceOf[SSLServerSocket]
      case None => new ServerSocket(0, 50, loopback)
    }

    override def accept(): TestConnection = {
      val socket = server.accept()
      TestConnection(socket.getInputStream, socket.getOutputStream, socket)
    }

    override val url: String =
      s"${if (key.isDefined) "tls" else "tcp"}://127.0.0.1:${server.getLocalPort}"

    override def pin: Option[String] = key.map(_ => told)

    override def close(): Unit = server.close()
  }
}
