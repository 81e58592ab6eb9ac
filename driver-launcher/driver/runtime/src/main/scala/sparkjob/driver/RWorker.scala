/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{BufferedInputStream, BufferedOutputStream, DataInputStream, DataOutputStream}
import java.io.IOException
import java.net.{InetAddress, ServerSocket, Socket, SocketTimeoutException}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.security.MessageDigest
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.collection.JavaConverters._

import org.apache.spark.network.util.JavaUtils
import org.slf4j.LoggerFactory

/**
 * A process that runs code of R. It calls on the loopback interface for what it is to do, and
 * answers by what is the standard error of its shell; see sparkjob-interpreter.R.
 *
 * It starts as a shell that becomes R, beside another one that kills it when its standard input
 * ends, so when we do: R itself looks at nothing while it runs code. All that R reads there is the
 * secret: no argument and no environment has it.
 *
 * @param script what it runs
 * @param ended  called with the reason when the process has ended
 */
class RWorker(command: RCommand, script: Path, ended: String => Unit) {
  import RWorker._

  private val log = LoggerFactory.getLogger(classOf[RWorker])
  private val secret = Processes.newSecret()
  // R that is killed leaves its own there
  private val temporary = Files.createTempDirectory(Paths.get(sys.props("java.io.tmpdir")), "r")
  private val server = new ServerSocket(0, Backlog, InetAddress.getByName("127.0.0.1"))
  private val process = try start() catch {
    case e: Throwable =>
      server.close()
      Files.delete(temporary)
      throw e
  }

  val output = new ROutput(process.getInputStream)
  private val printed = thread("print", () => output.read())

