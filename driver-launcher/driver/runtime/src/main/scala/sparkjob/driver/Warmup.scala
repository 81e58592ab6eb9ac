/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.net.URLClassLoader
import java.nio.file.Paths
import java.util.zip.ZipFile

import scala.collection.JavaConverters._
import scala.util.control.NonFatal

import com.typesafe.config.ConfigFactory
import org.apache.spark.SparkContext
import org.apache.spark.sparkjob.SparkInternals
import org.slf4j.LoggerFactory

import spark.jobserver.SparkJob
import spark.jobserver.context.{DefaultSparkContextFactory, SparkContextFactory}
import spark.jobserver.context.{SessionContextFactory, SparkSessionContextLikeWrapper}

/** Has a JVM load the classes that contexts and their jobs are going to need. */
object Warmup {

  private val log = LoggerFactory.getLogger("sparkjob.driver.Warmup")

  /**
   * Whatever contexts need and no setting changes, in a thread of its own: there is time for it
   * until the launcher has told what to make.
   */
  def ahead(): Unit = {
    val thread = new Thread(() => Ahead.foreach(load(_, initialize = true)), "sparkjob-warm-up")
    thread.setDaemon(true)
    thread.start()
  }

  private def load(name: String, initialize: Boolean): Unit = {
    try {
      Class.forName(name, initialize, getClass.getClassLoader)
    } catch {
      case e@(_: ClassNotFoundException | _: LinkageError) => log.debug(s"$name is left out: $e")
    }
  }

  /** Large ones, in the order in which a context comes to them. */
  private val Ahead = Seq(
    "org.apache.spark.SparkConf$",
    "org.apache.spark.internal.config.package$",
    "org.apache.spark.internal.config.UI$",
    "org.apache.hadoop.conf.Configuration",
    "org.apache.spark.util.Utils$",
    "org.apache.hadoop.fs.FileSystem",
    "org.apache.hadoop.security.UserGroupInformation",
    "org.apache.spark.SparkContext$",
    "org.apache.spark.status.AppStatusListener",
    "org.apache.spark.rpc.netty.NettyRpcEnv",
    "io.netty.channel.nio.NioEventLoopGroup",
    "io.netty.buffer.PooledByteBufAllocator",
    "org.apache.spark.ui.JettyUtils$",
    "org.sparkproject.jetty.server.Server",
    "org.glassfish.jersey.servlet.ServletContainer",
    "com.fasterxml.jackson.module.scala.DefaultScalaModule$",
    "org.apache.spark.storage.BlockManager",
    "org.apache.spark.scheduler.DAGScheduler",
    "org.apache.spark.scheduler.TaskSchedulerImpl",
    "org.apache.spark.executor.Executor")

  /** The classes of this project, and of what it brings along, are loaded; none is initialised. */
  def loadOwn(): Unit = {
    val own = Seq(classOf[Driver], classOf[SparkJob], classOf[ConfigFactory])
      .map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI))
    for (jar <- own if jar.isFile; name <- classes(jar)) {
      load(name, initialize = false)
    }
  }

  private def classes(jar: File): Seq[String] = {
    val zip = new ZipFile(jar)
    try {
      zip.entries.asScala.map(_.getName).toList
        .filter(name => name.endsWith(".class") && !name.contains("-"))
        .map(_.stripSuffix(".class").replace('/', '.'))
    } finally {
      zip.close()
    }
  }

  /**
   * A SparkContext is opened, used and stopped, and whatever the next one would find of it is
   * forgotten.
   *
   * @param statements whether statements of Scala shall find their interpreter made, which takes
   *                   many times as long, and 200 MiB more
   */
  def spare(statements: Boolean): Unit = {
    val before = sys.props.toMap
    loadOwn()
    context()
    for (name <- sys.props.keys.toList if name.startsWith("spark.") && !before.contains(name)) {
      sys.props.remove(name)
    }
    SparkInternals.forgetContext(new File(sys.props("java.io.tmpdir")))
    used = true
    if (statements) {
      interpreter()
    }
    // what was needed once is garbage, and its memory goes back to the system
    System.gc()
  }

  /** One of Scala is made, and used. */
  def interpreter(): Unit = {
    try {
      Interpreters.prepareSpare(Paths.get(Folders.Classes))
    } catch {
      case e@(NonFatal(_) | _: LinkageError) => log.warn(s"There is no interpreter of Scala: $e")
    }
  }

  /** Whether there has been a context before the one that is to be made. */
  @volatile var used = false

  /** A SparkContext is opened, used and stopped. */
  def context(): Unit =
    withContext(classOf[DefaultSparkContextFactory])(context => use(context.sparkContext))

  /** The same with a session, with Hive support where Spark's classes for that are there. */
  def session(): Unit = withContext(classOf[SessionContextFactory]) { context =>
    use(context.sparkContext)
    val spark = context.made.asInstanceOf[SparkSessionContextLikeWrapper].spark
    // the metastore is a new one, in the working folder
    spark.sql("select id % 3 as k, count(*) as n from range(10) group by 1 order by 1").collect()
    spark.sql("show tables").collect()
  }

  private def use(sc: SparkContext): Unit = {
    val words = sc.parallelize(Seq("a", "b", "a"), 2).map(_ -> 1).reduceByKey(_ + _).collectAsMap()
    require(words("a") == 2)
  }

  private def withContext(factory: Class[_ <: SparkContextFactory])(
      use: JobContext => Unit): Unit = {
    val asked = Json.obj().put("spark.master", "local[2]").put("spark.driver.host", "127.0.0.1")
      .put("spark.driver.bindAddress", "127.0.0.1").put("context-factory", factory.getName)
    val settings = ContextSettings(Json.obj(), asked, ConfigFactory.empty())
    // nothing of the site's configuration: no cluster and no metastore is asked for this
    val loader = new URLClassLoader(Array.empty, getClass.getClassLoader)
    val thread = Thread.currentThread
    val before = thread.getContextClassLoader
    thread.setContextClassLoader(loader)
    try {
      val conf = settings.sparkConf("warm-up", Map.empty)
      val context = JobContext.make(
        JobContext.factory(settings.contextFactory, loader), settings.config, conf, "warm-up")
      try {
        use(context)
      } finally {
        context.stop()
      }
    } finally {
      thread.setContextClassLoader(before)
    }
  }
}
