/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.management.ManagementFactory
import java.net.URLClassLoader
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.nio.file.attribute.PosixFilePermissions
import java.util.{Base64, UUID}
import java.util.concurrent.atomic.AtomicBoolean

import scala.collection.JavaConverters._
import scala.concurrent.duration._
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.ObjectNode
import com.typesafe.config.ConfigFactory
import org.apache.spark.scheduler.{SparkListener, SparkListenerApplicationEnd}
import org.apache.spark.sparkjob.{DelegationTokens, SparkInternals}
import org.apache.spark.util.MutableURLClassLoader
import org.slf4j.LoggerFactory

import spark.jobserver.util.JobserverConfig

/** A driver: one context and its jobs, at the other end of the launcher's link. */
class Driver(surroundings: Surroundings) extends LinkOwner {
  import Driver._

  private val log = LoggerFactory.getLogger(classOf[Driver])
  private val link = new Link(surroundings.endpoint, this)
  private val jobs = new Jobs(link)
  private val contextPath = new ContextPath(surroundings.context, link)

  @volatile private var token: Option[String] = None
  @volatile private var site: Option[JobSite] = None
  @volatile private var ready: Option[Frame] = None
  @volatile private var status: Option[ClusterStatus] = None
  @volatile private var thrift: Option[ThriftServer] = None
  @volatile private var stopping = false
  @volatile private var gone = false
  private val asked = new AtomicBoolean
  private val instance = UUID.randomUUID.toString
  private val spool = new Spool(surroundings.elsewhere)
  private val files = surroundings.elsewhere.map(new LauncherFiles(_, link))
  private val logins = new ThriftLogins(link)
  private val sent = surroundings.elsewhere.map(_ => new SentLogs(link))

  private val handlers = Map[Int, (ObjectNode, Frame) => Unit](
    Message.Context -> onContext,
    Message.Run -> onRun,
    Message.Ack -> ((meta, _) => jobs.forget(Json.string(meta, "id"))),
    Message.Piece -> ((_, frame) => spool.add(frame.payload)),
    Message.Blob -> ((meta, _) => files.foreach(_.arrived(meta))),
    Message.Logged -> ((meta, _) => sent.foreach(
      _.kept(Json.string(meta, "id"), meta.path("at").asLong, meta.path("size").asLong))),
    Message.Complete -> onComplete,
    Message.Thrift -> ((meta, _) => inBackground("sparkjob-thrift")(onThrift(meta))),
    Message.LoggedIn -> ((meta, _) => logins.told(meta)),
    Message.Tokens -> ((_, frame) => onTokens(frame)),
    Message.Kill -> ((meta, _) => jobs.kill(Json.string(meta, "id"))),
    Message.Stop -> ((_, _) => inBackground("sparkjob-stop")(stop("the launcher asks for it"))))

  def start(): Unit = {
    Runtime.getRuntime.addShutdownHook(new Thread(() => stopping = true))
    for (sent <- sent; folder <- surroundings.elsewhere) {
      sent.begin(surroundings.context, folder.resolve(Elsewhere.Log))
      sent.start()
    }
    link.start()
  }

  override def hello(): Frame = {
    spool.drop()
    val meta = Json.obj().put("protocol", Protocol).put("context", surroundings.context)
      .put("pid", ProcessHandle.current.pid).put("instance", instance)
    surroundings.generation.foreach(meta.put("generation", _))
    surroundings.elsewhere.flatMap(_ => Elsewhere.id(sys.env)).foreach(meta.put("submission", _))
    token match {
      case Some(token) => meta.put("token", token)
      case None => meta.put("secret", surroundings.secret.text)
    }
    val ids = meta.putArray("jobs")
    val statements = meta.putArray("statements")
    jobs.requests.foreach { request =>
      ids.add(request.id)
      request.statement.foreach(_ => statements.add(request.id))
    }
    Frame(Message.Hello, 0, 0, Json.bytes(meta), Frame.Nothing)
  }

  /** One on another host may have been started while no launcher ran. */
  override def patience: FiniteDuration = {
    val short = token.isEmpty && surroundings.elsewhere.isEmpty
    if (short) FirstPatience.min(surroundings.orphanTimeout) else surroundings.orphanTimeout
  }

