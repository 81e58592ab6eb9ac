/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.util.concurrent.{CountDownLatch, Executors, TimeoutException, TimeUnit}
import java.util.concurrent.atomic.AtomicInteger

import scala.concurrent.duration._

import org.junit.{After, Test}
import org.junit.Assert._

import spark.jobserver.{NamedObject, NamedObjectPersister}

class JobNamedObjectsSuite {

  private case class Thing(value: Int) extends NamedObject

  private class Persister extends NamedObjectPersister[Thing] {
    @volatile var kept = Set.empty[Thing]
    override def persist(thing: Thing, name: String): Unit = synchronized(kept += thing)
    override def refresh(thing: Thing): Thing = thing
    override def unpersist(thing: Thing): Unit = synchronized(kept -= thing)
  }

  private implicit val persister: Persister = new Persister
  private val objects = new JobNamedObjects
  private val pool = Executors.newCachedThreadPool()

  @After def end(): Unit = pool.shutdownNow()

  @Test def onlyOneOfManyMakesTheObject(): Unit = {
    val made = new AtomicInteger
    val all = (1 to 20).map { _ =>
      pool.submit(() => objects.getOrElseCreate("x", {
        Thread.sleep(50)
        Thing(made.incrementAndGet())
      }))
    }
    assertEquals(Set(Thing(1)), all.map(_.get(100, TimeUnit.SECONDS)).toSet)
    assertEquals(1, made.get)
  }

  @Test def whoWaitsTriesWhenTheMakerFails(): Unit = {
    val making = new CountDownLatch(1)
    val first = pool.submit(() => objects.getOrElseCreate[Thing]("x", {
      making.countDown()
      Thread.sleep(200)
      throw new IllegalStateException("cannot")
    }))
    making.await()
    assertEquals(Thing(2), objects.getOrElseCreate("x", Thing(2)))
    val e = assertThrows(classOf[java.util.concurrent.ExecutionException],
      () => first.get(100, TimeUnit.SECONDS))
    assertEquals("cannot", e.getCause.getMessage)
    assertEquals(Some(Thing(2)), objects.get[Thing]("x"))
  }

  @Test def waitingHasALimit(): Unit = {
    val making = new CountDownLatch(1)
    val end = new CountDownLatch(1)
    pool.submit(() => objects.getOrElseCreate("x", { making.countDown(); end.await(); Thing(1) }))
    making.await()
    val e = assertThrows(classOf[TimeoutException], () => objects.get[Thing]("x")(50.millis))
    assertTrue(e.getMessage, e.getMessage.contains("x"))
    assertEquals(Nil, objects.getNames().toList)
    end.countDown()
    assertEquals(Some(Thing(1)), objects.get[Thing]("x"))
  }

  @Test def manyObjectsStay(): Unit = {
    (1 to 5000).foreach(n => objects.update(s"n$n", Thing(n)))
    assertEquals(5000, objects.getNames().size)
    assertEquals(Some(Thing(1)), objects.get[Thing]("n1"))
  }

  @Test def updateGivesTheOldOneUp(): Unit = {
    objects.update("x", Thing(1))
    objects.update("x", Thing(2))
    assertEquals(Set(Thing(2)), persister.kept)
    objects.update("x", Thing(2))
    assertEquals(Set(Thing(2)), persister.kept)
    assertThrows(classOf[RuntimeException],
      () => objects.update[Thing]("x", throw new RuntimeException("no")))
    assertEquals(Some(Thing(2)), objects.get[Thing]("x"))
  }

  @Test def forgetKeepsAndDestroyFreesTheMemory(): Unit = {
    objects.update("x", Thing(1))
    objects.forget("x")
    assertEquals((None, Set(Thing(1))), (objects.get[Thing]("x"), persister.kept))
    objects.update("y", Thing(2))
    objects.destroy(Thing(2), "y")
    assertEquals((None, Set(Thing(1))), (objects.get[Thing]("y"), persister.kept))
    objects.destroy(Thing(3), "never")
    objects.forget("never")
  }
}
