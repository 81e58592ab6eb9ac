"""How long a new context takes until jobs can come, against spark-submit of the same job in a process of its own."""

import glob
import os
import shutil
import subprocess
import tempfile
import time

from line import Line, at_most, measures
from sparkjob_server import API_JAR, BUILD, SPARK_HOME, Server, scalac, wait_until

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


def submit(jar):
    """spark-submit, with the memory and the address that our drivers have."""
    jars = ",".join([API_JAR] + glob.glob(BUILD + "/driver/lib/*.jar"))
    done = subprocess.run([SPARK_HOME + "/bin/spark-submit", "--master", "local[2]", "--driver-memory", "1g", "--jars", jars,
                           "--class", "bench.Count", jar], capture_output=True, text=True, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"})
    assert "counted 4" in done.stdout, done.stderr


def create(server):
    """POST /contexts until its answer: jobs can come. That they can is seen."""
    took = seconds(lambda: server.context("c"))
    assert server.run("bench.Count", cp="count")[1]["result"] == 4
    assert server.delete("/contexts/c")[0] == 200
    return took


@measures(Line("context-cold", "POST /contexts, no spare driver", "s", "`spark-submit` of the same job", at_most(0.35)))
def cold(run):
    folder = tempfile.mkdtemp()
    try:
        scalac(folder, COUNT, folder + "/count.jar")
        with Server(workers=1, launcher={"driver": {"archive": "on"}, "log": {"level": "info"}}) as s:
            s.upload("count", folder + "/count.jar")
            wait_until("there is an archive of classes", lambda: "drivers start with the classes" in s.read("launcher.log"), 900)
            for _ in run.rounds():
                yield "context-cold", create(s), seconds(lambda: submit(folder + "/count.jar"))
    finally:
        shutil.rmtree(folder)