  override def abandoned(): Unit = {
    stop(s"no launcher was found for ${patience.toSeconds} seconds")
  }

  override def receive(frame: Frame): Unit = {
    handlers.get(frame.kind) match {
      case Some(handle) =>
        try {
          val meta = Json.parse(frame.meta)
          if (meta.has("spooled")) {
            meta.put("file", spool.take(meta.get("spooled").asLong).toString)
          }
          handle(meta, frame)
        } catch {
          case e: IllegalArgumentException =>
            log.error(s"The launcher's message ${frame.kind} makes no sense: ${e.getMessage}")
        }
      case None => throw new FrameException(s"message ${frame.kind} is not for drivers")
    }
  }

  private def onContext(meta: ObjectNode, frame: Frame): Unit = {
    val first = token.isEmpty
    token = Some(Json.string(meta, "token"))
    surroundings.secret.wipe()
    sent.getOrElse(jobs).synchronized {
      jobs.synchronized {
        link.establish {
          // before the ends of jobs, who are told to have all of theirs
          sent.foreach(_.tellAgain())
          contextPath.askAgain()
          files.foreach(_.askAgain())
          logins.askAgain()
          ready.foreach(link.send)
          status.foreach(_.tellAgain())
          jobs.tellAgain()
        }
      }
    }
    if (first) {
      val work = surroundings.elsewhere.getOrElse(Paths.get(Json.string(meta, "work")))
      inBackground("sparkjob-context")(makeContext(meta, frame, work))
    } else {
      log.info("The launcher is back")
    }
  }

  private def onRun(meta: ObjectNode, frame: Frame): Unit = {
    val request = JobRequest(meta, () => body(meta, frame))
    site match {
      case _ if request.id == surroundings.context => contextPath.resolved(request.cp)
      case Some(_) if gone => jobs.refuse(request.id, new RefusedException("loading-failed",
        request.mainClass, ErrorJson(new ContextStoppedException(None))))
      case Some(site) if !stopping => jobs.run(request, site)
      case _ => log.error(s"Job ${request.id} came while there is no context")
    }
  }

  /** Takes its time, and nobody else has to wait for it. */
  private def onComplete(meta: ObjectNode, frame: Frame): Unit = {
    val (key, kind) = (Json.string(meta, "key"), Json.string(meta, "kind"))
    val code = new String(body(meta, frame), UTF_8)
    inBackground("sparkjob-complete") {
      val found = try {
        site.map(_.interpreters.complete(kind, code, meta.path("cursor").asLong)).getOrElse(Nil)
      } catch {
        case NonFatal(e) =>
          log.info(s"Nothing completes the code: $e")
          Nil
      }
      link.send(Frame(Message.Completed, 0, 0, Json.bytes(Json.obj().put("key", key)),
        Interpreters.answer(found)))
    }
  }

  /** Those that the application was submitted with its cluster renews, but not for ever. */
  private def onTokens(frame: Frame): Unit = for (site <- site) {
    DelegationTokens.give(site.context.sparkContext, Base64.getDecoder.decode(frame.payload))
    log.info("The launcher has sent new tokens")
  }

  /** The payload; of a large one the metadata names the file, which is ours to delete. */
  private def body(meta: ObjectNode, frame: Frame): Array[Byte] = {
    if (!meta.has("file")) {
      frame.payload
    } else {
      val file = Paths.get(Json.string(meta, "file"))
      try Hocon.read(file) finally Files.deleteIfExists(file)
    }
  }

