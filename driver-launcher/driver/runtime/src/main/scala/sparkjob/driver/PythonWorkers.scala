/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, FileOutputStream, IOException}
import java.nio.file.{Files, Path}
import java.util.{LinkedHashMap => JLinkedHashMap}
import java.util.concurrent.BlockingQueue
import java.util.zip.{ZipEntry, ZipFile, ZipOutputStream}

import scala.collection.JavaConverters._
import scala.util.Try

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import com.typesafe.config.ConfigRenderOptions
import org.apache.spark.sparkjob.SparkInternals
import org.slf4j.LoggerFactory

import spark.jobserver.api.SparkJobBase
import spark.jobserver.python.RunsPython

/**
 * The Python processes of a context: one for each set of binary versions that was used lately, and a
 * spare one, which has attached to the context and waits for the next set. So versions of a module
 * never meet in one Python, and a first job, or the first one after a process died, does not wait
 * for Python to start.
 *
 * @param folder for files of jobs
 */
class PythonWorkers(
    context: JobContext,
    val entry: PythonEntry,
    settings: ContextSettings,
    folder: Path) {
  import PythonWorkers._

  private val log = LoggerFactory.getLogger(classOf[PythonWorkers])
  private val sc = context.sparkContext
  private val executable = executableOf(settings)
  private val paths = settings.list("python.paths") ++
    sys.env.get("PYTHONPATH").toSeq.flatMap(_.split(File.pathSeparator)).filter(_.nonEmpty)
  private val wheel = findWheel()
  private val command = PythonCommand(executable, environment())

  // all guarded by this
  private val bySet = new JLinkedHashMap[String, PythonWorker](16, 0.75f, true)
  private var files = Map.empty[String, Path]
  private var common = Vector.empty[Path]
  private var all = Set.empty[PythonWorker]
  private var spare: Option[PythonWorker] = None
  private var stopped = false

  /**
   * Starts the first process.
   *
   * @throws BadSettingException if Python cannot be started, or cannot attach to the context
   */
  def start(): Unit = {
    sc.addFile(wheel.getPath)
    val worker = newWorker()
    try {
      val version = worker.await()
      log.info(s"Jobs run in Python $version ($executable)")
    } catch {
      case e: PythonException =>
        throw new BadSettingException(s"Python ($executable) cannot use Spark: ${e.stack}")
      case e: PythonWorkerException => throw new BadSettingException(
        s"Python ($executable) cannot run jobs, the driver's log may tell why: ${e.getMessage}")
    }
    synchronized {
      spare = Some(worker)
    }
  }

  /**
   * Has `body` run the job.
   *
   * @throws LoadingException if one of the binaries cannot be used
   */
  def runWith[T](run: PythonRun, binaries: Seq[Binary])(body: SparkJobBase => T): T = {
    val (worker, answers) = enroll(run.id, binaries)
    val job = new PythonJob(run, worker, answers, entry)
    try body(job) finally job.leave()
  }

  /**
   * A process for the statements of a session, which has attached to the context.
   *
   * @throws PythonException       if it cannot
   * @throws PythonWorkerException if it has ended
   */
  def interpreter(ended: PythonWorker => Unit): PythonWorker = {
    val worker = newWorker(command.copy(module = "sparkjobserver.interpreter"),
      SessionContext, worker => {
        changed(worker)
        ended(worker)
      })
    val version = worker.await()
    log.info(s"Statements run in Python $version ($executable)")
    worker
  }

  /**
   * All of them import from these, too, from now on; what is imported already stays as it is.
   *
   * @throws LoadingException if one of them cannot be used
   */
  def add(binaries: Seq[Binary]): Unit = {
    binaries.foreach(check)
    synchronized {
      val added = binaries.map(file).distinct.filterNot(common.contains)
      // statements of SQL, whose functions may be Python's, have a set of their own
      SparkInternals.withBinaries(sc, SparkInternals.NoBinaries) {
        added.foreach(path => sc.addFile(path.toString))
      }
      common ++= added
      all.foreach(_.send(find("add", added)))
    }
  }

  def stop(): Unit = synchronized {
    stopped = true
    all.foreach(_.end("the context stops"))
  }

  private def enroll(
      id: String,
      binaries: Seq[Binary]): (PythonWorker, BlockingQueue[PythonAnswer]) = synchronized {
    val set = Binaries.idOf(binaries.map(binary => binary.copy(sha256 = version(binary))))
    Option(bySet.get(set)).flatMap(worker => worker.enroll(id).map(worker -> _)).getOrElse {
      val worker = takeFor(set, binaries)
      val answers = worker.enroll(id).getOrElse(
        throw new PythonWorkerException("The Python process for the job ended at once"))
      bySet.put(set, worker)
      (worker, answers)
    }
  }

  private def takeFor(set: String, binaries: Seq[Binary]): PythonWorker = {
    val paths = binaries.map(file).reverse
    val worker = spare.filter(_.isAlive).getOrElse(newWorker())
    spare = None
    val message = find("use", paths).put("set", set)
    // the last one is found first
    message.withArray[ArrayNode]("includes").add(wheel.getName)
    worker.send(message)
    restock()
    endIdle()
    worker
  }

  private def find(op: String, paths: Seq[Path]): ObjectNode = {
    val message = Json.obj().put("op", op)
    val (names, includes) = (message.putArray("paths"), message.putArray("includes"))
    paths.foreach { path =>
      names.add(path.toString)
      includes.add(path.getFileName.toString)
    }
    message
  }

  private def restock(): Unit = {
    val thread = new Thread(() => {
      val worker = Try(newWorker())
      worker.failed.foreach(e => log.warn(s"There is no spare Python process: $e"))
      synchronized {
        if (stopped || spare.isDefined) {
          worker.foreach(_.end("nobody needs it"))
        } else {
          spare = worker.toOption
        }
      }
    }, "sparkjob-python-spare")
    thread.setDaemon(true)
    thread.start()
  }

  private def kind: String = context.factory match {
    case factory: RunsPython => factory.pythonContext
    case _ => RunsPython.Custom
  }

  private def newWorker(): PythonWorker = newWorker(command, kind, changed)

  private def newWorker(
      command: PythonCommand,
      kind: String,
      changed: PythonWorker => Unit): PythonWorker = {
    val worker = new PythonWorker(command, entry, changed)
    val message = Json.obj().put("kind", kind)
    message.set[ObjectNode]("contextConfig",
      Json.mapper.readTree(context.config.root.render(ConfigRenderOptions.concise)))
    message.putObject("environment").put("PYTHONPATH", paths.mkString(File.pathSeparator))
    synchronized {
      all += worker
      worker.attach(message)
      if (common.nonEmpty) {
        worker.send(find("add", common))
      }
    }
    worker
  }

  private def changed(worker: PythonWorker): Unit = synchronized {
    if (worker.isGone) {
      all -= worker
    }
    endIdle()
  }

  /** Ends processes that were not used lately, if nobody uses them now. */
  private def endIdle(): Unit = {
    bySet.values.removeIf(!_.isAlive)
    val idle = bySet.asScala.toVector.filter(_._2.isIdle).take(bySet.size - KeptWorkers)
    idle.foreach { case (set, worker) =>
      bySet.remove(set)
      worker.end("its binaries were not used lately")
    }
  }

  /** The archive of a binary that Python finds modules in; executors get it, too. */
  private def file(binary: Binary): Path = files.getOrElse(version(binary), {
    if (!binary.file.canRead) {
      throw new LoadingException(s"${binary.name} cannot be read: ${binary.file}")
    }
    Files.createDirectories(folder)
    val path = binary.kind match {
      case "Python" => archive(binary)
      case kind if Suffixes.contains(kind) =>
        link(binary.file.toPath, folder.resolve(s"${binary.sha256}.${Suffixes(kind)}"))
      case kind => throw new LoadingException(
        s"${binary.name} is of type $kind, not one of ${Kinds.toSeq.sorted.mkString(", ")}")
    }
    sc.addFile(path.toString)
    files += version(binary) -> path
    path
  })

  /** A plain file is a module that has the binary's name. */
  private def archive(binary: Binary): Path = {
    val path = folder.resolve(s"${version(binary)}.zip")
    val zip = new ZipOutputStream(new FileOutputStream(path.toFile))
    try {
      zip.putNextEntry(new ZipEntry(binary.name.stripSuffix(".py") + ".py"))
      Files.copy(binary.file.toPath, zip)
    } finally {
      zip.close()
    }
    path
  }

  private def link(file: Path, name: Path): Path = {
    try {
      Files.createLink(name, file)
    } catch {
      case _: IOException if Files.exists(name) => name
      case _: IOException => Files.copy(file, name)
    }
  }

  private def environment(): Map[String, String] = {
    val path = wheel.getPath +: (sparkPaths() ++ paths)
    Map(
      "PYTHONPATH" -> path.mkString(File.pathSeparator),
      "PYTHONHASHSEED" -> "0",
      "PYTHONUNBUFFERED" -> "1",
      "TMPDIR" -> sys.props("java.io.tmpdir"),
      "PYSPARK_PYTHON" -> executable,
      "PYSPARK_PIN_THREAD" -> "true")
  }
}

