/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.io.File
import java.lang.reflect.Modifier
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Map => JMap, Properties, UUID}
import java.util.concurrent.ConcurrentMap

import scala.collection.mutable.HashMap

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.FileSystem
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.{JobArtifactSet, JobArtifactState, SparkConf, SparkContext, SparkEnv}
import org.apache.spark.deploy.SparkHadoopUtil
import org.apache.spark.executor.{Executor, IsolatedSessionState}
import org.apache.spark.rpc.RpcEndpoint
import org.apache.spark.scheduler.{JobTaskResultGetter, TaskSchedulerImpl}
import org.apache.spark.status.api.v1.ExecutorSummary
import org.apache.spark.util.{DependencyUtils, MutableURLClassLoader, Utils}

/**
 * What the driver needs of Spark that Spark keeps to itself. A set of binary versions is known to
 * Spark as an "artifact state", whose id names the set: executors have a class loader for each.
 */
object SparkInternals {

  /** The local property that names the set of binaries whose work a thread does. */
  val SetProperty = "sparkjob.binaries"

  /** The name of the set of binaries with these hashes. */
  def setOf(hashes: Seq[String]): String =
    UUID.nameUUIDFromBytes(hashes.mkString(",").getBytes(UTF_8)).toString

  /** The set of statements, which have but the jars of the context. */
  val NoBinaries: String = setOf(Nil)

  /** Spark jobs that `body` starts, and jars that it adds, belong to this set of binaries. */
  def withBinaries[T](sc: SparkContext, set: String)(body: => T): T = {
    val before = sc.getLocalProperty(SetProperty)
    sc.setLocalProperty(SetProperty, set)
    try {
      JobArtifactSet.withActiveJobArtifactState(JobArtifactState(set, None))(body)
    } finally {
      sc.setLocalProperty(SetProperty, before)
    }
  }

  /**
   * The artifacts of a thread's work. Those of a job are told by its local properties, which reach
   * all threads that work for it; a session of Spark 4 would put its own in their place.
   */
  private object Artifacts extends ThreadLocal[Option[JobArtifactState]] {

    override def get: Option[JobArtifactState] = binaries.orElse(super.get)

    override def set(state: Option[JobArtifactState]): Unit = super.set(state.filterNot(binaries.contains))

    override protected def initialValue(): Option[JobArtifactState] = None

    private def binaries: Option[JobArtifactState] =
      SparkContext.getActive.flatMap(sc => Option(sc.getLocalProperty(SetProperty)))
        .map(JobArtifactState(_, None))
  }

  /**
   * Has a context's executors load classes as [[JobClassesPlugin]] does. It comes to them with the
   * jar that it is in.
   */
  def isolateClasses(conf: SparkConf): SparkConf = {
    append(conf, "spark.plugins", classOf[JobClassesPlugin].getName)
    val home = new File(getClass.getProtectionDomain.getCodeSource.getLocation.toURI)
    if (home.isFile && !Utils.isLocalMaster(conf)) {
      append(conf, "spark.jars", home.getPath)
    }
    // a pooled instance would keep the class loader of the first job that it served
    conf.setIfMissing("spark.kryo.pool", "false")
    // in Spark 4 a session's queries would not see what was added to the context
    conf.setIfMissing("spark.sql.artifact.isolation.enabled", "false")
  }

  private def append(conf: SparkConf, name: String, value: String): Unit =
    conf.set(name, conf.getOption(name).filter(_.nonEmpty).toSeq.:+(value).mkString(","))

  /** The settings of conf/spark-defaults.conf. */
  def defaults(environment: Map[String, String]): Map[String, String] = {
    sparkFolder(environment).map(new File(_, "spark-defaults.conf")).filter(_.isFile)
      .map(file => Utils.getPropertiesFromFile(file.getPath).toMap).getOrElse(Map.empty)
  }

  private def sparkFolder(environment: Map[String, String]): Option[String] =
    environment.get("SPARK_CONF_DIR").orElse(environment.get("SPARK_HOME").map(_ + "/conf"))

