/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{InputStream, IOException}
import java.net.{InetSocketAddress, Socket, URI}

import org.apache.http.{HttpHost, HttpStatus}
import org.apache.http.client.ClientProtocolException
import org.apache.http.client.config.RequestConfig
import org.apache.http.client.methods.{CloseableHttpResponse, HttpGet}
import org.apache.http.config.RegistryBuilder
import org.apache.http.conn.socket.{ConnectionSocketFactory, PlainConnectionSocketFactory}
import org.apache.http.conn.ssl.SSLConnectionSocketFactory
import org.apache.http.impl.client.HttpClients
import org.apache.http.impl.conn.PoolingHttpClientConnectionManager
import org.apache.http.protocol.HttpContext

/**
 * Fetches by HTTP, from where that is allowed. Each connection is checked when it is made, with the
 * address that it goes to: that of a redirect, too, and whatever a name server says next time.
 */
class Web(outbound: Outbound) {
  import Web._

  private val client = {
    val config = RequestConfig.custom.setConnectTimeout(ConnectTimeout)
      .setSocketTimeout(ReadTimeout).setMaxRedirects(RedirectsMax).build()
    val factories = RegistryBuilder.create[ConnectionSocketFactory]
      .register("http", new Checked(PlainConnectionSocketFactory.getSocketFactory))
      .register("https", new Checked(new SSLConnectionSocketFactory(
        Trust.sockets, SSLConnectionSocketFactory.getDefaultHostnameVerifier))).build()
    HttpClients.custom.setDefaultRequestConfig(config).setUserAgent("sparkjob")
      .setConnectionManager(new PoolingHttpClientConnectionManager(factories))
      .disableCookieManagement().disableAuthCaching().disableContentCompression().build()
  }

  /**
   * Gets a URI, unless it is as it was.
   *
   * @param state  what `changed` was told the last time, or nothing
   * @param changed gets what tells this version from others, and the content
   * @throws HostRefusedException if a host may not be reached
   */
  def get(uri: URI, state: String)(changed: (String, InputStream) => Unit): Unit = {
    val request = new HttpGet(uri)
    Validators.zip(state.split("\n", -1)).foreach { case ((_, header), value) =>
      if (value.nonEmpty) {
        request.setHeader(header, value)
      }
    }
    val response = try {
      client.execute(request)
    } catch {
      case e: IOException => throw explained(uri, e)
    }
    try {
      response.getStatusLine.getStatusCode match {
        case HttpStatus.SC_NOT_MODIFIED if state.nonEmpty =>
        case HttpStatus.SC_OK if response.getEntity != null =>
          changed(validators(response), response.getEntity.getContent)
        case _ => throw new IOException(s"$uri is answered by ${response.getStatusLine}")
      }
    } finally {
      response.close()
    }
  }

  private def validators(response: CloseableHttpResponse): String = Validators.map {
    case (name, _) => Option(response.getFirstHeader(name)).map(_.getValue).getOrElse("")
  }.mkString("\n")

  /** Exceptions of connections have those that tell the reason inside. */
  private def explained(uri: URI, e: IOException): IOException = {
    Iterator.iterate[Throwable](e)(_.getCause).takeWhile(_ != null).take(CausesMax)
      .collectFirst {
        case refused: HostRefusedException => refused
        case untrusted: UntrustedException =>
          new IOException(s"$uri cannot be fetched: ${untrusted.getMessage}", e)
      }
      .getOrElse(new IOException(s"$uri cannot be fetched: ${reason(e)}", e))
  }

  private def reason(e: IOException): Throwable = e match {
    case protocol: ClientProtocolException if protocol.getCause != null => protocol.getCause
    case other => other
  }

  private class Checked(factory: ConnectionSocketFactory) extends ConnectionSocketFactory {

    override def createSocket(context: HttpContext): Socket = factory.createSocket(context)

    override def connectSocket(
        timeout: Int,
        socket: Socket,
        host: HttpHost,
        remote: InetSocketAddress,
        local: InetSocketAddress,
        context: HttpContext): Socket = {
      outbound.check(host.getHostName, remote.getAddress, remote.getPort)
      factory.connectSocket(timeout, socket, host, remote, local, context)
    }
  }
}

private object Web {
  val ConnectTimeout = 10000
  val ReadTimeout = 30000
  val RedirectsMax = 5
  val CausesMax = 10

  /** Headers that tell one version from another, and those that ask for another one. */
  val Validators: Seq[(String, String)] =
    Seq("ETag" -> "If-None-Match", "Last-Modified" -> "If-Modified-Since")
}
