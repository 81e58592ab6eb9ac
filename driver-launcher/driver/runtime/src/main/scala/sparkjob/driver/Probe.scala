/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths, StandardCopyOption}
import java.util.concurrent.{Callable, Executors, ThreadFactory, TimeoutException, TimeUnit}
import java.util.zip.{ZipException, ZipFile}

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.concurrent.duration._
import scala.util.Try
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode

/**
 * A look at a library set, in a JVM that has its class path: which versions there are, what is
 * there twice or is missing, and whether a context can be opened.
 */
object Probe {

  /** Something that is to be said of a set. Of an error it cannot be used. */
  case class Finding(level: String, jar: Option[String], text: String)

  def main(args: Array[String]): Unit = {
    giveUpAfter(Patience)
    Main.begin()
    val target = Paths.get(args(0))
    // others can read a command line, and there may be keys in it
    val uri = Some(new String(System.in.readAllBytes(), UTF_8)).filter(_.nonEmpty)
    val jars = Jars.of(sys.props("java.class.path"), sys.env.get("SPARK_HOME"))
    val found = look(jars, sys.props("java.specification.version")) ++
      uri.toSeq.flatMap(reach)
    leave(target, report(versions(jars), found))
  }

  /** Ends the JVM, which has something to say. */
  def leave(target: Path, report: ObjectNode): Unit = {
    val written = target.resolveSibling("report.new")
    Files.write(written, Json.bytes(report))
    Files.move(written, target, StandardCopyOption.ATOMIC_MOVE)
    // threads of file systems would keep it alive
    Runtime.getRuntime.halt(0)
  }

  /** Nobody may be there any longer who ends it. */
  val Patience: FiniteDuration = 10.minutes

  def giveUpAfter(time: FiniteDuration): Unit = {
    val thread = new Thread(() => {
      Thread.sleep(time.toMillis)
      Runtime.getRuntime.halt(2)
    }, "sparkjob-give-up")
    thread.setDaemon(true)
    thread.start()
  }

  /** What the launcher, and then the client, reads. */
  def report(versions: Seq[(String, String)], found: Seq[Finding]): ObjectNode = {
    val report = Json.obj()
    versions.foreach { case (name, version) => report.put(name, Json.plain(version)) }
    found.find(_.level == "error").foreach(f => report.put("message", Json.plain(f.text)))
    val findings = report.putArray("findings")
    for (finding <- found.take(MaxFindings)) {
      val node = findings.addObject().put("level", finding.level)
      finding.jar.foreach(jar => node.put("jar", Json.plain(jar)))
      node.put("text", Json.plain(finding.text))
    }
    report
  }

  private val MaxFindings = 200

  /** @param java as `java.specification.version` has it */
  def look(jars: Jars, java: String): Seq[Finding] = {
    val wrongJava = javaFits(jars.version("spark-core"), java)
    val found = wrongJava.toSeq ++ jars.unreadable ++ jars.missing ++ jars.conflicts
    // what a context says of the wrong Java, or without its classes, helps nobody
    if (found.exists(_.level == "error")) found else found ++ opens(jars)
  }

  /** Which Javas a Spark says that it runs on, the newest Spark first. */
  private val Javas = Seq(
    (4, 2) -> Seq(17, 21, 25),
    (4, 0) -> Seq(17, 21),
    (3, 3) -> Seq(8, 11, 17),
    (3, 0) -> Seq(8, 11),
    (2, 0) -> Seq(8))

  /** Of our own classes. */
  private val OldestJava = 17

