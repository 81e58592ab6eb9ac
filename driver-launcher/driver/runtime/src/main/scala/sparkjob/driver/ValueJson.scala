/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node._
import org.apache.spark.sql.Row

/**
 * Values of a session as JSON, as Livy has them: numbers, strings, booleans and null are
 * themselves; sequences, arrays and sets are arrays; maps, rows and case classes (so tuples) are
 * objects; a value that may be missing is itself or null; everything else is its text.
 *
 * All values that one of these makes may together have so many bytes as a statement may show.
 */
class ValueJson {
  import ValueJson.{DepthMax, nodes}

  private var size = 0L

  /** @throws ResultException if it has no end in depth, or is too large */
  def of(value: Any): JsonNode = of(value, 0)

  private def of(value: Any, depth: Int): JsonNode = {
    if (depth > DepthMax) {
      throw new ResultException(s"The value is nested more than $DepthMax deep, or contains itself")
    }
    count(1)
    value match {
      case null | None => nodes.nullNode
      case Some(value) => of(value, depth)
      case b: Boolean => nodes.booleanNode(b)
      case n@(_: Byte | _: Short | _: Int | _: Long) =>
        val number = n.asInstanceOf[Number].longValue
        count(number.toString.length)
        nodes.numberNode(number)
      case n: Double => real(n)
      case n: Float => real(n.toString.toDouble)
      case n: BigInt => nodes.numberNode(n.bigInteger)
      case n: java.math.BigInteger => nodes.numberNode(n)
      case n: BigDecimal => DecimalNode.valueOf(n.bigDecimal)
      case n: java.math.BigDecimal => DecimalNode.valueOf(n)
      case map: collection.Map[_, _] => members(map.iterator.map(e => (text(e._1), e._2)), depth)
      case map: java.util.Map[_, _] =>
        members(map.asScala.iterator.map(e => (text(e._1), e._2)), depth)
      case row: Row if row.schema != null =>
        members(row.schema.fieldNames.iterator.zip(row.toSeq.iterator), depth)
      case row: Row => elements(row.toSeq.iterator, depth)
      case values: Array[_] => elements(values.iterator, depth)
      case values: Iterable[_] => elements(values.iterator, depth)
      case values: java.util.Collection[_] => elements(values.asScala.iterator, depth)
      case product: Product => members(names(product).iterator.zip(product.productIterator), depth)
      case other =>
        val whole = text(other)
        count(whole.length)
        TextNode.valueOf(whole)
    }
  }

  /** At least so many more bytes are to be written. */
  private def count(bytes: Int): Unit = {
    size += bytes
    if (size > Output.Max) {
      throw ResultException.tooLarge(Output.Subject, Output.Max)
    }
  }

  /** JSON has no others. */
  private def real(n: Double): JsonNode =
    if (n.isNaN || n.isInfinite) nodes.nullNode else nodes.numberNode(n)

  private def text(value: Any): String = Json.text(String.valueOf(value))

  private def elements(values: Iterator[Any], depth: Int): ArrayNode = {
    val array = nodes.arrayNode
    values.foreach(value => array.add(of(value, depth + 1)))
    array
  }

  private def members(values: Iterator[(String, Any)], depth: Int): ObjectNode = {
    val members = nodes.objectNode
    values.foreach { case (name, value) =>
      count(name.length + 3)
      members.set[JsonNode](name, of(value, depth + 1))
    }
    members
  }

  /** Those of a case class: its first fields, of which Scala 2.12 tells no names. */
  private def names(product: Product): Seq[String] = {
    val fields = try {
      product.getClass.getDeclaredFields.toSeq.map(_.getName).filter(!_.contains("$"))
    } catch {
      case NonFatal(_) => Nil
    }
    (0 until product.productArity).map(i => fields.lift(i).getOrElse(s"_${i + 1}"))
  }
}

object ValueJson {

  private val DepthMax = 500

  private def nodes = JsonNodeFactory.instance

  def of(value: Any): JsonNode = new ValueJson().of(value)

  /** A table as Livy's clients know it. None: a column has values of several types. */
  def table(value: Any): Option[ObjectNode] = {
    val rows = of(value) match {
      case rows: ArrayNode => rows.elements.asScala.toVector
      case row => Vector(row)
    }
    val headers = mutable.LinkedHashMap.empty[String, String]
    val cells = rows.map(columns)
    val fits = cells.flatten.forall { case (name, value) =>
      kind(value).exists(kind => headers.getOrElseUpdate(name, kind) == kind)
    }
    if (fits) Some(table(headers, cells)) else None
  }

  private def columns(row: JsonNode): Seq[(String, JsonNode)] = row match {
    case row: ArrayNode =>
      row.elements.asScala.zipWithIndex.map { case (value, i) => (i.toString, value) }.toVector
    case row: ObjectNode => row.fields.asScala.map(e => (e.getKey, e.getValue)).toVector.sortBy(_._1)
    case value => Vector("0" -> value)
  }

  private def table(
      headers: mutable.Map[String, String],
      cells: Seq[Seq[(String, JsonNode)]]): ObjectNode = {
    val table = nodes.objectNode
    val (head, data) = (table.putArray("headers"), table.putArray("data"))
    headers.toSeq.sortBy(_._1).foreach { case (name, kind) =>
      head.addObject().put("type", kind).put("name", name)
    }
    cells.foreach { row =>
      val values = data.addArray()
      row.foreach { case (_, value) => values.add(value) }
    }
    table
  }

  /** None: its elements are of several types. */
  private def kind(value: JsonNode): Option[String] = value.getNodeType match {
    case JsonNodeType.NULL => Some("NULL_TYPE")
    case JsonNodeType.BOOLEAN => Some("BOOLEAN_TYPE")
    case JsonNodeType.STRING => Some("STRING_TYPE")
    case JsonNodeType.NUMBER if value.isIntegralNumber => Some("BIGINT_TYPE")
    case JsonNodeType.NUMBER if value.isBigDecimal => Some("DECIMAL_TYPE")
    case JsonNodeType.NUMBER => Some("DOUBLE_TYPE")
    case JsonNodeType.ARRAY => if (alike(value)) Some("ARRAY_TYPE") else None
    case _ => if (alike(value)) Some("MAP_TYPE") else None
  }

  private def alike(values: JsonNode): Boolean = {
    val kinds = values.elements.asScala.map(kind).toSet
    !kinds(None) && kinds.size <= 1
  }
}
