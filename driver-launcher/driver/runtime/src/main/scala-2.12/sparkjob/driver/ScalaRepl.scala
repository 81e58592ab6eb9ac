/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{OutputStream, OutputStreamWriter, PrintWriter}
import java.net.URL
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.locks.ReentrantLock

import scala.tools.nsc.interpreter.{PresentationCompilerCompleter, QuickMain}
import scala.tools.nsc.interpreter.Results.Result

/** Scala's own interpreter, of this version of Scala. */
class ScalaRepl(parent: ClassLoader, options: Seq[String], report: OutputStream)
  extends Repl(parent, options) {

  private val main = new QuickMain(settings, new PrintWriter(new OutputStreamWriter(report, UTF_8), true))
  main.initializeSynchronous()

  override def interpret(code: String): Result = main.interpret(code)

  override def quietly(code: String): Result = main.beSilentDuring(main.interpretSynthetic(code))

  override protected def addToClassPath(jars: Seq[URL]): Unit = main.addUrlsToClassPath(jars: _*)

  override def value: AnyRef = main.value

  override def loader: ClassLoader = main.classLoader

  override protected def compiler: ReentrantLock = main.compiling

  override protected def completed(code: String, cursor: Int): Seq[String] =
    new PresentationCompilerCompleter(main).complete(code, cursor).candidates
}
