/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, FileNotFoundException, IOException}
import java.nio.file.{InvalidPathException, NoSuchFileException, Path}

/**
 * The files that clients have uploaded for jobs to read. Whose path a job asks for often comes with
 * a request, which must not be able to name other files of the host.
 *
 * @param folder where they lie; None: the launcher has told of none
 * @param fetch  has them brought here, where the launcher is on another host
 */
class DataFiles(folder: Option[Path], fetch: Option[String => File] = None) {

  /**
   * @param name the path that the upload was answered with, or one below the folder
   * @throws IOException if there is no such file, or it is no data file
   */
  def get(name: String): File = fetch.map(_(name)).getOrElse(find(name))

  private def find(name: String): File = {
    val file = folder.map(resolve(_, name)).getOrElse(
      throw new FileNotFoundException(s"There is no data file $name: the server has none"))
    if (!file.isFile) {
      throw new FileNotFoundException(s"There is no data file $name on this host")
    }
    file
  }

  private def resolve(folder: Path, name: String): File = {
    try {
      val file = folder.resolve(name).normalize
      if (!file.startsWith(folder) || !file.toRealPath().startsWith(folder.toRealPath())) {
        throw new IOException(s"$name is no data file: it is not below $folder")
      }
      file.toFile
    } catch {
      case _: NoSuchFileException =>
        throw new FileNotFoundException(s"There is no data file $name on this host")
      case e: InvalidPathException => throw new IOException(e.getMessage, e)
    }
  }
}
