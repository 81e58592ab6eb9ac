/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.collection.TraversableView
import scala.collection.generic.Sorted
import scala.collection.immutable.{NumericRange, StringLike}
import scala.runtime.ScalaRunTime

object ValueText {

  /**
   * A value as `ScalaRunTime.replStringOf` has it, with a newline at its end and, if there is one in
   * it, at its beginning; but of the rest only the beginning. Of arrays, tuples and collections of
   * Scala no more elements are asked for their text than that takes, and what the others would have
   * thrown is not seen.
   *
   * @param max      how many characters there are at most, besides these newlines
   * @param elements how many elements of an array or a collection are shown
   */
  def of(value: Any, max: Int, elements: Int): String = new ValueText(max, elements).of(value)

  /** Whether Scala shows its elements, and not what its `toString` says. */
  private def isPlain(values: Iterable[_]): Boolean = values match {
    case _: Range | _: NumericRange[_] | _: Sorted[_, _] | _: StringLike[_] |
      _: TraversableView[_, _] => false
    case _ => values.getClass.getName.startsWith("scala.collection.") && values.hasDefiniteSize
  }

  private def isTuple(value: Product): Boolean = value.getClass.getName.startsWith("scala.Tuple")
}

private class ValueText(max: Int, elements: Int) {
  import ValueText._

  private val text = new StringBuilder
  private var hasLines = false

  private def of(value: Any): String = {
    try {
      add(value)
    } catch {
      // as Scala does where something cannot be iterated over that should be
      case _: UnsupportedOperationException | _: AssertionError =>
        text.clear()
        put(String.valueOf(value))
    }
    (if (hasLines) "\n" else "") + text + "\n"
  }

  private def add(value: Any): Unit = value match {
    case units: Array[Unit] => leaf(units)
    case values: Array[AnyRef] => all("Array", values.iterator.take(elements))(add)
    case values: Iterable[_] if isPlain(values) =>
      val show = if (values.isInstanceOf[collection.Map[_, _]]) addEntry _ else add _
      all(values.stringPrefix, values.iterator.take(elements))(show)
    case tuple: Product if isTuple(tuple) =>
      all("", tuple.productIterator, ",", if (tuple.productArity == 1) ",)" else ")")(add)
    case other => leaf(other)
  }

  private def addEntry(entry: Any): Unit = entry match {
    case (key, value) =>
      add(key)
      put(" -> ")
      add(value)
    case other => add(other)
  }

  private def leaf(value: Any): Unit = put(ScalaRunTime.stringOf(value, elements))

  private def all(prefix: String, values: Iterator[Any], between: String = ", ", end: String = ")")(
      show: Any => Unit): Unit = {
    put(prefix + "(")
    var first = true
    values.takeWhile(_ => text.length < max).foreach { value =>
      if (!first) {
        put(between)
      }
      first = false
      show(value)
    }
    put(end)
  }

  /** @param part null where a `toString` says so */
  private def put(part: String): Unit = {
    val shown = String.valueOf(part: Any)
    hasLines ||= shown.indexOf('\n') >= 0
    text.append(shown.substring(0, math.min(shown.length, max - text.length)))
  }
}
