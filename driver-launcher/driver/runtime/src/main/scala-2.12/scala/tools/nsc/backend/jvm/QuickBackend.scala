/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package scala.tools.nsc.backend.jvm

/**
 * Scala's back end without its first step, the table of the methods that are instructions: it is
 * made anew for each run, an eighth of the time of a small piece of code, and always is the same.
 * Package private members are the reason for the package.
 */
object QuickBackend {

  def run(genBCode: GenBCode)(units: => Unit): Unit = {
    import genBCode._
    try {
      bTypes.initialize()
      codeGen.initialize()
      postProcessorFrontendAccess.initialize()
      postProcessor.initialize(global)
      generatedClassHandler = GeneratedClassHandler(global)
      units
      generatedClassHandler.complete()
    } finally {
      Option(postProcessor.classfileWriter).foreach(_.close())
      Option(generatedClassHandler).foreach(_.close())
    }
  }
}