  private def makeContext(meta: ObjectNode, frame: Frame, work: Path): Unit = {
    val name = Json.string(meta, "name")
    try {
      val settings = readSettings(meta, body(meta, frame))
      val defaults = SparkInternals.defaults(sys.env)
      val limits = this.limits(settings, meta.path("maxJobs").asInt(DefaultMaxJobs))
      val missing = settings.jvmOptions(defaults).filterNot(inForce(meta))
      val elsewhere = settings.cluster != told(meta, "cluster") ||
        settings.librarySet.exists(name => !told(meta, "library").contains(name))
      if (missing.nonEmpty || elsewhere) {
        respawn(missing, if (elsewhere) Some(settings) else None)
      }
      Thread.currentThread.setContextClassLoader(new URLClassLoader(
        SparkInternals.configurations(sys.env).map(_.toURI.toURL).toArray, getClass.getClassLoader))
      val conf = settings.sparkConf(name, defaults)
      val kerberos = Kerberos.login(conf, SparkInternals.hadoopConfiguration(conf), sys.env)
      val uris = new Uris(work.resolve("uris"), Outbound(meta.path("outbound")), conf,
        here = binary => files.map(_.binary(binary)).getOrElse(binary))
      val user = proxyUser(meta, settings)
      user.run {
        val added = meta.path("added").elements.asScala.map(_.asText)
        val cp = uris.fetch(contextPath.resolve((settings.binaries ++ added).distinct))
        cp.filter(_.kind == "Jar").foreach(Binaries.check)
        cp.filter(_.isPython).foreach(PythonWorkers.check)
        thrift = Some(new ThriftServer(
          ThriftPlace(meta.path("thrift")), settings.thriftPort, settings.thriftTransport))
        open(name, settings, defaults, uris, cp, folders(meta, work), user, kerberos, limits,
          meta.path("kind").asText(Interpreters.Shared))
      }
    } catch {
      case e: BadConfigException => fail("bad-config", e.getMessage, Frame.Nothing)
      case e@(_: MalformedUriException | _: ForbiddenUriException) =>
        fail("context-bad-url", name, ErrorJson(e))
      case e@(_: BadSettingException | _: LoadingException | _: ThriftServerException) =>
        fail("bad-setting", name, ErrorJson(e))
      case t: Throwable =>
        log.error(s"The context $name cannot be made", t)
        fail("context-init-failed", name, ErrorJson(t))
    }
  }

  /** The body of an ad hoc context is its job's, which will say what is wrong with it. */
  private def readSettings(meta: ObjectNode, body: => Array[Byte]): ContextSettings = {
    val posted = try {
      Hocon.parse(body)
    } catch {
      case _: BadConfigException if meta.path("adhoc").asBoolean(false) => ConfigFactory.empty()
    }
    ContextSettings(meta.path("settings"), meta.path("query"), posted,
      meta.path("fixed").elements.asScala.map(_.asText).toSet)
  }

  /** The one that the server insists on, or the client's. */
  private def proxyUser(meta: ObjectNode, settings: ContextSettings): ProxyUser = new ProxyUser(
    Option(meta.get("proxyUser")).map(_.asText).orElse(settings.get("spark.proxy.user")))

  /** What the settings say that is the launcher's to heed. */
  private def limits(settings: ContextSettings, maxJobs: Int): ObjectNode = {
    val limits = Json.obj().put("maxJobs", settings.maxJobs(maxJobs))
      .put("idleTimeout", settings.idleTimeout).put("ttl", settings.ttl)
      .put("supervise", settings.supervise)
    settings.maxQueued.foreach(limits.put("maxQueued", _))
    limits
  }

  private def inForce(meta: ObjectNode): Set[String] = {
    val told = meta.path("options").elements.asScala.map(_.asText).toSet
    told ++ ManagementFactory.getRuntimeMXBean.getInputArguments.asScala
  }

  private def told(meta: ObjectNode, name: String): Option[String] =
    Option(meta.get(name)).map(_.asText)

  /** @param elsewhere what names another cluster or library set than this JVM was started for */
  private def respawn(options: Seq[String], elsewhere: Option[ContextSettings]): Nothing = {
    log.info(s"Another JVM is needed, with ${options.mkString(" ")}")
    val meta = Json.obj()
    val wanted = meta.putArray("options")
    options.foreach(wanted.add(_))
    for (settings <- elsewhere) {
      meta.put("cluster", settings.cluster.getOrElse(""))
      settings.librarySet.foreach(meta.put("library", _))
    }
    link.send(Frame(Message.Respawn, 0, 0, Json.bytes(meta), Frame.Nothing))
    leave(0)
  }

