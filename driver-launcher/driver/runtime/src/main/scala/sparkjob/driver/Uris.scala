/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{InputStream, IOException, InterruptedIOException}
import java.net.{InetAddress, URI, URISyntaxException, UnknownHostException}
import java.nio.file.{Files, InvalidPathException, Path, Paths, StandardCopyOption}
import java.security.MessageDigest
import java.util.concurrent._

import scala.concurrent.duration._
import scala.util.Try
import scala.util.control.NonFatal

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path => HadoopPath, UnsupportedFileSystemException}
import org.apache.spark.SparkConf
import org.apache.spark.sparkjob.SparkInternals

/** A URI that is none, or of a kind that nobody knows here; the message is for users. */
class MalformedUriException(message: String) extends Exception(message)

/** A URI that may not be fetched; the message is for users. */
class ForbiddenUriException(val uri: String, message: String) extends Exception(message)

/**
 * Gets what class paths name by URI into the context's folder: once for each content, which is
 * from then on like any other binary. A source that tells when it changes (ETag, Last-Modified,
 * time and size of a file) is asked again for each job, and fetched again if it has changed; Maven
 * artifacts do not change.
 *
 * @param folder where the files go
 * @param conf   the context's configuration: of Hadoop's file systems, and of Maven repositories
 * @param patience how long one of them may take
 * @param here   gives a binary of the launcher's its file on this host
 */
