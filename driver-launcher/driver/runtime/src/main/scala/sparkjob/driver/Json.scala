/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode

/** Metadata of frames. */
object Json {
  val mapper = new ObjectMapper()

  def obj(): ObjectNode = mapper.createObjectNode()

  /** @throws java.io.IOException if it is not one JSON object; no bytes are an empty one */
  def parse(bytes: Array[Byte]): ObjectNode = {
    if (bytes.isEmpty) {
      obj()
    } else {
      mapper.readTree(bytes) match {
        case node: ObjectNode => node
        case _ => throw new FrameException("metadata is not a JSON object")
      }
    }
  }

  def bytes(node: JsonNode): Array[Byte] = mapper.writeValueAsBytes(node)

  /** Text that can be encoded: half a surrogate pair, which Java lets pass, becomes a `?`. */
  def text(value: String): String = {
    var i = 0
    while (i < value.length && !value.charAt(i).isSurrogate) {
      i += 1
    }
    if (i == value.length) value else new String(value.getBytes(UTF_8), UTF_8)
  }

  private val PlainMax = 4096

  /**
   * Text for people in metadata, where C programs read it: no NUL, no terminal's controls, and not
   * more than people read.
   */
  def plain(value: String): String =
    text(value.take(PlainMax)).map(c => if (c.isControl && c != '\n' && c != '\t') '\uFFFD' else c)

  /**
   * A member that has to be there; without it the message means nothing. What the others hold, which
   * may be a secret, is not told.
   */
  def string(node: ObjectNode, name: String): String = {
    val member = node.get(name)
    if (member == null || !member.isTextual) {
      throw new IllegalArgumentException(s"no string $name among "
        + node.fieldNames.asScala.mkString(", "))
    }
    member.textValue
  }

  def optional(node: ObjectNode, name: String): Option[ObjectNode] = node.get(name) match {
    case member: ObjectNode => Some(member)
    case _ => None
  }
}
