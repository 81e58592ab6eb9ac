"""Drivers that a real standalone master starts: none of the launcher's files is theirs, all goes over the link."""

import concurrent.futures
import contextlib
import glob
import hashlib
import json
import os
import signal
import subprocess

import pytest
import thrift_server
from sparkjob_server import EXAMPLES, Server, free_port, scalac, wait_until
from standalone import Standalone

WORD_COUNT = "spark.jobserver.WordCountExample"
LONG = "spark.jobserver.LongPiJob"
MARK = b"SPARKJOB_START="

# prints, reads a data file, and has an executor say something
JOB = """
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic._
import spark.jobserver.api._
class Away extends SparkJob {
  type JobData = Config
  type JobOutput = Map[String, Any]
  def runJob(sc: SparkContext, env: JobEnvironment, config: Config): Map[String, Any] = {
    println("printed elsewhere")
    val file = env.asInstanceOf[DataFileCache].getDataFile(config.getString("file"))
    val text = new String(java.nio.file.Files.readAllBytes(file.toPath))
    Map("text" -> text, "folder" -> new java.io.File("").getAbsolutePath, "mode" -> sc.deployMode,
      "sum" -> sc.parallelize(1 to 100, 2).map(_ + Helper.one).sum().toLong)
  }
  def validate(sc: SparkContext, env: JobEnvironment, config: Config): Config Or Every[ValidationProblem] = Good(config)
}
object Helper { def one = 1 }
"""


@pytest.fixture(scope="module")
def jar(tmp_path_factory):
    """A jar of JOB, made while the cluster starts: what is to be waited for."""
    folder = str(tmp_path_factory.mktemp("away"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        compiled = pool.submit(scalac, folder, JOB, folder + "/away.jar")
        yield lambda: compiled.result() or folder + "/away.jar"


@pytest.fixture(scope="module")
def cluster(jar, tmp_path_factory):
    with Standalone(tmp_path_factory.mktemp("standalone")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def server(cluster):
    # what is said of this host is said of no other one
    thrift = {**thrift_server.ports()["thrift"], "listen": "0.0.0.0", "address": "localhost"}
    with Server(launcher={"driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}, "options": ["-Xmx700m", "-XX:TieredStopAtLevel=1"]},
                          "thrift": thrift,
                          "context_settings": {**cluster.settings(), "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1"}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        yield s


def processes():
    """The command lines of all processes, as `ps` shows them."""
    return subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout


def test_a_job_runs_in_a_driver_of_the_cluster(server, cluster):
    assert len(cluster.drivers()) == 1
    code, body = server.run(WORD_COUNT, "input.string = a b a")
    assert code == 200 and body["result"] == {"a": 2, "b": 1}, body
    assert not server.drivers(), "no driver is a process of the launcher's"


def test_files_and_logs_go_over_the_link(server, cluster, jar):
    server.upload("away", jar())
    code, answer = server.post("/data/in", "some data")
    assert code in (200, 201), answer
    code, body = server.run("Away", f'file = "{answer["result"]["filename"]}"', cp="away")
    assert code == 200, body
    result = body["result"]
    assert result["text"] == "some data" and result["sum"] == 5150 and result["mode"] == "cluster", result
    assert result["folder"].startswith(cluster.folder)
    job = server.get("/jobs?limit=1")[1][0]["jobId"]
    for path, text in ((f"/jobs/{job}/log", b"printed elsewhere"), ("/contexts/c/log", b"The context c runs as app-")):
        wait_until("it is here", lambda path=path, text=text: text in server.request("GET", path)[2])
        # what Spark tells of each stage is no line of anybody's here
        assert b"Created broadcast" not in server.request("GET", path)[2]
    with open(jar(), "rb") as f:
        sha256 = hashlib.sha256(f.read()).hexdigest()
    assert len(glob.glob(f"{cluster.folder}/work/driver-*/sparkjob-*/binaries/{sha256}.jar")) == 1


def test_jdbc_is_where_the_driver_is(server):
    status, record = server.json("PUT", "/contexts/c/thrift-server")
    assert status == 200 and thrift_server.address(record["thriftServer"]["jdbcUrl"])[0] == "localhost", record
    user, token = thrift_server.token(server, "c")
    assert thrift_server.login(record["thriftServer"]["jdbcUrl"], user, token) is None
    assert "Error validating the login" in thrift_server.login(record["thriftServer"]["jdbcUrl"], user, "wrong")
    assert server.delete("/contexts/c/thrift-server")[0] == 200


def test_the_secret_is_nowhere_to_be_seen(server, cluster):
    """Neither ps, nor the master's page, nor its log, nor the driver's, nor Spark's list of the environment have it."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/environ"):
        with contextlib.suppress(OSError), open(path, "rb") as f:
            found |= {json.loads(v[len(MARK):])["secret"] for v in f.read().split(b"\0") if v.startswith(MARK)}
    assert found
    seen = {"ps": processes(), "cluster": cluster.said(), "page": str(cluster.state()),
            "log": server.request("GET", "/contexts/c/log")[2].decode(), "launcher": server.read("launcher.log")}
    for secret in found:
        for where, text in seen.items():
            assert secret not in text, where


def test_the_launcher_is_killed_and_no_job_is_lost(server, cluster):
    before = cluster.drivers()
    code, body = server.run(LONG, "stress.test.longpijob.duration = 2", sync=False)
    assert code == 202, body
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    server.wait_ready()
    assert server.wait_job(body["jobId"])["status"] == "FINISHED"
    assert cluster.drivers() == before


def test_one_that_is_deleted_ends_on_the_cluster(server, cluster):
    (driver,) = cluster.drivers()
    code, body = server.delete("/contexts/c")
    assert code == 200, body
    wait_until("the cluster has let go of it", lambda: not cluster.drivers())
    assert not glob.glob(f"{cluster.folder}/work/{driver}/sparkjob-*/"), "its own folder goes with it"


def test_one_that_died_is_told_of(server, cluster):
    # no worker has room for an executor of it, which would be one more JVM for nobody
    server.context("d", **{"spark.executor.memory": "3500m"})
    (driver,) = cluster.drivers()
    for pid in cluster.pids(driver):
        os.kill(pid, signal.SIGKILL)
    record = wait_until("the context has ended", lambda: (
        lambda c: c if c["state"] == "ERROR" else None)(server.get("/contexts/d")[1]), 60)
    assert driver in record["reason"], record