  private val socket = accept()
  private val requests = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream))

  // what it answers; None: that was its last word
  private val answers = new LinkedBlockingQueue[Option[Seq[Array[Byte]]]]
  private var asked = 0

  // guarded by this
  private var why = ""
  private var gone: Option[String] = None

  private val answered = thread("read", () => read())
  // not the pool that tells of ends of processes, which users' code may keep busy
  thread("end", () => {
    process.waitFor()
    over()
  })

  /** Returns the number that the answer will have. To be called by one thread at a time. */
  def ask(op: String, fields: Array[Byte]*): Int = {
    asked += 1
    val all = Seq(asked.toString, op).map(_.getBytes(UTF_8)) ++ fields
    try {
      requests.writeInt(all.size)
      all.foreach { field =>
        requests.writeInt(field.length)
        requests.write(field)
      }
      requests.flush()
    } catch {
      case e: IOException => log.debug(s"R process ${process.pid} reads no more: $e")
    }
    asked
  }

  /**
   * The fields of the answer.
   *
   * @throws InterpreterDiedException if the process has ended
   */
  def await(number: Int): Seq[Array[Byte]] = Iterator.continually(answers.take())
    .map(told(number, _)).find(_.isDefined).flatten.get

  /** None: it takes longer than so many seconds. */
  def poll(number: Int, seconds: Long): Option[Seq[Array[Byte]]] = {
    val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds)
    Iterator.continually(Option(answers.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS)))
      .takeWhile(_.isDefined).map(answer => told(number, answer.get)).find(_.isDefined).flatten
  }

  /** Nothing: that answers a question that nobody waits for any longer. */
  private def told(number: Int, answer: Option[Seq[Array[Byte]]]): Option[Seq[Array[Byte]]] = {
    val fields = answer.getOrElse {
      answers.add(None)
      throw new InterpreterDiedException(reason.get)
    }
    if (new String(fields.head, UTF_8) == number.toString) Some(fields.tail) else None
  }

  /** Why the process has ended, if it has. */
  def reason: Option[String] = synchronized(gone)

  /** Has the code that runs end, and the processes that it waits for; may have to be done again. */
  def interrupt(): Unit = {
    // of which it hears when it has waited for such
    ask("interrupt")
    val all = process.pid +: process.descendants.iterator.asScala.map(_.pid).toVector
    val words = Seq("sh", "-c", "kill -INT \"$@\"", "sh") ++ all.map(_.toString)
    try {
      val kill = new ProcessBuilder(words.asJava).redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD).start()
      // later it could hit the next statement
      while (kill.isAlive) {
        try kill.waitFor() catch {
          case _: InterruptedException => // as is being done
        }
      }
    } catch {
      case e: IOException => log.warn(s"R process ${process.pid} is not interrupted", e)
    }
  }

  /** Ends the process and those that it has started. */
  def end(reason: String): Unit = {
    synchronized {
      why = reason
    }
    Processes.destroy(process)
  }

  private def start(): Process = {
    val words = command.words(script, server.getLocalPort.toString)
    val builder = new ProcessBuilder((Seq("sh", "-c", Guarded, "sh") ++ words).asJava)
    val environment = builder.environment
    // that would win over the next one
    Option(environment.remove("LC_ALL")).foreach(environment.put("LANG", _))
    environment.put("LC_CTYPE", "C.UTF-8")
    environment.put("TMPDIR", temporary.toString)
    val process = builder.start()
    process.getOutputStream.write(s"$secret\n".getBytes(UTF_8))
    process.getOutputStream.flush()
    process
  }

  private def accept(): Socket = {
    server.setSoTimeout(LookMillis)
    try {
      Iterator.continually(call()).flatten.find(isOurs).get
    } catch {
      case e: IOException =>
        log.debug(s"R process ${process.pid} does not call: $e")
        process.destroyForcibly()
        val code = process.waitFor()
        printed.join(LastWords)
        sweep()
        throw new BadSettingException(s"R (${command.executable}) does not run what it should: " +
          s"${Processes.exit(code)}: ${output.text()}")
    } finally {
      server.close()
    }
  }

  private def call(): Option[Socket] = {
    try {
      Some(server.accept())
    } catch {
      case _: SocketTimeoutException if process.isAlive => None
    }
  }

  /** Everybody on this host can call. */
  private def isOurs(socket: Socket): Boolean = {
    socket.setSoTimeout(HelloMax)
    socket.setTcpNoDelay(true)
    val known = try {
      val input = new DataInputStream(socket.getInputStream)
      val expected = secret.getBytes(UTF_8)
      input.readInt() == 1 && input.readInt() == expected.length &&
        MessageDigest.isEqual(input.readNBytes(expected.length), expected)
    } catch {
      case _: IOException => false
    }
    if (known) socket.setSoTimeout(0) else socket.close()
    known
  }

  private def read(): Unit = {
    val input = new DataInputStream(new BufferedInputStream(process.getErrorStream))
    try {
      while (true) {
        answers.add(Some(Vector.fill(size(input)) {
          val field = new Array[Byte](size(input))
          input.readFully(field)
          field
        }))
      }
    } catch {
      case e: IOException => log.debug(s"R process ${process.pid} says no more: $e")
    }
    if (!process.waitFor(LastWords, TimeUnit.MILLISECONDS)) {
      end("it does not speak with its driver any longer")
    }
  }

  private def size(input: DataInputStream): Int = {
    val size = input.readInt()
    if (size < 0 || size > AnswerMax) {
      throw new IOException(s"$size is no size")
    }
    size
  }

  /** The process is over; others that it has started may still hold what it wrote to. */
  private def over(): Unit = {
    answered.join(LastWords)
    printed.join(LastWords)
    socket.close()
    val reason = synchronized {
      gone = Some(s"R process ${process.pid} has ended: " +
        (if (why.nonEmpty) why else Processes.exit(process.exitValue)))
      gone.get
    }
    log.info(reason)
    ended(reason)
    answers.add(None)
    sweep()
  }

  private def sweep(): Unit = {
    try JavaUtils.deleteRecursively(temporary.toFile) catch {
      case e: IOException => log.warn(s"What R process ${process.pid} has left stays: $e")
    }
  }

  private def thread(name: String, task: Runnable): Thread = {
    val thread = Processes.daemon(task, s"sparkjob-r-$name-${process.pid}")
    thread.start()
    thread
  }
}

private object RWorker {
  val Backlog = 8

  /** So often it is looked whether the process that is to call has ended, in milliseconds. */
  val LookMillis = 200

  /** So many milliseconds who calls has to say the secret. */
  val HelloMax = 5000

  /** So many milliseconds a process has to end. */
  val LastWords = 2000L

  /** The driver has to hold what is shown. */
  val AnswerMax: Int = 64 * 1024 * 1024

  val Guarded: String =
    """read -r secret
      |exec 3<&0 </dev/null
      |{ while read -r line; do :; done <&3; kill -KILL $$; } >/dev/null 2>&1 &
      |exec 3<&- 4>&2 2>&1
      |exec "$@" <<END
      |$secret
      |END
      |""".stripMargin
}
