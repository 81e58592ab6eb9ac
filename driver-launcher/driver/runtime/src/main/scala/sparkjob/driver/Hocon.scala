/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._

import com.typesafe.config._
import com.typesafe.config.impl.{Growth, GrowthException, RepetitionException}

/** The text is no configuration, or asks for what it may not have; the message is for users. */
class BadConfigException(message: String) extends Exception(message)

/**
 * Posted configurations. A text that a client sends must not read files of the server, nor its
 * environment or settings: includes are refused, and substitutions see only the text itself. Nor
 * must a few of them fill the driver's memory.
 */
object Hocon {

  private val Options = ConfigParseOptions.defaults
    .setOriginDescription("the posted configuration")
    .setSyntax(ConfigSyntax.CONF)
    .setIncluder(NoIncludes)

  private val Resolve = ConfigResolveOptions.noSystem

  private val TextMax = 16
  private val GrowthMax = 16
  private val RenderedMax = 64
  private val DepthMax = 200
  private val Indent = 4
  private val NamedMax = 100
  private val PiecesMax = 1000000

  private val Render = ConfigRenderOptions.defaults.setOriginComments(false).setComments(false)
    .setFormatted(true).setJson(true)

  /**
   * The bytes of a text.
   *
   * @throws BadConfigException if they are too many
   */
  def read(file: Path): Array[Byte] = {
    checkSize(Files.size(file))
    Files.readAllBytes(file)
  }

  private def checkSize(size: Long): Unit = if (size > TextMax * 1024L * 1024) {
    throw new BadConfigException(s"The configuration is larger than $TextMax MiB")
  }

  /** @throws BadConfigException if it is too large, or cannot be parsed or resolved */
  def parse(bytes: Array[Byte]): Config = {
    checkSize(bytes.length)
    val text = new String(bytes, UTF_8).stripPrefix("\uFEFF")
    try {
      if (text.isBlank) {
        ConfigFactory.empty()
      } else {
        checkPieces(text)
        val parsed = ConfigFactory.parseString(text, Options)
        Growth.check(parsed, GrowthMax * 1024L * 1024)
        val config = parsed.resolve(Resolve)
        measure(config.root, 1)
        config
      }
    } catch {
      case e: ConfigException => throw new BadConfigException(e.getMessage)
      case _: GrowthException =>
        throw new BadConfigException("the posted configuration becomes larger than "
          + s"$GrowthMax MiB when its substitutions are resolved")
      case _: RepetitionException =>
        throw new BadConfigException("the posted configuration sets something too often, with "
          + "substitutions: it would take too long to resolve them")
      case _: StackOverflowError => throw tooDeep
    }
  }

  /**
   * The library makes objects of each word and sign, some hundred bytes for one character, so they
   * are counted before it does: all that it will see, outside of quoted strings and comments.
   */
  private def checkPieces(text: String): Unit = {
    var (at, pieces, word) = (0, 0, false)
    while (at < text.length) {
      val c = text.charAt(at)
      val plain = !Signs(c) && !c.isWhitespace && !c.isSpaceChar
      if (Signs(c) || c == '\n' || (plain && !word)) {
        pieces += 1
      }
      if (pieces > PiecesMax) {
        throw new BadConfigException(s"the posted configuration has more than $PiecesMax words and "
          + "signs: larger data are for /data")
      }
      word = plain
      at = c match {
        case '"' => endOfString(text, at)
        case '#' => endOfLine(text, at)
        case '/' if text.startsWith("//", at) => endOfLine(text, at)
        case _ => at + 1
      }
    }
  }

  private val Signs = "{}[],:=+\"#$.?!@*&^\\`/".toSet

  private def endOfLine(text: String, at: Int): Int = {
    val end = text.indexOf('\n', at)
    if (end < 0) text.length else end
  }

  /** A string in single quotes cannot go on in the next line: it is none, and what follows counts. */
  private def endOfString(text: String, start: Int): Int = {
    if (text.startsWith(Quotes, start)) {
      val end = text.indexOf(Quotes, start + Quotes.length)
      // the last three of them end it, any before are its own
      if (end < 0) text.length else text.indexWhere(_ != '"', end) match {
        case -1 => text.length
        case next => next
      }
    } else {
      var at = start + 1
      while (at < text.length && text.charAt(at) != '"' && text.charAt(at) != '\n') {
        at += (if (text.charAt(at) == '\\') 2 else 1)
      }
      at + 1
    }
  }

  private val Quotes = "\"" * 3

  private def tooDeep = new BadConfigException(
    s"the posted configuration is nested too deeply: more than $DepthMax values in one another")

  /** What the value takes when it is rendered, about: small values deep inside take much. */
  private def measure(value: ConfigValue, depth: Int): Long = {
    if (depth > DepthMax) {
      throw tooDeep
    }
    value match {
      case members: ConfigObject => sum(members.entrySet.asScala.iterator) { member =>
        checked(member.getKey).length + measure(member.getValue, depth + 1)
      }
      case list: ConfigList => sum(list.iterator.asScala)(measure(_, depth + 1))
      case single if single.valueType == ConfigValueType.STRING =>
        Indent * depth + checked(single.unwrapped.toString).length
      case _ => Indent * depth
    }
  }

  private def sum[T](values: Iterator[T])(size: T => Long): Long = values.foldLeft(0L) {
    (sum, value) =>
      val more = sum + size(value)
      if (more > RenderedMax * 1024L * 1024) {
        throw new BadConfigException("the posted configuration becomes larger than "
          + s"$RenderedMax MiB when it is written with indentation")
      }
      more
  }

  /** Escapes can name half of a character, which no file or answer could hold. */
  private def checked(text: String): String = {
    if (text.exists(_.isSurrogate) && Json.text(text) != text) {
      throw new BadConfigException("the posted configuration has half of a surrogate pair in "
        + Json.text(text.take(NamedMax)))
    }
    text
  }

  /** JSON, indented by four spaces. */
  def render(config: Config): Array[Byte] = config.root.render(Render).getBytes(UTF_8)

  /** All values below an object: their paths, with plain dots, and themselves. Null removes. */
  def flatten(value: ConfigObject): Map[String, ConfigValue] = flatten("", value)

  private def flatten(prefix: String, value: ConfigObject): Map[String, ConfigValue] = {
    val members = value.keySet.toArray(Array.empty[String])
    members.iterator.flatMap { name =>
      value.get(name) match {
        case inner: ConfigObject => flatten(prefix + name + ".", inner)
        case leaf => Map(prefix + name -> leaf)
      }
    }.toMap
  }

  /** Typesafe's own includer would be asked for whatever kind this one did not refuse. */
  private object NoIncludes extends ConfigIncluder with ConfigIncluderFile with ConfigIncluderURL
    with ConfigIncluderClasspath {

    private def refuse(what: String): ConfigObject =
      throw new ConfigException.Generic(s"include is not allowed here: $what")

    override def withFallback(fallback: ConfigIncluder): ConfigIncluder = this

    override def include(context: ConfigIncludeContext, what: String): ConfigObject = refuse(what)

    override def includeFile(context: ConfigIncludeContext, what: java.io.File): ConfigObject =
      refuse(what.getPath)

    override def includeURL(context: ConfigIncludeContext, what: java.net.URL): ConfigObject =
      refuse(what.toString)

    override def includeResources(context: ConfigIncludeContext, what: String): ConfigObject =
      refuse(what)
  }
}
