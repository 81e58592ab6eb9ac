/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.IOException
import java.nio.file.Files

import org.apache.hadoop.conf.Configuration
import org.apache.spark.SparkConf
import org.apache.spark.sparkjob.DelegationTokens
import org.junit.Test
import org.junit.Assert._

/** What is told before a KDC is asked; t/clusters/test_kerberos.py has a real one. */
class KerberosSuite {

  private val Principal = "spark.kerberos.principal"
  private val Keytab = "spark.kerberos.keytab"

  private def conf(settings: (String, String)*) = new SparkConf(false).setAll(settings)

  private def refused(environment: Map[String, String], settings: (String, String)*): String =
    assertThrows(classOf[BadSettingException], () =>
      Kerberos.login(conf(settings: _*), new Configuration(false), environment)).getMessage

  @Test def mistakesAreNamed(): Unit = {
    val keytab = Files.createTempFile("sparkjob-", ".keytab")
    try {
      val none = Map.empty[String, String]
      assertTrue(refused(none, Principal -> "me@R").contains("spark.kerberos.keytab is not"))
      assertTrue(refused(none, Keytab -> "/k").contains("spark.kerberos.principal is not"))
      assertTrue(refused(none, Principal -> "me@R", Keytab -> "/no/such")
        .contains("keytab /no/such"))
      for (name <- Seq(keytab.toString, keytab.toUri.toString)) {
        assertTrue(refused(none, Principal -> "me@R", Keytab -> name)
          .contains("hadoop.security.authentication = simple"))
      }
      val tickets = refused(Map("KRB5CCNAME" -> keytab.toString, "KRB5PRINCIPAL" -> "me@R"))
      assertTrue(tickets, tickets.contains("the cluster has the principal me@R, but"))
    } finally {
      Files.delete(keytab)
    }
  }

  @Test def nothingIsAskedOfWhoHasNoPrincipal(): Unit = {
    def login(environment: (String, String)*) =
      Kerberos.login(conf(), throw new AssertionError("its Hadoop is looked at"), environment.toMap)
    assertEquals(None, login())
    assertEquals(None, login("KRB5CCNAME" -> "/somebody's"))
  }

  @Test def whoActsForOthersGivesNoTokensOfItsOwn(): Unit = {
    val both = conf(Principal -> "me@R", Keytab -> "/k", "spark.a" -> "b")
    val older =
      conf("spark.yarn.principal" -> "me@R", "spark.yarn.keytab" -> "/k", "spark.a" -> "b")
    for (conf <- Seq(both, older)) {
      assertEquals(Seq("spark.a" -> "b"), Kerberos.impersonating(conf).getAll.toSeq)
    }
  }

  @Test def aRefusalIsToldFromAnAbsence(): Unit = {
    val said = new IOException("User: a@R is not allowed to impersonate b")
    assertTrue(DelegationTokens.isRefusal(new IOException("no token", said)))
    assertFalse(DelegationTokens.isRefusal(new IOException("Connection refused")))
    assertEquals(said.getMessage, Kerberos.reason(new IOException("no token", said)))
  }
}
