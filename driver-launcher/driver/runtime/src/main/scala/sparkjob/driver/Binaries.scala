/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.lang.ref.WeakReference
import java.net.URL
import java.util.{LinkedHashMap, Map => JMap, Properties}
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.matching.Regex

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.apache.spark.sparkjob.SparkInternals
import org.apache.spark.util.MutableURLClassLoader
import org.scalactic.Or

import spark.jobserver.api.SparkJobBase

/** An element of a class path: a binary that the launcher keeps, or something to be fetched. */
sealed trait ClassPathEntry {

  /** As the client wrote it. */
  def name: String
}

/** A binary as `link-run` names it: one version, since the hash is part of it. */
final case class Binary(name: String, kind: String, file: File, sha256: String)
  extends ClassPathEntry {

  def isPython: Boolean = PythonWorkers.Kinds(kind)
}

final case class Uri(name: String) extends ClassPathEntry

object ClassPathEntry {
  private val NamesMax = 256
  private val NamesBytesMax = 64 * 1024

  /** The two of them, for people. */
  val Limits = s"$NamesMax names of $NamesBytesMax bytes"

  /** Whether the launcher takes so many names, as long ones: more would make no frame. */
  def fit(names: Seq[String]): Boolean =
    names.size <= NamesMax &&
      Json.bytes(Json.mapper.valueToTree(names.asJava)).length <= NamesBytesMax

  /** A class path as a message has it. */
  def list(meta: ObjectNode, name: String): Seq[ClassPathEntry] = meta.get(name) match {
    case list: ArrayNode => list.elements.asScala.collect {
      case node: ObjectNode if node.has("uri") => Uri(Json.string(node, "uri"))
      case node: ObjectNode => Binary(Json.string(node, "name"), Json.string(node, "type"),
        new File(Json.string(node, "path")), Json.string(node, "sha256"))
    }.toVector
    case _ => Vector.empty
  }
}

/**
 * The classes of one set of binary versions.
 *
 * It is never closed while anything may still refer to it, such as an RDD that outlives the job
 * that made it; the garbage collector closes its files.
 */
final class JobClassLoader(
    val set: String,
    urls: Array[URL],
    parent: ClassLoader,
    interpreted: String => Option[Class[_]])
  extends MutableURLClassLoader(urls, parent) {

  override protected def findClass(name: String): Class[_] = {
    if (Binaries.isInterpreted(name)) {
      interpreted(name).getOrElse(throw new ClassNotFoundException(name))
    } else {
      super.findClass(name)
    }
  }

  /** How many jobs run with it. */
  val users = new AtomicInteger

  /** Spark closes loaders of sessions that it has not seen for a while; they may come back. */
  override def close(): Unit = {}

  override def toString: String = s"JobClassLoader($set)"
}

/**
 * The class loaders of the sets of binary versions that jobs use, on the driver and on executors.
 * Two jobs that name the same versions in the same order share one.
 *
 * @param parent the context's class loader
 * @param jars   of the context, which `parent` has
 */
class Binaries(sc: SparkContext, val parent: MutableURLClassLoader, jars: Seq[File]) {
  import Binaries._

  // executors need them with each set; changed by who has the lock of `recent`
  @volatile private var ofContext = jars

  // has the classes that statements make
  @volatile private var interpreter: Option[ClassLoader] = None

  private val localTasks = SparkInternals.LocalTasks.of(sc)

  // the sets used last; guarded by itself
  private val recent = new LinkedHashMap[String, JobClassLoader](16, 0.75f, true) {
    override def removeEldestEntry(eldest: JMap.Entry[String, JobClassLoader]): Boolean = {
      if (size > KeptLoaders && eldest.getValue.users.get == 0) {
        localTasks.foreach(_.forget(eldest.getKey))
      }
      size > KeptLoaders
    }
  }

  // what executors get, by names that are hashes; guarded by recent
  private val served = mutable.HashMap.empty[String, File]

  // all that are in use, also those not used lately
  private val loaders = new ConcurrentHashMap[String, WeakReference[JobClassLoader]]

  SparkInternals.readResultsWith(sc)(loaderOf)

  /**
   * Runs `body` with the loader for these binaries, which executors know from now on, too. The
   * Spark work of this thread, and of those that it starts, is tagged with the loader's set.
   *
   * @throws LoadingException if one of the binaries cannot be used
   */
  def runWith[T](binaries: Seq[Binary])(body: JobClassLoader => T): T = {
    val loader = acquire(idOf(binaries), binaries)
    try {
      SparkInternals.withBinaries(sc, loader.set)(body(loader))
    } finally {
      release(loader)
    }
  }

