/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{InputStream, IOException, OutputStream}
import java.net.{InetSocketAddress, Socket, StandardProtocolFamily, StandardSocketOptions}
import java.net.{UnixDomainSocketAddress, URI}
import java.nio.ByteBuffer
import java.nio.channels.{Channels, SocketChannel}
import java.nio.file.Path
import java.security.MessageDigest
import java.security.cert.{CertificateException, X509Certificate}
import javax.net.ssl.{SSLContext, SSLEngine, SSLSocket, TrustManager, X509ExtendedTrustManager}

import scala.util.Try

import jdk.net.ExtendedSocketOptions

/** A connection to the launcher; one thread may read it while another one writes. */
trait Connection extends AutoCloseable {

  def input: InputStream

  def write(frames: Array[ByteBuffer]): Unit
}

/** Where a launcher listens. */
trait Endpoint {

  /** @throws java.io.IOException if there is no launcher, or somebody else */
  def connect(): Connection

  /** Whether it is on this host for certain, so that files can be passed by their names. */
  def passesFiles: Boolean
}

object Endpoint {

  /**
   * @param url tls://host:port, or tcp://host:port
   * @param pin of the launcher's key, which tls needs
   * @throws IllegalArgumentException if they are none
   */
  def parse(url: String, pin: Option[String]): Endpoint = {
    val uri = Try(new URI(url)).getOrElse(throw new IllegalArgumentException(s"no URL: $url"))
    if (uri.getHost == null || uri.getPort <= 0) {
      throw new IllegalArgumentException(s"no URL with host and port: $url")
    }
    val host = uri.getHost.stripPrefix("[").stripSuffix("]")
    (uri.getScheme, pin) match {
      case ("tcp", _) => new TcpEndpoint(host, uri.getPort)
      case ("tls", Some(pin)) => new TlsEndpoint(host, uri.getPort, pin)
      case ("tls", None) => throw new IllegalArgumentException(s"no key is known for $url")
      case _ => throw new IllegalArgumentException(s"neither tls nor tcp: $url")
    }
  }
}

/** The socket of a launcher on this host. */
class UnixEndpoint(path: Path) extends Endpoint {

  override def connect(): Connection = {
    val channel = SocketChannel.open(StandardProtocolFamily.UNIX)
    try {
      channel.connect(UnixDomainSocketAddress.of(path))
      new ChannelConnection(channel)
    } catch {
      case e: IOException =>
        channel.close()
        throw e
    }
  }

  override def passesFiles: Boolean = true

  override def toString: String = path.toString
}

private class ChannelConnection(channel: SocketChannel) extends Connection {

  override val input: InputStream = Channels.newInputStream(channel)

  override def write(frames: Array[ByteBuffer]): Unit = {
    var first = 0
    while (first < frames.length) {
      channel.write(frames, first, frames.length - first)
      while (first < frames.length && !frames(first).hasRemaining) {
        first += 1
      }
    }
  }

  override def close(): Unit = channel.close()
}

/** A launcher that is reached without leaving the host: nobody can listen in between. */
class TcpEndpoint(host: String, port: Int) extends Endpoint {
  import TcpEndpoint._

  override def connect(): Connection = {
    val socket = new Socket
    try {
      socket.setTcpNoDelay(true)
      keepAlive(socket)
      // looked up each time: a launcher may have moved
      socket.connect(new InetSocketAddress(host, port), ConnectMax)
      new SocketConnection(open(socket))
    } catch {
      case e: IOException =>
        socket.close()
        throw e
    }
  }

  protected def open(socket: Socket): Socket = socket

  /** Only the launcher asks whether the other one lives: without this a cut would go unnoticed. */
  private def keepAlive(socket: Socket): Unit = {
    socket.setOption[java.lang.Boolean](StandardSocketOptions.SO_KEEPALIVE, true)
    socket.setOption[Integer](ExtendedSocketOptions.TCP_KEEPIDLE, 30)
    socket.setOption[Integer](ExtendedSocketOptions.TCP_KEEPINTERVAL, 15)
    socket.setOption[Integer](ExtendedSocketOptions.TCP_KEEPCOUNT, 4)
  }

  override def passesFiles: Boolean = false

  override def toString: String = s"$host:$port"
}

private object TcpEndpoint {
  val ConnectMax = 10000
}

/** A launcher that has to show its key, by TLS 1.3. */
class TlsEndpoint(host: String, port: Int, pin: String) extends TcpEndpoint(host, port) {

  private val context = SSLContext.getInstance("TLSv1.3")
  context.init(null, Array[TrustManager](new PinnedKey(pin)), null)

  override protected def open(socket: Socket): Socket = {
    val tls = context.getSocketFactory.createSocket(socket, host, port, true)
      .asInstanceOf[SSLSocket]
    tls.setEnabledProtocols(Array("TLSv1.3"))
    tls.setSoTimeout(TcpEndpoint.ConnectMax)
    tls.startHandshake()
    tls.setSoTimeout(0)
    tls
  }
}

private class SocketConnection(socket: Socket) extends Connection {

  override val input: InputStream = socket.getInputStream

  private val output: OutputStream = socket.getOutputStream

  override def write(frames: Array[ByteBuffer]): Unit = {
    val bytes = new Array[Byte](frames.map(_.remaining).sum)
    val all = ByteBuffer.wrap(bytes)
    frames.foreach(all.put(_))
    output.write(bytes)
    output.flush()
  }

  override def close(): Unit = socket.close()
}

/**
 * Trusts a server that has the one key, whose SHA-256 is known, and nobody else. Names, dates and
 * authorities say nothing more about it.
 */
private class PinnedKey(pin: String) extends X509ExtendedTrustManager {

  private val expected = pin.getBytes("US-ASCII")

  private def check(chain: Array[X509Certificate]): Unit = {
    val digest = MessageDigest.getInstance("SHA-256").digest(chain(0).getPublicKey.getEncoded)
    val shown = digest.map(byte => f"${byte & 0xff}%02x").mkString
    if (!MessageDigest.isEqual(shown.getBytes("US-ASCII"), expected)) {
      throw new CertificateException("whoever listens there has not the launcher's key")
    }
  }

  private def noClients(): Nothing = throw new CertificateException("a driver is no server")

  override def checkServerTrusted(
      chain: Array[X509Certificate], kind: String, socket: Socket): Unit = check(chain)

  override def checkServerTrusted(
      chain: Array[X509Certificate], kind: String, engine: SSLEngine): Unit = check(chain)

  override def checkServerTrusted(chain: Array[X509Certificate], kind: String): Unit = check(chain)

  override def checkClientTrusted(
      chain: Array[X509Certificate], kind: String, socket: Socket): Unit = noClients()

  override def checkClientTrusted(
      chain: Array[X509Certificate], kind: String, engine: SSLEngine): Unit = noClients()

  override def checkClientTrusted(chain: Array[X509Certificate], kind: String): Unit = noClients()

  override def getAcceptedIssuers: Array[X509Certificate] = Array.empty
}
