import glob
import os
import subprocess
import sys
import time
import urllib.request

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from hadoop import Hadoop  # noqa: E402
from sparkjob_server import BUILD, SPARK_HOME, Server, free_port, scalac, wait_until  # noqa: E402
from standalone import Standalone  # noqa: E402

CLIENTS = BUILD + "/libraries"
SPARK4 = BUILD + "/spark4/spark"

# name of a set: what it is made of, and the Hadoop and Scala that its contexts have
SETS = {
    "own": ({}, "3.3.4", "2.12"),
    "hadoop-3.2": ({"hadoop_jars": [CLIENTS + "/hadoop-3.2.4"], "order": "hadoop-first"}, "3.2.4", "2.12"),
    "hadoop-3.4": ({"hadoop_jars": [CLIENTS + "/hadoop-3.4.1"]}, "3.4.1", "2.12"),
    "hadoop-2.10": ({"hadoop_jars": [CLIENTS + "/hadoop-2.10.2"]}, "2.10.2", "2.12"),
    "spark-4": ({"spark_home": SPARK4}, None, "2.13"),
}

JOBS = """
package libs

import com.typesafe.config.Config
import org.apache.hadoop.fs.FileSystem
import org.apache.hadoop.util.VersionInfo
import org.apache.spark.SparkContext
import spark.jobserver.{SparkJob, SparkJobValid, SparkJobValidation}

object Here {
  def versions: Map[String, String] = Map(
    "spark" -> org.apache.spark.SPARK_VERSION,
    "scala" -> scala.util.Properties.versionNumberString,
    "hadoop" -> VersionInfo.getVersion,
    "java" -> sys.props("java.specification.version"),
    "client" -> classOf[FileSystem].getProtectionDomain.getCodeSource.getLocation.getPath,
    "pid" -> ProcessHandle.current.pid.toString)
}

trait Valid extends SparkJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
}

/** What driver and executor are. */
object Versions extends Valid {
  def runJob(sc: SparkContext, config: Config): Any =
    Map("driver" -> Here.versions, "executor" -> sc.parallelize(1 to 1, 1).map(_ => Here.versions).first)
}

/** Writes a file and reads those of others, by executors. */
object Files extends Valid {
  def runJob(sc: SparkContext, config: Config): Any = {
    if (config.hasPath("write")) {
      sc.parallelize(Seq(config.getString("text")), 1).saveAsTextFile(config.getString("write"))
    }
    if (config.hasPath("read")) sc.textFile(config.getString("read")).collect().sorted.toSeq else Nil
  }
}
"""


@pytest.fixture(scope="session")
def hdfs():
    with Hadoop(yarn=False, hdfs_site={"dfs.permissions.enabled": "false"}) as h:
        yield h


@pytest.fixture(scope="session")
def jars(tmp_path_factory):
    """The same jobs, by Scala."""
    folder = tmp_path_factory.mktemp("jobs")
    for scala, home in (("2.12", SPARK_HOME), ("2.13", SPARK4)):
        scalac(f"{folder}/{scala}", JOBS, f"{folder}/{scala}.jar", home)
    return {scala: f"{folder}/{scala}.jar" for scala in ("2.12", "2.13")}


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """A server of S3 with a bucket "jars", and a Hadoop configuration that speaks of it: (URL, folder)."""
    port = free_port()
    folder = tmp_path_factory.mktemp("s3")
    url = f"http://127.0.0.1:{port}"
    settings = {"endpoint": url, "path.style.access": "true", "access.key": "a", "secret.key": "b", "endpoint.region": "us-east-1"}
    with open(folder / "core-site.xml", "w") as f:
        f.write("<configuration>" + "".join(f"<property><name>fs.s3a.{name}</name><value>{value}</value></property>"
                                            for name, value in settings.items()) + "</configuration>")
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([CLIENTS + "/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        wait_until("the server of S3 has a bucket", lambda: put(url + "/jars"), 60)
        yield url, str(folder)
    finally:
        process.terminate()
        process.wait(60)


def put(url, content=b""):
    """Whether a server has taken it."""
    try:
        request = urllib.request.Request(url, content, {"Content-Type": "application/octet-stream"}, method="PUT")
        return urllib.request.urlopen(request, timeout=30).status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def masters(tmp_path_factory):
    """Standalone clusters of both Sparks, by Scala: other executors than those of the driver's own Spark do not fit."""
    folder = tmp_path_factory.mktemp
    with Standalone(folder("spark-3"), cores=6, memory="6g") as first, Standalone(folder("spark-4"), spark_home=SPARK4) as second:
        yield {"2.12": first.url, "2.13": second.url}


class Sets(Server):
    """One server with all sets, and a context of each, made when it is first asked for, on executors of its own."""

    def __init__(self, masters, jars, **launcher):
        settings = {"spark.executor.memory": "512m", "spark.cores.max": "1", "spark.driver.host": "127.0.0.1"}
        clusters = {name: {"master": masters[scala], "library_set": name} for name, (_, _, scala) in SETS.items()}
        super().__init__(launcher={"context_settings": settings, "clusters": clusters, **launcher})
        self.jars, self.seconds = jars, {}

    def __enter__(self):
        super().__enter__()
        for scala, jar in self.jars.items():
            self.upload("jobs_" + scala, jar)
        return self

    def __exit__(self, kind, value, trace):
        print("seconds until a context ran:", self.seconds)
        super().__exit__(kind, value, trace)

    def of(self, name):
        if name not in self.seconds:
            begin = time.monotonic()
            self.context(name, cluster=name)
            self.seconds[name] = round(time.monotonic() - begin, 1)
        return name


@pytest.fixture(scope="session")
def server(hdfs, jars, masters):
    assert glob.glob(CLIENTS + "/hadoop-3.4.1/*.jar"), "make libraries fetches the jars"
    sets = {name: {"hadoop_conf": hdfs.conf, **spec} for name, (spec, _, _) in SETS.items()}
    with Sets(masters, jars, library_sets=sets,
              outbound={"hosts": ["127.0.0.1"], "files": [os.path.dirname(jars["2.12"])]}) as s:
        yield s
