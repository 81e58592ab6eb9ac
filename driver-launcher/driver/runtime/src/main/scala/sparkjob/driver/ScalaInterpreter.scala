/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.OutputStream
import java.lang.reflect.InvocationTargetException
import java.net.URL
import java.nio.file.Path

import scala.tools.nsc.interpreter.Results._
import scala.util.matching.Regex

import org.apache.spark.SparkContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.{Dataset, SparkSession}

import spark.jobserver.NamedObjects

/**
 * What code of sessions finds without having made it. There is one context in this JVM, and the
 * code that refers to it may have been compiled before it was made.
 */
object SessionValues {
  @volatile private var context: JobContext = _
  @volatile private var objects: NamedObjects = _

  def set(context: JobContext, namedObjects: NamedObjects): Unit = {
    this.context = context
    objects = namedObjects
  }

  def spark: SparkSession = context.session
  def sc: SparkContext = context.sparkContext
  def namedObjects: NamedObjects = objects
}

/**
 * Code of Scala, line by line as Livy runs it: as many lines as make a piece of code are run, each
 * piece shows what it has come to, and one that fails ends the statement.
 *
 * It can be made before there is a context; [[use]] tells it that there is one.
 *
 * @param classes the folder for the classes that it makes
 */
class ScalaInterpreter(classes: Path) extends Interpreter {
  import Capture.{Heeding, Nowhere, Tee}
  import ScalaInterpreter._

  private val base = new LateLoader(getClass.getClassLoader)
  @volatile private var log: OutputStream = Nowhere

  // what the code prints, what the interpreter says of it, and both
  private val printed = new Capture(0)
  private val reported = new Capture(0)
  private val shown = new Capture(0)

  // who runs code, and whether that was ended by force; guarded by this
  private var running: Option[Thread] = None
  private var forced = false

  // without a class of its own around each import: three are compiled for a piece, and not ten
  private val repl = new ScalaRepl(base, Seq("-Yrepl-class-based", "-Yrepl-use-magic-imports",
    "-Yrepl-outdir", classes.toString, "-classpath", sys.props("java.class.path")),
    new Tee(reported, shown))

  Prologue.foreach { line =>
    if (repl.quietly(line) != Success) {
      throw new IllegalStateException(s"The interpreter does not take $line")
    }
  }

  /** Where its classes are. */
  def loader: ClassLoader = repl.loader

  /**
   * There is a context.
   *
   * @param loader has the classes that code may refer to, beside Spark's
   * @param jars   where these are
   * @param max    how many bytes a statement may show
   */
  def use(loader: ClassLoader, jars: Seq[URL], max: Int): Unit = {
    base.next = Some(loader)
    repl.add(jars)
    Seq(printed, reported, shown).foreach(_.max = max)
  }

  /** Does what statements do, so that the first one finds it done before. */
  def warm(): Unit = for (_ <- 1 to WarmRounds; code <- WarmCode) repl.quietly(code)

  override def execute(statement: Statement): Output = {
    statement.join()
    val loader = Thread.currentThread.getContextClassLoader
    log = JobLog.of(statement.id).getOrElse(Nowhere)
    try {
      all(statement.code)
    } finally {
      log = Nowhere
      Thread.currentThread.setContextClassLoader(loader)
    }
  }

  override def add(jars: Seq[URL]): Unit = repl.add(jars)

  override def complete(code: String, cursor: Int): Seq[String] =
    repl.complete(code, code.offsetByCodePoints(0, cursor))

  override def stop(): Unit = {}

  /** Livy's rules: texts are joined, anything else takes their place. */
  private def all(code: String): Output = {
    val lines = code.trim.split("\n").iterator.buffered
    var output: Output = Output.text("")
    while (lines.hasNext && output.isInstanceOf[Shown]) {
      output = (output, next(lines)) match {
        case (before: Shown, Some(now: Shown)) => join(before, now)
        case (before, None) => before
        case (_, Some(now)) => now
      }
    }
    output
  }

  private def join(before: Shown, now: Shown): Shown = (before.text, now.text) match {
    case (Some(one), Some(other)) => Output.text(one + other)
    case _ => now
  }

  /** Runs the lines that make a piece of code. None: they were comments. */
  private def next(lines: BufferedIterator[String]): Option[Output] = {
    var piece = ""
    var output: Option[Output] = None
    while (output.isEmpty && lines.hasNext) {
      piece += lines.next()
      while (lines.hasNext && Continued.findPrefixOf(lines.head).isDefined) {
        piece += "\n" + lines.next()
      }
      output = run(piece)
      piece += "\n"
    }
    if (output.isEmpty && !run(s"{\n$piece}").exists(_.isInstanceOf[Shown])) {
      Some(Wrong("Error", "incomplete statement"))
    } else {
      output
    }
  }

