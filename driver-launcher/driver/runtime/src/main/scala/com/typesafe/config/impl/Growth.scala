/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package com.typesafe.config.impl

import scala.collection.JavaConverters._
import scala.collection.mutable

import com.typesafe.config.{Config, ConfigValue}

/** Substitutions would make a configuration too large. */
class GrowthException extends Exception

/** Too many values were set one after the other, with substitutions among them. */
class RepetitionException extends Exception

/**
 * Whether the substitutions of a configuration keep within a limit. A short text can stand for any
 * amount of memory, and the library resolves it without asking; it does not tell its unresolved
 * values either, hence this package.
 *
 * What a substitution stands for is taken for as large as all that its path was ever set to, which
 * is never too little: values only replace one another, or are merged.
 */
class Growth private (root: SimpleConfigObject, limit: Long) {
  import Growth._

  /** A path of which a part is known: what its value so far, which it may refer to, comes to. */
  private class Open(val depth: Int) {
    var size = 0L
  }

  private val known = mutable.HashMap.empty[Names, Long]
  private val open = mutable.HashMap.empty[Names, Open]

  // the outermost open path that was asked for: what is inside of it is not final
  private var outermost = Int.MaxValue
  private var lookups = 0

  private def check(): Unit = members(root, Nil, 0)

  private def members(value: SimpleConfigObject, path: Names, before: Long): Long =
    value.asScala.foldLeft(before) {
      case (sum, (_, child: AbstractConfigValue))
          if child.resolveStatus == ResolveStatus.RESOLVED => sum
      case (sum, (name, child: SimpleConfigObject)) => members(child, path :+ name, sum)
      case (sum, (name, _)) => bounded(sum + sizeAt(path :+ name))
    }

  private def sizeAt(path: Names): Long = {
    lookups += 1
    if (lookups > LookupsMax) {
      throw new GrowthException
    }
    known.getOrElse(path, open.get(path) match {
      case Some(begun) =>
        outermost = math.min(outermost, begun.depth)
        begun.size
      case None => compute(path)
    })
  }

  private def compute(path: Names): Long = {
    val begun = new Open(open.size)
    val others = outermost
    outermost = Int.MaxValue
    open.put(path, begun)
    for ((value, rest) <- settings(root, path)) {
      val size = sizeOf(value, rest)
      begun.size = bounded(if (extend(value, rest, path)) size else begun.size + size)
    }
    open.remove(path)
    if (outermost >= begun.depth) {
      known.put(path, begun.size)
      outermost = others
    } else {
      outermost = math.min(outermost, others)
    }
    begun.size
  }

  /** What a path is set to, first things first; of a reference, the names below its target. */
  private def settings(value: AbstractConfigValue, path: Names): Seq[(AbstractConfigValue, Names)] =
    value match {
      case Stack(values) => values.reverse.flatMap(settings(_, path))
      case whole if path.isEmpty => Seq(whole -> Nil)
      case reference: ConfigReference => Seq(reference -> path)
      case Pieces(pieces) => pieces.flatMap(settings(_, path))
      case members: SimpleConfigObject =>
        Option(members.get(path.head)).toSeq.flatMap(settings(_, path.tail))
      case _ => Nil
    }

  /** Whether a value contains what its path was set to before, as in `a = ${a} b`. */
  private def extend(value: AbstractConfigValue, rest: Names, path: Names): Boolean = value match {
    case reference: ConfigReference => target(reference) ++ rest == path
    case Pieces(pieces) => pieces.exists(extend(_, rest, path))
    case _ => false
  }

  private def sizeOf(value: ConfigValue, rest: Names = Nil): Long = value match {
    case reference: ConfigReference => sizeAt(target(reference) ++ rest)
    case Pieces(pieces) => sum(pieces.iterator)(sizeOf(_))
    case Stack(values) => sum(values.iterator)(sizeOf(_))
    case members: SimpleConfigObject =>
      sum(members.asScala.iterator) { case (name, child) =>
        ValueSize + name.length + sizeOf(child)
      }
    case list: SimpleConfigList => sum(list.asScala.iterator)(ValueSize + sizeOf(_))
    case single: AbstractConfigValue => single.transformToString.length
  }

  private def sum[T](values: Iterator[T])(size: T => Long): Long =
    values.foldLeft(0L)((sum, value) => bounded(sum + size(value)))

  private def bounded(size: Long): Long =
    if (size <= limit) size else throw new GrowthException
}

object Growth {

  private type Names = List[String]

  /** What a member of an object or list takes besides its name and text. */
  private val ValueSize = 8

  /** Paths that go in circles may be looked up without end. */
  private val LookupsMax = 200000

  /** The cube of how many values one path has, which is how the library's time grows. */
  private val RepetitionMax = 100L * 100 * 100

  /**
   * @throws GrowthException     if substitutions stand for more than about `limit` characters
   * @throws RepetitionException if it would take seconds to resolve them
   */
  def check(config: Config, limit: Long): Unit = config.root match {
    case root: SimpleConfigObject if !config.isResolved =>
      if (repetition(root) > RepetitionMax) {
        throw new RepetitionException
      }
      new Growth(root, limit).check()
    case _ =>
  }

  private def repetition(value: ConfigValue): Long = value match {
    case whole: AbstractConfigValue if whole.resolveStatus == ResolveStatus.RESOLVED => 0
    case Stack(values) =>
      val times = values.size.toLong
      math.min(times * times * times, RepetitionMax + 1) + values.map(repetition).sum
    case Pieces(pieces) => pieces.map(repetition).sum
    case members: SimpleConfigObject => members.values.asScala.toSeq.map(repetition).sum
    case list: SimpleConfigList => list.asScala.map(repetition).sum
    case _ => 0
  }

  private def target(reference: ConfigReference): Names =
    Iterator.iterate(reference.expression.path)(_.remainder).takeWhile(_ != null).map(_.first)
      .toList

  /** Values that were set one after the other, the last one first. */
  private object Stack {
    def unapply(value: ConfigValue): Option[Seq[AbstractConfigValue]] = value match {
      case merge: ConfigDelayedMerge => Some(merge.unmergedValues.asScala.toSeq)
      case merge: ConfigDelayedMergeObject => Some(merge.unmergedValues.asScala.toSeq)
      case _ => None
    }
  }

  private object Pieces {
    private val field = classOf[ConfigConcatenation].getDeclaredField("pieces")
    field.setAccessible(true)

    def unapply(value: ConfigConcatenation): Option[Seq[AbstractConfigValue]] =
      Some(field.get(value).asInstanceOf[java.util.List[AbstractConfigValue]].asScala.toSeq)
  }
}
