/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException, OutputStream}
import java.net.MalformedURLException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Path
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit.{MICROSECONDS, NANOSECONDS}
import java.util.concurrent.atomic.AtomicReference

import scala.collection.JavaConverters._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.JsonMappingException
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.apache.spark.streaming.Streams
import org.scalactic.{Bad, Every, Good, One, Or}
import org.slf4j.{Logger, LoggerFactory, MDC}

import spark.jobserver.{ContextLike, NamedObjects}
import spark.jobserver.api.{DataFileCache, JobEnvironment, SparkJobBase, ValidationProblem}
import spark.jobserver.context._

/** What is told of a job: a message, and its metadata without the job's id. */
final case class Letter(
    message: Int,
    meta: Seq[(String, Any)],
    body: Body,
    patient: Boolean = false)

/**
 * What the jobs of one context have in common.
 *
 * @param failed to be told the ids of jobs that end with an error
 * @param python what runs them, where they are Python's
 * @param interpreters what runs those that are statements
 */
class JobSite(
    val context: JobContext,
    val user: ProxyUser,
    val uris: Uris,
    val path: ContextPath,
    val binaries: Binaries,
    val progress: Progress,
    val namedObjects: NamedObjects,
    val folders: Folders,
    val failed: String => Unit,
    val python: Option[PythonWorkers],
    val interpreters: Interpreters) {

  /** All code of the context finds what is in these from now on. */
  def add(added: Seq[Binary]): Unit = {
    val (modules, jars) = added.partition(_.isPython)
    modules.foreach(PythonWorkers.check)
    binaries.add(jars)
    interpreters.add(jars.map(_.file.toURI.toURL))
    interpreters.addModules(modules)
  }
}

/**
 * Where files lie: bodies that the driver sends, what its jobs print, data that they read.
 *
 * @param classes   where interpreters put the classes that they make
 * @param resultMax how many bytes a job's result may have
 * @param sent      has the logs sent to the launcher, where it is on another host
 */
final case class Folders(
    out: Path,
    logs: Path,
    data: DataFiles,
    classes: Path,
    resultMax: Long,
    sent: Option[SentLogs] = None)

object Folders {

  /** Below the context's. */
  val Classes = "classes"
}

/** The job ends before it runs. */
class RefusedException(val code: String, val name: String, val error: Array[Byte])
  extends Exception(s"$code $name") {

  def letter: Letter =
    Letter(Message.Refused, Seq("code" -> code, "name" -> Json.plain(name)), Bytes(error))
}

/** Somebody stopped the context under its jobs. */
class ContextStoppedException(cause: Option[Throwable])
  extends Exception(ContextStoppedException.Words, cause.orNull)

object ContextStoppedException {
  val Words: String =
    "The SparkContext was stopped, not by the launcher: by a job, or by the cluster"
}

/**
 * One run of a job, by one thread.
 *
 * @param tell sends what there is to say to the launcher, in this order: that the job has started,
 *             unless it was refused, and how it has ended
 */
class Job(val request: JobRequest, site: JobSite, tell: Letter => Unit) extends Runnable {
  import Job._

  val id: String = request.id

  private val sc: SparkContext = site.context.sparkContext
  private val start = System.currentTimeMillis()
  private var runNanos = 0L

  // with what the configuration names, once the launcher has resolved it
  private var whole = request
  private val answer = new CompletableFuture[JobRequest]

  // guarded by this, as is interrupting the thread
  private var killed = false
  private var kills = 0
  private var done = false
  @volatile private var asking = false
  private var thread: Thread = _

  /** Cancels the job's Spark work and interrupts its thread; may have to be done again. */
  def kill(): Unit = synchronized {
    if (!done) {
      killed = true
      kills += 1
      cancelSparkJobs()
      if (thread != null) {
        thread.interrupt()
      }
      if (kills >= ForceAfter && request.statement.isDefined) {
        site.interpreters.force(request.kind)
      }
      if (kills == StubbornAfter && request.statement.isDefined) {
        tellStubborn()
      }
    }
  }

  /** No other statement can run meanwhile, so people should know. */
  private def tellStubborn(): Unit = {
    val words = s"Statement ${request.statement.get} was cancelled and does not end: its code " +
      "does not heed that it is interrupted. Ending the session would end it"
    log.warn(words)
    val line = (words + "\n").getBytes(UTF_8)
    JobLog.of(id).foreach(_.write(line, 0, line.length))
  }