  def javaFits(spark: Option[String], java: String): Option[Finding] = {
    val major = Try(java.stripPrefix("1.").takeWhile(_.isDigit).toInt).getOrElse(0)
    val told = spark.map(_.split("\\.")).collect {
      case Array(a, b, _*) if Seq(a, b).forall(n => n.nonEmpty && n.forall(_.isDigit)) =>
        (a.toInt, b.toInt)
    }
    val javas = told.flatMap { case (a, b) =>
      Javas.collectFirst { case ((x, y), list) if a > x || (a == x && b >= y) => list }
    }
    javas match {
      case Some(list) if !list.contains(major) =>
        Some(Finding("error", None, s"Spark ${spark.get} does not support Java $major: it runs " +
          s"on Java ${list.mkString(", ")}"))
      case _ if major < OldestJava =>
        Some(Finding("error", None, s"drivers of this server need Java $OldestJava or newer, " +
          s"this is Java $major"))
      case _ => None
    }
  }

  def versions(jars: Jars): Seq[(String, String)] = Seq(
    "java" -> Some(sys.props("java.version")),
    "spark" -> Try(org.apache.spark.SPARK_VERSION).toOption.orElse(jars.version("spark-core")),
    "scala" -> Some(scala.util.Properties.versionNumberString),
    "hadoop" -> attempt(org.apache.hadoop.util.VersionInfo.getVersion).toOption,
    "hive" -> jars.version("hive-exec").map(_.stripSuffix("-core"))
  ).collect { case (name, Some(version)) => name -> version }

  /** What is linked wrongly is no exception to Scala's Try. */
  private def attempt[T](what: => T): Either[Throwable, T] = {
    try {
      Right(what)
    } catch {
      case e: LinkageError => Left(e)
      case NonFatal(e) => Left(e)
    }
  }

  /** A context that runs a job: nothing else shows what does not fit together. */
  private def opens(jars: Jars): Seq[Finding] = attempt(Warmup.context()).left.toSeq.map { e =>
    e.printStackTrace()
    jars.explain("no context can be opened", root(e))
  }

  private def root(e: Throwable): Throwable = e.getCause match {
    case null => e
    case cause if cause eq e => e
    case cause => root(cause)
  }

  /** Reads a file, or lists a folder, within a bounded time. */
  def reach(uri: String): Seq[Finding] =
    look(uri).map(found => found.copy(text = withoutKeys(uri, found.text)))

  /** What is found is kept, and told to all who may read: there may be keys in the URI. */
  private[driver] def withoutKeys(uri: String, text: String): String = {
    val authority = uri.drop(uri.indexOf("//") + 2).takeWhile(_ != '/')
    val end = authority.lastIndexOf('@')
    if (end > 0) text.replace(authority.take(end), "*********") else text
  }

  private def look(uri: String): Seq[Finding] = {
    val pool = Executors.newSingleThreadExecutor(new ThreadFactory {
      override def newThread(task: Runnable): Thread = {
        val thread = new Thread(task, "sparkjob-reach")
        thread.setDaemon(true)
        thread
      }
    })
    val read = pool.submit(new Callable[Either[Throwable, String]] {
      override def call(): Either[Throwable, String] = attempt(open(uri))
    })
    try {
      read.get(UriMax.toMillis, TimeUnit.MILLISECONDS) match {
        case Right(what) => Seq(Finding("note", None, s"$uri: $what"))
        case Left(e) => Seq(Finding("error", None, s"$uri cannot be read: ${words(root(e))}"))
      }
    } catch {
      case _: TimeoutException => Seq(Finding("error", None,
        s"$uri cannot be read: there was no answer within ${UriMax.toSeconds} seconds"))
    }
  }

  private val UriMax = 30.seconds

  private def words(e: Throwable): String = Option(e.getMessage).map(_.linesIterator.next()) match {
    case Some(message) => s"${e.getClass.getName}: $message"
    case None => e.getClass.getName
  }

  private[driver] def open(uri: String): String = {
    import org.apache.hadoop.conf.Configuration
    import org.apache.hadoop.fs.Path
    val conf = new Configuration()
    // a server that is not there is told soon, and not after a quarter of an hour
    Impatient.foreach { case (name, value) => conf.set(name, value) }
    val path = new Path(uri)
    val fs = path.getFileSystem(conf)
    val status = fs.getFileStatus(path)
    if (status.isDirectory) {
      s"a folder with ${fs.listStatus(path).length} entries"
    } else {
      val in = fs.open(path)
      try {
        in.read()
      } finally {
        in.close()
      }
      s"a file of ${status.getLen} bytes"
    }
  }

