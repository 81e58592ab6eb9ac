/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

/**
 * Loads what drivers load, and ends: started with `-XX:ArchiveClassesAtExit` the JVM then writes
 * the archive of shared classes that drivers start with.
 */
object Archive {

  def main(args: Array[String]): Unit = {
    Main.begin()
    Warmup.loadOwn()
    Warmup.session()
    Warmup.interpreter()
    sys.exit(0)
  }
}
