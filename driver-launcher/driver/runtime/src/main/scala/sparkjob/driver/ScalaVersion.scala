/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{ByteArrayInputStream, DataInputStream, File, IOException}
import java.util.LinkedHashMap
import java.util.{Map => JMap}
import java.util.zip.{ZipEntry, ZipException, ZipFile}

import scala.collection.JavaConverters._
import scala.util.Properties
import scala.util.control.NonFatal

/** What a class tells of the Scala that it was compiled by, and by what of it. */
final case class ScalaTrace(version: String, by: String)

/**
 * Refuses what is no jar, and jars of another Scala: they would fail by a NoSuchMethodError somewhere in a job.
 *
 * A class refers to classes of Scala's library that other versions of it do not have, and tells
 * the format of its signature (attribute `ScalaSig`). A jar in which some class fits is taken:
 * it may hold more than it needs. Classes of Java, and those that say nothing, fit all.
 */
class ScalaVersion(own: String) {
  import ScalaVersion._

  // by hash: what is wrong, None: nothing; guarded by itself
  private val known = new LinkedHashMap[String, Option[String]](16, 0.75f, true) {
    override def removeEldestEntry(eldest: JMap.Entry[String, Option[String]]): Boolean =
      size > KnownMax
  }

  /** @throws LoadingException if it is no jar, or was built for another Scala */
  def check(binary: Binary): Unit = {
    val seen = known.synchronized(Option(known.get(binary.sha256)))
    seen.getOrElse(look(binary)).foreach { why =>
      throw new LoadingException(s"${binary.name} $why")
    }
  }

  private def look(binary: Binary): Option[String] = {
    try {
      val found = ScalaVersion.open(binary.file) match {
        case Left(why) => Some(why)
        case Right(zip) => try wrong(traces(zip)) finally zip.close()
      }
      known.synchronized(known.put(binary.sha256, found))
      found
    } catch {
      // damaged, or gone meanwhile: whoever loads a class of it says what is the matter
      case NonFatal(_) => None
    }
  }

  /** Of each class that tells, read as far as somebody asks. */
  private def traces(zip: ZipFile): Iterator[(String, ScalaTrace)] = {
    var left = BytesMax
    zip.entries.asScala.filter(isOfUser).take(ClassesMax).takeWhile { entry =>
      left -= entry.getSize
      left >= 0
    }.flatMap { entry =>
      val input = zip.getInputStream(entry)
      val bytes = try input.readNBytes(ClassMax) finally input.close()
      trace(bytes).map(entry.getName -> _)
    }
  }

  private def wrong(traces: Iterator[(String, ScalaTrace)]): Option[String] = {
    var first: Option[(String, ScalaTrace)] = None
    val fits = traces.exists { found =>
      first = first.orElse(Some(found))
      found._2.version == own
    }
    first.filterNot(_ => fits).map { case (name, trace) =>
      s"was built for Scala ${trace.version}, and this context runs Scala $own: $name ${trace.by}. " +
        s"Build it for Scala $own, or use a context with a library set for Scala ${trace.version}"
    }
  }
}

object ScalaVersion {

  private val KnownMax = 1024
  private val ClassesMax = 4096
  private val BytesMax = 64L << 20
  private val ClassMax = 4 << 20

  /** What a jar is, or why a file is none. */
  private def open(file: File): Either[String, ZipFile] = {
    try {
      Right(new ZipFile(file))
    } catch {
      case e: ZipException => Left(s"is no jar, or a damaged one: ${e.getMessage}")
    }
  }

  /** Of the library that this JVM has, as 2.12. */
  val Own: String = Properties.versionNumberString.split('.').take(2).mkString(".")

  /** Those of Scala itself, which some jars bring, are Spark's in any case. */
  private def isOfUser(entry: ZipEntry): Boolean = {
    val name = entry.getName
    name.endsWith(".class") && !name.startsWith("scala/") && !name.startsWith("META-INF/")
  }

  private val Collection = "scala/collection/"

  /** Classes that one version has and the next has not, by the version. */
  private val Names: Map[String, String] = {
    val old = Seq("scala/Serializable", "scala/runtime/StringAdd") ++ Seq("generic/CanBuildFrom",
      "GenTraversableOnce", "GenIterable", "GenSeq", "GenSet", "GenMap", "Traversable",
      "TraversableOnce", "TraversableLike", "IterableLike", "SeqLike", "SetLike", "MapLike",
      "LinearSeqOptimized", "IndexedSeqOptimized", "JavaConversions", "immutable/Traversable",
      "immutable/StringOps", "mutable/ArrayOps", "mutable/WrappedArray").map(Collection + _)
    val now = Seq("scala/runtime/ModuleSerializationProxy") ++ Seq("ArrayOps", "StringOps",
      "IterableOnce", "IterableOnceOps", "IterableOps", "IterableFactory", "SeqOps", "SetOps",
      "MapOps", "LinearSeqOps", "IndexedSeqOps", "SeqFactory", "MapFactory", "BuildFrom",
      "Factory", "SeqMap", "WithFilter", "StrictOptimizedSeqOps", "immutable/ArraySeq",
      "immutable/LazyList").map(Collection + _)
    (old.map(_ -> "2.12") ++ now.map(_ -> "2.13")).toMap
  }

