/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.net.URL

import scala.collection.JavaConverters._
import scala.util.Try
import scala.util.control.NoStackTrace

import com.fasterxml.jackson.databind.JsonNode
import com.typesafe.config._
import org.apache.spark.SparkConf
import org.apache.spark.network.util.{ByteUnit, JavaUtils}
import org.apache.spark.sparkjob.SparkInternals

import spark.jobserver.context.DefaultSparkContextFactory
import spark.jobserver.util.{JobserverConfig, SparkJobUtils}

/** A setting has a value that it cannot have; the message is for users, whom no stack helps. */
class BadSettingException(message: String) extends Exception(message) with NoStackTrace

/**
 * The settings of a context: their dotted names and values. They are not a tree, since Spark has
 * settings whose name begins with that of another one (spark.speculation).
 */
class ContextSettings private (values: Map[String, ConfigValue]) {
  import ContextSettings._

  def get(name: String): Option[String] = values.get(name).map(SparkJobUtils.text)

  /** A list, or a text with commas. */
  def list(name: String): Seq[String] =
    get(name).toSeq.flatMap(_.split(",")).map(_.trim).filter(_.nonEmpty)

  /** The settings as jobs see them. */
  def config: Config = values.foldLeft(ConfigFactory.empty()) { case (config, (name, value)) =>
    config.withValue(path(name), value)
  }

  def contextFactory: String = get("context-factory").get

  /** How many jobs may run at once. */
  def maxJobs(default: Int): Int = get(MaxJobs).map(positive(MaxJobs, _)).getOrElse(default)

  /** How many jobs may wait for others to end; None: as many as the launcher says. */
  def maxQueued: Option[Int] = get(MaxQueued).map(count(MaxQueued, _))

  /** After how many seconds without jobs the context ends; 0: never. */
  def idleTimeout: Long = seconds("context-idle-timeout")

  /** How many seconds the context lives; 0: without end. */
  def ttl: Long = seconds("context-ttl")

  /** Whether the driver is to be started again when it is lost. */
  def supervise: Boolean = get("supervise").exists(flag("supervise", _))

  /** Whether the context has a thrift server from its beginning, and on which port; None: any. */
  def thriftServer: Boolean = get("thrift-server").exists(flag("thrift-server", _))
  def thriftPort: Option[Int] = get("thrift-server-port").map(positive("thrift-server-port", _))
  def thriftTransport: String = get("thrift-server-transport").getOrElse("binary") match {
    case transport@("binary" | "http") => transport
    case other =>
      throw new BadSettingException(s"thrift-server-transport must be binary or http: $other")
  }

  /** The names of the cluster and of the library set that the context is to have. */
  def cluster: Option[String] = get("cluster").filter(_.nonEmpty)
  def librarySet: Option[String] = get("library-set").filter(_.nonEmpty)

  /** How many bytes of what it prints a statement may show. */
  def statementOutput: Int = get(Capture.Setting).map(positive(Capture.Setting, _))
    .getOrElse(DefaultStatementOutput)

  /** How many rows a statement of SQL shows, under the names that Livy has for it. */
  def sqlRows: Int = SqlRows.flatMap(name => get(name).map(positive(name, _))).headOption
    .getOrElse(DefaultSqlRows)

  private def seconds(name: String): Long = get(name).map(duration(name, _)).getOrElse(0L)

  def master(defaults: Map[String, String]): String =
    get("spark.master").orElse(defaults.get("spark.master")).getOrElse("local[*]")

  /** @param defaults Spark's own defaults, which all settings win over */
  def sparkConf(contextName: String, defaults: Map[String, String]): SparkConf = {
    val conf = new SparkConf().setAll(defaults).setAppName(contextName)
    for (cores <- get("num-cpu-cores")) {
      conf.set("spark.cores.max", positive("num-cpu-cores", cores).toString)
    }
    for (memory <- get("memory-per-node")) {
      conf.set("spark.executor.memory", size("memory-per-node", memory))
    }
    for (name <- ExecutorMemory; memory <- get(name)) {
      size(name, memory)
    }
    for ((name, value) <- values) {
      sparkName(name).foreach(conf.set(_, SparkJobUtils.text(value)))
    }
    if (master(defaults).matches(Local)) {
      // Spark's ports are open to all local users; here it makes the secret by itself
      conf.setIfMissing("spark.authenticate", "true")
    }
    // who may read the UI may not kill by it; DELETE /jobs/<id> knows users and roles
    conf.setIfMissing("spark.ui.killEnabled", "false")
    conf.setIfMissing("spark.ui.port", "0").set("spark.master", master(defaults))
  }

