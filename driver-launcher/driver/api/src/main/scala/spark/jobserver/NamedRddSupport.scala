/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import scala.concurrent.duration.FiniteDuration

import org.apache.spark.rdd.RDD
import org.apache.spark.storage.StorageLevel

/**
 * An RDD that jobs share.
 *
 * @param forceComputation whether to compute it at once; needs a storage level
 * @param storageLevel     where Spark keeps it, unless the RDD says so itself
 */
case class NamedRDD[T](rdd: RDD[T], forceComputation: Boolean, storageLevel: StorageLevel)
  extends NamedObject

class RDDPersister[T] extends NamedObjectPersister[NamedRDD[T]] {

  override def persist(namedObj: NamedRDD[T], name: String): Unit = {
    val NamedRDD(rdd, forceComputation, storageLevel) = namedObj
    require(!forceComputation || storageLevel != StorageLevel.NONE,
      "forceComputation implies storageLevel != NONE")
    rdd.setName(name)
    if (rdd.getStorageLevel == StorageLevel.NONE) {
      rdd.persist(storageLevel)
    }
    if (forceComputation) {
      rdd.count()
    }
  }

  override def refresh(namedRDD: NamedRDD[T]): NamedRDD[T] = {
    namedRDD.rdd.persist(namedRDD.rdd.getStorageLevel)
    namedRDD
  }

  override def unpersist(namedRDD: NamedRDD[T]): Unit = namedRDD.rdd.unpersist(blocking = false)
}

/** For jobs of the old API: [[NamedObjects]] for RDDs alone. */
trait NamedRddSupport extends NamedObjectSupport { self: SparkJob =>

  /** See the methods of the same names of [[NamedObjects]]. */
  trait _NamedRdds {

    def defaultTimeout: FiniteDuration

    val defaultStorageLevel = StorageLevel.MEMORY_ONLY

    def getOrElseCreate[T](
        name: String,
        rddGen: => RDD[T],
        forceComputation: Boolean = true,
        storageLevel: StorageLevel = defaultStorageLevel)(
        implicit timeout: FiniteDuration = defaultTimeout): RDD[T]

    def get[T](name: String)(implicit timeout: FiniteDuration = defaultTimeout): Option[RDD[T]]

    def update[T](
        name: String,
        rddGen: => RDD[T],
        forceComputation: Boolean = true,
        storageLevel: StorageLevel = defaultStorageLevel)(
        implicit timeout: FiniteDuration = defaultTimeout): RDD[T]

    /** Removes the name, if there is such, and gives the RDD's memory back. */
    def destroy(name: String): Unit

    def getNames(): Iterable[String]
  }

  def namedRdds: _NamedRdds = new _NamedRdds {

    val defaultTimeout = namedObjects.defaultTimeout

    override def getOrElseCreate[T](
        name: String,
        rddGen: => RDD[T],
        forceComputation: Boolean = true,
        storageLevel: StorageLevel = defaultStorageLevel)(
        implicit timeout: FiniteDuration = defaultTimeout): RDD[T] = {
      namedObjects.getOrElseCreate(name, NamedRDD(rddGen, forceComputation, storageLevel))(
        timeout, new RDDPersister[T]).rdd
    }

    override def get[T](name: String)(
        implicit timeout: FiniteDuration = defaultTimeout): Option[RDD[T]] = {
      namedObjects.get[NamedObject](name)(timeout).collect {
        case NamedRDD(rdd, _, _) => rdd.asInstanceOf[RDD[T]]
      }
    }

    override def update[T](
        name: String,
        rddGen: => RDD[T],
        forceComputation: Boolean = true,
        storageLevel: StorageLevel = defaultStorageLevel)(
        implicit timeout: FiniteDuration = defaultTimeout): RDD[T] = {
      namedObjects.update(name, NamedRDD(rddGen, forceComputation, storageLevel))(
        timeout, new RDDPersister[T]).rdd
    }

    override def destroy(name: String): Unit = {
      get[Any](name).foreach(_.unpersist(blocking = false))
      namedObjects.forget(name)
    }

    override def getNames(): Iterable[String] = namedObjects.getNames()
  }
}