  private def cancelSparkJobs(): Unit = {
    site.progress.kill(id)
    try {
      sc.cancelJobsWithTag(tag)
    } catch {
      case e: IllegalStateException => log.debug(s"The context has stopped already: $e")
    }
  }

  /** Ends the stream that the job has started, if it has; that may take a while. */
  def endStream(): Unit = {
    try {
      Streams.stopOf(IdProperty, id)
    } catch {
      case NonFatal(e) => log.warn(s"The stream of job $id cannot be stopped", e)
    }
  }

  def isBeingKilled: Boolean = synchronized(killed && !done)

  /** The launcher has resolved what the job asked for. False: the job did not wait for it. */
  def resolved(request: JobRequest): Boolean =
    asking && request.mainClass.nonEmpty && answer.complete(request)

  /** The launcher has given up what the job waits for. */
  def abandon(): Unit = answer.cancel(false)

  private def tag: String = Progress.tag(id)

  override def run(): Unit = site.user.run(runAsUser())

  private def runAsUser(): Unit = {
    begin()
    log.debug(s"Job $id begins: ${request.mainClass}")
    val ending = try {
      attempt()
    } catch {
      case e: RefusedException => refused(e)
      case t: Throwable => failed(t)
    }
    val stopped = sc.isStopped
    JobLog.end(id)
    val killed = end()
    site.folders.sent.foreach(_.end(id))
    site.progress.end(id)
    if (killed || ending.cause.isDefined) {
      endStream()
    }
    site.context.leave(id)
    if (killed) {
      // what still runs was started by threads that a killed job has left
      cancelSparkJobs()
      tell(killedLetter(ending))
    } else if (stopped) {
      discard(ending)
      tell(failed(new ContextStoppedException(ending.cause)).letter)
    } else {
      tell(ending.letter)
    }
    log.debug(s"Job $id has ended")
    ending.cause match {
      case Some(e: OutOfMemoryError) => Exit.outOfMemory(e)
      case Some(_) if !killed => site.failed(id)
      case _ =>
    }
  }

  private def mark(place: Int): Unit = request.trace.foreach(_.mark(place))

  private def begin(): Unit = synchronized {
    mark(Trace.Begun)
    thread = Thread.currentThread
    thread.setName("job-" + id)
    MDC.put("jobId", id)
    JobLog.begin(id, site.folders.logs)
    site.folders.sent.foreach(_.begin(id, JobLog.file(id, site.folders.logs)))
    site.progress.begin(id)
    if (killed) {
      thread.interrupt()
    }
  }

  /** From now on nobody interrupts the thread. Returns whether the job was killed. */
  private def end(): Boolean = synchronized {
    done = true
    Thread.interrupted()
    killed
  }

  private def attempt(): Ending =
    request.statement.map(interpret).getOrElse(attemptJob())

  /** Whatever the code comes to is the statement's result. */
  private def interpret(number: Int): Ending = {
    val code = new String(request.body(), UTF_8)
    // who sent it has its answer, and waits for what it comes to
    tell(Letter(Message.Started, Nil, Bytes(Frame.Nothing), patient = true))
    mark(Trace.Run)
    val begin = System.nanoTime()
    val output = try {
      site.interpreters.execute(request.kind,
        Statement(id, code, () => joinSpark(), () => isBeingKilled))
    } finally {
      runNanos = math.max(MICROSECONDS.toNanos(1), System.nanoTime() - begin)
      mark(Trace.Ran)
    }
    Ending(resultLetter("FINISHED", body(output, number)), None)
  }

  private def body(output: Output, number: Int): Body = {
    val max = math.min(Output.Max.toLong, site.folders.resultMax)
    def write(output: Output) = Body.of(file("result"), max, subject = Output.Subject) { out =>
      Json.mapper.writeValue(out, output.json(number))
    }
    try {
      write(output)
    } catch {
      // who writes JSON wraps what is no IOException
      case e@(_: ResultException | _: JsonMappingException) =>
        write(Wrong("Error", Option(e.getCause).getOrElse(e).getMessage))
    }
  }

  private def attemptJob(): Ending = {
    val config = parse()
    request.mainClass match {
      case AddBinaries => addBinaries(config)
      case sql if SqlJob.Classes(sql) => runSql(config)
      case _ => runBinaries(config)
    }
  }

