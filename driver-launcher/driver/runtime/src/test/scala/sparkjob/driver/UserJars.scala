/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.{Files, Path}
import java.util.Comparator

/** Jars of jobs that the tests of drivers run, compiled once. */
object UserJars {

  private lazy val folder: Path = {
    val folder = Files.createTempDirectory("sparkjob-jars-")
    Runtime.getRuntime.addShutdownHook(new Thread(() =>
      Files.walk(folder).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))))
    folder
  }

  lazy val jobs: File = TestLauncher.jar(folder, "jobs", Jobs)
  lazy val one: File = TestLauncher.jar(folder, "one", versioned("one", ""))
  lazy val two: File = TestLauncher.jar(folder, "two", versioned("two", ", more: Long = 7L"))

  private val Prelude = """
    import com.typesafe.config.Config
    import org.apache.spark.SparkContext
    import org.apache.spark.storage.StorageLevel
    import org.apache.spark.streaming.StreamingContext
    import org.apache.spark.util.AccumulatorV2
    import scala.concurrent.{Await, Future}
    import scala.util.Try
    import scala.concurrent.ExecutionContext
    import scala.concurrent.duration._
    import scala.collection.JavaConverters._
    import spark.jobserver._

    trait Valid extends SparkJob {
      def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
    }
    """

  /** Versions of one class: collected, broadcast, counted by, and used in threads of the job. */
  private def versioned(version: String, members: String): String = s"package mine\n$Prelude" + s"""
    case class Row(n: Int, version: String$members)

    class Versions extends AccumulatorV2[Row, Set[Row]] {
      private var rows = Set.empty[Row]
      def isZero = rows.isEmpty
      def copy() = { val c = new Versions; c.rows = rows; c }
      def reset() = rows = Set.empty
      def add(row: Row) = rows += row
      def merge(other: AccumulatorV2[Row, Set[Row]]) = rows ++= other.value
      def value = rows
    }

    object Versioned extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        if (config.hasPath("wait")) Thread.sleep(config.getInt("wait"))
        val seen = new Versions
        sc.register(seen)
        val shared = sc.broadcast(Row(100, "$version"))
        val rows = sc.parallelize(1 to 4, 2).map { n =>
          val row = Row(n + shared.value.n, "$version")
          seen.add(row)
          row
        }
        val kept = rows.persist(StorageLevel.DISK_ONLY)
        kept.count()
        val collected = kept.collect()
        val futures = Seq(1, 2).map { _ =>
          Future(rows.map(row => (row.n % 2, row)).groupByKey().map(_._2.head).collect())(threads)
        }
        val inThreads = futures.flatMap(future => Await.result(future, 300.seconds))
        threads.shutdown()
        (collected.toSeq ++ seen.value ++ inThreads).map(_.version).distinct
      }
      private def threads = pool.get
      private val pool = new ThreadLocal[scala.concurrent.ExecutionContextExecutorService] {
        override def initialValue = ExecutionContext.fromExecutorService(
          java.util.concurrent.Executors.newFixedThreadPool(2))
      }
    }
    """

  private val Jobs = s"package mine\n$Prelude" + """
    class Look extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = Map(
        "env" -> System.getenv.asScala.toMap,
        "conf" -> sc.getConf.getAll.toMap,
        "config" -> config.root.render,
        "properties" -> System.getProperties.asScala.toMap)
    }

    object NoOp extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = 1
    }

    object OldNull extends Valid {
      override def validate(sc: SparkContext, config: Config): SparkJobValidation = null
      def runJob(sc: SparkContext, config: Config): Any = 1
    }

    object NewNull extends api.SparkJob {
      type JobData = Config
      type JobOutput = Any
      def validate(sc: SparkContext, runtime: api.JobEnvironment, config: Config) = null
      def runJob(sc: SparkContext, runtime: api.JobEnvironment, data: Config): Any = 1
    }

    /** Streams until it is stopped, or only says that it is valid. */
    object Streams extends SparkStreamingJob {
      def validate(ssc: StreamingContext, config: Config): SparkJobValidation =
        if (config.hasPath("bad")) SparkJobInvalid("bad") else SparkJobValid
      def runJob(ssc: StreamingContext, config: Config): Any = {
        ssc.queueStream(scala.collection.mutable.Queue(ssc.sparkContext.parallelize(1 to 2)))
          .foreachRDD(_.count())
        ssc.start()
        if (!config.hasPath("leave")) ssc.awaitTermination()
        1
      }
    }

    object Large extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = "x" * 200000
    }

    object Sleeps extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        Runs.count += 1
        Thread.sleep(config.getLong("ms"))
        Runs.count
      }
    }

    /** Says a word in all the ways there are. */
    object Talks extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val word = config.getString("word")
        val log = org.slf4j.LoggerFactory.getLogger(getClass)
        println(word + " println")
        Console.out.println(word + " Console")
        System.err.println(word + " err")
        System.out.print(word)
        System.out.println(" \u00e4\u20ac")
        log.info(word + " logged")
        val thread = new Thread(() => println(word + " thread"))
        thread.start()
        thread.join()
        sc.parallelize(1 to 2, 2).foreach { n =>
          println(word + " task")
          org.slf4j.LoggerFactory.getLogger("mine.Task").info(word + " logged by a task")
        }
      }
    }

    /** Two stages of four tasks, then the second one alone. */
    object Steps extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val pairs = sc.parallelize(1 to 4, 4).map { n => Thread.sleep(config.getInt("ms")); (n, n) }
        val counted = pairs.reduceByKey(_ + _)
        counted.count() + counted.count()
      }
    }

    /** A result of many rows, made while it is written: more than the heap holds. */
    object Rows extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val rows = Iterator.tabulate(config.getInt("n"))(n => Seq(n, n.toString * 20))
        if (config.getBoolean("lazy")) rows.toStream else rows
      }
    }

    object Frame extends Valid {
      def runJob(sc: SparkContext, config: Config): Any =
        org.apache.spark.sql.SparkSession.builder.getOrCreate().range(0, config.getInt("n"), 1, 8)
          .selectExpr("id", "cast(id as string) name", "named_struct('half', id / 2.0D) nested")
    }

    object WhoAmI extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        def current = org.apache.hadoop.security.UserGroupInformation.getCurrentUser.getUserName
        val inTasks = sc.parallelize(1 to 2, 2).map(_ => current).collect().distinct
        val inThread = Await.result(Future(current)(ExecutionContext.fromExecutor(
          task => new Thread(task).start())), 10.seconds)
        Seq(sc.sparkUser, current, inThread) ++ inTasks
      }
    }

    object Runs {
      var count = 0
    }

    /** Has its Spark work done in another group and another thread, and minds no interrupt. */
    object Hides extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        sc.setJobGroup("mine", "my own group")
        val thread = new Thread(() => sc.parallelize(Seq(1), 1).foreach(_ => Thread.sleep(60000)))
        thread.start()
        while (thread.isAlive) {
          try thread.join() catch { case _: InterruptedException => }
        }
        "done"
      }
    }

    object Overflows extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = deeper(1)
      private def deeper(n: Int): Int = 1 + deeper(n + 1)
    }

    object LinksBadly extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = throw new NoSuchMethodError("gone")
    }

    object Fatal extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = throw new OutOfMemoryError("as if")
    }

    object BadObject extends Valid {
      throw new IllegalStateException("cannot be made")
      def runJob(sc: SparkContext, config: Config): Any = 1
    }

    class BadClass extends Valid {
      throw new IllegalStateException("cannot be made")
      def runJob(sc: SparkContext, config: Config): Any = 1
    }

    class Needs(n: Int) extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = n
    }

    abstract class Abstract extends Valid

    class WithCompanion extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = WithCompanion.answer
    }

    object WithCompanion {
      val answer = 42
    }

    object Cycle extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val list = new java.util.ArrayList[Any]
        list.add(list)
        list
      }
    }

    object Exits extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = sys.exit(7)
    }

    object StopsSpark extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = sc.stop()
    }

    /** Works on named objects of all types as fast as it can; returns how many shared ones it made. */
    object SharesMuch extends Valid {
      implicit def rdds[T]: NamedObjectPersister[NamedRDD[T]] = new RDDPersister[T]
      implicit def broadcasts[T]: NamedObjectPersister[NamedBroadcast[T]] = new BroadcastPersister[T]
      implicit val frames: NamedObjectPersister[NamedDataFrame] = new DataFramePersister

      def runJob(sc: SparkContext, config: Config): Any = {
        val me = config.getString("me")
        val session = org.apache.spark.sql.SparkSession.builder().getOrCreate()
        val level = StorageLevel.MEMORY_ONLY
        var made = 0
        for (round <- 1 to config.getInt("rounds")) {
          val shared = namedObjects.getOrElseCreate("shared",
            { made += 1; NamedRDD(sc.parallelize(1 to 100, 2), true, level) })
          check(shared.rdd.count() == 100)
          namedObjects.update(s"frame-$me",
            NamedDataFrame(session.range(round).toDF, round % 2 == 0, level))
          check(namedObjects.get[NamedDataFrame](s"frame-$me").get.df.count() == round)
          namedObjects.update("contended", NamedBroadcast(sc.broadcast(me -> round)))
          check(namedObjects.get[NamedBroadcast[(String, Int)]]("contended").get
            .broadcast.value._2 <= config.getInt("rounds"))
          val mine = namedObjects.getOrElseCreate(s"brief-$me",
            NamedRDD(sc.parallelize(1 to 3, 1), false, StorageLevel.NONE))
          check(mine.rdd.sum() == 6.0 && mine.rdd.getStorageLevel == StorageLevel.NONE)
          namedObjects.destroy(mine, s"brief-$me")
          check(namedObjects.get[NamedRDD[Int]](s"brief-$me").isEmpty)
          namedObjects.update(s"forgotten-$me", NamedBroadcast(sc.broadcast(1)))
          namedObjects.forget(s"forgotten-$me")
        }
        Seq(made, namedObjects.getNames())
      }

      private def check(holds: Boolean): Unit = if (!holds) throw new AssertionError
    }

    /** Leaves a thread that begins new Spark work when the last was cancelled. */
    object Leaves extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        new Thread(() => for (_ <- 1 to 20) {
          Try(sc.parallelize(Seq(1), 1).foreach(_ => Thread.sleep(60000)))
          Thread.sleep(100)
        }).start()
        Thread.sleep(60000)
      }
    }

    /** 0 once there are no Spark jobs: what is not cancelled lasts a minute. */
    object Counts extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val counts = Iterator.fill(3000) {
          Thread.sleep(10)
          sc.statusTracker.getActiveJobIds().length
        }
        counts.find(_ == 0).getOrElse(1)
      }
    }

    /** Works with what a statement has shared. */
    object Sums extends Valid {
      def runJob(sc: SparkContext, config: Config): Any = {
        val rdd = namedObjects.get[NamedRDD[Int]]("theirs").get.rdd
        rdd.unpersist(blocking = true)
        Seq(rdd.map(_ + 0).sum, namedObjects.getNames().toSeq)
      }
    }

    object Shared extends Valid with NamedRddSupport {
      def runJob(sc: SparkContext, config: Config): Any = {
        var made = false
        val rdd = namedRdds.getOrElseCreate("rdd", { made = true; sc.parallelize(1 to 10) })
        Seq(made, rdd.sum(), namedRdds.getNames().toSeq)
      }
    }
    """
}