  private val Descriptor = "L([^;<]+)".r

  /** What a class file tells, None: nothing, or it is none. */
  def trace(bytes: Array[Byte]): Option[ScalaTrace] = {
    try {
      new ClassFile(new DataInputStream(new ByteArrayInputStream(bytes))).trace
    } catch {
      // damaged, by whatever means: the JVM will say so when it is to load it
      case NonFatal(_) => None
    }
  }

  /** As far as it matters here; the format is that of the JVM's specification, chapter 4. */
  private class ClassFile(in: DataInputStream) {
    private val magic = in.readInt()
    private val major = { in.readUnsignedShort(); in.readUnsignedShort() }
    private val texts = new Array[String](in.readUnsignedShort())
    // indices of texts that are names of classes, and types
    private val classes = Seq.newBuilder[Int]
    private val types = Seq.newBuilder[Int]

    if (magic != Magic) {
      throw new IOException("no class")
    }
    readConstants()

    def trace: Option[ScalaTrace] = {
      val names = classes.result().iterator.map(texts(_)) ++
        types.result().iterator.flatMap(i => Descriptor.findAllMatchIn(texts(i)).map(_.group(1)))
      // an object's class is that of its companion with a sign behind it
      val known = names.flatMap { name =>
        Names.get(name.stripSuffix("$")).map(ScalaTrace(_, s"refers to ${name.replace('/', '.')}"))
      }
      // what 2.12 refers to, 2.11 did, for older JVMs
      known.take(1).toSeq.headOption.orElse(signature()).map { trace =>
        if (trace.version == "2.12" && major < Java8) trace.copy(version = "2.11") else trace
      }
    }

    private def readConstants(): Unit = {
      var i = 1
      while (i < texts.length) {
        val tag = in.readUnsignedByte()
        tag match {
          case Utf8 => texts(i) = in.readUTF()
          case ClassName => classes += in.readUnsignedShort()
          case NameAndType =>
            in.readUnsignedShort()
            types += in.readUnsignedShort()
          case MethodType => types += in.readUnsignedShort()
          case _ => skip(Sizes.getOrElse(tag, throw new IOException(s"constant $tag")))
        }
        // a quirk of the format: these count as two
        i += (if (tag == LongConstant || tag == DoubleConstant) 2 else 1)
      }
    }

    /** Scala 2.13 has another minor version of the format than those before. */
    private def signature(): Option[ScalaTrace] = {
      skip(6)
      skip(2L * in.readUnsignedShort())
      for (_ <- 1 to 2; _ <- 1 to in.readUnsignedShort()) {
        skip(6)
        attributes().foreach(_ => ())
      }
      attributes().collectFirst {
        case ("ScalaSig", Array(5, minor, _*)) =>
          ScalaTrace(if (minor >= 2) "2.13" else "2.12", s"has a signature of format 5.$minor")
      }
    }

    /** Those of a field, a method or the class; only a signature is short and of interest. */
    private def attributes(): Seq[(String, Array[Byte])] = (1 to in.readUnsignedShort()).map { _ =>
      val name = texts(in.readUnsignedShort())
      val size = Integer.toUnsignedLong(in.readInt())
      if (name == "ScalaSig" && size <= SignatureMax) {
        (name, in.readNBytes(size.toInt))
      } else {
        skip(size)
        (name, Array.empty[Byte])
      }
    }

    private def skip(bytes: Long): Unit = in.skipNBytes(bytes)
  }

  private val Magic = 0xCAFEBABE
  private val Java8 = 52
  private val SignatureMax = 16

  private val Utf8 = 1
  private val LongConstant = 5
  private val DoubleConstant = 6
  private val ClassName = 7
  private val NameAndType = 12
  private val MethodType = 16

  /** Of constants that are not looked into: what is behind their tags. */
  private val Sizes: Map[Int, Long] = Map(3 -> 4L, 4 -> 4L, LongConstant -> 8L,
    DoubleConstant -> 8L, 8 -> 2L, 9 -> 4L, 10 -> 4L, 11 -> 4L, 15 -> 3L, 17 -> 4L, 18 -> 4L,
    19 -> 2L, 20 -> 2L)
}