  /** The job is nothing but its class path, which is the context's from now on. */
  private def addBinaries(config: Config): Ending = {
    ask(config)
    badConfig(site.path.add((whole.dependent ++ whole.cp).map(_.name)))
    val added = try {
      val added = fetch().map(site.uris.own)
      site.add(added)
      added
    } catch {
      case e@(_: LoadingException | _: IOException) => throw loadingFailed(e)
    }
    tell(Letter(Message.Started, Nil,
      Body.of(file("config"))(_.write(Hocon.render(config))), patient = request.sync))
    // 0 would mean that it never ran
    runNanos = MICROSECONDS.toNanos(1)
    Ending(resultLetter("FINISHED", resultBody(false)(JobResult.write(() => added.map(_.name), _))), None)
  }

  /** Executors know the jars of the context by the set of no other binaries. */
  private def runSql(config: Config): Ending = site.binaries.runWith(Nil) { loader =>
    Thread.currentThread.setContextClassLoader(loader)
    joinSpark()
    val max = site.folders.resultMax
    perform(new SqlJob(request.mainClass, site.context.session, max, resultBody), config)
  }

  private def runBinaries(config: Config): Ending = {
    ask(config)
    val binaries = fetch()
    try {
      if (binaries.exists(_.isPython)) {
        val python = site.python.getOrElse(throw refusal("wrong-job-type"))
        val run = PythonRun(id, whole.mainClass, file("result"), () => joinSpark())
        python.runWith(run, binaries)(perform(_, config))
      } else {
        site.binaries.runWith(binaries) { loader =>
          Thread.currentThread.setContextClassLoader(loader)
          val job = load(loader, binaries)
          joinSpark()
          perform(job, config)
        }
      }
    } catch {
      case e: LoadingException => throw loadingFailed(e)
    }
  }

  /** The Spark work of this thread is the job's from now on. */
  private def joinSpark(): Unit = {
    sc.setJobGroup(id, s"${whole.mainClass} $id", interruptOnCancel = true)
    sc.addJobTag(tag)
    sc.setLocalProperty(IdProperty, id)
  }

  /** Waits for what only the launcher can tell; a kill, or giving up, ends that. */
  private def ask(config: Config): Unit = badConfig(whole.unresolved(config)).foreach {
    case (mainClass, names) =>
      asking = true
      tell(Letter(Message.Resolve, Seq("class" -> mainClass, "cp" -> names.asJava),
        Bytes(Frame.Nothing)))
      whole = answer.get()
  }

  private def fetch(): Seq[Binary] = {
    try {
      site.uris.fetch(whole.dependent ++ whole.cp)
    } catch {
      case e: MalformedUriException => throw refusal("loading-bad-url", ErrorJson(e))
      case e: ForbiddenUriException => throw new RefusedException("bad-uri", e.uri, ErrorJson(e))
      case NonFatal(e) => throw loadingFailed(e)
    }
  }

  private def perform(job: SparkJobBase, config: Config): Ending = {
    val c = context(job).asInstanceOf[job.C]
    validate(job)(c, config) match {
      case null => throw invalid("validate returned null")
      case Bad(problems) =>
        throw invalid(problems.toString)
      case Good(data) =>
        tell(Letter(Message.Started, Nil,
          Body.of(file("config"))(_.write(Hocon.render(config))), patient = request.sync))
        // handed over, so that a stream is not kept from its beginning
        val result = new AtomicReference[Any](timed(job)(job.runJob(c, Environment, data)))
        val body = if (result.get.isInstanceOf[Body]) {
          result.get.asInstanceOf[Body]
        } else {
          resultBody(false)(JobResult.write(() => result.getAndSet(null), _))
        }
        Ending(resultLetter("FINISHED", body), None)
    }
  }

  /** @param inFile also if it is small */
  private def resultBody(inFile: Boolean)(write: OutputStream => Unit): Body =
    Body.of(file("result"), site.folders.resultMax, inFile)(write)

  /** SQL needs no streams, and so runs beside them. */
  private def context(job: SparkJobBase): ContextLike = job match {
    case _: SqlJob => site.context.made
    case _ =>
      try {
        site.context.forJob(id)
      } catch {
        case e: StreamRunsException => throw invalid(e.getMessage)
      }
  }

