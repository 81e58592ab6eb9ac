/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import org.apache.spark.sql.DataFrame
import org.apache.spark.storage.StorageLevel

/**
 * A data frame that jobs share.
 *
 * @param forceComputation whether to compute it at once; needs a storage level
 * @param storageLevel     where Spark keeps it
 */
case class NamedDataFrame(df: DataFrame, forceComputation: Boolean, storageLevel: StorageLevel)
  extends NamedObject

class DataFramePersister extends NamedObjectPersister[NamedDataFrame] {

  override def persist(namedObj: NamedDataFrame, name: String): Unit = {
    val NamedDataFrame(df, forceComputation, storageLevel) = namedObj
    require(!forceComputation || storageLevel != StorageLevel.NONE,
      "forceComputation implies storageLevel != NONE")
    df.persist(storageLevel)
    if (forceComputation) {
      df.count()
    }
  }

  override def refresh(namedDF: NamedDataFrame): NamedDataFrame = {
    namedDF.df.persist(namedDF.storageLevel)
    namedDF
  }

  override def unpersist(namedObj: NamedDataFrame): Unit = namedObj.df.unpersist(blocking = false)
}
