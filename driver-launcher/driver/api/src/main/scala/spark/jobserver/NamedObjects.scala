/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import scala.concurrent.duration.FiniteDuration

/** Something that jobs of one context share under a name. */
trait NamedObject

/** How objects of one type are kept in memory and given up. */
abstract class NamedObjectPersister[O <: NamedObject] {

  /** Keeps the object, under this name where Spark shows one. */
  def persist(namedObj: O, name: String): Unit

  /** Makes the object count as used just now. */
  def refresh(namedObject: O): O

  /** Gives the object's memory back, without waiting for it. */
  def unpersist(namedObject: O): Unit
}

/**
 * The objects that the jobs of one context share. All methods may be called by several jobs at
 * once. An object stays until it is forgotten, destroyed or replaced, or its context ends.
 */
trait NamedObjects {

  /** How long callers wait for an object that another job is making. */
  def defaultTimeout: FiniteDuration

  /**
   * The object of this name. If there is none it is made by `objGen`, in the caller's thread; who
   * asks for it meanwhile waits. When making it fails its maker sees why, and of those who wait
   * one tries with its own `objGen`.
   *
   * @param timeout how long to wait for another job that is making the object
   * @throws java.util.concurrent.TimeoutException if that job is not done by then
   */
  def getOrElseCreate[O <: NamedObject](
      name: String,
      objGen: => O)(
      implicit timeout: FiniteDuration = defaultTimeout,
      persister: NamedObjectPersister[O]): O

  /**
   * The object of this name, if there is one.
   *
   * @param timeout how long to wait for another job that is making the object
   * @throws java.util.concurrent.TimeoutException if that job is not done by then
   */
  def get[O <: NamedObject](name: String)(
      implicit timeout: FiniteDuration = defaultTimeout): Option[O]

  /**
   * Makes an object, in the caller's thread, and puts it in the place of one that had this name;
   * that one's memory is given back. Of several callers at once one wins.
   */
  def update[O <: NamedObject](
      name: String,
      objGen: => O)(
      implicit timeout: FiniteDuration = defaultTimeout,
      persister: NamedObjectPersister[O]): O

  /** Removes the name, if there is such; the object's memory is not given back. */
  def forget(name: String): Unit

  /** Removes the name, if there is such, and gives the object's memory back. */
  def destroy[O <: NamedObject](objOfType: O, name: String)(
      implicit persister: NamedObjectPersister[O]): Unit

  /** The names at this moment. */
  def getNames(): Iterable[String]
}

/** Once asked for by jobs that use named objects; every job has them now. */
@Deprecated
trait NamedObjectSupport
