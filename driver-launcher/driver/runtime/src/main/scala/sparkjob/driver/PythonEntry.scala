/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.ConcurrentHashMap

import scala.collection.JavaConverters._
import scala.concurrent.duration._

import org.apache.spark.SparkConf
import org.apache.spark.api.java.JavaSparkContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.slf4j.MDC

import spark.jobserver._

/** An RDD of pickled Python objects that Python jobs share. JVM jobs cannot read it. */
final case class NamedPythonRDD(rdd: RDD[Array[Byte]], forceComputation: Boolean)
  extends NamedObject

private class PythonRDDPersister extends NamedObjectPersister[NamedPythonRDD] {

  override def persist(named: NamedPythonRDD, name: String): Unit = {
    named.rdd.setName(name)
    if (named.forceComputation) {
      named.rdd.count()
    }
  }

  override def refresh(named: NamedPythonRDD): NamedPythonRDD = named

  override def unpersist(named: NamedPythonRDD): Unit = named.rdd.unpersist(blocking = false)
}

/** A named object as Python asks for it: what it is, and the object that py4j hands on. */
final class PythonNamedObject(val kind: String, val obj: AnyRef)

/**
 * What the Python side of a context can call in this JVM, by py4j. Each thread of Python has one of
 * its own here, which serves nobody else.
 */
class PythonEntry(context: JobContext, objects: JobNamedObjects, data: DataFiles) {
  import PythonEntry._

  private val sc = new JavaSparkContext(context.sparkContext)

  private class Run(val join: () => Unit) {
    // both guarded by this
    var threads = Set.empty[Thread]
    var making = Map.empty[String, JobNamedObjects#Claim]
  }

  private val runs = new ConcurrentHashMap[String, Run]

  /** @param join makes the Spark work of the calling thread that of the job */
  def begin(id: String, join: () => Unit): Unit = runs.put(id, new Run(join))

  /** Interrupts what the job's threads wait for in this JVM. */
  def interrupt(id: String): Unit = Option(runs.get(id)).foreach { run =>
    run.synchronized(run.threads).foreach(_.interrupt())
  }

  /** The job is over: what it was making nobody will make. */
  def end(id: String): Unit = Option(runs.remove(id)).foreach { run =>
    run.synchronized(run.making).values.foreach(_.giveUp(new IllegalStateException(Unmade)))
  }

  // what Python calls

  def conf(): SparkConf = sc.getConf

  def sparkContext(): JavaSparkContext = sc

  def session(): SparkSession = context.session

  /** What the factory made. */
  def made(): AnyRef = context.made

  /** The calling thread is one of this job's. */
  def enter(id: String): Unit = Option(runs.get(id)).foreach { run =>
    MDC.put("jobId", id)
    run.join()
    run.synchronized(run.threads += Thread.currentThread)
  }

  def get(name: String, millis: Long): PythonNamedObject =
    objects.get[NamedObject](name)(millis.millis).map(forPython).orNull

  /** The object of this name, or null: then the job has to make it, and keep it or give it up. */
  def claim(id: String, name: String, millis: Long): PythonNamedObject = {
    objects.claim(name, millis.millis) match {
      case Right(made) => forPython(made)
      case Left(claim) =>
        val run = runs.get(id)
        if (run == null) {
          claim.giveUp(new IllegalStateException(Unmade))
          throw new IllegalStateException(s"Job $id is over")
        }
        run.synchronized(run.making += name -> claim)
        null
    }
  }

  def keep(id: String, name: String, isRdd: Boolean, obj: AnyRef, force: Boolean): Unit = {
    val claim = unclaim(id, name)
    fromPython(isRdd, obj, force) match {
      case rdd: NamedPythonRDD => claim.keep(rdd)(RddPersister)
      case df: NamedDataFrame => claim.keep(df)(FramePersister)
    }
  }

  def give_up(id: String, name: String, why: String): Unit = {
    Option(runs.get(id)).filter(run => run.synchronized(run.making.contains(name)))
      .foreach(_ => unclaim(id, name).giveUp(new IllegalStateException(why)))
  }

  def update(name: String, isRdd: Boolean, obj: AnyRef, force: Boolean): Unit = {
    fromPython(isRdd, obj, force) match {
      case rdd: NamedPythonRDD => objects.update(name, rdd)(objects.defaultTimeout, RddPersister)
      case df: NamedDataFrame => objects.update(name, df)(objects.defaultTimeout, FramePersister)
    }
  }

  def forget(name: String): Unit = objects.forget(name)

  def destroy(name: String): Unit = {
    objects.get[NamedObject](name)(objects.defaultTimeout) match {
      case Some(rdd: NamedPythonRDD) => objects.destroy(rdd, name)(RddPersister)
      case Some(rdd: NamedRDD[_]) =>
        objects.destroy(rdd.asInstanceOf[NamedRDD[Any]], name)(new RDDPersister[Any])
      case Some(df: NamedDataFrame) => objects.destroy(df, name)(FramePersister)
      case _ => objects.forget(name)
    }
  }

  def names(): java.util.List[String] = objects.getNames().toSeq.asJava

  def data_file(name: String): String = data.get(name).getPath

  private def unclaim(id: String, name: String): JobNamedObjects#Claim = {
    val run = runs.get(id)
    run.synchronized {
      val claim = run.making(name)
      run.making -= name
      claim
    }
  }

  private def forPython(named: NamedObject): PythonNamedObject = named match {
    case NamedDataFrame(df, _, _) => new PythonNamedObject("DataFrame", df)
    case NamedPythonRDD(rdd, _) => new PythonNamedObject("RDD", rdd.toJavaRDD())
    case other => new PythonNamedObject(other.getClass.getSimpleName, null)
  }

  private def fromPython(isRdd: Boolean, obj: AnyRef, force: Boolean): NamedObject = {
    if (isRdd) {
      NamedPythonRDD(obj.asInstanceOf[org.apache.spark.api.java.JavaRDD[Array[Byte]]].rdd, force)
    } else {
      val df = obj.asInstanceOf[DataFrame]
      NamedDataFrame(df, force, df.storageLevel)
    }
  }
}

private object PythonEntry {
  val Unmade = "The job that was making this named object has ended"
  val RddPersister = new PythonRDDPersister
  val FramePersister = new DataFramePersister
}
