/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.CompletableFuture

import scala.collection.JavaConverters._

/**
 * What the settings of a context name as its class path. The names of binaries only the launcher
 * knows: it is asked as it is for a job's, with the context's id.
 */
class ContextPath(id: String, link: Link) {

  private val answer = new CompletableFuture[Seq[ClassPathEntry]]
  @volatile private var question: Option[Frame] = None
  private var named = Seq.empty[String]

  /** Waits for the launcher, which ends the driver if it cannot answer. */
  def resolve(names: Seq[String]): Seq[ClassPathEntry] = {
    if (names.isEmpty) {
      Nil
    } else if (!ClassPathEntry.fit(names)) {
      throw new BadSettingException("dependent-jar-uris or cp: too many, or too long")
    } else {
      val meta = Json.obj().put("id", id).put("class", "")
      meta.set("cp", Json.mapper.valueToTree(names.asJava))
      question = Some(Frame(Message.Resolve, 0, 0, Json.bytes(meta), Frame.Nothing))
      synchronized { named = names }
      askAgain()
      answer.get()
    }
  }

  /**
   * Names what is added to it. A driver that comes after this one is told all in one message.
   *
   * @throws BadConfigException if that would be too much for it
   */
  def add(names: Seq[String]): Unit = synchronized {
    val all = (named ++ names).distinct
    if (!ClassPathEntry.fit(all)) {
      throw new BadConfigException(s"the context's class path has ${named.size} names, with " +
        s"those that are added ${all.size}: its next driver can have ${ClassPathEntry.Limits}")
    }
    named = all
  }

  /** To be called when the link has come back. */
  def askAgain(): Unit = if (!answer.isDone) question.foreach(link.send)

  def resolved(entries: Seq[ClassPathEntry]): Unit = answer.complete(entries)
}