class Uris(
    folder: Path,
    outbound: Outbound,
    conf: SparkConf,
    patience: FiniteDuration = Uris.Patience,
    here: Binary => Binary = identity) {
  import Uris._

  private lazy val hadoop: Configuration = SparkInternals.hadoopConfiguration(conf)
  private lazy val web = new Web(outbound)

  private val sources = new ConcurrentHashMap[String, Source]

  /** What is known of a URI; its lock is held while it is fetched. */
  private class Source {
    var state: String = _
    var binaries: Seq[Binary] = Nil
  }

  /**
   * The files of a class path, fetched if need be.
   *
   * @throws MalformedUriException if a URI is none
   * @throws ForbiddenUriException if it may not be fetched
   * @throws IOException           if it cannot be, or the thread is interrupted
   */
  def fetch(entries: Seq[ClassPathEntry]): Seq[Binary] = entries.flatMap {
    case binary: Binary => Seq(here(binary))
    case Uri(text) => aside(text, sources.computeIfAbsent(text, _ => new Source))
  }

  /** The same in a file of the context's own, which stays when the launcher's is deleted. */
  def own(binary: Binary): Binary = {
    if (binary.file.toPath.startsWith(folder)) {
      binary
    } else {
      val input = Files.newInputStream(binary.file.toPath)
      try {
        store(binary.name, input).copy(name = binary.name, kind = binary.kind)
      } finally {
        input.close()
      }
    }
  }

  /**
   * In a thread of its own, since what connects by itself may wait for ever, whoever interrupts it.
   * Such a thread is left behind with its source; who asks for that URI next begins anew.
   */
  private def aside(text: String, source: Source): Seq[Binary] = {
    val task = new FutureTask[Seq[Binary]](() => source.synchronized {
      update(text.trim, source)
      source.binaries
    })
    val thread = new Thread(task, "sparkjob-fetch")
    thread.setDaemon(true)
    thread.start()
    def leave(why: String) = {
      sources.remove(text, source)
      task.cancel(true)
      throw new InterruptedIOException(why)
    }
    try {
      task.get(patience.toMillis, TimeUnit.MILLISECONDS)
    } catch {
      case e: ExecutionException => throw e.getCause
      case _: InterruptedException => leave(s"interrupted while $text was fetched")
      case _: TimeoutException => leave(s"$text was not there within ${patience.toSeconds} seconds")
    }
  }

  private def update(text: String, source: Source): Unit = text match {
    case Coordinates(_*) => resolve(text, source, text, "")
    case _ =>
      val uri = parse(text)
      uri.getScheme.toLowerCase match {
        case "http" | "https" => download(uri, source)
        case "file" | "local" => copy(uri, source)
        case "ivy" =>
          resolve(text, source, coordinates(uri), Option(uri.getRawQuery).getOrElse(""))
        case scheme if HadoopSchemes(scheme) => read(uri, source)
        case _ =>
          throw new ForbiddenUriException(text,
            s"The scheme ${uri.getScheme} is not served: $text")
      }
  }

  private def parse(text: String): URI = {
    val uri = try {
      new URI(text)
    } catch {
      case e: URISyntaxException => throw new MalformedUriException(e.getMessage)
    }
    if (uri.getScheme == null) {
      throw new MalformedUriException(s"$text has no scheme, as http: or file:")
    }
    uri
  }

  private def download(uri: URI, source: Source): Unit = {
    if (uri.getHost == null) {
      throw new MalformedUriException(s"$uri names no host")
    }
    val known = if (source.state == null) "" else source.state
    try {
      web.get(uri, known) { (state, body) => keep(uri, source, state, body) }
    } catch {
      case e: HostRefusedException => throw new ForbiddenUriException(uri.toString, e.getMessage)
    }
  }

  private def copy(uri: URI, source: Source): Unit = {
    val file = try {
      if (uri.getPath == null || (uri.getHost != null && uri.getHost != "localhost")) {
        throw new MalformedUriException(s"$uri is no path on this host")
      }
      Paths.get(uri.getPath)
    } catch {
      case e: InvalidPathException => throw new MalformedUriException(e.getMessage)
    }
    // whether it exists is nobody's business who may not read it
    val real = Try(file.toRealPath()).toOption.filter(outbound.allows).getOrElse {
      throw new ForbiddenUriException(uri.toString,
        s"$uri is not there, or not below a folder that the launcher's outbound.files lists")
    }
    if (!Files.isRegularFile(real)) {
      throw new IOException(s"$uri is no file")
    }
    val state = s"${Files.getLastModifiedTime(real)} ${Files.size(real)} ${inode(real)}"
    if (state != source.state) {
      val input = Files.newInputStream(real)
      try keep(uri, source, state, input) finally input.close()
    }
  }

  private def inode(file: Path): Any = Files.getAttribute(file, "unix:ino")

  /** By Hadoop's file systems. */
  private def read(uri: URI, source: Source): Unit = {
    checkHost(uri.toString, uri)
    val fs = try {
      FileSystem.get(uri, hadoop)
    } catch {
      case e: UnsupportedFileSystemException => throw new MalformedUriException(
        s"$uri: ${uri.getScheme} is no scheme that is known here (${e.getMessage})")
      case e: IllegalArgumentException if !e.getCause.isInstanceOf[UnknownHostException] =>
        throw new MalformedUriException(s"$uri: ${e.getMessage}")
    }
    val path = new HadoopPath(uri)
    val status = fs.getFileStatus(path)
    if (status.isDirectory) {
      throw new IOException(s"$uri is a directory")
    }
    val state = s"${status.getModificationTime} ${status.getLen}"
    if (state != source.state) {
      val input = fs.open(path)
      try keep(uri, source, state, input) finally input.close()
    }
  }

  /** Of file systems that connect by themselves; some of their hosts are names of theirs only. */
  private def checkHost(asked: String, uri: URI): Unit = {
    if (uri.getHost != null) {
      Try(InetAddress.getAllByName(uri.getHost)).getOrElse(Array.empty).foreach { address =>
        try {
          outbound.check(uri.getHost, address, uri.getPort)
        } catch {
          case e: HostRefusedException => throw new ForbiddenUriException(asked, e.getMessage)
        }
      }
    }
  }

  private def coordinates(uri: URI): String = uri.getAuthority match {
    case text@Coordinates(_*) => text
    case _ => throw new MalformedUriException(s"$uri is not ivy://group:artifact:version")
  }

  /** By Spark's own resolver; with what the artifact depends on, unless the URI says otherwise. */
  private def resolve(uri: String, source: Source, coordinates: String, query: String): Unit = {
    if (source.state == null) {
      val options = Query.findAllMatchIn(query)
        .map(option => option.group(1) -> option.group(2)).toMap
      val repositories = Seq(options.get("repos"), conf.getOption("spark.jars.repositories"))
        .flatten.flatMap(_.split(",")).map(_.trim).filter(_.nonEmpty)
      repositories.foreach(checkRepository(uri, _))
      val files = try {
        Maven.synchronized {
          SparkInternals.resolveMaven(coordinates,
            transitive = !options.get("transitive").exists(_.equalsIgnoreCase("false")),
            exclusions = options.getOrElse("exclude", ""),
            repositories = repositories.mkString(","),
            folder = conf.getOption("spark.jars.ivy").getOrElse(folder.resolve("ivy").toString),
            settings = conf.getOption("spark.jars.ivySettings"))
        }
      } catch {
        case NonFatal(e) => throw new IOException(s"$coordinates cannot be had: ${e.getMessage}", e)
      }
      source.binaries = files.map { file =>
        val input = Files.newInputStream(Paths.get(file))
        try store(Paths.get(file).getFileName.toString, input) finally input.close()
      }
      source.state = coordinates
    }
  }

  private def checkRepository(uri: String, repository: String): Unit = {
    val address = parse(repository)
    address.getScheme.toLowerCase match {
      case "http" | "https" => checkHost(uri, address)
      case "file" if Try(Paths.get(address).toRealPath()).toOption.exists(outbound.allows) =>
      case _ => throw new ForbiddenUriException(uri,
        s"the repository $repository is not allowed")
    }
  }

  private def keep(uri: URI, source: Source, state: String, input: InputStream): Unit = {
    source.state = null
    val path = Option(uri.getPath).getOrElse("")
    source.binaries = Seq(store(path.substring(path.lastIndexOf('/') + 1), input))
    source.state = state
  }

  private def store(name: String, input: InputStream): Binary = {
    Files.createDirectories(folder)
    val part = Files.createTempFile(folder, "part", "")
    try {
      val sha256 = receive(name, input, part)
      val kind = Kinds.collectFirst { case (suffix, kind) if name.endsWith(suffix) => kind }
        .getOrElse("Jar")
      val suffix = Kinds.collectFirst { case (suffix, `kind`) => suffix }.get
      val file = folder.resolve(sha256 + suffix)
      if (!Files.exists(file)) {
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE)
      }
      Binary(name, kind, file.toFile, sha256)
    } finally {
      Files.deleteIfExists(part)
    }
  }

  private def receive(name: String, input: InputStream, file: Path): String = {
    val digest = MessageDigest.getInstance("SHA-256")
    val out = Files.newOutputStream(file)
    try {
      val buffer = new Array[Byte](64 * 1024)
      var size = 0L
      Iterator.continually(input.read(buffer)).takeWhile(_ >= 0).foreach { length =>
        if (Thread.currentThread.isInterrupted) {
          throw new InterruptedIOException(s"interrupted while $name was fetched")
        }
        size += length
        if (size > SizeMax) {
          throw new IOException(s"$name is larger than ${SizeMax >> 20} MiB")
        }
        digest.update(buffer, 0, length)
        out.write(buffer, 0, length)
      }
    } finally {
      out.close()
    }
    digest.digest().map(byte => f"$byte%02x").mkString
  }
}

object Uris {

  val SizeMax: Long = 2L << 30

  /** Kinds of binaries by what their names end with. */
  private val Kinds = Seq(".jar" -> "Jar", ".egg" -> "Egg", ".whl" -> "Wheel", ".py" -> "Python")

  private val Coordinates = """([^:/\s]+):([^:/\s]+):([^:/\s]+)""".r
  private val Query = """([^&=]+)=([^&]*)""".r

  val Patience: FiniteDuration = 10.minutes

  /**
   * Of Hadoop's file systems those of clusters and clouds. Others connect to any host, without a
   * limit of time (ftp, webhdfs), or stand for files of others, those of this host among them (har,
   * viewfs with the mounts that a context's settings name).
   */
  private val HadoopSchemes = Set("hdfs", "s3a", "abfs", "abfss", "gs", "wasb", "wasbs", "o3fs",
    "ofs")

  /** Spark's resolver replaces the output of the JVM while it works. */
  private object Maven
}
