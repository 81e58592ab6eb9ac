/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package org.apache.spark.sparkjob

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, InputStream}

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.{SparkContext, SparkEnv, SparkException, TaskContext}
import org.apache.spark.io.CompressionCodec
import org.apache.spark.rdd.RDD
import org.apache.spark.storage.{RDDBlockId, StorageLevel}
import org.apache.spark.util.Utils

/**
 * The bytes of an RDD's elements, one after the other, of which driver and tasks have few in memory
 * at a time. A task sends its bytes with its result, if they are not more than its share of what
 * the driver may have; else its executor keeps them on its disk, as blocks that the driver fetches
 * one by one. In any case a partition is computed once, by the task whose bytes are used.
 */
object Portions {

  /** Tasks that run at the same time may together send so much, compressed. */
  private val SentBytes = 16L * 1024 * 1024

  /** Tasks of one job, whose blocks have to have names of their own. */
  private val TasksMax = 0x4000

  /** So many bytes are compressed as one piece, and one block. */
  private val PieceBytes = 4 * 1024 * 1024

  /**
   * Hands over all bytes in their order, or those of the first `limit` elements. Partitions are
   * computed some at a time: one at first, at most four times as many as the last time, and as
   * many as should be sent with the results, or can be computed at once.
   *
   * @param max so many bytes are enough: no task makes more than a piece beyond them
   */
  def read(rdd: RDD[Array[Byte]], max: Long, limit: Long = Long.MaxValue)(
      take: InputStream => Unit): Unit = {
    val sc = rdd.sparkContext
    val count = rdd.partitions.length
    var (next, portion, bytes, left) = (0, 1, 0L, limit)
    while (next < count && left > 0) {
      val until = math.min(count.toLong, next.toLong + portion).toInt
      withBytes(rdd, next until until, max, left) { made =>
        // those of a partition that has more than is left are computed again, that many
        val whole = made.iterator.takeWhile { one =>
          val fits = one.elements <= left
          if (fits) {
            left -= one.elements
          }
          fits
        }
        whole.foreach { one =>
          one.pieces.foreach(piece => take(unpacked(piece)))
          bytes += one.size
          next += 1
        }
      }
      val sendable = SentBytes / 2 * next / math.max(1, bytes)
      portion = if (next < until) 1 else {
        val wanted = math.min(4L * portion, math.max(sc.defaultParallelism, sendable))
        math.min(wanted, TasksMax).toInt
      }
    }
  }

  /**
   * The bytes of one partition, compressed in pieces.
   *
   * @param size   of them all
   * @param pieces each is fetched when its turn comes
   */
  private class Partition(val elements: Long, val size: Long, val pieces: Iterator[Array[Byte]])

  /** What a task made: pieces, or the numbers of blocks that its executor keeps. */
  private case class Made(
      elements: Long, size: Long, pieces: Array[Array[Byte]], blocks: Array[Int])

  /** Nothing is kept any longer when this returns. */
  private def withBytes(rdd: RDD[Array[Byte]], partitions: Range, max: Long, limit: Long)(
      use: Seq[Partition] => Unit): Unit = {
    val sc = rdd.sparkContext
    val kept = sc.newRddId()
    val share = SentBytes / partitions.size
    val made = new Array[Made](partitions.size)
    try {
      sc.runJob(rdd, (context: TaskContext, elements: Iterator[Array[Byte]]) =>
        // as bytes, since the serializer of results may take no classes that it does not know
        Utils.serialize(make(context, new Pieces(context, elements, max, limit), share, kept)),
        partitions, (index: Int, one: Array[Byte]) =>
          made(index) = Utils.deserialize[Made](one, getClass.getClassLoader))
      val blocks = made.flatMap(_.blocks)
      if (blocks.distinct.length < blocks.length) {
        throw new SparkException("Two tasks have kept rows of the result under one name")
      }
      use(made.toSeq.map { one =>
        new Partition(one.elements, one.size,
          one.pieces.iterator ++ one.blocks.iterator.map(fetch(kept, _)))
      })
    } finally {
      if (made.exists(one => one == null || one.blocks.nonEmpty)) {
        free(sc, kept)
      }
    }
  }

