/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File

import org.apache.spark.SparkConf

/**
 * Executors in other processes begin with the jars of the Spark on their host. Where this driver's
 * library set has others, as another Hadoop client, they are to have the same, in the same order:
 * else the two would speak different versions. The jars have to lie at the same paths there.
 */
class ExecutorLibraries(classPath: Seq[File], sparkJars: File) {
  import ExecutorLibraries._

  /** Jars only: folders are configurations, which reach executors as settings. */
  private val jars = classPath.filter(file => file.getName.endsWith(".jar") && !Own.contains(file))

  private val isSpark = jars.nonEmpty && jars.forall(_.getParentFile == sparkJars) &&
    Option(sparkJars.list).toSeq.flatten.count(_.endsWith(".jar")) == jars.size

  /** Where the settings do not say what the class path of executors is, or with it. */
  def give(conf: SparkConf): SparkConf = {
    if (conf.get("spark.master").startsWith(LocalCluster)) {
      // its workers are in this JVM, and no script of Spark has told them
      conf.setIfMissing(ScalaOfWorker, ScalaVersion.Own)
    }
    conf.get("spark.master") match {
      case _ if isSpark || !jars.exists(_.getParentFile == sparkJars) => conf
      case "yarn" if !OfYarn.exists(conf.contains) =>
        // each on its own: in a folder of the container they would have no order
        conf.set(OfYarn.head, jars.map(jar => s"local:$jar").mkString(","))
      case master if master.startsWith("spark:") || master.startsWith(LocalCluster) ||
          master.startsWith("mesos:") =>
        val before = conf.getOption(ExtraPath).filter(_.nonEmpty)
        conf.set(ExtraPath, (before ++ jars.map(_.getPath)).mkString(File.pathSeparator))
      // those of Kubernetes are in the image
      case _ => conf
    }
  }
}

object ExecutorLibraries {

  /** Of this JVM. */
  def apply(environment: Map[String, String]): ExecutorLibraries = new ExecutorLibraries(
    sys.props("java.class.path").split(File.pathSeparator).toVector.filter(_.nonEmpty).map(new File(_)),
    new File(environment.getOrElse("SPARK_HOME", ""), "jars"))

  private val ExtraPath = "spark.executor.extraClassPath"
  private val OfYarn = Seq("spark.yarn.jars", "spark.yarn.archive")

  private val LocalCluster = "local-cluster["
  private val ScalaOfWorker = "spark.executorEnv.SPARK_SCALA_VERSION"

  /** What it may have set. */
  val Settings: Seq[String] = Seq(ExtraPath, OfYarn.head, ScalaOfWorker)

  /** They come with each job. */
  private val Own: Set[File] = Binaries.JobApi.toSet +
    new File(getClass.getProtectionDomain.getCodeSource.getLocation.toURI)
}
