/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.OutputStream
import java.nio.file.{Files, Path}

/**
 * A payload that comes in pieces, ahead of the message that it belongs to: it becomes a file. Of the
 * thread that reads the link.
 *
 * @param folder where it lies; None: where temporary files do
 */
class Spool(folder: Option[Path] = None) {

  private var file: Path = _
  private var output: OutputStream = _
  private var size = 0L

  def add(piece: Array[Byte]): Unit = {
    if (output == null) {
      begin()
    }
    output.write(piece)
    size += piece.length
  }

  private def begin(): Unit = {
    file = folder.map(Files.createTempFile(_, "sparkjob-", ".piece"))
      .getOrElse(Files.createTempFile("sparkjob-", ".piece"))
    output = Files.newOutputStream(file)
    size = 0
  }

  /**
   * The file, which is the caller's from now on.
   *
   * @throws FrameException if it has not that many bytes
   */
  def take(bytes: Long): Path = {
    if (output == null && bytes == 0) {
      begin()
    }
    if (output == null || size != bytes) {
      throw new FrameException(s"$bytes bytes in pieces were told of, $size have come")
    }
    output.close()
    output = null
    file
  }

  /** What has come until now is of no use: the link was broken. */
  def drop(): Unit = if (output != null) {
    output.close()
    output = null
    Files.deleteIfExists(file)
  }
}