  /** Runs `body` likewise, with the classes that statements have made, and no binaries. */
  def interpret[T](body: => T): T = runWith(Nil) { loader =>
    Thread.currentThread.setContextClassLoader(loader)
    body
  }

  /** The jars of the context, which `parent` has. */
  def common: Seq[File] = ofContext

  /**
   * All code of the context finds what is in these jars from now on, unless it is in others that
   * were there before.
   *
   * @throws LoadingException if one of them cannot be used
   */
  def add(jars: Seq[Binary]): Unit = {
    jars.foreach(check)
    recent.synchronized {
      val added = jars.map(_.file).distinct.filterNot(ofContext.contains)
      added.foreach(file => parent.addURL(file.toURI.toURL))
      ofContext ++= added
      if (localTasks.isEmpty) {
        loaders.keySet.asScala.foreach { set =>
          SparkInternals.withBinaries(sc, set)(added.foreach(serve))
        }
      }
    }
  }

  /** All sets have the classes of this interpreter, too: what it shares refers to them. */
  def share(interpreter: ClassLoader): Unit = this.interpreter = Some(interpreter)

  private def interpreted(name: String): Option[Class[_]] = interpreter.map(_.loadClass(name))

  private def acquire(set: String, binaries: Seq[Binary]): JobClassLoader = {
    if (!recent.synchronized(recent.containsKey(set))) {
      // reads files, and others need not wait for that
      binaries.foreach(check)
    }
    recent.synchronized {
      val loader = Option(recent.get(set)).getOrElse(make(set, binaries))
      loader.users.incrementAndGet()
      recent.put(set, loader)
      localTasks.foreach(_.use(set, loader, SparkInternals.jarsOf(sc, set)))
      loader
    }
  }

  private def release(loader: JobClassLoader): Unit = recent.synchronized {
    if (loader.users.decrementAndGet() == 0 && !recent.containsKey(loader.set)) {
      localTasks.foreach(_.forget(loader.set))
    }
  }

  private def make(set: String, binaries: Seq[Binary]): JobClassLoader = {
    val known = loaders.get(set)
    val loader = Option(known).flatMap(ref => Option(ref.get)).getOrElse(
      new JobClassLoader(set, binaries.map(_.file.toURI.toURL).toArray, parent, interpreted))
    loaders.put(set, new WeakReference(loader))
    loaders.values.removeIf(_.get == null)
    if (known == null) {
      SparkInternals.withBinaries(sc, set) {
        (binaries.map(_.file) ++ ofContext ++ JobApi).foreach(serve)
      }
    }
    loader
  }

  /**
   * Executors get the file, with the set of binaries that is in force. Spark serves files by their
   * names, and refuses another one of a name: one named by its hash may lie in several folders.
   */
  private def serve(file: File): Unit = {
    val one = if (Hashed.findFirstIn(file.getName).isDefined) {
      served.getOrElseUpdate(file.getName, file)
    } else {
      file
    }
    sc.addJar(one.getPath)
  }

  private def loaderOf(properties: Properties): Option[ClassLoader] =
    Option(properties.getProperty(SparkInternals.SetProperty)).flatMap(set => Option(loaders.get(set)))
      .flatMap(ref => Option(ref.get))
}

/** Classes of a job cannot be loaded; the message is for users. */
class LoadingException(message: String) extends Exception(message)

private object Binaries {
  val KeptLoaders = 16

  val Hashed: Regex = "^[0-9a-f]{64}\\.".r

  /** The packages of Scala's interpreter. */
  def isInterpreted(name: String): Boolean = name.startsWith("$line")

  /** What every job is compiled against: executors in other processes have Spark's jars only. */
  val JobApi: Seq[File] = Seq(classOf[SparkJobBase], classOf[Config], classOf[Or[_, _]])
    .map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI)).filter(_.isFile)

  private val scalaVersion = new ScalaVersion(ScalaVersion.Own)

  /** @throws LoadingException if no classes can be loaded from it */
  def check(binary: Binary): Unit = {
    if (binary.kind != "Jar") {
      throw new LoadingException(s"${binary.name} is of type ${binary.kind}, not Jar")
    }
    if (!binary.file.canRead) {
      throw new LoadingException(s"${binary.name} cannot be read: ${binary.file}")
    }
    scalaVersion.check(binary)
  }

  def idOf(binaries: Seq[Binary]): String = SparkInternals.setOf(binaries.map(_.sha256))
}
