/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import scala.collection.TraversableView
import scala.collection.generic.Sorted
import scala.collection.immutable.{NumericRange, StringLike}
import scala.runtime.ScalaRunTime

/**
 * A value as `ScalaRunTime.replStringOf` has it, but not longer than anybody sees: of what a
 * collection of Scala holds, the text of one element is in memory at a time.
 *
 * @param max      how many characters there are at most
 * @param elements how many elements of each collection
 */
class ValueText(max: Int, elements: Int) {
  import ValueText._

  private val text = new StringBuilder

  def of(value: Any): String = {
    try {
      add(value)
    } catch {
      // as Scala does where something cannot be iterated over that should be
      case _: UnsupportedOperationException | _: AssertionError =>
        text.clear()
        put(String.valueOf(value))
    }
    (if (text.indexOf("\n") >= 0) "\n" else "") + text + "\n"
  }

  private def add(value: Any): Unit = value match {
    case values: Array[AnyRef] => all("Array(", values.iterator, ", ")(add)
    case map: collection.Map[_, _] if isPlain(map) =>
      all(map.stringPrefix + "(", map.iterator, ", ") { case (key, value) =>
        add(key)
        put(" -> ")
        add(value)
      }
    case values: Traversable[_] if isPlain(values) =>
      all(values.stringPrefix + "(", values.toIterator, ", ")(add)
    case tuple: Product if isTuple(tuple) => all("(", tuple.productIterator, ",")(add)
    case other => put(ScalaRunTime.stringOf(other, elements))
  }

  private def all[T](begin: String, values: Iterator[T], between: String)(add: T => Unit): Unit = {
    put(begin)
    var first = true
    values.take(elements).takeWhile(_ => text.length < max).foreach { value =>
      if (!first) {
        put(between)
      }
      first = false
      add(value)
    }
    put(")")
  }

  private def put(part: String): Unit =
    text.append(part.substring(0, math.min(part.length, max - text.length)))
}

private object ValueText {

  /** Whether Scala shows its elements, and not what its `toString` says. */
  def isPlain(values: Traversable[_]): Boolean = values match {
    case _: Range | _: NumericRange[_] | _: Sorted[_, _] | _: StringLike[_] |
      _: TraversableView[_, _] => false
    case _ => values.hasDefiniteSize && values.getClass.getName.startsWith("scala.collection.")
  }

  /** That of one element is shown otherwise. */
  def isTuple(value: Product): Boolean =
    value.productArity > 1 && value.getClass.getName.startsWith("scala.Tuple")
}
