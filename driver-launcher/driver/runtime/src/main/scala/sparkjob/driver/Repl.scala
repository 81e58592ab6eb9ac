/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.URL
import java.util.{Collections, Enumeration}
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock

import scala.tools.nsc.Settings
import scala.tools.nsc.interpreter.Results.Result

import org.slf4j.LoggerFactory

/**
 * Scala's own interpreter, as this driver uses it: what is the same in all versions of Scala.
 *
 * @param parent  where the classes that code refers to are loaded from
 * @param options of the compiler
 */
abstract class Repl(parent: ClassLoader, options: Seq[String]) {

  protected val settings: Settings = {
    val log = LoggerFactory.getLogger(classOf[Repl])
    val settings = new Settings(message => log.warn(message))
    settings.processArguments(options.toList, processAll = true)
    settings.embeddedDefaults(parent)
    settings
  }

  /** Runs one piece of code. */
  def interpret(code: String): Result

  /** Likewise, with nothing reported, and no number of a result used. */
  def quietly(code: String): Result

  /** Code may refer to the classes in these jars, which `parent` loads. */
  def add(jars: Seq[URL]): Unit = {
    compiler.lockInterruptibly()
    try addToClassPath(jars) finally compiler.unlock()
  }

  protected def addToClassPath(jars: Seq[URL]): Unit

  /** What the last piece of code came to. */
  def value: AnyRef

  /** Has the classes that it has made. */
  def loader: ClassLoader

  /** What the code could go on with at this place; nothing while other code is compiled. */
  def complete(code: String, cursor: Int): Seq[String] = {
    if (compiler.tryLock(Repl.CompleteMax, TimeUnit.SECONDS)) {
      try completed(code, cursor) finally compiler.unlock()
    } else {
      Nil
    }
  }

  /** Held by who uses the compiler, which serves one at a time. */
  protected def compiler: ReentrantLock

  protected def completed(code: String, cursor: Int): Seq[String]
}

private object Repl {

  /** So many seconds completion waits for the compiler. */
  val CompleteMax = 2L
}

/**
 * A class loader that goes on to another one, once there is one. It is asked first for each class
 * that an interpreter makes, and has none of these: all jars would be looked through.
 */
class LateLoader(first: ClassLoader) extends ClassLoader(first) {
  import LateLoader._

  @volatile var next: Option[ClassLoader] = None

  override protected def loadClass(name: String, resolve: Boolean): Class[_] =
    if (name.startsWith(Made)) throw NotHere else super.loadClass(name, resolve)

  override def getResource(name: String): URL =
    if (name.startsWith(Made)) null else super.getResource(name)

  override protected def findClass(name: String): Class[_] =
    next.getOrElse(throw new ClassNotFoundException(name)).loadClass(name)

  override protected def findResource(name: String): URL =
    next.map(_.getResource(name)).orNull

  override protected def findResources(name: String): Enumeration[URL] =
    next.map(_.getResources(name)).getOrElse(Collections.emptyEnumeration[URL])
}

private object LateLoader {

  /** What the names of packages begin with that interpreters make. */
  val Made = "$line"

  /** One for all, since its stack would take longer than all else. */
  object NotHere extends ClassNotFoundException {
    override def fillInStackTrace(): Throwable = this
  }
}
