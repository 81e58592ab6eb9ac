/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package sparkjob.driver

import java.io.{File, IOException}
import java.nio.file.Paths
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.concurrent.duration._

import org.junit.Assert._
import org.junit.Test

/** Files of the launcher's for a driver on another host. */
class LauncherFilesSuite {

  @Test def noMoreAreAskedForAtOnceThanTheLauncherAnswers(): Unit = {
    val written = new LinkedBlockingQueue[Seq[Int]]
    val link = new Link(new LinkSuite.Recorder(written), LinkSuite.Greeter)
    link.start()
    assertEquals(Seq(Message.Hello), written.poll(60, TimeUnit.SECONDS))
    link.establish(())
    val files = new LauncherFiles(Paths.get("/nowhere"), link)
    val hashes = (1 to 40).map(n => f"$n%064d")
    val jobs = hashes.map(job(files, _))
    // what was not asked does not matter
    def answer(): Unit =
      hashes.foreach(hash => files.arrived(Json.obj().put("key", hash).put("error", "none")))

    while (jobs.exists(_.getState != Thread.State.WAITING)) {
      Thread.sleep(10)
    }
    link.drain(60.seconds)
    assertEquals(32, Iterator.continually(written.poll()).takeWhile(_ != null).map(_.size).sum)

    answer()
    var more = 0
    while (more < 8) {
      more += written.poll(60, TimeUnit.SECONDS).size
    }
    answer()
    jobs.foreach(_.join(60000))
    assertFalse(jobs.exists(_.isAlive))
  }

  private def job(files: LauncherFiles, hash: String): Thread = {
    val thread = new Thread(() => {
      assertThrows(classOf[IOException],
        () => files.binary(Binary("b", "Jar", new File("/nowhere"), hash)))
      ()
    })
    thread.setDaemon(true)
    thread.start()
    thread
  }
}
