/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.Socket
import java.security.KeyStore
import java.security.cert.{CertificateException, X509Certificate}
import javax.net.ssl._

/** A certificate that Java does not trust; the message is for users. */
class UntrustedException(message: String, cause: Throwable)
  extends CertificateException(message, cause)

/** Java's own trust in servers, which does not say whose certificate it does not trust. */
private class Trust(own: X509ExtendedTrustManager) extends X509ExtendedTrustManager {

  override def checkServerTrusted(chain: Array[X509Certificate], kind: String): Unit =
    named(chain)(own.checkServerTrusted(chain, kind))

  override def checkServerTrusted(
      chain: Array[X509Certificate], kind: String, socket: Socket): Unit =
    named(chain)(own.checkServerTrusted(chain, kind, socket))

  override def checkServerTrusted(
      chain: Array[X509Certificate], kind: String, engine: SSLEngine): Unit =
    named(chain)(own.checkServerTrusted(chain, kind, engine))

  override def checkClientTrusted(chain: Array[X509Certificate], kind: String): Unit =
    own.checkClientTrusted(chain, kind)

  override def checkClientTrusted(
      chain: Array[X509Certificate], kind: String, socket: Socket): Unit =
    own.checkClientTrusted(chain, kind, socket)

  override def checkClientTrusted(
      chain: Array[X509Certificate], kind: String, engine: SSLEngine): Unit =
    own.checkClientTrusted(chain, kind, engine)

  override def getAcceptedIssuers: Array[X509Certificate] = own.getAcceptedIssuers

  private def named(chain: Array[X509Certificate])(check: => Unit): Unit = try {
    check
  } catch {
    case e: CertificateException =>
      val why = Iterator.iterate[Throwable](e)(_.getCause).takeWhile(_ != null)
        .take(Trust.CausesMax).toSeq.last
      val name = chain.headOption.map { certificate =>
        s""""${certificate.getSubjectX500Principal}", issued by """ +
          s""""${certificate.getIssuerX500Principal}","""
      }.getOrElse("of nobody")
      throw new UntrustedException(s"the certificate $name is not trusted: ${why.getMessage} "
        + "(javax.net.ssl.trustStore among the driver's options says whom it trusts)", e)
  }
}

private object Trust {

  private val CausesMax = 10

  /** The sockets of a JVM that nobody has said anything else for. */
  def sockets: SSLSocketFactory = {
    val factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm)
    factory.init(null: KeyStore)
    val trust = factory.getTrustManagers.map {
      case own: X509ExtendedTrustManager => new Trust(own)
      case other => other
    }
    val context = SSLContext.getInstance("TLS")
    context.init(null, trust, null)
    context.getSocketFactory
  }
}
