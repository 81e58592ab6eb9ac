/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{FileSystems, Path}

import scala.util.control.NonFatal

import org.apache.spark.sparkjob.SparkInternals
import org.slf4j.LoggerFactory

/**
 * The folder in which this process works. A spare driver's is renamed when it gets a context: the
 * process goes along, but Java remembers the name that it had.
 */
object WorkingFolder {

  private val log = LoggerFactory.getLogger("sparkjob.driver.WorkingFolder")

  /** It has this name from now on. */
  def move(folder: Path): Unit = {
    sys.props("user.dir") = folder.toString
    sys.props("java.io.tmpdir") = folder.resolve("tmp").toString
    try {
      for (files <- fields(classOf[File]).find(_.getType.getName == "java.io.FileSystem")) {
        files.setAccessible(true)
        SparkInternals.replace(files.get(null), "userDir", folder.toString)
      }
      SparkInternals.replace(
        FileSystems.getDefault, "defaultDirectory", folder.toString.getBytes(UTF_8))
    } catch {
      // the old name leads to the folder as long as this process lives
      case NonFatal(e) => log.info(s"Relative paths are those of the folder's old name: $e")
    }
  }

  private def fields(owner: Class[_]) = owner.getDeclaredFields.toSeq
}