  private val Impatient = Seq(
    "ipc.client.connect.max.retries" -> "2",
    "ipc.client.connect.max.retries.on.timeouts" -> "1",
    "ipc.client.connect.timeout" -> "8000",
    "fs.s3a.attempts.maximum" -> "2",
    "fs.s3a.retry.limit" -> "1",
    "fs.s3a.connection.establish.timeout" -> "8000")

  /**
   * The jars of a class path, in its order.
   *
   * @param own what is not the site's to change: Spark's jars, and ours
   */
  class Jars(files: Seq[File], own: File => Boolean) {

    private val classes = mutable.HashMap.empty[String, List[(Int, Long)]]

    /** Jars that are not there, or are no archives. */
    val unreadable: Seq[Finding] = files.zipWithIndex.flatMap { case (file, n) =>
      try {
        read(file, n)
        None
      } catch {
        case e: ZipException => Some(Finding("error", Some(file.getName),
          s"${file.getName} is no jar, or a damaged one: $file: ${e.getMessage}"))
        case e: IOException =>
          Some(Finding("error", Some(file.getName), s"${file.getName} cannot be read: $e"))
      }
    }

    private def read(file: File, n: Int): Unit = {
      val zip = new ZipFile(file)
      try {
        for (entry <- zip.entries.asScala) {
          val name = entry.getName
          if (name.endsWith(".class") && !name.startsWith("META-INF/") &&
              !name.endsWith("-info.class")) {
            classes(name) = (n, entry.getCrc) :: classes.getOrElse(name, Nil)
          }
        }
      } finally {
        zip.close()
      }
    }

    /** By the name of the jar: what stands between the artifact's and the suffix. */
    def version(artifact: String): Option[String] = {
      val pattern = (java.util.regex.Pattern.quote(artifact) + """(?:_\d[\d.]*)?-(\d.*)\.jar""").r
      files.map(_.getName).collectFirst { case pattern(version) => version }
    }

    def missing: Seq[Finding] = Needed.collect {
      case (name, level, artifact, why) if !classes.contains(name.replace('.', '/') + ".class") =>
        Finding(level, Some(artifact), s"$name is missing, which $artifact has: $why")
    }

    /**
     * Classes of one name that differ, by the jars that they are in. Spark's jars among each other
     * are Spark's affair.
     */
    def conflicts: Seq[Finding] = {
      val pairs = mutable.LinkedHashMap.empty[(Int, Int), (Int, Int, String)]
      for ((name, places) <- classes if places.tail.nonEmpty) {
        val (first, crc) = places.last
        for ((other, otherCrc) <- places.init if !(own(files(first)) && own(files(other)))) {
          val (same, differ, example) = pairs.getOrElse((first, other), (0, 0, name))
          pairs((first, other)) = if (crc == otherCrc) (same + 1, differ, example)
            else (same, differ + 1, if (differ == 0 || name < example) name else example)
        }
      }
      pairs.toSeq.sortBy(_._1).map { case ((first, other), (same, differ, example)) =>
        val (a, b) = (files(first).getName, files(other).getName)
        if (differ == 0) {
          Finding("note", Some(b), s"$b has $same classes that $a has as well, all the same")
        } else {
          val name = example.stripSuffix(".class").replace('/', '.')
          Finding("warning", Some(b), s"$b has $differ classes of names that $a has as well, but " +
            s"others, for example $name: those of $a are used")
        }
      }
    }

