/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.{CompletableFuture, ConcurrentHashMap, TimeoutException}
import java.util.concurrent.TimeUnit.SECONDS
import java.util.concurrent.atomic.AtomicLong
import javax.security.sasl.AuthenticationException

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.hive.service.auth.PasswdAuthenticationProvider
import org.slf4j.LoggerFactory

/** Who may use the thrift server: the launcher knows, by the token that comes as a password. */
class ThriftLogins(link: Link) {
  import ThriftLogins._

  private class Question(val frame: Frame) {
    val answer = new CompletableFuture[Option[String]]
  }

  private val waiting = new ConcurrentHashMap[String, Question]
  private val number = new AtomicLong

  /** Why not; None: they may. */
  def wrong(user: String, token: String): Option[String] = {
    val key = number.incrementAndGet().toString
    val question = new Question(Frame(Message.Login, 0, 0,
      Json.bytes(Json.obj().put("key", key).put("user", user).put("token", token)), Frame.Nothing))
    waiting.put(key, question)
    try {
      link.send(question.frame)
      question.answer.get(Patience, SECONDS)
    } catch {
      case _: TimeoutException => Some("the launcher does not answer")
    } finally {
      waiting.remove(key)
    }
  }

  /** To be called when the link has come back. */
  def askAgain(): Unit = waiting.values.forEach(question => link.send(question.frame))

  /** The launcher has answered, maybe for the second time. */
  def told(meta: ObjectNode): Unit = {
    val question = waiting.get(Json.string(meta, "key"))
    if (question != null) {
      question.answer.complete(Option(meta.get("error")).map(_.asText))
    }
  }
}

object ThriftLogins {
  private val Patience = 30L

  /** Whom [[ThriftAuthentication]] asks: Hive makes that, and hands it nothing. */
  @volatile var current: Option[ThriftLogins] = None
}

/** The thrift server makes one for each login. */
class ThriftAuthentication extends PasswdAuthenticationProvider {

  private val log = LoggerFactory.getLogger(classOf[ThriftAuthentication])

  override def Authenticate(user: String, password: String): Unit = {
    val (name, token) = (Option(user).getOrElse(""), Option(password).getOrElse(""))
    val wrong = ThriftLogins.current.map(_.wrong(name, token))
      .getOrElse(Some("the driver is not ready for that"))
    for (why <- wrong) {
      log.info(s"$name cannot log in: $why")
      throw new AuthenticationException(why)
    }
  }
}
