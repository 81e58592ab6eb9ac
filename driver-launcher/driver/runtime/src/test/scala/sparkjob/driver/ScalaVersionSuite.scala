/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.File
import java.nio.file.{Files, Path}
import java.util.Comparator
import java.util.zip.{ZipEntry, ZipOutputStream}

import org.apache.xbean.asm9.{Attribute, ByteVector, ClassWriter, Opcodes}
import org.junit.{After, Test}
import org.junit.Assert._

class ScalaVersionSuite {
  import ScalaVersionSuite._

  private val root: Path = Files.createTempDirectory("sparkjob-")

  @After def sweep(): Unit =
    Files.walk(root).sorted(Comparator.reverseOrder[Path]).forEach(path => Files.delete(path))

  private def jar(classes: (String, Array[Byte])*): Binary = {
    val file = Files.createTempFile(root, "a", ".jar")
    val out = new ZipOutputStream(Files.newOutputStream(file))
    classes.foreach { case (name, bytes) =>
      out.putNextEntry(new ZipEntry(s"$name.class"))
      out.write(bytes)
    }
    out.close()
    Binary("app", "Jar", file.toFile, file.getFileName.toString)
  }

  private def refused(own: String, binary: Binary): String =
    assertThrows(own, classOf[LoadingException], () => new ScalaVersion(own).check(binary))
      .getMessage

  private def fits(own: String, binary: Binary): Unit = new ScalaVersion(own).check(binary)

  @Test def referencesTell(): Unit = {
    val old = jar("my/Job" -> written(calls = Seq(
      ("scala/Predef$", "wrapRefArray", "([Ljava/lang/Object;)Lscala/collection/mutable/WrappedArray;"))))
    val now = jar("my/Job" -> written(calls = Seq(
      ("scala/Predef$", "wrapRefArray", "([Ljava/lang/Object;)Lscala/collection/immutable/ArraySeq;"))))
    assertEquals("app was built for Scala 2.12, and this context runs Scala 2.13: my/Job.class refers " +
      "to scala.collection.mutable.WrappedArray. Build it for Scala 2.13, or use a context with a " +
      "library set for Scala 2.12", refused("2.13", old))
    assertTrue(refused("2.12", now).contains("built for Scala 2.13"))
    fits("2.12", old)
    fits("2.13", now)
  }

  @Test def classesOfReferencesTell(): Unit = {
    val now = jar("my/Job" -> written(calls = Seq(("scala/collection/ArrayOps$", "map$extension", "()V"))))
    assertTrue(refused("2.12", now).contains("refers to scala.collection.ArrayOps$"))
  }

  @Test def signaturesTell(): Unit = {
    val now = jar("my/Job" -> written(signature = Some(2)))
    val old = jar("my/Job" -> written(signature = Some(0)))
    assertTrue(refused("2.12", now).contains("has a signature of format 5.2"))
    assertTrue(refused("2.13", old).contains("built for Scala 2.12"))
    fits("2.12", old)
    fits("2.13", now)
  }

  @Test def olderOnesAreToldByTheirJvm(): Unit = {
    val older = jar("my/Job" -> written(signature = Some(0), java = Opcodes.V1_6))
    assertTrue(refused("2.12", older).contains("built for Scala 2.11"))
    assertTrue(refused("2.13", older).contains("built for Scala 2.11"))
  }

  @Test def whatSaysNothingFits(): Unit = {
    for (own <- Seq("2.12", "2.13")) {
      fits(own, jar("my/Job" -> written()))
      // texts are no references
      fits(own, jar("my/Job" -> written(text = "Lscala/collection/mutable/WrappedArray;")))
      fits(own, jar("my/Job" -> Array[Byte](1, 2, 3), "my/Damaged" -> written(Some(2)).take(40)))
      fits(own, jar("my/Java" -> bytesOf(classOf[java.util.zip.ZipFile])))
    }
  }

  @Test def aJarOfWhichSomeFitsIsTaken(): Unit = {
    val both = jar("other/Lib" -> written(signature = Some(2)), "my/Job" -> written(signature = Some(0)))
    fits("2.12", both)
    fits("2.13", both)
  }

