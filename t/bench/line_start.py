"""How long a new context takes until jobs can come, against spark-submit of the same job in a process of its own."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

from line import Line, at_most, measures
from sparkjob_server import API_JAR, API_LIBS, SPARK_HOME, Server, scalac, wait_until

# a job for both: in a context, and as an application
COUNT = """
package bench

import com.typesafe.config.Config
import org.apache.spark.{SparkConf, SparkContext}
import spark.jobserver.{SparkJob, SparkJobValid, SparkJobValidation}

object Count extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = sc.parallelize(1 to 4).count()

  def main(args: Array[String]): Unit = {
    val sc = new SparkContext(new SparkConf().setAppName("count"))
    println("counted " + sc.parallelize(1 to 4).count())
    sc.stop()
  }
}
"""


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Archived(Server):
    """A server whose drivers start with the archive of classes."""

    def __init__(self, **driver):
        super().__init__(workers=1, launcher={"driver": {"archive": "on", **driver}, "log": {"level": "info"}})

    def wait_ready(self, seconds=20):
        super().wait_ready(seconds)
        wait_until("there is an archive of classes", lambda: "start with the classes" in self.read("launcher.log"), 900)


class Starts(Archived):
    """One that knows that job; with spare drivers a context is made when one waits."""

    def __init__(self, folder, spares=0):
        super().__init__(spares=spares)
        self.jar, self.spares, self.created = folder + "/count.jar", spares, 0

    def __enter__(self):
        super().__enter__()
        self.upload("count", self.jar)
        return self

    def create(self):
        """POST /contexts until its answer: jobs can come. That they can is seen."""
        if self.spares:
            wait_until("a spare waits", lambda: self.ready() > self.created, 900)
        self.created += 1
        took = seconds(lambda: self.context("c"))
        assert self.run("bench.Count", cp="count")[1]["result"] == 4
        assert self.delete("/contexts/c")[0] == 200
        return took

    def submit(self):
        """spark-submit, with the memory and the address that our drivers have."""
        jars = ",".join([API_JAR] + API_LIBS)
        command = [SPARK_HOME + "/bin/spark-submit", "--master", "local[2]", "--driver-memory", "1g", "--jars", jars, "--class", "bench.Count"]
        done = subprocess.run(command + [self.jar], capture_output=True, text=True, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"})
        assert "counted 4" in done.stdout, done.stderr

    def ready(self):
        """How many spare drivers there have been."""
        return len(re.findall("spare driver .* is ready after", self.read("launcher.log")))


@contextlib.contextmanager
def starts(spares=0):
    folder = tempfile.mkdtemp()
    try:
        scalac(folder, COUNT, folder + "/count.jar")
        with Starts(folder, spares) as s:
            yield s
    finally:
        shutil.rmtree(folder)


@measures(Line("context-cold", "POST /contexts, no spare driver", "s", "`spark-submit` of the same job", at_most(0.35)))
def cold(run):
    with starts() as s:
        for _ in run.rounds():
            yield "context-cold", s.create(), seconds(s.submit)


@measures(Line("context-spare", "POST /contexts, a spare driver waits", "s", "`spark-submit` of the same job", at_most(0.12)))
def spare(run):
    with starts(spares=1) as s:
        for _ in run.rounds():
            reference = seconds(s.submit)
            yield "context-spare", s.create(), reference