    /** An error in words that name the jar it is about. */
    def explain(what: String, e: Throwable): Finding = {
      val missing = Option(e.getMessage).filter(_ => e.isInstanceOf[NoClassDefFoundError] ||
        e.isInstanceOf[ClassNotFoundException]).map(_.replace('.', '/'))
        .map(_.stripPrefix("Could not initialize class ").takeWhile(_ != ' '))
      val artifact = missing.flatMap(name => Prefixes.collectFirst {
        case (prefix, artifact) if name.startsWith(prefix) => artifact
      })
      val hint = artifact.map(a => s" ($a has it)").getOrElse("")
      Finding("error", artifact.orElse(jarOf(e)), s"$what: ${words(e)}$hint" +
        jarOf(e).map(jar => s", in $jar").getOrElse(""))
    }

    /** Whose code has met the error. */
    private def jarOf(e: Throwable): Option[String] = e.getStackTrace.iterator
      .map(_.getClassName.replace('.', '/') + ".class").flatMap(classes.get(_))
      .map(places => files(places.last._1).getName).toSeq.headOption
  }

  object Jars {
    def of(classPath: String, sparkHome: Option[String]): Jars = {
      // Hadoop's configuration is a folder
      val files = classPath.split(File.pathSeparator).toSeq.map(new File(_))
        .filterNot(_.isDirectory)
      val folders = sparkHome.map(home => new File(home, "jars")).toSeq ++
        files.headOption.toSeq.flatMap { ours =>
          Option(ours.getParentFile).toSeq.flatMap(home => home +: Option(home.listFiles).toSeq
            .flatten.filter(f => f.isDirectory && f.getName.startsWith("lib")))
        }
      val paths = folders.map(_.getPath).toSet
      new Jars(files, file => paths(file.getParent))
    }
  }

  /** Classes, what it means if they are missing, who has them, and what they are for. */
  private val Needed = Seq(
    ("org.apache.spark.SparkContext", "error", "spark-core", "there is no Spark without"),
    ("org.apache.hadoop.conf.Configuration", "error", "hadoop-client-api (or hadoop-common)",
      "Spark does not start without a Hadoop client"),
    ("org.apache.hadoop.fs.FileSystem", "error", "hadoop-client-api (or hadoop-common)",
      "Spark does not start without a Hadoop client"),
    ("org.apache.spark.sql.SparkSession", "warning", "spark-sql", "there are no sessions"),
    ("org.apache.spark.streaming.StreamingContext", "warning", "spark-streaming",
      "there are no streams"),
    ("org.apache.hadoop.hdfs.DistributedFileSystem", "warning",
      "hadoop-client-api (or hadoop-hdfs-client)", "hdfs: cannot be read"),
    ("org.apache.spark.deploy.yarn.ApplicationMaster", "warning", "spark-yarn",
      "no context runs on YARN"),
    ("org.apache.hadoop.yarn.client.api.YarnClient", "warning",
      "hadoop-client-api (or hadoop-yarn-client)", "no context runs on YARN"),
    ("org.apache.hadoop.yarn.server.webproxy.amfilter.AmIpFilter", "warning",
      "hadoop-yarn-server-web-proxy", "on YARN the filter of Spark's UI fails"))

  /** Where classes come from that a Hadoop client needs beside itself. */
  private val Prefixes = Seq(
    "org/apache/htrace/" -> "htrace-core4",
    "com/ctc/wstx/" -> "woodstox-core",
    "org/codehaus/stax2/" -> "stax2-api",
    "org/apache/hadoop/thirdparty/" -> "hadoop-shaded-guava, hadoop-shaded-protobuf",
    "org/apache/hadoop/shaded/" -> "hadoop-client-runtime",
    "org/apache/commons/configuration2/" -> "commons-configuration2",
    "org/apache/commons/configuration/" -> "commons-configuration",
    "org/apache/commons/logging/" -> "commons-logging",
    "com/google/protobuf/" -> "protobuf-java",
    "com/google/common/" -> "guava",
    "org/apache/hadoop/" -> "hadoop-client-api (or hadoop-client and what it needs)")
}
