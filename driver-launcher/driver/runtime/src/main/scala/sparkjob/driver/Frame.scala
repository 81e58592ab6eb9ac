/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{DataInputStream, EOFException, InputStream, IOException}
import java.nio.ByteBuffer

/** One frame of the protocol; docs/protocol.md describes it. */
final case class Frame(
    kind: Int,
    flags: Int,
    stream: Int,
    meta: Array[Byte],
    payload: Array[Byte])

/** The other side broke the rules of frames; where the next one begins is unknown. */
class FrameException(message: String) extends IOException(message)

object Frame {
  val HeaderSize = 16
  val MetaMax = 256 * 1024
  val PayloadMax = 64 * 1024
  val FlagDescriptor = 1

  val Nothing: Array[Byte] = Array.emptyByteArray

  def encode(frame: Frame): ByteBuffer = {
    val length = frame.meta.length + frame.payload.length
    val buffer = ByteBuffer.allocate(HeaderSize + length)
    buffer.putInt(length).putShort(frame.kind.toShort).putShort(frame.flags.toShort)
      .putInt(frame.stream).putInt(frame.meta.length)
      .put(frame.meta).put(frame.payload).flip()
    buffer
  }

  /**
   * Reads one frame.
   *
   * @throws java.io.EOFException if the input ends before the frame does
   * @throws FrameException       if it is none
   */
  def decode(input: InputStream): Frame = {
    val data = new DataInputStream(input)
    val length = Integer.toUnsignedLong(data.readInt())
    val kind = data.readUnsignedShort()
    val flags = data.readUnsignedShort()
    val stream = data.readInt()
    val meta = Integer.toUnsignedLong(data.readInt())

    if ((flags & ~FlagDescriptor) != 0) {
      throw new FrameException("unknown flags")
    }
    if (meta > MetaMax) {
      throw new FrameException("metadata too long")
    }
    if (length < meta) {
      throw new FrameException("metadata longer than the frame")
    }
    if (length - meta > PayloadMax) {
      throw new FrameException("payload too long")
    }
    if (flags == FlagDescriptor && length != meta) {
      throw new FrameException("both a payload and a descriptor")
    }
    Frame(kind, flags, stream, bytes(data, meta.toInt), bytes(data, (length - meta).toInt))
  }

  private def bytes(data: DataInputStream, size: Int): Array[Byte] = {
    val bytes = data.readNBytes(size)
    if (bytes.length < size) {
      throw new EOFException(s"the frame ends after ${bytes.length} of $size bytes")
    }
    bytes
  }
}

/** The messages of a driver's link: their numbers. */
object Message {
  val Ping = 3
  val Pong = 4
  val Hello = 64
  val Context = 65
  val Ready = 66
  val Failed = 67
  val Respawn = 68
  val Run = 69
  val Started = 70
  val Refused = 71
  val Result = 72
  val Ack = 73
  val Kill = 74
  val Stop = 75
  val Stopped = 76
  val Resolve = 77
  val Progress = 78
  val Piece = 79
  val Assign = 80
  val Fetch = 81
  val Blob = 82
  val Log = 83
  val Status = 84
  val Logged = 85
  val Complete = 86
  val Completed = 87
  val Thrift = 88
  val ThriftIs = 89
  val Login = 90
  val LoggedIn = 91
  val Tokens = 92
}
