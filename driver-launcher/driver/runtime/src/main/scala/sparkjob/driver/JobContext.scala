/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.reflect.InvocationTargetException

import com.typesafe.config.{Config, ConfigValueFactory}
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.sparkjob.SparkInternals
import org.apache.spark.sql.SparkSession
import org.apache.spark.streaming.{StreamingContext, Streams}

import spark.jobserver.ContextLike
import spark.jobserver.context._
import spark.jobserver.util.{JobserverConfig, SparkMasterProvider}

/** A stream has the context for itself; the message is for users. */
class StreamRunsException(jobId: String)
  extends Exception(s"A stream runs in this context already: job $jobId")

/**
 * A driver's context, as its factory made it.
 *
 * @param config the settings, with what the factory added to them
 */
class JobContext(val factory: SparkContextFactory, val made: ContextLike, val config: Config) {

  val sparkContext: SparkContext = made.sparkContext

  /** The session that SQL and statements run in; made when it is first asked for, where the factory made none. */
  lazy val session: SparkSession = made match {
    case SparkSessionContextLikeWrapper(spark) => spark
    case _ => SparkSession.getDefaultSession.filterNot(_.sparkContext.isStopped).getOrElse {
      val spark = SparkSession.builder().config(sparkContext.getConf).getOrCreate()
      // it keeps the class loader of the thread that uses it first
      spark.conf.get("spark.app.name")
      spark
    }
  }

  // guarded by this
  private var fresh = true
  private var streamer: Option[String] = None

  /** Whether a job that ends with an error ends the context. */
  val stopsOnJobError: Boolean = config.hasPath(JobserverConfig.STOP_CONTEXT_ON_JOB_ERROR) &&
    config.getBoolean(JobserverConfig.STOP_CONTEXT_ON_JOB_ERROR)

  /**
   * What the next job gets as its `C`. Where that is a StreamingContext each job has its own, as
   * one is good for one start, and Spark runs one at a time: the job has the context for itself
   * until it leaves it, and until the stream has ended that it may leave behind.
   *
   * @throws StreamRunsException if another job has it
   */
  def forJob(id: String): ContextLike = synchronized {
    factory match {
      case streaming: StreamingFactory =>
        streamer.orElse(Streams.owner(Job.IdProperty)).foreach { other =>
          throw new StreamRunsException(other)
        }
        val next = if (fresh) made else streaming.streamingContext(sparkContext, config)
        fresh = false
        streamer = Some(id)
        next
      case _ => made
    }
  }

  /** To be called at the end of each job. */
  def leave(id: String): Unit = synchronized {
    streamer = streamer.filter(_ != id)
  }

  def hasStreams: Boolean = StreamingContext.getActive().isDefined

  /** Ends the streams that jobs have started; waits for what they have received, if told so. */
  def stopStreams(): Unit =
    Streams.stopAll(gracefully = config.getBoolean("streaming.stopGracefully"))

  /** Ends all, also a SparkContext that the factory would have outlive the StreamingContext. */
  def stop(): Unit = {
    made.stop()
    sparkContext.stop()
  }
}

object JobContext {

  private val Master = "spark.master"

  /** The folder where executors find the classes that statements make. */
  val Classes = "spark.repl.class.outputDir"

  /** What must reach Spark as the driver has it, whatever the settings say. */
  private val Fixed = Seq(Master, "spark.plugins", "spark.jars", "spark.kryo.pool",
    Classes) ++ ExecutorLibraries.Settings

  /** @throws BadSettingException if there is no such factory */
  def factory(name: String, loader: ClassLoader): SparkContextFactory = {
    def bad(why: String) = throw new BadSettingException(s"The context-factory $name $why")
    val instance = try {
      Class.forName(name, true, loader).getConstructor().newInstance()
    } catch {
      case _: ClassNotFoundException =>
        bad("is not known here: neither the server nor a jar of the context has such a class")
      case _: NoSuchMethodException => bad("has no constructor without parameters")
      case e@(_: InvocationTargetException | _: LinkageError) =>
        bad(s"cannot be made: ${JobLoader.cause(e)}")
      case e: ReflectiveOperationException => bad(s"cannot be made: $e")
    }
    instance match {
      case factory: SparkContextFactory => factory
      case other => bad(s"is no ${classOf[SparkContextFactory].getName}")
    }
  }

  /**
   * The configuration of a context, for the master that the settings name or that an object of the
   * user's provides.
   */
  def forMaster(settings: Config, conf: SparkConf): SparkConf = {
    val config = settings.withValue(Master, ConfigValueFactory.fromAnyRef(conf.get(Master)))
    try {
      conf.setMaster(SparkMasterProvider.fromConfig(config).getSparkMaster(config))
    } catch {
      case e@(_: ReflectiveOperationException | _: ClassCastException | _: LinkageError) =>
        throw new BadSettingException(s"${SparkMasterProvider.SparkMasterProperty} names no "
          + s"object that is a ${classOf[SparkMasterProvider].getName}: ${JobLoader.cause(e)}")
    }
  }

  /**
   * Makes a context. Its SparkConf is also in the JVM's properties, as where spark-submit has
   * started it, since factories begin with an empty one, which takes these.
   */
  def make(
      factory: SparkContextFactory,
      settings: Config,
      sparkConf: SparkConf,
      name: String): JobContext = {
    val config = factory.updateConfig(settings)
    val conf = SparkInternals.isolateClasses(sparkConf)
    conf.getAll.foreach { case (key, value) => if (key.startsWith("spark.")) sys.props(key) = value }
    if (Warmup.used) {
      SparkInternals.configureHadoopAgain()
    }
    val bare = Kerberos.Settings.filterNot(conf.contains).foldLeft(config)(_.withoutPath(_))
    val all = Fixed.flatMap(key => conf.getOption(key).map(key -> _)).foldLeft(bare) {
      case (config, (key, value)) => config.withValue(key, ConfigValueFactory.fromAnyRef(value))
    }
    new JobContext(factory, factory.makeContext(all, all, name), config)
  }
}
