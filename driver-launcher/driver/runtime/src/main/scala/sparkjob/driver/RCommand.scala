/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.Path

import org.apache.spark.SparkConf

/**
 * How R is started.
 *
 * @param executable where it is
 * @param options    before the file that it is to run
 * @param library    where SparkR is: a folder of packages, or an archive of one
 */
final case class RCommand(executable: File, options: Seq[String], library: File) {

  def words(script: Path, argument: String): Seq[String] = executable.getPath +:
    (if (options.isEmpty) Seq(script.toString, argument)
    else options ++ Seq(s"--file=$script", "--args", argument))
}

object RCommand {

  /**
   * The executable that Spark's settings name, which mean an R or an Rscript, and the SparkR of the
   * Spark that runs here.
   *
   * @throws BadSettingException if one of the two is not there
   */
  def of(conf: SparkConf, environment: Map[String, String]): RCommand = {
    val (name, options) = conf.getOption("spark.r.shell.command")
      .orElse(environment.get("SPARKR_DRIVER_R")).map(_ -> Shell)
      .getOrElse(conf.getOption("spark.r.driver.command")
        .orElse(conf.getOption("spark.r.command")).getOrElse("Rscript") -> Nil)
    val folder = new File(environment.getOrElse("SPARK_HOME", ""), "R/lib")
    val library = if (new File(folder, "SparkR").isDirectory) Some(folder) else {
      Some(new File(folder, "sparkr.zip")).filter(_.isFile)
    }
    val executable = find(name, environment.getOrElse("PATH", ""))
    val missing = (if (executable.isEmpty) Seq(s"there is no executable $name") else Nil) ++
      (if (library.isEmpty) Seq(s"there is no SparkR in $folder") else Nil)
    if (missing.nonEmpty) {
      throw new BadSettingException(
        s"no interpreter for kind sparkr: ${missing.mkString(", and ")}")
    }
    RCommand(executable.get, options, library.get)
  }

  // what an Rscript does by itself
  private val Shell = Seq("--slave", "--no-save", "--no-restore")

  private def find(name: String, path: String): Option[File] = {
    val places = if (name.contains('/')) Seq(new File(name)) else {
      path.split(File.pathSeparator).filter(_.nonEmpty).toSeq.map(new File(_, name))
    }
    places.find(place => place.isFile && place.canExecute)
  }
}
