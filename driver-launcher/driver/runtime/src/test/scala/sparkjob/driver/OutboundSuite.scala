/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.net.{InetAddress, NetworkInterface}

import scala.collection.JavaConverters._

import org.junit.Assert._
import org.junit.Test

/** The rules of the launcher's sjl_outbound.c, in the driver. */
class OutboundSuite {

  private def permits(rule: String, host: String, address: String, port: Int): Boolean = {
    try {
      new Outbound(Seq(rule), Nil).check(host, InetAddress.getByName(address), port)
      true
    } catch {
      case _: HostRefusedException => false
    }
  }

  @Test def addressesPermitWhateverNameResolvesToThem(): Unit = {
    for ((rule, host, address, port) <- Seq(("127.0.0.1:9199", "localhost", "127.0.0.1", 9199),
        ("127.0.0.1:9199", "127.0.0.1", "127.0.0.1", 9199), ("127.0.0.1", "a", "127.0.0.1", 1),
        ("[::1]:9199", "localhost", "::1", 9199), ("[::1]", "a", "::1", 1), ("::1", "a", "::1", 1),
        ("127.0.0.0/8", "a", "127.9.9.9", 1), ("::ffff:127.0.0.0/104", "a", "127.9.9.9", 1),
        ("fe80::/10", "a", "fe80::1", 1), ("LocalHost:9199", "localhost.", "127.0.0.1", 9199),
        ("localhost", "LOCALHOST", "::1", 7), ("dead:80", "dead", "127.0.0.1", 80))) {
      assertTrue(s"$rule $host", permits(rule, host, address, port))
    }
    for ((rule, host, address, port) <- Seq(("127.0.0.1:9199", "localhost", "127.0.0.1", 9198),
        ("127.0.0.1:9199", "localhost", "::1", 9199), ("[::1]:9199", "a", "::1", 9198),
        ("localhost:9199", "localhost", "127.0.0.1", 9198), ("127.0.0.2", "a", "127.0.0.1", 1),
        ("10.0.0.0/8", "a", "127.0.0.1", 1), ("localhost", "a", "127.0.0.1", 1),
        ("::ffff:127.0.0.0/112", "a", "127.9.9.9", 1))) {
      assertFalse(s"$rule $host", permits(rule, host, address, port))
    }
  }

  @Test def addressesThatStandForThisHostAreRefused(): Unit = {
    for (address <- Seq("0.0.0.0", "0.1.2.3", "127.1.2.3", "169.254.169.254", "224.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1",
        "64:ff9b::127.0.0.1", "2002:7f00:1::1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd20:ce::254", "64:ff9b:1::7f00:1", "2001:0:1::1",
        "::ffff:0:127.0.0.1", "::ffff:0:169.254.169.254")) {
      assertFalse(address, permits("10.0.0.1", "a", address, 80))
    }
    for (address <- Seq("10.1.2.3", "192.168.1.1", "8.8.8.8", "2001:db8::1", "64:ff9b::8.8.8.8",
        "2002:808:808::1", "fd00::1", "100.100.100.201", "fd01:ec2::254", "2001:4860::1",
        "::ffff:0:8.8.8.8")) {
      assertTrue(address, permits("10.0.0.1", "a", address, 80))
    }
  }

  @Test def addressesOfThisHostsOwnInterfacesAreRefused(): Unit = {
    val own = NetworkInterface.getNetworkInterfaces.asScala.flatMap(_.getInetAddresses.asScala)
      .map(_.getHostAddress.takeWhile(_ != '%')).toSeq
    for (address <- own) {
      assertFalse(address, permits("10.255.255.254", "a", address, 80))
      assertTrue(address, permits(address, "a", address, 80))
    }
    for (address <- own if !address.contains(":")) {
      assertFalse(address, permits("10.255.255.254", "a", s"64:ff9b::$address", 80))
    }
  }
}
