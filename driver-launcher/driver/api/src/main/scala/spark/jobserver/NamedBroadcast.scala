/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import org.apache.spark.broadcast.Broadcast

/** A broadcast variable that jobs share. */
case class NamedBroadcast[T](broadcast: Broadcast[T]) extends NamedObject

class BroadcastPersister[T] extends NamedObjectPersister[NamedBroadcast[T]] {

  /** Spark keeps a broadcast variable from the moment that it is made. */
  override def persist(namedObj: NamedBroadcast[T], name: String): Unit = {}

  override def refresh(namedBroadcast: NamedBroadcast[T]): NamedBroadcast[T] = namedBroadcast

  override def unpersist(namedObj: NamedBroadcast[T]): Unit =
    namedObj.broadcast.unpersist(blocking = false)
}
