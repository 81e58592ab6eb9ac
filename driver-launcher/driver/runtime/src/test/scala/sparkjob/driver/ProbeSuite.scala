/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.{Files, Path}
import java.util.zip.{ZipEntry, ZipOutputStream}

import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

class ProbeSuite extends AnyFunSuite with BeforeAndAfterEach {

  private var folder: Path = _

  override def beforeEach(): Unit = folder = Files.createTempDirectory("probe")

  override def afterEach(): Unit = {
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

  private def jars(paths: String*): Probe.Jars =
    Probe.Jars.of(paths.mkString(File.pathSeparator), Some(folder.resolve("spark").toString))

  test("a Java is one that this Spark says it runs on") {
    def fits(spark: String, java: String) = Probe.javaFits(Some(spark), java).map(_.text)
    assert(fits("3.5.9", "17") === None)
    assert(fits("4.3.0", "17") === None)
    assert(fits("4.3.0", "21") === None)
    assert(fits("3.5.9", "21") ===
      Some("Spark 3.5.9 does not support Java 21: it runs on Java 8, 11, 17"))
    assert(fits("4.0.1", "11") ===
      Some("Spark 4.0.1 does not support Java 11: it runs on Java 17, 21"))
    assert(fits("2.4.8", "17").get.contains("it runs on Java 8"))
    assert(fits("3.5.9", "1.8").get.contains("drivers of this server need Java 17"))
    assert(fits("4.0.0-SNAPSHOT", "25").get.contains("does not support Java 25"))
    assert(Probe.javaFits(None, "25") === None)
  }

  test("what is there twice, and differs, is told by the names of the jars") {
    val found = jars(
      jar("home/sparkjob-driver_2.12.jar"),
      jar("spark/jars/a-1.jar", "p.A" -> "1", "p.B" -> "1", "p.Same" -> "s"),
      jar("spark/jars/b-1.jar", "p.A" -> "own"),
      jar("extra/a-2.jar", "p.A" -> "2", "p.B" -> "2"),
      jar("extra/c-1.jar", "p.Same" -> "s")).conflicts
    assert(found.map(f => (f.level, f.jar.get)) === Seq("warning" -> "a-2.jar", "note" -> "c-1.jar"))
    assert(found.head.text === "a-2.jar has 2 classes of names that a-1.jar has as well, but others, " +
      "for example p.A: those of a-1.jar are used")
  }

  test("what is missing is told with who has it") {
    val web = "org.apache.hadoop.yarn.server.webproxy.amfilter.AmIpFilter"
    val all = jars(jar("home/driver.jar"), jar("spark/jars/spark-core_2.12-3.5.9.jar",
      "org.apache.spark.SparkContext" -> ""))
    assert(all.missing.find(_.text.startsWith(web)).map(f => (f.level, f.jar)) ===
      Some(("warning", Some("hadoop-yarn-server-web-proxy"))))
    assert(all.missing.filter(_.level == "error").map(_.text.takeWhile(_ != ' ')) ===
      Seq("org.apache.hadoop.conf.Configuration", "org.apache.hadoop.fs.FileSystem"))
    assert(jars(jar("x.jar", web -> "")).missing.forall(!_.text.startsWith(web)))
  }

  test("a jar that is none is told, as is one that is not there") {
    Files.write(folder.resolve("broken.jar"), "no archive".getBytes)
    val found = jars(jar("home/driver.jar"), folder.resolve("broken.jar").toString,
      folder.resolve("nowhere.jar").toString).unreadable
    assert(found.map(f => (f.level, f.jar.get)) ===
      Seq("error" -> "broken.jar", "error" -> "nowhere.jar"))
  }

  test("versions stand in the names of jars") {
    val all = jars(jar("home/driver.jar"), jar("spark-core_2.13-4.0.1.jar"),
      jar("hive-exec-2.3.9-core.jar"), jar("spark-core-extra.jar"))
    assert(all.version("spark-core") === Some("4.0.1"))
    assert(all.version("hive-exec") === Some("2.3.9-core"))
    assert(all.version("hadoop") === None)
  }

  test("an error names the jar that would have the class") {
    val e = new NoClassDefFoundError("org/apache/htrace/core/Tracer$Builder")
    val finding = jars(jar("home/driver.jar")).explain("no context can be opened", e)
    assert(finding.jar === Some("htrace-core4"))
    assert(finding.text.contains("Tracer$Builder (htrace-core4 has it)"))
  }

  test("a report says first why a set cannot be used") {
    val report = Probe.report(Seq("java" -> "17"), Seq(
      Probe.Finding("warning", Some("a.jar"), "odd"), Probe.Finding("error", None, "bad")))
    assert(report.get("java").asText === "17")
    assert(report.get("message").asText === "bad")
    assert(report.get("findings").get(0).get("jar").asText === "a.jar")
    assert(!Probe.report(Nil, Nil).has("message"))
  }

  test("a file is read, a folder is listed, and what is not there is told") {
    Files.write(folder.resolve("f"), "abc".getBytes)
    def reach(path: Path) = Probe.reach(path.toUri.toString).head
    assert(reach(folder.resolve("f")).text.endsWith("a file of 3 bytes"))
    assert(reach(folder).text.endsWith("a folder with 1 entries"))
    val missing = reach(folder.resolve("nowhere"))
    assert(missing.level === "error")
    assert(missing.text.contains("FileNotFoundException"))
    assert(Probe.reach("nofs://host/x").head.text.contains("No FileSystem for scheme"))
  }
}
