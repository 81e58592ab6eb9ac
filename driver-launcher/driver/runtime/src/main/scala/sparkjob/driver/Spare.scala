/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{BufferedInputStream, IOException}
import java.nio.charset.StandardCharsets.US_ASCII
import java.nio.file.Paths

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * A driver that waits for a context to be given to it. It has used Spark before, so that all
 * classes are loaded, and left nothing of that.
 *
 * It has nothing to lose: when the launcher goes away it ends at once.
 */
class Spare(surroundings: Surroundings) {

  private val log = LoggerFactory.getLogger(classOf[Spare])

  /** What it was told to be; it does not return when that is nothing. */
  def await(): Surroundings = {
    try {
      Warmup.spare(Spare.interprets(sys.env))
      val connection = surroundings.endpoint.connect()
      try {
        connection.write(Array(Frame.encode(hello)))
        surroundings.secret.wipe()
        assigned(connection)
      } finally {
        connection.close()
      }
    } catch {
      case e: IOException =>
        log.info(s"The launcher went away: $e")
        Exit.now(0)
      case NonFatal(e) =>
        log.error("This spare driver is of no use", e)
        Exit.now(1)
    }
  }

  private def hello: Frame = {
    val meta = Json.obj().put("protocol", Driver.Protocol).put("context", surroundings.context)
      .put("pid", ProcessHandle.current.pid).put("secret", surroundings.secret.text)
    Frame(Message.Hello, 0, 0, Json.bytes(meta), Frame.Nothing)
  }

  private def assigned(connection: Connection): Surroundings = {
    val input = new BufferedInputStream(connection.input)
    while (true) {
      val frame = Frame.decode(input)
      frame.kind match {
        case Message.Ping =>
          val pong = Frame(Message.Pong, 0, frame.stream, Frame.Nothing, Frame.Nothing)
          connection.write(Array(Frame.encode(pong)))
        case Message.Assign =>
          val meta = Json.parse(frame.meta)
          WorkingFolder.move(Paths.get(Json.string(meta, "work")))
          return surroundings.copy(context = Json.string(meta, "context"),
            secret = new Secret(Json.string(meta, "secret").getBytes(US_ASCII)),
            generation = Option(meta.get("generation")).map(_.asLong))
        case Message.Stop => Exit.now(0)
        case other => throw new FrameException(s"message $other is not for spare drivers")
      }
    }
    throw new IllegalStateException
  }
}

object Spare {

  /** Whether the launcher wants this driver to wait for a context. */
  def wanted(environment: Map[String, String]): Boolean = environment.contains("SPARKJOB_SPARE")

  /** Whether that may be one with statements of Scala. */
  def interprets(environment: Map[String, String]): Boolean =
    environment.get("SPARKJOB_SPARE").contains("interpreter")
}