object PythonWorkers {

  /** None where the context's jobs are not Python's. */
  def of(
      context: JobContext,
      namedObjects: JobNamedObjects,
      settings: ContextSettings,
      folders: Folders): Option[PythonWorkers] = {
    if (context.factory.runsPython) {
      Some(make(context, namedObjects, settings, folders))
    } else {
      None
    }
  }

  def make(
      context: JobContext,
      namedObjects: JobNamedObjects,
      settings: ContextSettings,
      folders: Folders): PythonWorkers = {
    val entry = new PythonEntry(context, namedObjects, folders.data)
    new PythonWorkers(context, entry, settings, folders.out.resolveSibling("python"))
  }

  /** So many sets of binary versions keep their process while it has nothing to do. */
  private val KeptWorkers = 4

  /** What the Python of a session makes of the context. */
  private val SessionContext = "session"

  private val Suffixes = Map("Egg" -> "egg", "Wheel" -> "whl")

  val Kinds: Set[String] = Suffixes.keySet + "Python"

  /**
   * What has parts in machine code cannot be imported where it is.
   *
   * @throws LoadingException if it has, or is no archive
   */
  def check(binary: Binary): Unit = if (Suffixes.contains(binary.kind)) {
    val archive = try {
      new ZipFile(binary.file)
    } catch {
      case e: IOException =>
        throw new LoadingException(s"${binary.name} cannot be read: ${e.getMessage}")
    }
    try {
      archive.entries.asScala.map(_.getName).find(name => Compiled.exists(name.endsWith(_)))
        .foreach(part => throw new LoadingException(s"${binary.name} has compiled parts ($part), " +
          "which Python does not import from an archive: it has to be installed where Python runs"))
    } finally {
      archive.close()
    }
  }