  private def fail(code: String, name: String, error: Array[Byte]): Nothing = {
    log.error(s"No context: $code $name")
    val meta = Json.obj().put("code", code).put("name", Json.plain(name))
    link.send(Frame(Message.Failed, 0, 0, Json.bytes(meta), error))
    leave(1)
  }

  private def open(
      name: String,
      settings: ContextSettings,
      defaults: Map[String, String],
      uris: Uris,
      cp: Seq[Binary],
      folders: Folders,
      user: ProxyUser,
      kerberos: Option[Kerberos],
      limits: ObjectNode,
      kind: String): Unit = {
    val jars = cp.filter(_.kind == "Jar").map(_.file)
    val urls = (SparkInternals.configurations(sys.env) ++ jars).map(_.toURI.toURL) ++
      settings.classPath(defaults)
    val loader = new MutableURLClassLoader(urls.toArray, getClass.getClassLoader)
    Thread.currentThread.setContextClassLoader(loader)
    val factory = JobContext.factory(settings.contextFactory, loader)
    val own = user.adapt(settings.sparkConf(name, defaults))
    val conf = ExecutorLibraries(sys.env).give(JobContext.forMaster(settings.config,
      kerberos.map(_.adapt(own, SparkInternals.hadoopConfiguration(own))).getOrElse(own)))
    // executors fetch classes of statements from there; any context may get statements
    conf.set(JobContext.Classes, folder(folders.classes).toString)
    val tokens = kerberos.map(user.tokens(conf, _))
    val master = conf.get("spark.master")
    log.info(s"Making the context $name by ${settings.contextFactory} on $master")
    inheritBinaries()
    Master.probe(conf)
    Master.tag(conf, surroundings.context)
    val context = JobContext.make(factory, settings.config, conf, name)
    val sc = context.sparkContext
    tokens.foreach(_.start(sc))
    sc.addSparkListener(new SparkListener {
      override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit = contextGone()
    })
    val progress = new Progress(sc, (id, counts) => link.sendLater(Progress.frame(id, counts)))
    progress.listen()
    val namedObjects = new JobNamedObjects
    val python = PythonWorkers.of(context, namedObjects, settings, folders)
    python.foreach(_.start())
    val binaries = new Binaries(sc, loader, jars)
    val interpreters = new Interpreters(context, binaries, namedObjects, settings, folders,
      python, kind, interpreterEnded)
    site = Some(new JobSite(context, user, uris, contextPath, binaries, progress,
      namedObjects, folders, jobFailed, python, interpreters))
    interpreters.addModules(cp.filter(_.isPython))
    interpreters.prepare()

    val meta = limits.put("applicationId", sc.applicationId).put("sparkVersion", sc.version)
      .put("scalaVersion", scala.util.Properties.versionNumberString).put("master", sc.master)
    sc.uiWebUrl.foreach(meta.put("url", _))
    ThriftLogins.current = Some(logins)
    if (settings.thriftServer) {
      thrift.foreach(_.start(context.session))
    }
    val status = new ClusterStatus(sc, status => link.send(ClusterStatus.frame(status)),
      () => thrift.flatMap(_.status))
    meta.set[ObjectNode]("status", status.begin())
    val frame = Frame(Message.Ready, 0, 0, Json.bytes(meta), Frame.Nothing)
    ready = Some(frame)
    this.status = Some(status)
    link.send(frame)
    log.info(s"The context $name runs as ${sc.applicationId}, "
      + s"with ${limits.get("maxJobs")} jobs at most")
  }

  /** The server is to be started or stopped, and the launcher waits for it. */
  private def onThrift(meta: ObjectNode): Unit = {
    val answer = Json.obj().put("key", Json.string(meta, "key"))
    try {
      val here = site.filterNot(_ => stopping).getOrElse(
        throw new ThriftServerException("the context does not run"))
      Thread.currentThread.setContextClassLoader(here.binaries.parent)
      here.user.run(for (server <- thrift) {
        if (meta.path("on").asBoolean) server.start(here.context.session) else server.stop()
      })
      status.foreach(_.look())
    } catch {
      case e: Exception =>
        log.warn("The thrift server is not as it should be", e)
        answer.put("error", Json.plain(String.valueOf(e.getMessage)))
    }
    link.send(Frame(Message.ThriftIs, 0, 0, Json.bytes(answer), Frame.Nothing))
  }