  /** What `spark.driver.extraClassPath` adds to the classes of the driver. */
  def classPath(defaults: Map[String, String]): Seq[URL] = {
    val name = "spark.driver.extraClassPath"
    val entries = get("launcher." + name).orElse(get(name)).orElse(defaults.get(name))
    entries.getOrElse("").split(File.pathSeparator).toSeq.filter(_.nonEmpty).flatMap { entry =>
      if (entry.endsWith("/*")) {
        Option(new File(entry.dropRight(1)).listFiles).toSeq.flatten
          .filter(_.getName.endsWith(".jar")).sorted
      } else {
        Seq(new File(entry))
      }
    }.map(_.toURI.toURL)
  }

  /** The class path of all jobs of the context: names of binaries, and URIs. */
  def binaries: Seq[String] = Seq("dependent-jar-uris", "cp").flatMap(get).flatMap(_.split(","))
    .map(_.trim).filter(_.nonEmpty)

  /** Options that the JVM has to be started with. */
  def jvmOptions(defaults: Map[String, String]): Seq[String] = {
    JvmSettings.flatMap { case (name, options) =>
      val names = Seq("launcher." + name, name)
      names.collectFirst(Function.unlift(n => get(n).map(n -> _)))
        .orElse(defaults.get(name).map(name -> _))
        .filter { case (_, value) => value.trim.nonEmpty }
        .toSeq.flatMap { case (found, value) => options(found, value.trim) }
    }
  }
}

object ContextSettings {

  private val MaxJobs = "max-jobs-per-context"
  private val MaxQueued = "max-queued-jobs"
  private val SqlRows = Seq("livy.rsc.sql.num-rows", "spark.livy.sql.max-result")
  private val DefaultSqlRows = 1000
  private val DefaultStatementOutput = 1 << 20

  /** What factories may rely on to be set. */
  private val Builtin: Map[String, ConfigValue] = Seq[(String, Any)](
    "context-factory" -> classOf[DefaultSparkContextFactory].getName,
    JobserverConfig.IS_SPARK_SESSION_HIVE_ENABLED -> true,
    "streaming.batch_interval" -> 1000,
    "streaming.stopGracefully" -> true,
    "streaming.stopSparkContext" -> true
  ).map { case (name, value) => name -> ConfigValueFactory.fromAnyRef(value) }.toMap

  /** Which settings go to Spark, and what stands before their names there. */
  private val Prefixes = Seq(
    "spark." -> "spark.",
    "launcher.spark." -> "spark.",
    "hadoop." -> "spark.hadoop.",
    "passthrough." -> "")

  /** Settings that a running JVM cannot take: what it is to be started with. */
  private val JvmSettings: Seq[(String, (String, String) => Seq[String])] = Seq(
    "spark.driver.defaultJavaOptions" -> ((_, line) => SparkInternals.splitOptions(line)),
    "spark.driver.extraJavaOptions" -> ((_, line) => SparkInternals.splitOptions(line)),
    "spark.driver.extraLibraryPath" -> ((_, path) => Seq("-Djava.library.path=" + path)),
    "spark.driver.memory" -> ((name, size) => Seq("-Xmx" + memory(name, size))))

  /** Masters that have their executor in the driver. */
  private val Local = """local(\[(\d+|\*)(\s*,\s*\d+)?\])?"""

  private val Memory = "^0*[1-9][0-9]*[kmgt]?$".r
  private val ExecutorMemory = Seq("spark.executor.memory", "launcher.spark.executor.memory")

  /**
   * Merges what the context was asked to have, each part winning over the ones before it.
   *
   * @param defaults the launcher's configuration
   * @param query    what the request has beside its body: objects of values, both of them
   * @param body     the request's configuration, of which `spark.context-settings` counts
   * @param fixed    which of the defaults a request cannot change
   */
  def apply(
      defaults: JsonNode,
      query: JsonNode,
      body: Config,
      fixed: Set[String] = Set.empty): ContextSettings = {
    val posted = Hocon.flatten(block(body))
    if (posted.contains(RunAs)) {
      throw new BadSettingException(s"$RunAs counts in the query only: the driver runs already")
    }
    val asked = Seq(flatten("", query), posted)
    for (name <- asked.flatMap(_.keys); spark <- sparkName(name) if fixed(spark)) {
      throw new BadSettingException(s"$name cannot be set: the server's configuration fixes it")
    }
    val layers = flatten("", defaults) +: asked
    val values = layers.foldLeft(Map.empty[String, ConfigValue]) { (below, layer) =>
      val said = Aliases.collect { case (alias, name) if has(layer, alias) => name }
      below.filterNot { case (name, _) => sparkName(name).exists(said.contains) } ++ layer
    }
    new ContextSettings(Builtin ++ values.filter(_._2.valueType != ConfigValueType.NULL))
  }

