/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import org.apache.spark.{SparkConf, SparkException}
import org.junit.Test
import org.junit.Assert._

class MasterSuite {

  @Test def aPortThatIsNoneIsToldWithItsMaster(): Unit = {
    val conf = new SparkConf(false).set("spark.master", "spark://127.0.0.1:99999")
    val message = assertThrows(classOf[SparkException], () => Master.probe(conf)).getMessage
    assertTrue(message,
      message.startsWith("No Spark master answers at spark://127.0.0.1:99999: ")
        && message.contains("port out of range"))
  }
}