  /** Java jobs have no other way to refuse a configuration than to throw a problem. */
  private def validate(job: SparkJobBase)(
      c: job.C,
      config: Config): job.JobData Or Every[ValidationProblem] = {
    try {
      job.validate(c, Environment, config)
    } catch {
      case problem: Exception with ValidationProblem => Bad(One(problem))
    }
  }

  private def timed[T](job: SparkJobBase)(body: => T): T = {
    mark(Trace.Run)
    val begin = System.nanoTime()
    try {
      body
    } finally {
      val nanos = System.nanoTime() - begin
      mark(Trace.Ran)
      runNanos += (job match {
        case python: PythonJob => python.runNanos
        // 0 microseconds would mean that it never ran
        case _ => math.max(MICROSECONDS.toNanos(1), nanos)
      })
    }
  }

  private def parse(): Config = badConfig(Hocon.parse(request.body()))

  private def badConfig[T](body: => T): T = {
    try {
      body
    } catch {
      case e: BadConfigException =>
        throw new RefusedException("bad-config", e.getMessage, Frame.Nothing)
    }
  }

  private def load(loader: ClassLoader, binaries: Seq[Binary]): SparkJobBase = {
    val paths = binaries.map(_.file.getPath)
    val found = try {
      site.context.factory.loadAndValidateJob(paths, whole.mainClass, new JobLoader(loader))
    } catch {
      case NonFatal(e) => Bad(JobLoadError(e))
    }
    found match {
      case Good(container) => container.getSparkJob
      case Bad(JobClassNotFound) => throw refusal("class-not-found")
      case Bad(JobWrongType) => throw refusal("wrong-job-type")
      case Bad(JobLoadError(t)) => throw loadingFailed(JobLoader.cause(t))
    }
  }

  private def refusal(code: String, error: Array[Byte] = Frame.Nothing): RefusedException =
    new RefusedException(code, whole.mainClass, error)

  private def invalid(why: String): RefusedException =
    refusal("validation-failed", ErrorJson(new Throwable(why)))

  private def loadingFailed(t: Throwable): RefusedException = t match {
    case _: MalformedURLException => refusal("loading-bad-url", ErrorJson(t))
    case _ => refusal("loading-failed", ErrorJson(t))
  }

  private def refused(e: RefusedException): Ending = {
    log.info(s"Job $id was refused: ${e.code} ${e.name}")
    Ending(e.letter, None)
  }

  private def failed(t: Throwable): Ending = {
    log.info(s"Job $id ended with ${t.getClass.getName}")
    Ending(resultLetter("ERROR", Bytes(ErrorJson(t))), Some(t))
  }

  private def killedLetter(ending: Ending): Letter = {
    discard(ending)
    resultLetter("KILLED", Bytes(ErrorJson.killed(id, ending.cause)))
  }

  private def discard(ending: Ending): Unit = ending.letter.body match {
    case Spilled(file, _) => file.toFile.delete()
    case _ =>
  }

  private def resultLetter(state: String, body: Body): Letter = {
    mark(Trace.Out)
    Letter(Message.Result, Seq("state" -> state, "start" -> start,
      "end" -> System.currentTimeMillis(), "runMicros" -> NANOSECONDS.toMicros(runNanos),
      "size" -> body.size) ++ request.trace.map("trace" -> _.times), body)
  }

  private def file(what: String): Path = site.folders.out.resolve(s"$id.$what")

  private object Environment extends JobEnvironment with DataFileCache {
    override def jobId: String = id
    override def namedObjects: NamedObjects = site.namedObjects
    override def contextConfig: Config = site.context.config

    override def getDataFile(dataFile: String): File = site.folders.data.get(dataFile)
  }
}

private object Job {
  val log: Logger = LoggerFactory.getLogger(classOf[Job])

  /** The class of the built-in job that adds its class path to that of the context. */
  val AddBinaries = "sparkjob.binaries"

  /** Names the job in the local properties of its Spark work, and so in what its tasks log. */
  val IdProperty = "mdc.jobId"

  /** A job is killed again every two seconds. */
  val ForceAfter = 3
  val StubbornAfter = 5

  /** How a job ended: what to tell, and the exception that ended it. */
  final case class Ending(letter: Letter, cause: Option[Throwable])
}
