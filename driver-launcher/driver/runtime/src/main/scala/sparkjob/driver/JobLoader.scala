/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.reflect.InvocationTargetException

import spark.jobserver.{JavaJarInfo, JobCache, JobJarInfo, PythonJobInfo}
import spark.jobserver.api.SparkJobBase
import spark.jobserver.japi.BaseJavaJob

/** Finds one job among the classes of its binaries: what context factories ask. */
class JobLoader(loader: ClassLoader) extends JobCache {
  import JobLoader._

  override def getSparkJob(classPath: Seq[String], mainClass: String): JobJarInfo =
    JobJarInfo(() => instance(mainClass, classOf[SparkJobBase]), mainClass, path(classPath))

  override def getJavaJob(classPath: Seq[String], mainClass: String): JavaJarInfo =
    JavaJarInfo(instance(mainClass, classOf[BaseJavaJob[_, _]]), mainClass, path(classPath))

  override def getPythonJob(classPath: Seq[String], mainClass: String): PythonJobInfo = {
    if (classPath.size != 1) {
      throw new IllegalArgumentException(
        s"A Python job needs exactly one package, not ${classPath.size}")
    }
    PythonJobInfo(classPath.head)
  }

  private def path(classPath: Seq[String]): String = classPath.lastOption.getOrElse("")

  /** The Scala object of that name, or else an instance of the class. */
  private def instance[T](mainClass: String, kind: Class[T]): T = {
    val candidates = Iterator(mainClass + "$", mainClass).flatMap(find)
    if (candidates.isEmpty) {
      throw new ClassNotFoundException(mainClass)
    }
    val job = candidates.find(kind.isAssignableFrom).getOrElse(
      throw new ClassCastException(s"$mainClass is not a ${kind.getName}"))
    kind.cast(make(job))
  }

  private def find(name: String): Option[Class[_]] = {
    try {
      Some(Class.forName(name, false, loader))
    } catch {
      case _: ClassNotFoundException => None
    }
  }
}

object JobLoader {

  private def make(job: Class[_]): Any = {
    if (job.getName.endsWith("$")) {
      job.getField("MODULE$").get(null)
    } else {
      job.getConstructor().newInstance()
    }
  }

  /** What a class or its constructor threw, without what Java packs that into. */
  def cause(t: Throwable): Throwable = t match {
    case e@(_: InvocationTargetException | _: ExceptionInInitializerError)
        if e.getCause != null => cause(e.getCause)
    case _ => t
  }
}
