/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.{Files, Path}
import java.util.Comparator

import org.apache.spark.SparkConf
import org.junit.{After, Test}
import org.junit.Assert._

class ExecutorLibrariesSuite {

  private val root: Path = Files.createTempDirectory("sparkjob-")
  private val spark = Files.createDirectory(root.resolve("jars")).toFile
  private val own = Seq("a.jar", "hadoop-client-api-3.3.4.jar").map(new File(spark, _))
  own.foreach(file => Files.createFile(file.toPath))
  private val other = root.resolve("hadoop-client-api-3.4.1.jar").toFile
  private val ours = new File(classOf[Driver].getProtectionDomain.getCodeSource.getLocation.toURI)

  @After def sweep(): Unit =
    Files.walk(root).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))

  private def given(master: String, path: Seq[File], settings: (String, String)*): Map[String, String] = {
    val conf = new SparkConf(false).set("spark.master", master).setAll(settings)
    new ExecutorLibraries(path, spark).give(conf).getAll.toMap - "spark.master"
  }

  private val set = Seq(ours) ++ own.take(1) ++ Seq(other, root.toFile)

  @Test def anotherHadoopGoesToExecutorsInItsPlace(): Unit = {
    val path = "spark.executor.extraClassPath" -> s"${own.head}:$other"
    assertEquals(Map(path), given("spark://h:7077", set))
    assertEquals(Map(path, "spark.executorEnv.SPARK_SCALA_VERSION" -> ScalaVersion.Own),
      given("local-cluster[1,1,1024]", set))
    assertEquals(Map("spark.yarn.jars" -> s"local:${own.head},local:$other"), given("yarn", set))
  }

  @Test def whatTheSettingsSayIsKept(): Unit = {
    assertEquals(Map("spark.executor.extraClassPath" -> s"/mine:${own.head}:$other"),
      given("spark://h:7077", set, "spark.executor.extraClassPath" -> "/mine"))
    for (said <- Seq("spark.yarn.jars" -> "hdfs:/jars/*", "spark.yarn.archive" -> "hdfs:/jars.zip")) {
      assertEquals(Map(said), given("yarn", set, said))
    }
  }

  @Test def sparkAloneNeedsNothing(): Unit = {
    for (master <- Seq("spark://h:7077", "yarn")) {
      assertEquals(Map.empty, given(master, ours +: own))
      // of this Spark nothing is there: it was not the launcher who has started this driver
      assertEquals(Map.empty, given(master, Seq(other)))
    }
    assertEquals(Map.empty, given("local[2]", set))
    assertEquals(Map.empty, given("k8s://https://h", set))
  }
}
