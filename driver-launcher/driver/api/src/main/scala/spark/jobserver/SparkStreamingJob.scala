/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package spark.jobserver

import org.apache.spark.streaming.StreamingContext

/** A job that needs a StreamingContext, which it starts. */
trait SparkStreamingJob extends SparkJobBase {
  type C = StreamingContext
}