  /** Within a part the name of Spark wins, but not over a part that has the other one. */
  private val Aliases =
    Seq("num-cpu-cores" -> "spark.cores.max", "memory-per-node" -> "spark.executor.memory")

  private def has(layer: Map[String, ConfigValue], name: String): Boolean =
    layer.get(name).exists(_.valueType != ConfigValueType.NULL)

  /** Whose driver it is, is the launcher's to decide. */
  private val RunAs = "run-as"

  private def sparkName(setting: String): Option[String] =
    Prefixes.find(names => setting.startsWith(names._1)).map { case (prefix, instead) =>
      instead + setting.stripPrefix(prefix)
    }

  private def block(body: Config): ConfigObject = {
    val name = "spark.context-settings"
    if (!body.hasPath(name)) {
      ConfigFactory.empty().root
    } else {
      body.getValue(name) match {
        case settings: ConfigObject => settings
        case _ => throw new BadConfigException(s"$name is not an object")
      }
    }
  }

  private def flatten(prefix: String, node: JsonNode): Map[String, ConfigValue] = {
    node.fields.asScala.flatMap { member =>
      val name = prefix + member.getKey
      if (member.getValue.isObject) {
        flatten(name + ".", member.getValue)
      } else {
        val value = Json.mapper.convertValue(member.getValue, classOf[Object])
        Map(name -> ConfigValueFactory.fromAnyRef(value))
      }
    }.toMap
  }

  private def path(name: String): String = ConfigUtil.joinPath(name.split("\\.", -1): _*)

  private def positive(name: String, value: String): Int = {
    Try(value.toInt).toOption.filter(_ > 0)
      .getOrElse(throw new BadSettingException(s"$name must be a number above 0: $value"))
  }

  private def count(name: String, value: String): Int = {
    Try(value.toInt).toOption.filter(_ >= 0)
      .getOrElse(throw new BadSettingException(s"$name must be a number from 0: $value"))
  }

  /** Seconds, or HOCON's durations; what is less than a second counts as one. */
  private def duration(name: String, value: String): Long = {
    val text = value.trim
    val withUnit = if (text.forall(_.isDigit)) text + " s" else text
    val seconds = Try(ConfigValueFactory.fromAnyRef(withUnit).atKey("d").getDuration("d"))
      .toOption.filterNot(_.isNegative).map(d => d.getSeconds + (if (d.getNano > 0) 1 else 0))
      .getOrElse(throw new BadSettingException(
        s"$name must be a number of seconds or a duration such as 10m: $value"))
    if (seconds > LongestDays * 24 * 3600) {
      throw new BadSettingException(s"$name must be at most ${LongestDays}d: $value")
    }
    seconds
  }

  /** So many seconds are a number of 32 bits, which is what the launcher takes. */
  private val LongestDays = 10000L

  /** As HOCON and the query's parameters have them. */
  private def flag(name: String, value: String): Boolean = value.trim.toLowerCase match {
    case "true" | "yes" | "on" | "1" => true
    case "false" | "no" | "off" | "0" | "" => false
    case _ => throw new BadSettingException(s"$name must be true or false: $value")
  }

  /** What Spark reads as one, in megabytes where it is a bare number. */
  private def size(name: String, value: String): String = {
    Try(JavaUtils.byteStringAs(value, ByteUnit.MiB)).toOption.filter(_ > 0).map(_ => value)
      .getOrElse(throw new BadSettingException(
        s"$name must be a size such as 512m or 2g: $value"))
  }

  /** Spark counts a bare number as megabytes, a JVM as bytes. */
  private def memory(name: String, size: String): String = {
    val lower = size.toLowerCase
    if (Memory.findFirstIn(lower).isEmpty) {
      throw new BadSettingException(s"$name must be a number and perhaps k, m, g or t: $size")
    }
    if (lower.last.isDigit) lower + "m" else lower
  }
}
