/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.{ConnectException, InetAddress}
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
 * host itself and its link are refused unless they are listed.
 *
 * @param hosts names, names with ports, addresses, and networks as 10.0.0.0/8
 * @param files folders below which files may be read
 */
class Outbound(hosts: Seq[String], files: Seq[Path]) {
  import Outbound._

  private val networks = hosts.flatMap(network)
  private val names = hosts.map(_.toLowerCase).toSet

  /**
   * To be called with the very address that is connected to.
   *
   * @throws HostRefusedException if it may not be
   */
  def check(host: String, address: InetAddress, port: Int): Unit = {
    val name = host.toLowerCase.stripPrefix("[").stripSuffix("]")
    val listed = names(name) || names(s"$name:$port") || names(s"[$name]:$port") ||
      networks.exists(_.contains(address))
    if (!listed && isNear(address)) {
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

  private def isNear(address: InetAddress): Boolean =
    address.isLoopbackAddress || address.isLinkLocalAddress || address.isMulticastAddress ||
      address.isAnyLocalAddress

  private case class Network(bytes: Array[Byte], bits: Int) {

    def contains(address: InetAddress): Boolean = {
      val other = address.getAddress
      other.length == bytes.length && (0 until bits).forall { i =>
        val mask = 0x80 >> (i % 8)
        (other(i / 8) & mask) == (bytes(i / 8) & mask)
      }
    }
  }

  private val Literal = """([0-9.]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?)(?:/([0-9]{1,3}))?""".r

  /** None for what is no address: no name is looked up here. */
  private def network(text: String): Option[Network] = text match {
    case Literal(address, bits) =>
      Try(InetAddress.getByName(address).getAddress).toOption.map { bytes =>
        Network(bytes, Option(bits).map(_.toInt).getOrElse(bytes.length * 8).min(bytes.length * 8))
      }
    case _ => None
  }
}
