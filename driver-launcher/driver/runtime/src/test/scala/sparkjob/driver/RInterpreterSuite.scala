/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{PipedInputStream, PipedOutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.node.TextNode
import org.apache.spark.SparkConf
import org.junit.{Rule, Test}
import org.junit.Assert._
import org.junit.rules.TemporaryFolder

/** How R is found, and what of its output is whose: nothing here needs R. */
class RInterpreterSuite {
  private val temporary = new TemporaryFolder

  @Rule def folder: TemporaryFolder = temporary

  private def file(path: String, executable: Boolean = true): Path = {
    val file = folder.getRoot.toPath.resolve(path)
    Files.createDirectories(file.getParent)
    Files.createFile(file).toFile.setExecutable(executable)
    file
  }

  private def environment(path: String) =
    Map("PATH" -> path, "SPARK_HOME" -> s"${folder.getRoot}/spark")

  private def refusal(settings: Map[String, String] = Map.empty): String = try {
    RCommand.of(new SparkConf(false).setAll(settings), environment("/no/bin:" + folder.getRoot))
    "nothing"
  } catch {
    case e: BadSettingException => e.getMessage
  }

  @Test def whatIsMissingIsNamed(): Unit = {
    val words = "no interpreter for kind sparkr: there is no executable"
    val library = s"there is no SparkR in ${folder.getRoot}/spark/R/lib"
    assertEquals(s"$words Rscript, and $library", refusal())
    assertEquals(s"$words /no/R, and $library", refusal(Map("spark.r.shell.command" -> "/no/R")))
    file("Rscript", executable = false)
    assertEquals(s"$words Rscript, and $library", refusal())
    file("mine")
    assertEquals(s"no interpreter for kind sparkr: $library",
      refusal(Map("spark.r.command" -> "mine")))
    file("spark/R/lib/sparkr.zip")
    assertEquals(s"$words Rscript", refusal())
  }

  @Test def theSettingsOfSparkSayWhatRuns(): Unit = {
    file("spark/R/lib/SparkR/DESCRIPTION")
    val (r, script, other) = (file("bin/R"), file("bin/Rscript"), file("other/Rscript"))
    val run = folder.getRoot.toPath.resolve("run.R")
    def words(settings: (String, String)*) = RCommand.of(new SparkConf(false).setAll(settings),
      environment(r.getParent.toString)).words(run, "1")
    assertEquals(Seq(script.toString, run.toString, "1"), words())
    assertEquals(Seq(other.toString, run.toString, "1"), words("spark.r.command" -> other.toString))
    assertEquals(script.toString,
      words("spark.r.driver.command" -> "Rscript", "spark.r.command" -> other.toString).head)
    assertEquals(
      Seq(r.toString, "--slave", "--no-save", "--no-restore", s"--file=$run", "--args", "1"),
      words("spark.r.shell.command" -> "R", "spark.r.command" -> other.toString))
  }

  @Test def whatIsToldComesBeforeAllOutput(): Unit = {
    val picture = "image/png" -> TextNode.valueOf("iVBO")
    val shown = Output.text("told\n[1] 2")
    assertEquals(shown, Output.text("[1] 2").behind("told\n"))
    assertEquals(Shown(shown.data :+ picture),
      Shown(Output.text("[1] 2").data :+ picture).behind("told\n"))
    assertEquals(Shown(Output.text("told\n").data :+ picture), Shown(Seq(picture)).behind("told\n"))
    assertEquals(Shown(Seq(picture)), Shown(Seq(picture)).behind(""))
    assertEquals(Wrong("Error", "told\nError: x", Seq("f()")),
      Wrong("Error", "Error: x", Seq("f()")).behind("told\n"))
  }

  /** However it comes in pieces. */
  @Test def outputEndsAtItsMark(): Unit = {
    for (size <- Seq(1, 7, 37, 38, 100000)) {
      val pipe = new PipedOutputStream
      val output = new ROutput(new PipedInputStream(pipe, 200000))
      val printed = output.begin(new RPrinted(new Capture(1000), None))
      val before = "a\u0000b".getBytes(UTF_8) ++ printed.mark.take(5)
      val all = before ++ printed.mark ++ "later".getBytes(UTF_8)
      val reader = new Thread(() => output.read())
      reader.start()
      all.grouped(size).foreach { piece =>
        pipe.write(piece)
        pipe.flush()
      }
      printed.await()
      pipe.close()
      reader.join()
      assertEquals(new String(before, UTF_8), printed.capture.take())
    }
  }
}
