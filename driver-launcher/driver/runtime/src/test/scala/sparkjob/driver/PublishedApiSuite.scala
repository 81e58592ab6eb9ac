/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.lang.invoke.MethodType
import java.lang.reflect.Modifier

import scala.io.Source

import org.junit.Assert._
import org.junit.Assume.assumeTrue
import org.junit.Test

/** The job API is what jars were compiled against that are older than this project. */
class PublishedApiSuite {

  @Test def whatWasPublishedIsThere(): Unit = {
    assumeTrue("2.12".equals(scala.util.Properties.versionNumberString.take(4)))
    var owner: Class[_] = null
    var checked = 0
    val missing = lines.flatMap {
      case Declaration(name, supers) =>
        owner = Class.forName(name, false, getClass.getClassLoader)
        supers.split(' ').filter(_.nonEmpty)
          .filterNot(of => Class.forName(of).isAssignableFrom(owner))
          .map(of => s"$name is no $of")
      case member =>
        checked += 1
        if (members(owner)(member.trim)) Nil else Seq(s"${owner.getName} has no ${member.trim}")
    }
    assertEquals("", missing.mkString("\n"))
    assertTrue(s"$checked members", checked > 200)
  }

  private val Declaration = "class (\\S+)(?: : )?(.*)".r

  private def lines: Seq[String] = {
    val source = Source.fromResource("published-api.txt", getClass.getClassLoader)
    try source.getLines().filterNot(_.startsWith("#")).toVector finally source.close()
  }

  /** As javap prints them: name and descriptor, of static ones with the word before it. */
  private def members(owner: Class[_]): Set[String] = {
    val methods = owner.getDeclaredMethods.toSeq.map { method =>
      val kind = if (Modifier.isStatic(method.getModifiers)) "static " else ""
      kind + method.getName + " " + descriptor(method.getReturnType, method.getParameterTypes)
    }
    val constructors = owner.getDeclaredConstructors.toSeq
      .map(made => "<init> " + descriptor(Void.TYPE, made.getParameterTypes))
    val fields = owner.getDeclaredFields.toSeq.map { field =>
      val kind = if (Modifier.isStatic(field.getModifiers)) "static " else ""
      kind + field.getName + " " + descriptor(field.getType, Array.empty).stripPrefix("()")
    }
    (methods ++ constructors ++ fields).toSet
  }

  private def descriptor(result: Class[_], parameters: Array[Class[_]]): String =
    MethodType.methodType(result, parameters).toMethodDescriptorString
}
