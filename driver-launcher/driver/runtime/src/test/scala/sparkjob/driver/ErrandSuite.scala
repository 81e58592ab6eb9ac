/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.apache.spark.sparkjob.SparkInternals
import org.junit.Test
import org.junit.Assert._

/** What an errand makes of what it is told; t/clusters/test_kerberos_yarn.py has a real cluster. */
class ErrandSuite {

  private def settings(pairs: (String, String)*) = {
    val words = Json.obj()
    pairs.foreach { case (name, value) => words.putObject("settings").put(name, value) }
    Errand.settings(words)
  }

  @Test def theClusterMayBeInItsSettingsOnly(): Unit = {
    val words = Json.obj().put("kill", "application_1_0001")
    val told = words.putObject("settings").put("spark.a", "b = \n c")
    val hadoop = Map(
      "fs.defaultFS" -> "hdfs://name.example:8020",
      "yarn.resourcemanager.address" -> "rm.example:8032",
      "hadoop.security.authentication" -> "kerberos")
    hadoop.foreach { case (name, value) => told.put("spark.hadoop." + name, value) }
    val conf = Errand.settings(words)
    assertEquals("b = \n c", conf.get("spark.a"))
    val configuration = SparkInternals.hadoopConfiguration(conf)
    hadoop.foreach { case (name, value) => assertEquals(value, configuration.get(name)) }
  }

  @Test def noSettingSaysWhoItIs(): Unit = {
    for (name <- Kerberos.Settings) {
      assertEquals(name, Seq.empty, settings(name -> "other").getAll.toSeq)
    }
    assertEquals(Seq.empty, settings().getAll.toSeq)
  }
}