  /** None: something is missing at the end. */
  private def run(piece: String): Option[Output] = {
    if (Thread.interrupted()) {
      throw new InterruptedException
    }
    piece match {
      case Magic(name, rest) => Some(magic(name, rest))
      case _ =>
        Seq(printed, reported, shown).foreach(_.take())
        val out = new Tee(Heeding, printed, shown, log)
        Console.withOut(out)(stoppable(repl.interpret(piece))) match {
          case Success => Some(Output.text(shown.take()))
          case Incomplete => None
          case Error => Some(error(printed.take(), reported.take()))
        }
    }
  }

  /** What ends the thread ends nothing but this. */
  private def stoppable[T](run: => T): T = {
    try {
      synchronized {
        running = Some(Thread.currentThread)
        forced = false
      }
      try run finally synchronized { running = None }
    } catch {
      case _: ThreadDeath if synchronized(forced) => throw new InterruptedException
    }
  }

  /** A loop that computes, and waits for nothing, is ended as Java could end threads until 19. */
  override def force(): Unit = synchronized {
    running.filter(thread => isInCode(thread.getStackTrace.toSeq)).foreach { thread =>
      forced = true
      try {
        classOf[Thread].getMethod("stop").invoke(thread)
      } catch {
        case _: InvocationTargetException => // a Java that does it no longer
      }
    }
  }

  /** Whether nothing is hit that others rely on, such as Spark or the compiler. */
  private def isInCode(stack: Seq[StackTraceElement]): Boolean = {
    val (called, code) = stack.map(_.getClassName).span(!_.startsWith(OfStatements))
    code.nonEmpty && !called.exists(name => Shared.exists(name.startsWith))
  }

  private def error(printed: String, reported: String): Wrong = {
    val lines = Newline.split(reported).toSeq
    // what is wrong with code may stand below a mark of the place
    val at = if (lines.head.startsWith(" ")) math.max(0, lines.indexWhere(_.contains("error: ")))
      else 0
    val value = Some(lines(at).trim).filter(_.nonEmpty)
    Wrong("Error", value.getOrElse("unknown error"), Newline.split(printed).toSeq.filter(_.nonEmpty) ++
      lines.patch(at, Nil, 1))
  }

  private def magic(name: String, value: String): Output = name match {
    case "json" | "table" if repl.quietly(value) != Success =>
      Wrong("NameError", s"Value $value does not exist")
    case "json" => Shown(Seq(Output.JsonType -> ValueJson.of(sample(repl.value))))
    case "table" => ValueJson.table(sample(repl.value)) match {
      case Some(table) => Shown(Seq(Output.Table -> table))
      case None => Wrong("TypeError", "table rows have different types")
    }
    case _ => Wrong("UnknownMagic", s"Unknown magic command $name")
  }

  private def sample(value: Any): Any = value match {
    case rdd: RDD[_] => rdd.take(SampleRows)
    case data: Dataset[_] => data.toDF().take(SampleRows)
    case other => other
  }
}

private object ScalaInterpreter {
  val SampleRows = 10

  val WarmRounds = 2
  val WarmCode: Seq[String] = Seq("1 + 1", "Seq(1, 2, 3).map(n => n + 1)", "print(\"\")")

  /** How names of classes begin that statements make, and such as all threads use. */
  val OfStatements = "$line"
  val Shared: Seq[String] = Seq("org.apache.", "java.util.concurrent.", "scala.tools.",
    "scala.reflect.", "scala.concurrent.", "sparkjob.", "spark.jobserver.", "java.lang.ClassLoader")

  val Newline: Regex = "(?<=\n)".r
  val Magic: Regex = "^%(\\w+)\\W*(.*)".r

  /** A line that belongs to what comes before it. */
  val Continued: Regex = "\\s*(\\.[\\p{L}_]|(else|catch|finally|yield|extends|with|match)\\b)".r

  /** What is there from the beginning, as in Livy. */
  val Prologue: Seq[String] = {
    val values = "_root_.sparkjob.driver.SessionValues"
    Seq(
      s"@transient lazy val spark: _root_.org.apache.spark.sql.SparkSession = $values.spark",
      s"@transient lazy val sc: _root_.org.apache.spark.SparkContext = $values.sc",
      s"@transient lazy val namedObjects: _root_.spark.jobserver.NamedObjects = $values.namedObjects",
      "import org.apache.spark.SparkContext._",
      "import spark.implicits._",
      "import spark.sql",
      "import org.apache.spark.sql.functions._")
  }
}