  private def inheritBinaries(): Unit = {
    try {
      SparkInternals.inheritBinaries()
    } catch {
      case NonFatal(e) =>
        log.warn(s"Spark work in threads that jobs start will not find the jobs' classes: $e")
    }
  }

  private def folders(meta: ObjectNode, work: Path): Folders = {
    def told(name: String) =
      if (meta.has(name)) Some(Paths.get(Json.string(meta, name))) else None
    Folders(folder(work.resolve("out")), folder(told("logs").getOrElse(work.resolve("logs"))),
      new DataFiles(told("data"), files.map(files => files.data _)),
      work.resolve(Folders.Classes),
      meta.path("maxResult").asLong(Long.MaxValue), sent)
  }

  private def folder(path: Path): Path = Files.createDirectories(path,
    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")))

  /**
   * The cluster took the application away, or a job stopped the context. Jobs that end by it tell
   * so; the launcher ends the others, for a reason that it reads in the last lines of our output.
   */
  private def contextGone(): Unit = {
    if (!stopping) {
      gone = true
      stopping = true
      log.error("The Spark application has ended, though nobody asked this driver to stop it")
      end(ContextStoppedException.Words)
    }
  }

  private def interpreterEnded(why: String): Unit = if (!stopping) {
    end(s"The interpreter of the session has ended: $why")
  }

  /** There is no going on; jobs that end by that tell so. */
  private def end(why: String): Unit = inBackground("sparkjob-gone") {
    stopping = true
    try {
      jobs.await(JobsMax.toMillis)
    } finally {
      System.err.println(why)
      leave(1)
    }
  }

  private def jobFailed(id: String): Unit = {
    if (site.exists(_.context.stopsOnJobError)) {
      val name = JobserverConfig.STOP_CONTEXT_ON_JOB_ERROR
      inBackground("sparkjob-stop")(stop(s"job $id ended with an error, and $name is set"))
    }
  }

  /** The launcher may ask twice, if it was away meanwhile. */
  private def stop(why: String): Unit = if (asked.compareAndSet(false, true)) {
    log.info(s"The driver stops: $why")
    stopping = true
    stopStreams()
    jobs.killAll(JobsMax.toMillis)
    val stopped = inBackground("sparkjob-stop-context")(site.foreach { site =>
      thrift.foreach(_.stop())
      site.python.foreach(_.stop())
      site.interpreters.stop()
      site.context.stop()
    })
    stopped.join(ContextMax.toMillis)
    if (stopped.isAlive) {
      log.warn(s"The context does not stop within ${ContextMax.toSeconds} seconds")
    }
    val meta = Json.obj().put("reason", Json.plain(why))
    link.send(Frame(Message.Stopped, 0, 0, Json.bytes(meta), Frame.Nothing))
    leave(0)
  }

  /** A stream may take its time; how much, is the launcher's affair. Its job ends by that. */
  private def stopStreams(): Unit = {
    try {
      site.filter(_.context.hasStreams).foreach { site =>
        site.context.stopStreams()
        jobs.await(StreamJobsMax.toMillis)
      }
    } catch {
      case NonFatal(e) => log.warn("A stream cannot be stopped in order", e)
    }
  }

  private def leave(code: Int): Nothing = {
    stopping = true
    JobLog.endAll()
    sent.foreach(_.end(surroundings.context))
    link.drain(LinkMax)
    if (code == 0 && surroundings.elsewhere.isDefined && Elsewhere.isMaster(sys.env)) {
      Exit.byMain()
    }
    Exit.now(code)
  }

  private def inBackground(name: String)(body: => Unit): Thread = {
    val thread = new Thread(() => body, name)
    thread.setDaemon(true)
    thread.start()
    thread
  }
}

private[driver] object Driver {
  val Protocol = 1
  val DefaultMaxJobs = 8
  val FirstPatience: FiniteDuration = 30.seconds
  val StreamJobsMax: FiniteDuration = 1.second
  val JobsMax: FiniteDuration = 3.seconds
  val ContextMax: FiniteDuration = 8.seconds
  val LinkMax: FiniteDuration = 2.seconds
}