  private val Compiled = Seq(".so", ".pyd", ".dylib", ".dll")

  /** The same bytes under another name are another module, where they are a plain file. */
  private def version(binary: Binary): String =
    if (binary.kind == "Python") s"${binary.sha256}-${binary.name}" else binary.sha256

  private def executableOf(settings: ContextSettings): String = {
    settings.get("python.executable").orElse(settings.get("spark.pyspark.python"))
      .orElse(sys.env.get("PYSPARK_PYTHON")).filter(_.nonEmpty).getOrElse("python3")
  }

  /** Our Python package lies beside the driver's jar. */
  private def findWheel(): File = {
    val home = new File(classOf[PythonWorkers].getProtectionDomain.getCodeSource.getLocation.toURI)
      .getParentFile
    Option(home.listFiles).toSeq.flatten
      .find(file => file.getName.startsWith("sparkjobserver-") && file.getName.endsWith(".whl"))
      .getOrElse(throw new IllegalStateException(s"There is no sparkjobserver-*.whl in $home"))
  }

  /** PySpark and py4j, of the very Spark that runs here. */
  private def sparkPaths(): Seq[String] = {
    val folder = new File(sys.env.getOrElse("SPARK_HOME", ""), "python/lib")
    val found = Option(folder.listFiles).toSeq.flatten.map(_.getPath).filter(_.endsWith(".zip"))
    if (!found.exists(_.endsWith("pyspark.zip"))) {
      throw new IllegalStateException(s"There is no pyspark.zip in $folder: this Spark has no Python")
    }
    found.sorted.reverse
  }
}
