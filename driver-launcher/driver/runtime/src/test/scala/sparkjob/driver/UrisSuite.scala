/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException}
import java.net.{InetAddress, InetSocketAddress, ServerSocket}
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.security.KeyStore
import java.util.Comparator
import javax.net.ssl.{KeyManagerFactory, SSLContext}

import scala.collection.JavaConverters._
import scala.concurrent.duration._

import com.sun.net.httpserver.{HttpExchange, HttpsConfigurator, HttpServer, HttpsServer}
import org.apache.spark.SparkConf
import org.junit.{After, Test}
import org.junit.Assert._

class UrisSuite {

  private val root: Path = Files.createTempDirectory("sparkjob-")
  private val work = root.resolve("uris")
  private val open = Files.createDirectory(root.resolve("open"))

  private val server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0)
  private val port = server.getAddress.getPort
  private val asked = new java.util.concurrent.ConcurrentLinkedQueue[String]
  @volatile private var content = "one"
  server.createContext("/", (exchange: HttpExchange) => answer(exchange))
  server.start()

  @After def sweep(): Unit = {
    server.stop(0)
    Files.walk(root).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))
  }

  private def answer(exchange: HttpExchange): Unit = {
    val tag = exchange.getRequestHeaders.getFirst("If-None-Match")
    asked.add(s"${exchange.getRequestURI.getPath} $tag")
    val (status, body) = exchange.getRequestURI.getPath match {
      case "/a.jar" if tag == content => (304, "")
      case "/a.jar" =>
        exchange.getResponseHeaders.set("ETag", content)
        (200, content)
      case "/plain/b.egg" => (200, content)
      case "/away" =>
        exchange.getResponseHeaders.set("Location", s"http://localhost:$port/a.jar")
        (302, "")
      case "/round" =>
        exchange.getResponseHeaders.set("Location", "/round")
        (302, "")
      case "/to-file" =>
        exchange.getResponseHeaders.set("Location", "file:///etc/passwd")
        (302, "")
      case _ => (404, "nothing here")
    }
    exchange.sendResponseHeaders(status, if (body.isEmpty) -1 else body.length)
    exchange.getResponseBody.write(body.getBytes)
    exchange.close()
  }

  private def uris(hosts: String*): Uris =
    new Uris(work, new Outbound(hosts, Seq(open)), new SparkConf(false))

  private def read(uris: Uris, uri: String): Seq[(String, String, String)] =
    uris.fetch(Seq(Uri(uri))).map { b =>
      (b.name, b.kind, new String(Files.readAllBytes(b.file.toPath)))
    }

  private def forbidden(uris: Uris, uri: String): String = {
    val e = assertThrows(uri, classOf[ForbiddenUriException], () => read(uris, uri))
    assertEquals(uri, e.uri)
    e.getMessage
  }

  private def malformed(uri: String): String =
    assertThrows(uri, classOf[MalformedUriException], () => read(uris(), uri)).getMessage

  private def failed(uris: Uris, uri: String): String =
    assertThrows(uri, classOf[IOException], () => read(uris, uri)).getMessage

  @Test def aBinaryOfItsOwnOutlivesTheLaunchers(): Unit = {
    val file = Files.write(open.resolve("kept"), "bytes".getBytes)
    val uris = this.uris()
    val own = uris.own(Binary("words", "Egg", file.toFile, "0"))
    Files.delete(file)
    assertEquals("bytes", new String(Files.readAllBytes(own.file.toPath)))
    assertEquals(("words", "Egg"), (own.name, own.kind))
    assertEquals(own, uris.own(own))
  }

  @Test def binariesPassAsTheyAre(): Unit = {
    val binary = Binary("n", "Jar", new java.io.File("x"), "s")
    assertEquals(Seq(binary), uris().fetch(Seq(binary)))
  }

  @Test def aPageIsFetchedOnceForEachContent(): Unit = {
    val mine = uris("127.0.0.1")
    val uri = s"http://127.0.0.1:$port/a.jar"
    for (text <- Seq("one", "one", "two", "two", "one")) {
      content = text
      assertEquals(Seq(("a.jar", "Jar", text)), read(mine, uri))
    }
    assertEquals(Seq("null", "one", "one", "two", "two").map("/a.jar " + _), asked.asScala.toSeq)
    assertEquals(2, Files.list(work).count)
    val hash = mine.fetch(Seq(Uri(uri))).head
    assertEquals("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", hash.sha256)
    assertEquals(hash.sha256 + ".jar", hash.file.getName)
  }

  @Test def aPageWithoutVersionIsFetchedForEachJob(): Unit = {
    val mine = uris(s"127.0.0.1:$port")
    for (text <- Seq("one", "two")) {
      content = text
      assertEquals(Seq(("b.egg", "Egg", text)), read(mine, s"http://127.0.0.1:$port/plain/b.egg"))
    }
  }

  @Test def hostsNearbyMustBeListed(): Unit = {
    for (host <- Seq("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.9.9.9", "2130706433",
        "[::ffff:127.0.0.1]", "169.254.169.254", "224.0.0.1")) {
      val uri = s"http://$host:$port/a.jar"
      assertTrue(host, forbidden(uris("example.com", "10.0.0.0/8", s"127.0.0.1:${port + 1}"), uri)
        .contains("outbound.hosts"))
    }
    assertEquals(0, asked.size)
    for (listed <- Seq("127.0.0.0/8", "localhost", s"LocalHost:$port", "127.0.0.1")) {
      assertEquals(listed, "one", read(uris(listed), s"http://localhost:$port/a.jar").head._3)
    }
  }

  @Test def redirectsAreCheckedTo(): Unit = {
    val away = s"http://127.0.0.1:$port/away"
    assertEquals("one", read(uris("127.0.0.1", "localhost"), away).head._3)
    val onlyFirst = new Outbound(Seq(s"[::1]"), Nil) {
      override def check(host: String, address: InetAddress, port: Int): Unit =
        if (host != "127.0.0.1") super.check(host, address, port)
    }
    asked.clear()
    assertTrue(forbidden(new Uris(work, onlyFirst, new SparkConf(false)), away)
      .contains("localhost"))
    assertEquals(Seq("/away null"), asked.asScala.toSeq)
    assertTrue(failed(uris("127.0.0.1"), s"http://127.0.0.1:$port/round").contains("redirect"))
    assertTrue(failed(uris("127.0.0.1"), s"http://127.0.0.1:$port/to-file").nonEmpty)
  }

  @Test def whatCannotBeFetchedIsSaid(): Unit = {
    val mine = uris("127.0.0.1")
    assertTrue(failed(mine, s"http://127.0.0.1:$port/no").contains("404"))
    assertTrue(failed(mine, "http://127.0.0.1:1/x.jar").contains("refused"))
    assertTrue(failed(mine, "http://no.such.host.invalid/x.jar").contains("no.such.host.invalid"))
    assertTrue(failed(mine, s"file:$open").contains("is no file"))
    assertEquals(0L, if (Files.exists(work)) Files.list(work).count else 0L)
  }

  @Test def whoIsTrustedIsJavasAffair(): Unit = {
    val store = root.resolve("store.p12").toString
    val made = new ProcessBuilder(System.getProperty("java.home") + "/bin/keytool", "-genkeypair",
      "-alias", "a", "-keyalg", "EC", "-dname", "CN=a stranger", "-ext", "san=ip:127.0.0.1",
      "-storetype", "PKCS12", "-keystore", store, "-storepass", "changeit").inheritIO().start()
    assertEquals(0, made.waitFor())
    val secure = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 0)
    secure.setHttpsConfigurator(new HttpsConfigurator(tls(store)))
    secure.createContext("/", (exchange: HttpExchange) => answer(exchange))
    secure.start()
    try {
      val uri = s"https://127.0.0.1:${secure.getAddress.getPort}/a.jar"
      val why = failed(uris("127.0.0.1"), uri)
      val name = "\"CN=a stranger\""
      assertTrue(why, why.startsWith(
        s"$uri cannot be fetched: the certificate $name, issued by $name, is not trusted: "))
      System.setProperty("javax.net.ssl.trustStore", store)
      System.setProperty("javax.net.ssl.trustStorePassword", "changeit")
      assertEquals("one", read(uris("127.0.0.1"), uri).head._3)
      // whose name it is not
      val other = uri.replace("127.0.0.1", "localhost")
      assertTrue(failed(uris("localhost"), other).contains("localhost"))
    } finally {
      System.clearProperty("javax.net.ssl.trustStore")
      System.clearProperty("javax.net.ssl.trustStorePassword")
      secure.stop(0)
    }
  }

  private def tls(store: String): SSLContext = {
    val password = "changeit".toCharArray
    val keys = KeyStore.getInstance(new File(store), password)
    val factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm)
    factory.init(keys, password)
    val context = SSLContext.getInstance("TLS")
    context.init(factory.getKeyManagers, null, null)
    context
  }

  @Test def whatIsNoUriIsSaid(): Unit = {
    for (uri <- Seq("http://a b/", "no-scheme", "http:///x", "http:x",
        "file://elsewhere/x.jar", "file:x.jar", "ivy://a:b", "ivy:///", "ivy:a", ":", "http://[",
        "://")) {
      assertTrue(uri, malformed(uri).nonEmpty)
    }
  }

  @Test def onlyFilesBelowListedFoldersAreRead(): Unit = {
    val file = Files.write(open.resolve("x.jar"), "one".getBytes)
    val secret = Files.write(root.resolve("secret.jar"), "s".getBytes)
    Files.createSymbolicLink(open.resolve("link.jar"), secret)
    val mine = uris()
    assertEquals(Seq(("x.jar", "Jar", "one")), read(mine, s"file://$file"))
    assertEquals(Seq(("x.jar", "Jar", "one")), read(mine, s"local:$file"))
    Files.write(file, "two".getBytes)
    Files.setLastModifiedTime(file, FileTime.fromMillis(1000))
    assertEquals("two", read(mine, s"file:$file").head._3)
    for (path <- Seq(secret.toString, s"$open/../secret.jar", s"$open/link.jar", "/etc/passwd",
        "/no/such", s"$open/no-such.jar", s"$open-and-more/x.jar")) {
      assertTrue(path, forbidden(mine, s"file:$path").contains("outbound.files"))
    }
    assertTrue(forbidden(mine, s"har://file-localhost$open/x.har/y.jar").contains("har is not"))
    assertTrue(forbidden(mine, "ivy://a:b:1?repos=file:///etc").contains("file:///etc"))
    assertTrue(forbidden(mine, s"ivy://a:b:1?repos=http://127.0.0.1:$port/").contains("127.0.0.1"))
  }

  @Test def onlySomeFileSystemsOfHadoopAreServed(): Unit = {
    val mine = uris("127.0.0.1")
    for (scheme <- Seq("ftp", "FTP", "sftp", "webhdfs", "swebhdfs", "viewfs", "nosuch", "dav")) {
      val uri = s"$scheme://127.0.0.1:$port/x.jar"
      assertEquals(s"The scheme $scheme is not served: $uri", forbidden(mine, uri))
    }
    for (host <- Seq("127.0.0.1", "localhost")) {
      assertTrue(forbidden(uris(), s"hdfs://$host:$port/x.jar").contains("outbound.hosts"))
    }
    assertEquals(0, asked.size)
  }

  /** A server that takes connections and says nothing. */
  private def silent(check: String => Unit): Unit = {
    val socket = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))
    try check(s"http://127.0.0.1:${socket.getLocalPort}/x.jar") finally socket.close()
  }

  @Test def whatTakesTooLongIsLeftBehind(): Unit = silent { uri =>
    val mine = new Uris(work, new Outbound(Seq("127.0.0.1"), Nil), new SparkConf(false),
      300.millis)
    for (_ <- 1 to 2) {
      assertTrue(failed(mine, uri).contains("was not there within"))
    }
  }

  @Test def whoIsInterruptedLeavesWhatIsFetchedBehind(): Unit = silent { uri =>
    @volatile var message = ""
    val thread = new Thread(() => message = failed(uris("127.0.0.1"), uri))
    thread.start()
    Thread.sleep(500)
    thread.interrupt()
    thread.join(60000)
    assertTrue(message, message.contains("interrupted while"))
  }

  @Test def mavenArtifactsComeWithWhatTheyDependOn(): Unit = {
    val mine = new Uris(work, new Outbound(Nil, Seq(open)),
      new SparkConf(false).set("spark.jars.repositories", repository.toUri.toString))
    assertEquals(Seq("test.it_a-1.jar" -> "a", "test.it_b-2.jar" -> "b"),
      read(mine, "test.it:a:1").map(b => b._1 -> b._3).sorted)
    assertEquals(Seq("test.it_a-1.jar"), read(mine, "ivy://test.it:a:1?transitive=false").map(_._1))
    assertEquals(Seq("test.it_a-1.jar"),
      read(mine, "ivy://test.it:a:1?exclude=test.it:b").map(_._1))
  }

  /** A repository of two artifacts, of which one depends on the other. */
  private def repository: Path = {
    val repository = open.resolve("repository")
    for ((name, version, more) <- Seq(("b", 2, ""), ("a", 1, "<dependencies><dependency><groupId>" +
        "test.it</groupId><artifactId>b</artifactId><version>2</version></dependency>" +
        "</dependencies>"))) {
      val folder = Files.createDirectories(repository.resolve(s"test/it/$name/$version"))
      Files.write(folder.resolve(s"$name-$version.jar"), name.getBytes)
      Files.write(folder.resolve(s"$name-$version.pom"),
        (s"<project><modelVersion>4.0.0</modelVersion><groupId>test.it</groupId><artifactId>$name" +
          s"</artifactId><version>$version</version>$more</project>").getBytes)
    }
    repository
  }
}