  /** The folders that hold hive-site.xml, core-site.xml and the like, as spark-submit knows them. */
  def configurations(environment: Map[String, String]): Seq[File] = {
    val folders = sparkFolder(environment).toSeq ++
      Seq("HADOOP_CONF_DIR", "YARN_CONF_DIR").flatMap(environment.get(_))
    folders.distinct.map(new File(_)).filter(_.isDirectory)
  }

  /** The executors that are alive, and the driver. */
  def executors(sc: SparkContext): Seq[ExecutorSummary] =
    sc.statusStore.executorList(activeOnly = true)

  /** Under which id the driver is among the executors. */
  val DriverId: String = SparkContext.DRIVER_IDENTIFIER

  /** Where YARN's ResourceManager shows the application; of several the first. */
  def trackingUrl(sc: SparkContext): Option[String] =
    sc.conf.getOption(s"spark.$YarnFilter.param.PROXY_URI_BASES")
      .flatMap(_.split(",").find(_.nonEmpty))

  private val YarnFilter = "org.apache.hadoop.yarn.server.webproxy.amfilter.AmIpFilter"

  /** What a context of this configuration gives to Hadoop. */
  def hadoopConfiguration(conf: SparkConf): Configuration = SparkHadoopUtil.newConfiguration(conf)

  /** Fetches an artifact into a folder; its files, and those of what it depends on. */
  def resolveMaven(
      coordinates: String,
      transitive: Boolean,
      exclusions: String,
      repositories: String,
      folder: String,
      settings: Option[String]): Seq[String] = DependencyUtils.resolveMavenDependencies(
    transitive, exclusions, coordinates, repositories, folder, settings)

  /** Splits a line of JVM options as a shell would. */
  def splitOptions(line: String): Seq[String] = Utils.splitCommandString(line)

  /**
   * Threads that a job starts belong to the job's set of binaries, too. Spark has a plain
   * ThreadLocal there, in a final field, which no reflection can set in Scala 2.13 (it is static);
   * hence Unsafe.
   */
  def inheritBinaries(): Unit = {
    val module = JobArtifactSet
    val field = module.getClass.getDeclaredFields
      .find(field => classOf[ThreadLocal[_]].isAssignableFrom(field.getType))
      .getOrElse(throw new NoSuchFieldException("JobArtifactSet has no ThreadLocal"))
    val unsafe = this.unsafe
    val (owner, offset) = if (Modifier.isStatic(field.getModifiers)) {
      (unsafe.staticFieldBase(field), unsafe.staticFieldOffset(field))
    } else {
      (module, unsafe.objectFieldOffset(field))
    }
    unsafe.putObjectVolatile(owner, offset, Artifacts)
  }

  /**
   * What Spark and Hadoop keep of a context that was stopped, so that they do not make it anew for
   * the next one: users, file systems, local folders.
   */
  def forgetContext(tmp: File): Unit = {
    FileSystem.closeAll()
    UserGroupInformation.reset()
    Utils.clearLocalRootDirs()
    Option(tmp.listFiles).toSeq.flatten.filter(_.getName.startsWith("spark-"))
      .foreach(Utils.deleteRecursively)
  }

  /**
   * Spark gives its Hadoop configuration to whoever has none. It is made once, of the JVM's
   * properties and the thread's class loader, and another context may have been the first.
   */
  def configureHadoopAgain(): Unit = {
    val kept = SparkHadoopUtil.get.conf
    val sparkConf = new SparkConf(false).loadFromSystemProperties(true)
    kept.setClassLoader(Thread.currentThread.getContextClassLoader)
    SparkHadoopUtil.newConfiguration(sparkConf)
      .forEach(entry => kept.set(entry.getKey, entry.getValue))
    UserGroupInformation.setConfiguration(kept)
  }

