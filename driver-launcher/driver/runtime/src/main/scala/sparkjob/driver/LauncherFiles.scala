/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, FileNotFoundException, IOException}
import java.nio.file.{Files, Path, StandardCopyOption}
import java.security.MessageDigest
import java.util.concurrent.{CompletableFuture, ExecutionException, Executors, Semaphore}

import scala.collection.mutable
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode

/**
 * Files that the launcher keeps, for a driver on another host: binaries and data files, fetched
 * over the link when a job first needs them. Binaries are known by their hash, so they are the
 * right ones or none.
 *
 * @param folder where they are kept, the driver's own
 */
class LauncherFiles(folder: Path, link: Link) {
  import LauncherFiles._

  private class Question(val target: Path, val sha256: Option[String], val frame: Frame) {
    val answer = new CompletableFuture[Path]
  }

  // those that are not answered; guarded by this
  private val questions = mutable.LinkedHashMap.empty[String, Question]

  // the launcher answers so many at once
  private val places = new Semaphore(AtOnce)

  // hashing takes a while, and the thread that reads the link must not
  private val checker = Executors.newSingleThreadExecutor { (task: Runnable) =>
    val thread = new Thread(task, "sparkjob-fetched")
    thread.setDaemon(true)
    thread
  }

  /**
   * The binary with a file of this host.
   *
   * @throws IOException          if the launcher does not have it, or it is damaged
   * @throws InterruptedException if the thread is interrupted meanwhile
   */
  def binary(binary: Binary): Binary = {
    val meta = Json.obj().put("sha256", binary.sha256).put("type", binary.kind)
    val name = binary.sha256 + Extensions.getOrElse(binary.kind, "")
    val target = folder.resolve("binaries").resolve(name)
    binary.copy(file = get(binary.sha256, meta, target, Some(binary.sha256)))
  }

  /**
   * @param name as a job asks for it: what the upload was answered with, or the file's name
   * @throws IOException if there is no such data file
   */
  def data(name: String): File = {
    val file = name.substring(name.lastIndexOf('/') + 1)
    if (file.isEmpty || file == "." || file == "..") {
      throw new FileNotFoundException(s"There is no data file $name")
    }
    get("data " + name, Json.obj().put("data", name), folder.resolve("data").resolve(file), None)
  }

  private def get(key: String, meta: ObjectNode, target: Path, sha256: Option[String]): File = {
    val mine = new Question(target, sha256,
      Frame(Message.Fetch, 0, 0, Json.bytes(meta.put("key", key)), Frame.Nothing))
    // not under the lock, which whoever gives a place back may need
    places.acquire()
    val question = synchronized {
      if (Files.exists(target)) None else Some(questions.getOrElseUpdate(key, mine))
    }
    if (question.exists(_ eq mine)) {
      mine.answer.whenComplete((_, _) => places.release())
      // not under the lock: who holds the link's asks again
      link.send(mine.frame)
    } else {
      places.release()
    }
    try {
      question.map(_.answer.get()).getOrElse(target).toFile
    } catch {
      case e: ExecutionException => throw e.getCause
    }
  }

  /** To be called when the link has come back. */
  def askAgain(): Unit = synchronized(questions.values.foreach(question => link.send(question.frame)))

  /** The launcher's answer, with a file that is ours from now on. */
  def arrived(meta: ObjectNode): Unit = {
    val file = Option(meta.get("file")).filter(_ => meta.has("spooled"))
      .map(node => new File(node.asText).toPath)
    val question = synchronized(questions.remove(meta.path("key").asText))
    (question, file) match {
      case (Some(question), Some(file)) => checker.execute(() => keep(question, file))
      case (Some(question), None) => question.answer.completeExceptionally(
        new FileNotFoundException(meta.path("error").asText("The launcher does not have it")))
      // asked twice, since the link broke
      case (None, file) => file.foreach(Files.deleteIfExists)
    }
  }

  private def keep(question: Question, file: Path): Unit = {
    try {
      question.sha256.foreach { expected =>
        val found = hash(file)
        if (found != expected) {
          throw new IOException(s"what came for $expected is damaged, it is $found")
        }
      }
      Files.createDirectories(question.target.getParent)
      Files.move(file, question.target, StandardCopyOption.ATOMIC_MOVE)
      question.answer.complete(question.target)
    } catch {
      case NonFatal(e) =>
        Files.deleteIfExists(file)
        question.answer.completeExceptionally(e)
    }
  }
}

private object LauncherFiles {

  val AtOnce = 32

  val Extensions = Map("Jar" -> ".jar", "Egg" -> ".egg", "Wheel" -> ".whl", "Python" -> ".py")

  def hash(file: Path): String = {
    val digest = MessageDigest.getInstance("SHA-256")
    val input = Files.newInputStream(file)
    try {
      Iterator.continually(input.readNBytes(64 * 1024)).takeWhile(_.nonEmpty).foreach(digest.update)
    } finally {
      input.close()
    }
    digest.digest.map(byte => f"${byte & 0xff}%02x").mkString
  }
}