  @Test def scalaItselfDoesNotCount(): Unit = {
    val bundle = jar("scala/Some" -> written(signature = Some(0)), "my/Job" -> written(signature = Some(2)))
    assertTrue(refused("2.12", bundle).contains("my/Job.class"))
  }

  @Test def aFileIsReadOnceForEachHash(): Unit = {
    val version = new ScalaVersion("2.12")
    val now = jar("my/Job" -> written(signature = Some(2)))
    assertThrows(classOf[LoadingException], () => version.check(now))
    Files.delete(now.file.toPath)
    assertThrows(classOf[LoadingException], () => version.check(now.copy(name = "another")))
  }

  @Test def whatIsNoJarIsRefused(): Unit = {
    val text = Files.write(root.resolve("notes.txt"), "no archive".getBytes).toFile
    val why = refused("2.12", Binary("notes.txt", "Jar", text, "1"))
    assertTrue(why, why.startsWith("notes.txt is no jar, or a damaged one: "))
  }

  @Test def whatCannotBeReadIsLookedAtAgain(): Unit = {
    val version = new ScalaVersion("2.12")
    val now = jar("my/Job" -> written(signature = Some(2)))
    version.check(now.copy(file = root.resolve("gone.jar").toFile))
    version.check(now.copy(file = root.toFile))
    assertThrows(classOf[LoadingException], () => version.check(now))
  }

  /** What this very compiler makes, and the jars of which Spark is made. */
  @Test def ownClassesFit(): Unit = {
    fits(ScalaVersion.Own, jar("my/Job" -> bytesOf(classOf[ScalaVersionSuite])))
    val other = if (ScalaVersion.Own == "2.12") "2.13" else "2.12"
    assertTrue(refused(other, jar("my/Job" -> bytesOf(classOf[ScalaVersionSuite])))
      .contains(s"built for Scala ${ScalaVersion.Own}"))
    val spark = new File(classOf[org.apache.spark.SparkContext].getProtectionDomain.getCodeSource
      .getLocation.toURI)
    fits(ScalaVersion.Own, Binary("spark", "Jar", spark, "spark"))
    assertTrue(refused(other, Binary("spark", "Jar", spark, "s")).contains(ScalaVersion.Own))
  }

  private def bytesOf(c: Class[_]): Array[Byte] = {
    val input = c.getResourceAsStream(s"/${c.getName.replace('.', '/')}.class")
    try input.readAllBytes() finally input.close()
  }
}

private object ScalaVersionSuite {

  private class Signature(minor: Int) extends Attribute("ScalaSig") {
    override def write(c: ClassWriter, code: Array[Byte], n: Int, stack: Int, locals: Int): ByteVector =
      new ByteVector().putByte(5).putByte(minor).putByte(0)
  }

  /** A class file. */
  def written(
      signature: Option[Int] = None,
      calls: Seq[(String, String, String)] = Nil,
      text: String = "text",
      java: Int = Opcodes.V1_8): Array[Byte] = {
    val writer = new ClassWriter(ClassWriter.COMPUTE_MAXS)
    writer.visit(java, Opcodes.ACC_PUBLIC, "my/Job", null, "java/lang/Object", null)
    signature.foreach(minor => writer.visitAttribute(new Signature(minor)))
    writer.visitField(Opcodes.ACC_STATIC | Opcodes.ACC_FINAL, "big", "J", null, 1L << 40).visitEnd()
    val method = writer.visitMethod(Opcodes.ACC_STATIC, "m", "()V", null, null)
    method.visitCode()
    method.visitLdcInsn(text)
    method.visitInsn(Opcodes.POP)
    calls.foreach { case (owner, name, descriptor) =>
      method.visitInsn(Opcodes.ACONST_NULL)
      method.visitMethodInsn(Opcodes.INVOKESTATIC, owner, name, descriptor, false)
      if (!descriptor.endsWith(")V")) {
        method.visitInsn(Opcodes.POP)
      }
    }
    method.visitInsn(Opcodes.RETURN)
    method.visitMaxs(0, 0)
    method.visitEnd()
    writer.visitEnd()
    writer.toByteArray
  }
}
