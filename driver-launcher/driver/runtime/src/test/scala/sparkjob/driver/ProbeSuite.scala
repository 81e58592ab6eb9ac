/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.{Files, Path}
import java.util.zip.{ZipEntry, ZipOutputStream}

import org.junit.{After, Before, Test}
import org.junit.Assert._

class ProbeSuite {

  private var folder: Path = _

  @Before
  def makeFolder(): Unit = folder = Files.createTempDirectory("probe")

  @After
  def removeFolder(): Unit = {
    def remove(file: File): Unit = {
      Option(file.listFiles).toSeq.flatten.foreach(remove)
      file.delete()
    }
    remove(folder.toFile)
  }

  private def jar(name: String, classes: (String, String)*): String = {
    val path = folder.resolve(name)
    Files.createDirectories(path.getParent)
    val out = new ZipOutputStream(Files.newOutputStream(path))
    for ((name, content) <- classes) {
      out.putNextEntry(new ZipEntry(name.replace('.', '/') + ".class"))
      out.write(content.getBytes)
      out.closeEntry()
    }
    out.close()
    path.toString
  }

  @Test
  def keysOfAUriAreNotToldAgain(): Unit = {
    for ((uri, told) <- Seq(
        "file://key:secret@host/a" -> "file://*********@host/a", s"file:$folder" -> s"file:$folder")) {
      val Seq(finding) = Probe.reach(uri)
      assertTrue(finding.text, finding.text.startsWith(told))
      assertFalse(finding.text, finding.text.contains("secret"))
    }
    val said = "no bucket key:secret@bucket in s3a://key:secret@bucket"
    assertEquals("no bucket *********@bucket in s3a://*********@bucket",
      Probe.withoutKeys("s3a://key:secret@bucket", said))
    assertEquals(said, Probe.withoutKeys("hdfs://host/a@b", said))
  }

  private def jars(paths: String*): Probe.Jars =
    Probe.Jars.of(paths.mkString(File.pathSeparator), Some(folder.resolve("spark").toString))

  @Test
  def aJavaIsOneThatThisSparkSaysItRunsOn(): Unit = {
    def fits(spark: String, java: String) = Probe.javaFits(Some(spark), java).map(_.text)
    assertEquals(None, fits("3.5.9", "17"))
    assertEquals(None, fits("4.3.0", "17"))
    assertEquals(None, fits("4.3.0", "21"))
    assertEquals(None, fits("4.2.0", "25"))
    assertEquals(Some("Spark 4.1.2 does not support Java 25: it runs on Java 17, 21"),
      fits("4.1.2", "25"))
    assertEquals(Some("Spark 3.5.9 does not support Java 21: it runs on Java 8, 11, 17"),
      fits("3.5.9", "21"))
    assertEquals(Some("Spark 4.0.1 does not support Java 11: it runs on Java 17, 21"),
      fits("4.0.1", "11"))
    assertTrue(fits("2.4.8", "17").get.contains("it runs on Java 8"))
    assertTrue(fits("3.5.9", "1.8").get.contains("drivers of this server need Java 17"))
    assertTrue(fits("4.0.0-SNAPSHOT", "25").get.contains("does not support Java 25"))
    assertEquals(None, Probe.javaFits(None, "25"))
  }

  @Test
  def whatIsThereTwiceAndDiffersIsToldByTheNamesOfTheJars(): Unit = {
    val found = jars(
      jar("home/sparkjob-driver_2.12.jar"),
      jar("spark/jars/a-1.jar", "p.A" -> "1", "p.B" -> "1", "p.Same" -> "s"),
      jar("spark/jars/b-1.jar", "p.A" -> "own"),
      jar("extra/a-2.jar", "p.A" -> "2", "p.B" -> "2"),
      jar("extra/c-1.jar", "p.Same" -> "s")).conflicts
    assertEquals(Seq("warning" -> "a-2.jar", "note" -> "c-1.jar"),
      found.map(f => (f.level, f.jar.get)))
    assertEquals("a-2.jar has 2 classes of names that a-1.jar has as well, but others, for " +
      "example p.A: those of a-1.jar are used", found.head.text)
  }

  @Test
  def whatIsMissingIsToldWithWhoHasIt(): Unit = {
    val web = "org.apache.hadoop.yarn.server.webproxy.amfilter.AmIpFilter"
    val all = jars(jar("home/driver.jar"), jar("spark/jars/spark-core_2.12-3.5.9.jar",
      "org.apache.spark.SparkContext" -> ""))
    assertEquals(Some(("warning", Some("hadoop-yarn-server-web-proxy"))),
      all.missing.find(_.text.startsWith(web)).map(f => (f.level, f.jar)))
    assertEquals(Seq("org.apache.hadoop.conf.Configuration", "org.apache.hadoop.fs.FileSystem"),
      all.missing.filter(_.level == "error").map(_.text.takeWhile(_ != ' ')))
    assertTrue(jars(jar("x.jar", web -> "")).missing.forall(!_.text.startsWith(web)))
  }

  @Test
  def aJarThatIsNoneIsToldAsIsOneThatIsNotThere(): Unit = {
    Files.write(folder.resolve("broken.jar"), "no archive".getBytes)
    val text = Files.write(folder.resolve("passwd"), "no archive".getBytes).toString
    val found = jars(jar("home/driver.jar"), folder.resolve("broken.jar").toString, text,
      folder.resolve("nowhere.jar").toString, folder.toString).unreadable
    assertEquals(Seq("error" -> "broken.jar", "error" -> "passwd", "error" -> "nowhere.jar"),
      found.map(f => (f.level, f.jar.get)))
    assertTrue(found(1).text, found(1).text.startsWith(s"passwd is no jar, or a damaged one: $text"))
  }

  @Test
  def versionsStandInTheNamesOfJars(): Unit = {
    val all = jars(jar("home/driver.jar"), jar("spark-core_2.13-4.0.1.jar"),
      jar("hive-exec-2.3.9-core.jar"), jar("spark-core-extra.jar"))
    assertEquals(Some("4.0.1"), all.version("spark-core"))
    assertEquals(Some("2.3.9-core"), all.version("hive-exec"))
    assertEquals(None, all.version("hadoop"))
  }

  @Test
  def anErrorNamesTheJarThatWouldHaveTheClass(): Unit = {
    val e = new NoClassDefFoundError("org/apache/htrace/core/Tracer$Builder")
    val finding = jars(jar("home/driver.jar")).explain("no context can be opened", e)
    assertEquals(Some("htrace-core4"), finding.jar)
    assertTrue(finding.text.contains("Tracer$Builder (htrace-core4 has it)"))
  }

  @Test
  def aReportSaysFirstWhyASetCannotBeUsed(): Unit = {
    val report = Probe.report(Seq("java" -> "17"), Seq(
      Probe.Finding("warning", Some("a.jar"), "odd"), Probe.Finding("error", None, "bad")))
    assertEquals("17", report.get("java").asText)
    assertEquals("bad", report.get("message").asText)
    assertEquals("a.jar", report.get("findings").get(0).get("jar").asText)
    assertTrue(!Probe.report(Nil, Nil).has("message"))
  }

  @Test
  def aFileIsReadAndAFolderIsListed(): Unit = {
    Files.write(folder.resolve("f"), "abc".getBytes)
    assertEquals("a file of 3 bytes", Probe.open(folder.resolve("f").toUri.toString))
    assertEquals("a folder with 1 entries", Probe.open(folder.toUri.toString))
  }
}
