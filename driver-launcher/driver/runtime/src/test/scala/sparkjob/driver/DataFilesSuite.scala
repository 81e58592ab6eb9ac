/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.Comparator

import org.junit.{After, Test}
import org.junit.Assert._

class DataFilesSuite {

  private val root: Path = Files.createTempDirectory("sparkjob-")
  private val folder = Files.createDirectory(root.resolve("data"))
  private val files = new DataFiles(Some(folder))
  Files.write(folder.resolve("a.dat"), "a".getBytes)
  Files.write(root.resolve("secret"), "s".getBytes)

  @After def sweep(): Unit =
    Files.walk(root).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))

  private def refused(name: String): String =
    assertThrows(name, classOf[IOException], () => files.get(name)).getMessage

  @Test def aDataFileIsFoundByItsPathAndByItsName(): Unit = {
    for (name <- Seq("a.dat", s"$folder/a.dat", s"$folder/../data/a.dat", "./a.dat")) {
      assertEquals(name, folder.resolve("a.dat").toFile, files.get(name))
    }
  }

  @Test def otherFilesAreRefused(): Unit = {
    Files.createSymbolicLink(folder.resolve("link"), root.resolve("secret"))
    for (name <- Seq("../secret", s"$root/secret", "/etc/passwd", s"$folder/../secret", "link",
        s"$root/data-and-more")) {
      assertTrue(refused(name), refused(name).contains("is no data file"))
    }
    assertTrue(refused("a\u0000b").nonEmpty)
  }

  @Test def whatIsNotThereIsSaid(): Unit = {
    for (name <- Seq("b.dat", s"$folder/b.dat", "", "a.dat/b")) {
      assertTrue(refused(name).nonEmpty)
    }
    assertTrue(refused("b.dat").contains("There is no data file b.dat"))
    val none = new DataFiles(None)
    assertTrue(assertThrows(classOf[IOException], () => none.get("a.dat")).getMessage
      .contains("a.dat"))
  }
}
