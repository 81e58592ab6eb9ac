/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import spark.jobserver.japi.BaseJavaJob

/** What is known of a job's class or package. */
trait BinaryJobInfo

/** @param constructor gives the Scala object of that name, or a new instance of the class */
case class JobJarInfo(
    constructor: () => api.SparkJobBase,
    className: String,
    jarFilePath: String) extends BinaryJobInfo

case class JavaJarInfo(job: BaseJavaJob[_, _], className: String, jarFilePath: String)
  extends BinaryJobInfo

/** @param packagePath the file of the package */
case class PythonJobInfo(packagePath: String) extends BinaryJobInfo

/**
 * Finds jobs by the names of their classes; context factories ask it. All methods take the paths of
 * the job's binaries, in the order of the class path.
 */
trait JobCache {

  /**
   * @throws java.lang.ClassNotFoundException if there is no such class
   * @throws java.lang.ClassCastException     if it is not one of a Scala job
   */
  def getSparkJob(classPath: Seq[String], mainClass: String): JobJarInfo

  /**
   * @throws java.lang.ClassNotFoundException if there is no such class
   * @throws java.lang.ClassCastException     if it is not one of a Java job
   */
  def getJavaJob(classPath: Seq[String], mainClass: String): JavaJarInfo

  /** @throws java.lang.IllegalArgumentException unless there is exactly one binary */
  def getPythonJob(classPath: Seq[String], mainClass: String): PythonJobInfo
}
