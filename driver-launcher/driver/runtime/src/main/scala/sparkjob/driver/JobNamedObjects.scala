/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.{CompletableFuture, ConcurrentHashMap, ExecutionException, TimeUnit}

import scala.annotation.tailrec
import scala.collection.JavaConverters._
import scala.concurrent.duration._

import spark.jobserver.{NamedDataFrame, NamedObject, NamedObjectPersister, NamedObjects, NamedRDD}

/** The named objects of this driver's context. */
class JobNamedObjects extends NamedObjects {

  // a future that is not complete is an object in the making
  private val objects = new ConcurrentHashMap[String, CompletableFuture[NamedObject]]

  override val defaultTimeout: FiniteDuration = 60.seconds

  override def getOrElseCreate[O <: NamedObject](
      name: String,
      objGen: => O)(
      implicit timeout: FiniteDuration,
      persister: NamedObjectPersister[O]): O = {
    claim(name, timeout) match {
      case Right(made) => made.asInstanceOf[O]
      case Left(claim) =>
        try {
          claim.keep(objGen)
        } catch {
          case t: Throwable =>
            claim.giveUp(t)
            throw t
        }
    }
  }

  /** The right to make an object, and the duty: others wait for it. */
  class Claim(name: String, mine: CompletableFuture[NamedObject]) {

    /** If this throws the claim has to be given up. */
    def keep[O <: NamedObject](made: O)(implicit persister: NamedObjectPersister[O]): O = {
      persister.persist(made, name)
      mine.complete(made)
      made
    }

    /** Has no effect on an object that is kept already. */
    def giveUp(why: Throwable): Unit = {
      if (!mine.isDone) {
        objects.remove(name, mine)
        mine.completeExceptionally(why)
      }
    }
  }

  /** The object of this name, or the right to make it. */
  @tailrec
  final def claim(name: String, timeout: FiniteDuration): Either[Claim, NamedObject] = {
    val mine = new CompletableFuture[NamedObject]
    val others = objects.putIfAbsent(name, mine)
    if (others == null) {
      Left(new Claim(name, mine))
    } else {
      await(name, others, timeout) match {
        case Some(made) => Right(made)
        case None => claim(name, timeout)
      }
    }
  }

  override def get[O <: NamedObject](name: String)(implicit timeout: FiniteDuration): Option[O] =
    Option(objects.get(name)).flatMap(await(name, _, timeout)).map(_.asInstanceOf[O])

  /** The new object is there before the old one goes, which it may be made from. */
  override def update[O <: NamedObject](
      name: String,
      objGen: => O)(
      implicit timeout: FiniteDuration,
      persister: NamedObjectPersister[O]): O = {
    val made = objGen
    persister.persist(made, name)
    val before = objects.put(name, CompletableFuture.completedFuture(made))
    if (before != null) {
      before.thenAccept((old: NamedObject) => giveUp(old, made, persister))
    }
    made
  }

  override def forget(name: String): Unit = objects.remove(name)

  override def destroy[O <: NamedObject](objOfType: O, name: String)(
      implicit persister: NamedObjectPersister[O]): Unit = {
    val before = objects.remove(name)
    if (before != null) {
      before.thenAccept((old: NamedObject) => persister.unpersist(old.asInstanceOf[O]))
    }
  }

  override def getNames(): Iterable[String] =
    objects.asScala.collect { case (name, made) if isMade(made) => name }.toList.sorted

  private def isMade(made: CompletableFuture[NamedObject]): Boolean =
    made.isDone && !made.isCompletedExceptionally

  /** None if whoever was making the object failed. */
  private def await(
      name: String,
      made: CompletableFuture[NamedObject],
      timeout: FiniteDuration): Option[NamedObject] = {
    try {
      Some(made.get(timeout.toNanos, TimeUnit.NANOSECONDS))
    } catch {
      case _: ExecutionException => None
      case _: java.util.concurrent.TimeoutException =>
        throw new java.util.concurrent.TimeoutException(
          s"Another job has been making the named object $name for more than $timeout")
    }
  }

  /**
   * Frees the memory of an object that another one replaces. An object of another type is freed
   * when nothing refers to it any longer, and two that share their data must not lose it.
   */
  private def giveUp[O <: NamedObject](
      old: NamedObject,
      made: O,
      persister: NamedObjectPersister[O]): Unit = {
    val shared = (old, made) match {
      case (NamedDataFrame(one, _, _), NamedDataFrame(other, _, _)) => one.sameSemantics(other)
      case (NamedRDD(one, _, _), NamedRDD(other, _, _)) => one eq other
      case (NamedPythonRDD(one, _), NamedPythonRDD(other, _)) => one eq other
      case _ => old == made
    }
    if (old.getClass == made.getClass && !shared) {
      persister.unpersist(old.asInstanceOf[O])
    }
  }
}