  private def free(sc: SparkContext, kept: Int): Unit = if (!sc.isStopped) {
    sc.unpersistRDD(kept, blocking = false)
  }

  private def make(context: TaskContext, pieces: Pieces, share: Long, kept: Int): Made = {
    val few = ArrayBuffer.empty[Array[Byte]]
    while (pieces.packed <= share && pieces.hasNext) {
      few += pieces.next()
    }
    if (pieces.packed <= share) {
      Made(pieces.elements, pieces.packed, few.toArray, Array.empty)
    } else {
      val blocks = keep(context, few.iterator ++ pieces, kept)
      Made(pieces.elements, pieces.packed, Array.empty, blocks)
    }
  }

  /**
   * Another attempt of the task may have kept blocks, too, and these may have other bytes: the
   * number of the attempt is part of theirs.
   */
  private def keep(context: TaskContext, pieces: Iterator[Array[Byte]], kept: Int): Array[Int] = {
    val blocks = SparkEnv.get.blockManager
    val numbers = ArrayBuffer.empty[Int]
    // who frees what was kept may have done so before a task notices that it is killed
    context.addTaskFailureListener { (_, _) =>
      numbers.foreach(number => blocks.removeBlock(RDDBlockId(kept, number)))
    }
    val first = (context.taskAttemptId() & 0x7fff).toInt << 16
    pieces.foreach { piece =>
      if (numbers.size > 0xffff) {
        throw new SparkException(
          s"A partition of the result has more than ${0x10000L * PieceBytes} bytes")
      }
      val number = first + numbers.size
      numbers += number
      if (!blocks.putSingle(RDDBlockId(kept, number), piece, StorageLevel.DISK_ONLY)) {
        throw new SparkException(s"The executor cannot keep ${RDDBlockId(kept, number)}")
      }
    }
    numbers.toArray
  }

  private def fetch(kept: Int, number: Int): Array[Byte] = {
    val id = RDDBlockId(kept, number)
    val block = SparkEnv.get.blockManager.get[Array[Byte]](id).getOrElse {
      throw new SparkException(s"The executor that had rows of the result is gone, and $id with it")
    }
    // to its end, which unlocks it
    block.data.toVector.head.asInstanceOf[Array[Byte]]
  }

  private def codec = CompressionCodec.createCodec(SparkEnv.get.conf)

  private def unpacked(piece: Array[Byte]): InputStream = {
    if (Thread.currentThread.isInterrupted) {
      throw new InterruptedException("interrupted while the rows were written")
    }
    codec.compressedInputStream(new ByteArrayInputStream(piece))
  }

  /** Elements as compressed pieces, made when they are asked for. */
  private class Pieces(context: TaskContext, all: Iterator[Array[Byte]], max: Long, limit: Long)
    extends Iterator[Array[Byte]] {

    /** So many have been begun, and their pieces have so many bytes. */
    var elements = 0L
    var packed = 0L

    private var unpackedSize = 0L
    private var (element, offset) = (Array.emptyByteArray, 0)

    override def hasNext: Boolean = {
      while (offset == element.length && elements < limit && unpackedSize <= max && all.hasNext) {
        element = all.next()
        offset = 0
        elements += 1
      }
      offset < element.length
    }

    override def next(): Array[Byte] = {
      context.killTaskIfInterrupted()
      val bytes = new ByteArrayOutputStream(64 * 1024)
      val out = codec.compressedOutputStream(bytes)
      var room = PieceBytes
      while (room > 0 && hasNext) {
        val length = math.min(room, element.length - offset)
        out.write(element, offset, length)
        offset += length
        room -= length
        unpackedSize += length
      }
      out.close()
      packed += bytes.size
      bytes.toByteArray
    }
  }
}
