/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.concurrent.{Executors, TimeUnit}

import scala.collection.mutable

import org.slf4j.LoggerFactory

/**
 * The jobs that the launcher may still ask about: those that run, and those whose end it has not
 * acknowledged. What was told of them is kept, to be told again.
 *
 * The lock also keeps the order of what is told of a job, when it is told again while the job goes
 * on; it is taken before the link's.
 */
class Jobs(link: Link) {
  import Jobs._

  private val log = LoggerFactory.getLogger(classOf[Jobs])

  private class Entry(val job: Job) {
    var told = Vector.empty[Letter]
    def asks: Boolean = told.exists(_.message == Message.Resolve)
    def ended: Boolean = told.exists(letter => Ends(letter.message))
  }

  private val entries = mutable.LinkedHashMap.empty[String, Entry]
  private var files = 0L

  private val threads = new JobThreads

  private val killer = Executors.newSingleThreadScheduledExecutor { (task: Runnable) =>
    val thread = new Thread(task, "sparkjob-killer")
    thread.setDaemon(true)
    thread
  }
  killer.scheduleWithFixedDelay(() => killAgain(), 2, 2, TimeUnit.SECONDS)

  /** All that the launcher may ask about yet. */
  def requests: Seq[JobRequest] = synchronized(entries.values.map(_.job.request).toVector)

  /**
   * Runs a job, unless it has run, or does: then what is known of it is told again, unless it has
   * waited for this.
   */
  def run(request: JobRequest, site: JobSite): Unit = synchronized {
    entries.get(request.id) match {
      case Some(entry) if entry.job.resolved(request) =>
        entry.told = entry.told.filter(_.message != Message.Resolve)
      case Some(entry) => tellAgain(entry)
      case None =>
        val job = new Job(request, site, tell(request.id, _))
        entries.put(request.id, new Entry(job))
        threads.execute(job)
    }
  }

  /** Tells that a job does not run here, which nobody has to remember. */
  def refuse(id: String, why: RefusedException): Unit = send(id, why.letter)

  def kill(id: String): Unit = synchronized(entries.get(id)).foreach(_.job.kill())

  /** Kills all jobs and waits for them to end, for at most that long. */
  def killAll(millis: Long): Unit = synchronized {
    entries.values.filterNot(_.ended).foreach(_.job.kill())
    await(millis)
  }

  /** Waits for all jobs to end, for at most that long. */
  def await(millis: Long): Unit = synchronized {
    val end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis)
    while (entries.values.exists(!_.ended) && System.nanoTime() < end) {
      wait(100)
    }
  }

  /** The launcher will not ask about this job any more: it has ended, or never will begin. */
  def forget(id: String): Unit = synchronized {
    entries.get(id).filter(entry => entry.ended || entry.asks).foreach { entry =>
      entries.remove(id)
      entry.job.abandon()
      entry.told.foreach(letter => discard(letter.body))
    }
  }

  /** To be called when the link has come back. */
  def tellAgain(): Unit = synchronized(entries.values.foreach(tellAgain))

  private def tellAgain(entry: Entry): Unit =
    entry.told.foreach(send(entry.job.id, _))

  private def tell(id: String, letter: Letter): Unit = synchronized {
    entries.get(id).foreach { entry =>
      entry.told :+= letter
      send(id, letter)
    }
    notifyAll()
  }

  private def send(id: String, letter: Letter): Unit = {
    val meta = Json.obj().put("id", id)
    letter.meta.foreach { case (name, value) => meta.putPOJO(name, value) }
    def frame(body: Array[Byte]) = Frame(letter.message, 0, 0, Json.bytes(meta), body)
    letter.body match {
      case Bytes(bytes) if letter.patient => link.sendLater(frame(bytes))
      case Bytes(bytes) => link.send(frame(bytes))
      case Spilled(file, _) if link.passesFiles =>
        meta.put("file", handOut(file).toString)
        link.send(frame(Frame.Nothing))
      case Spilled(file, size) =>
        meta.put("spooled", size)
        link.sendFile(frame(Frame.Nothing), file)
    }
  }

  /** Another name for the file: the launcher takes that one away, and may have to be told again. */
  private def handOut(file: Path): Path = {
    files += 1
    val name = file.resolveSibling(s"${file.getFileName}.$files")
    try {
      Files.createLink(name, file)
    } catch {
      case e: IOException =>
        log.error(s"Cannot link $name to $file: $e")
        file
    }
  }

  private def discard(body: Body): Unit = body match {
    case Spilled(file, _) =>
      try {
        Files.deleteIfExists(file)
      } catch {
        case e: IOException => log.warn(s"Cannot delete $file: $e")
      }
    case _ =>
  }

  private def killAgain(): Unit = {
    synchronized(entries.values.map(_.job).toVector).filter(_.isBeingKilled).foreach { job =>
      job.kill()
      job.endStream()
    }
  }
}

private object Jobs {
  val Ends = Set(Message.Refused, Message.Result)
}
