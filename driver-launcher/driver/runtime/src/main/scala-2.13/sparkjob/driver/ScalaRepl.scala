/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{OutputStream, OutputStreamWriter, PrintWriter}
import java.net.URL
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.locks.ReentrantLock

import scala.tools.nsc.interpreter.IMain
import scala.tools.nsc.interpreter.Results.{Error, Incomplete, Result}
import scala.tools.nsc.interpreter.shell.{Accumulator, ReplCompletion, ReplReporterImpl}

/** Scala's own interpreter, of this version of Scala. */
class ScalaRepl(parent: ClassLoader, options: Seq[String], report: OutputStream)
  extends Repl(parent, options) {

  private val reporter =
    new ReplReporterImpl(settings, new PrintWriter(new OutputStreamWriter(report, UTF_8), true))
  private val main = new IMain(settings, Some(parent), settings, reporter)
  main.initializeCompiler()

  /** Where there is nothing but comments something is missing, as other versions see it. */
  override def interpret(code: String): Result = compiled {
    main.interpret(code) match {
      case Error if isNothing(code) => Incomplete
      case result => result
    }
  }

  private def isNothing(code: String): Boolean =
    reporter.suppressOutput(main.parse(code, fatally = false)).exists(_._1.isEmpty)

  override def quietly(code: String): Result =
    compiled(reporter.suppressOutput(main.interpretSynthetic(code)))

  /** It compiles and runs in one go, so nobody else compiles while code runs. */
  private def compiled(run: => Result): Result = {
    compiler.lock()
    try run finally compiler.unlock()
  }

  override protected def addToClassPath(jars: Seq[URL]): Unit = main.addUrlsToClassPath(jars: _*)

  override def value: AnyRef = main.lastRequest.lineRep.call("$result")

  override def loader: ClassLoader = main.classLoader

  override protected val compiler: ReentrantLock = new ReentrantLock

  override protected def completed(code: String, cursor: Int): Seq[String] =
    new ReplCompletion(main, new Accumulator).complete(code, cursor).candidates.map(_.name)
}