  /** Gives a field of an object another value, whatever Java has closed. */
  def replace(owner: AnyRef, name: String, value: AnyRef): Unit = {
    val field = Iterator.iterate[Class[_]](owner.getClass)(_.getSuperclass).takeWhile(_ != null)
      .flatMap(_.getDeclaredFields).find(_.getName == name)
      .getOrElse(throw new NoSuchFieldException(s"${owner.getClass.getName} has no $name"))
    unsafe.putObjectVolatile(owner, unsafe.objectFieldOffset(field), value)
  }

  private def unsafe: sun.misc.Unsafe = {
    val theUnsafe = classOf[sun.misc.Unsafe].getDeclaredField("theUnsafe")
    theUnsafe.setAccessible(true)
    theUnsafe.get(null).asInstanceOf[sun.misc.Unsafe]
  }

  /** From now on the results of tasks are read by the loader that their properties stand for. */
  def readResultsWith(sc: SparkContext)(loaderOf: Properties => Option[ClassLoader]): Unit = {
    sc.taskScheduler match {
      case scheduler: TaskSchedulerImpl =>
        val before = scheduler.taskResultGetter
        scheduler.taskResultGetter = new JobTaskResultGetter(sc.env, scheduler, loaderOf)
        before.stop()
      case _ =>
    }
  }

  /**
   * In local mode tasks run in this JVM. They get the job's own class loader, not a second one over
   * copies of the jars: else a broadcast variable, which is one object here, would be of a class
   * that its readers do not have.
   */
  class LocalTasks private (sessions: ConcurrentMap[String, IsolatedSessionState]) {

    /** @param jars the keys under which Spark knows the jars of the set, not to be fetched again */
    def use(set: String, loader: MutableURLClassLoader, jars: Iterable[String]): Unit = {
      if (!sessions.containsKey(set)) {
        val known = HashMap.empty[String, Long] ++= jars.map(_ -> Long.MaxValue)
        sessions.putIfAbsent(set, new IsolatedSessionState(
          set, loader, loader, HashMap.empty, known, HashMap.empty, None))
      }
    }

    def forget(set: String): Unit = sessions.remove(set)
  }

  object LocalTasks {

    /** None where tasks run in other processes. */
    def of(sc: SparkContext): Option[LocalTasks] = localExecutor(sc.env).map { executor =>
      // by reflection, since the cache is a class of a library that Spark renames in its jars
      val cache = executor.getClass.getMethod("isolatedSessionCache")
      val asMap = cache.getReturnType.getMethod("asMap")
      new LocalTasks(asMap.invoke(cache.invoke(executor))
        .asInstanceOf[ConcurrentMap[String, IsolatedSessionState]])
    }

    /** Spark keeps it in the private field of an RPC endpoint. */
    private def localExecutor(env: SparkEnv): Option[Executor] = {
      val dispatcher = field(env.rpcEnv, "dispatcher")
      val loop = field(dispatcher, "endpoints").asInstanceOf[JMap[String, AnyRef]]
        .get("LocalSchedulerBackendEndpoint")
      Option(loop).map { loop =>
        val inbox = field(loop, "endpoints").asInstanceOf[JMap[String, AnyRef]]
          .get("LocalSchedulerBackendEndpoint")
        field(field(inbox, "endpoint").asInstanceOf[RpcEndpoint], "executor").asInstanceOf[Executor]
      }
    }

    private def field(owner: AnyRef, name: String): AnyRef = {
      val field = Iterator.iterate[Class[_]](owner.getClass)(_.getSuperclass).takeWhile(_ != null)
        .flatMap(_.getDeclaredFields).find { field =>
          field.getName == name || field.getName.endsWith("$$" + name)
        }.getOrElse(throw new NoSuchFieldException(s"${owner.getClass.getName} has no $name"))
      field.setAccessible(true)
      field.get(owner)
    }
  }

  /** The keys of the jars that were added for a set of binaries. */
  def jarsOf(sc: SparkContext, set: String): Iterable[String] =
    sc.addedJars.get(set).map(_.keys).getOrElse(Nil)
}
