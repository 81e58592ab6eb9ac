/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.{ConnectException, InetAddress, NetworkInterface}
import java.nio.file.Path

import scala.collection.JavaConverters._
import scala.util.Try

import com.fasterxml.jackson.databind.JsonNode

/** A host that may not be reached from here; an exception after which another address is tried. */
class HostRefusedException(host: String, address: InetAddress)
  extends ConnectException(s"$host is not allowed: its address ${address.getHostAddress} is one of "
    + "this host or this network, and the launcher's outbound.hosts does not list it")

/**
 * What clients may have the driver fetch, as the launcher's configuration says. Addresses of the
 * host itself and its link are refused unless they are listed; the rules are the launcher's.
 *
 * @param hosts names, addresses, both also with ports, and networks as 10.0.0.0/8
 * @param files folders below which files may be read
 */
class Outbound(hosts: Seq[String], files: Seq[Path]) {
  import Outbound._

  private val rules = hosts.map(rule)

  /**
   * To be called with the very address that is connected to.
   *
   * @throws HostRefusedException if it may not be
   */
  def check(host: String, address: InetAddress, port: Int): Unit = {
    val bytes = whole(address)
    val name = host.toLowerCase.stripSuffix(".")
    if (isNear(bytes) && !rules.exists(_.permits(name, bytes, port))) {
      throw new HostRefusedException(host, address)
    }
  }

  /** Whether a file, of which all symbolic links are resolved, may be read. */
  def allows(file: Path): Boolean =
    files.exists(folder => Try(file.startsWith(folder.toRealPath())).getOrElse(false))
}

object Outbound {

  def apply(node: JsonNode): Outbound = {
    def texts(name: String) = node.path(name).elements.asScala.map(_.asText).toVector
    new Outbound(texts("hosts"), texts("files").map(Path.of(_)))
  }

  /** IPv4 addresses are kept as IPv6, ::ffff:a.b.c.d. */
  private def whole(address: InetAddress): Seq[Byte] = {
    val bytes = address.getAddress.toSeq
    if (bytes.length == V4Bytes) V4 ++ bytes else bytes
  }

  private val V4Bytes = 4
  private val V4: Seq[Byte] = Seq.fill[Byte](10)(0) ++ Seq.fill[Byte](2)(-1)

  private case class Network(bytes: Seq[Byte], bits: Int) {

    def contains(other: Seq[Byte]): Boolean = (0 until bits).forall { i =>
      val mask = 0x80 >> (i % 8)
      (other(i / 8) & mask) == (bytes(i / 8) & mask)
    }
  }

  /** @param of a network, or a name */
  private case class Rule(of: Either[Network, String], port: Option[Int]) {

    def permits(name: String, address: Seq[Byte], port: Int): Boolean =
      this.port.forall(_ == port) && of.fold(_.contains(address), _ == name)
  }

  private val Bracketed = """\[(.*)\](?::([0-9]{1,5}))?""".r
  private val Ported = """([^:]+):([0-9]{1,5})""".r
  private val Literal = """([0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(?:/([0-9]{1,3}))?""".r

  private def rule(text: String): Rule = {
    val (host, port) = text match {
      case Bracketed(address, port) => (address, Option(port))
      case Ported(host, port) => (host, Some(port))
      case _ => (text, None)
    }
    Rule(network(host).toLeft(host.toLowerCase), port.map(_.toInt))
  }

  /** None for what is no address: no name is looked up here. */
  private def network(text: String): Option[Network] = text match {
    case Literal(address, bits) =>
      Try(whole(InetAddress.getByName(address))).toOption.map { bytes =>
        val before = if (address.contains(":")) 0 else V4.length * 8
        Network(bytes, Option(bits).map(_.toInt + before).getOrElse(bytes.length * 8))
      }
    case _ => None
  }

  /**
   * This host, its links, and groups of hosts; what clouds tell their hosts, passwords too, from
   * addresses that are none of a link; networks behind which any of these may be.
   */
  private val Near = Seq("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4",
    "255.255.255.255", "::/127", "fe80::/10", "ff00::/8",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::/32",
    "64:ff9b:1::/48", "2001::/32").flatMap(network)

  /** Where an IPv6 address stands for the IPv4 one that it holds, and at which byte. */
  private val Holders = Seq("::/96" -> 12, "::ffff:0:0:0/96" -> 12, "64:ff9b::/96" -> 12,
    "2002::/16" -> 2).flatMap {
    case (text, at) => network(text).map(_ -> at)
  }

  private def isNear(address: Seq[Byte]): Boolean = Near.exists(_.contains(address)) ||
    Holders.find(_._1.contains(address)).exists { case (_, at) =>
      isNear(V4 ++ address.slice(at, at + V4Bytes))
    } || isOwn(address)

  /** Whether an interface of this host has it, as they are now. */
  private def isOwn(address: Seq[Byte]): Boolean =
    NetworkInterface.getNetworkInterfaces.asScala.flatMap(_.getInetAddresses.asScala)
      .exists(whole(_) == address)
}
