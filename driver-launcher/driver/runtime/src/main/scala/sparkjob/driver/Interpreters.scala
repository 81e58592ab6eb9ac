/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.URL
import java.nio.file.{Files, Path}
import java.util.concurrent.{CompletableFuture, ExecutionException}
import java.util.concurrent.atomic.AtomicReference

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.{Failure, Success, Try}

import org.slf4j.LoggerFactory

/**
 * The interpreters of a context, one of each language that statements were written in. Each is made
 * when it is first needed, by a thread that nobody interrupts.
 *
 * @param python  what runs the context's Python jobs, if it has such
 * @param kind    the language of the session; [[Interpreters.Shared]]: any
 * @param died    called with the reason when the interpreter of that language has ended
 */
class Interpreters(
    context: JobContext,
    binaries: Binaries,
    namedObjects: JobNamedObjects,
    settings: ContextSettings,
    folders: Folders,
    python: Option[PythonWorkers],
    kind: String,
    died: String => Unit) {
  import Interpreters._

  private val log = LoggerFactory.getLogger(classOf[Interpreters])

  private val makers = Map[String, () => Interpreter](
    Scala -> (() => scala()),
    Python -> (() => new PythonInterpreter(workers, settings.statementOutput, ended(Python, _))),
    R -> (() => new RInterpreter(context.sparkContext, settings.statementOutput,
      folders.out.resolveSibling("r"), ended(R, _))),
    "sql" -> (() => new SqlInterpreter(context.session, settings.sqlRows)))

  private lazy val workers =
    python.getOrElse(PythonWorkers.make(context, namedObjects, settings, folders))

  SessionValues.set(context, namedObjects)

  // guarded by itself
  private val made = mutable.HashMap.empty[String, CompletableFuture[Interpreter]]

  // guarded by made: why those have ended of which no statement has told yet
  private val lost = mutable.HashMap.empty[String, String]

  /** Runs a statement, and tells what it came to. */
  def execute(kind: String, statement: Statement): Output = {
    val future = get(kind)
    Try(future.get()) match {
      case Success(interpreter) =>
        try {
          binaries.interpret(interpreter.execute(statement)).behind(toTell(kind, statement))
        } catch {
          case e: ResultException => Wrong("Error", e.getMessage)
          case e: InterpreterDiedException =>
            told(kind, future, statement)
            Wrong("Error", s"Interpreter died:\n${e.getMessage}$Lost")
        }
      case Failure(e: ExecutionException) =>
        val why = e.getCause match {
          case e: BadSettingException => e.getMessage
          case e => e.toString
        }
        Wrong("InterpreterError", s"Fail to start interpreter: $why")
      case Failure(e) => throw e
    }
  }

  /** What a statement tells of the interpreter before it; nobody sees that of a cancelled one. */
  private def toTell(kind: String, statement: Statement): String = {
    val why = if (statement.cancelled()) None else made.synchronized(lost.remove(kind))
    why.map(_ + Lost + "\n").getOrElse("")
  }

  /** The statement tells that its interpreter has ended, so none after it has to. */
  private def told(
      kind: String,
      dead: CompletableFuture[Interpreter],
      statement: Statement): Unit = if (!statement.cancelled()) made.synchronized {
    if (made.get(kind).contains(dead)) {
      made.remove(kind)
    }
    lost.remove(kind)
  }

  /** Code may refer to these jars, too, which `binaries` has; what is made later finds them there. */
  def add(jars: Seq[URL]): Unit = made.synchronized(made.get(Scala)).foreach { made =>
    Try(made.get()).foreach(_.add(jars))
  }

  /** All Python of the context imports from these, too, also that of jobs, and of tasks. */
  def addModules(modules: Seq[Binary]): Unit = if (modules.nonEmpty) {
    workers.add(modules)
  }

  /** Ends the statement of this kind that runs, which does not heed that it is interrupted. */
  def force(kind: String): Unit =
    made.synchronized(made.get(kind)).filter(_.isDone).foreach(made => Try(made.get().force()))

  /** Nothing from an interpreter that is not there yet. A cursor past the end is at the end. */
  def complete(kind: String, code: String, cursor: Long): Seq[String] = {
    val interpreter = get(kind)
    val place = math.min(cursor, code.codePointCount(0, code.length)).toInt
    if (interpreter.isDone) interpreter.get().complete(code, place) else Nil
  }

  def stop(): Unit = made.synchronized(made.values.toVector)
    .filter(_.isDone).foreach(made => Try(made.get().stop()))

  /** Has the one of the session's language ready. */
  def prepare(): Unit = if (kind != Shared) {
    try {
      get(kind).get()
    } catch {
      case e: ExecutionException => throw e.getCause
    }
  }

  /** The interpreter, perhaps in the making; where that failed, or it has ended, a new one. */
  private def get(kind: String): CompletableFuture[Interpreter] = made.synchronized {
    val old = made.get(kind).filterNot(_.isCompletedExceptionally)
    val gone = old.filter(_.isDone).flatMap(_.get().gone)
    gone.foreach(lost.put(kind, _))
    old.filter(_ => gone.isEmpty).getOrElse {
      val future = new CompletableFuture[Interpreter]
      made.put(kind, future)
      val thread = new Thread(() => make(kind, future), s"sparkjob-make-$kind")
      thread.setDaemon(true)
      thread.setContextClassLoader(binaries.parent)
      thread.start()
      future
    }
  }

  private def make(kind: String, future: CompletableFuture[Interpreter]): Unit = {
    try {
      val start = System.nanoTime()
      future.complete(makers(kind)())
      log.info(s"The interpreter for $kind is ready after "
        + s"${(System.nanoTime() - start) / 1000000} ms")
    } catch {
      case t: Throwable =>
        log.warn(s"There is no interpreter for $kind", t)
        future.completeExceptionally(t)
    }
  }

  private def ended(kind: String, why: String): Unit = if (kind == this.kind) {
    died(why)
  }

  private def scala(): Interpreter = {
    val interpreter = Option(spare.getAndSet(null))
      .getOrElse(new ScalaInterpreter(Files.createDirectories(folders.classes)))
    interpreter.use(binaries.parent, binaries.common.map(_.toURI.toURL), settings.statementOutput)
    binaries.share(interpreter.loader)
    interpreter
  }
}

object Interpreters {

  // was made before the context
  private val spare = new AtomicReference[ScalaInterpreter]

  /**
   * Makes one of Scala for the context that is to come, and uses it. Its classes go to this
   * folder's place in the folder that the process has then.
   */
  def prepareSpare(classes: Path): Unit = {
    val interpreter = new ScalaInterpreter(Files.createDirectories(classes))
    interpreter.warm()
    spare.set(interpreter)
  }

  /** The kind of a session whose statements may be of any language. */
  val Shared = "shared"

  private val Scala = "spark"
  private val Python = "pyspark"
  private val R = "sparkr"
  private val Lost = "\nWhat statements had defined in it is lost"

  /** So many of the names that code could go on with as fit a frame. */
  def answer(names: Seq[String]): Array[Byte] = {
    Iterator.iterate(names.map(Json.text).distinct.sorted)(names => names.take(names.size / 2))
      .map(names => Json.bytes(Json.mapper.valueToTree(names.asJava)))
      .find(_.length <= Frame.PayloadMax).get
  }
}
