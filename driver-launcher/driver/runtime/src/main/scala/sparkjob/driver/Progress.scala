/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.Properties
import java.util.concurrent.{Executors, TimeUnit}

import scala.collection.mutable

import org.apache.spark.{SparkContext, Success, TaskKilled}
import org.apache.spark.scheduler._

/**
 * How far the Spark work of jobs is, told to the launcher now and then. Spark jobs that have ended
 * are added up, since a stream has any number of them.
 *
 * @param tell sends what there is to say of a job
 */
class Progress(sc: SparkContext, tell: (String, Counts) => Unit) extends JobEvents(sc) {
  import Progress._

  private class Stage(val tasks: Int) {
    var begun = false
    var done = 0
    var failed = 0
    var over = false
    def counts: Counts =
      Counts(1, if (over) 1 else 0, tasks, if (over) tasks else math.min(done, tasks), failed)
  }

  private class Watched(val sparkJobs: Int) {
    var ended = Counts(0, 0, 0, 0, 0)
    val stages = mutable.HashMap.empty[Int, Stage]
    var waits = false
    var told: Counts = ended
    def counts: Counts = stages.values.map(_.counts).foldLeft(ended)(_ + _)
  }

  // all guarded by this
  private val watched = mutable.HashMap.empty[String, Watched]
  private val jobs = mutable.HashMap.empty[Int, (Watched, String, Seq[Int])]
  private val stages = mutable.HashMap.empty[Int, (Stage, String)]
  private val killed = mutable.LinkedHashSet.empty[String]

  private val timer = Executors.newSingleThreadScheduledExecutor { (task: Runnable) =>
    val thread = new Thread(task, "sparkjob-progress")
    thread.setDaemon(true)
    thread
  }

  def begin(id: String): Unit = synchronized(watched.put(id, new Watched(begun)))

  /** Tells where the job has got to, if it had any Spark work, before its end is told. */
  def end(id: String): Unit = {
    if (synchronized(watched.get(id)).exists(_.sparkJobs != begun)) {
      await(AwaitMax)
    }
    synchronized {
      watched.remove(id).foreach { job =>
        report(id, job)
        job.stages.keys.foreach(stages.remove)
      }
    }
  }

  /** Spark work that threads of the job begin from now on is cancelled. */
  def kill(id: String): Unit = synchronized {
    killed += id
    killed --= killed.take(killed.size - KilledMax).toVector
  }

  override def onJobStart(event: SparkListenerJobStart): Unit = synchronized {
    if (owner(event.properties).exists(killed)) {
      sc.cancelJob(event.jobId)
    }
    for (id <- owner(event.properties); job <- watched.get(id)) {
      jobs.put(event.jobId, (job, id, event.stageInfos.map(_.stageId).toVector))
      for (info <- event.stageInfos if !job.stages.contains(info.stageId)) {
        val stage = new Stage(info.numTasks)
        job.stages.put(info.stageId, stage)
        stages.put(info.stageId, (stage, id))
      }
      changed(id)
    }
  }

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit =
    withStage(event.stageInfo.stageId)(_.begun = true)

  override def onStageCompleted(event: SparkListenerStageCompleted): Unit =
    withStage(event.stageInfo.stageId)(_.over = event.stageInfo.failureReason.isEmpty)

  override def onTaskEnd(event: SparkListenerTaskEnd): Unit = withStage(event.stageId) { stage =>
    event.reason match {
      case Success => stage.done += 1
      case _: TaskKilled =>
      case _ => stage.failed += 1
    }
  }

  /** Stages that were not needed, since their data was there already, do not count. */
  override def onJobEnd(event: SparkListenerJobEnd): Unit = synchronized {
    jobs.remove(event.jobId).foreach { case (job, id, ids) =>
      ids.foreach { stageId =>
        job.stages.remove(stageId).filter(_.begun).foreach(stage => job.ended += stage.counts)
        stages.remove(stageId)
      }
      changed(id)
    }
  }

  private def withStage(stageId: Int)(change: Stage => Unit): Unit = synchronized {
    stages.get(stageId).foreach { case (stage, id) =>
      change(stage)
      changed(id)
    }
  }

  /** The job will be told of, at once with what changes meanwhile. */
  private def changed(id: String): Unit = watched.get(id).filterNot(_.waits).foreach { job =>
    job.waits = true
    timer.schedule((() => tellLater(id)): Runnable, Interval, TimeUnit.MILLISECONDS)
  }

  private def tellLater(id: String): Unit = synchronized {
    watched.get(id).foreach { job =>
      job.waits = false
      report(id, job)
    }
  }

  private def report(id: String, job: Watched): Unit = {
    val counts = job.counts
    if (counts != job.told) {
      job.told = counts
      tell(id, counts)
    }
  }
}

/** How much there is, and how much of that is done. */
final case class Counts(stages: Int, stagesDone: Int, tasks: Int, tasksDone: Int, failed: Int) {

  def +(more: Counts): Counts = Counts(stages + more.stages, stagesDone + more.stagesDone,
    tasks + more.tasks, tasksDone + more.tasksDone, failed + more.failed)
}

object Progress {
  private val Interval = 500L
  private val AwaitMax = 500L
  private val KilledMax = 1000
  private val Prefix = "sparkjob-"

  /** The tag by which the Spark work of a job is known. */
  def tag(id: String): String = Prefix + id

  private def owner(properties: Properties): Option[String] =
    Option(properties).flatMap(p => Option(p.getProperty("spark.job.tags")))
      .flatMap(_.split(",").find(_.startsWith(Prefix))).map(_.stripPrefix(Prefix))

  def frame(id: String, counts: Counts): Frame = Frame(Message.Progress, 0, 0, Json.bytes(
    Json.obj().put("id", id).put("stages", counts.stages).put("stagesDone", counts.stagesDone)
      .put("tasks", counts.tasks).put("tasksDone", counts.tasksDone)
      .put("tasksFailed", counts.failed)), Frame.Nothing)
}
