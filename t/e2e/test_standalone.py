"""A real standalone master and worker: executors in other processes."""

import contextlib
import json
import os
import signal
import subprocess
import urllib.request

import pytest
from sparkjob_server import BUILD, EXAMPLES, SPARK_HOME, Server, free_port, wait_until
from test_kinds import FACTORY, check_versions_in_a_session
from test_local import COUNTED, TEXT, check_versions_of_a_jar
from test_python import SESSION, WHEEL, check_versions, job, result
from test_sql import HASHED, ask, hashed
from test_statements import Session


@pytest.fixture(scope="module")
def web():
    """Where the master's pages are."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def master(tmp_path_factory, web):
    """The URL of a standalone master that has one worker with 4 cores."""
    folder = tmp_path_factory.mktemp("standalone")
    port, worker_ui = free_port(), free_port()
    env = {**os.environ, "SPARK_HOME": SPARK_HOME, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}
    run = [SPARK_HOME + "/bin/spark-class"]
    log = open(folder / "log", "wb")
    both = []
    try:
        both.append(subprocess.Popen(
            run + ["org.apache.spark.deploy.master.Master", "-h", "127.0.0.1", "-p", str(port), "--webui-port",
                   web.split(":")[2]],
            env=env, stdout=log, stderr=log, start_new_session=True))
        both.append(subprocess.Popen(
            run + ["org.apache.spark.deploy.worker.Worker", "-c", "4", "-m", "2g", "-d", str(folder), "-h", "127.0.0.1",
                   "--webui-port", str(worker_ui), f"spark://127.0.0.1:{port}"],
            env=env, stdout=log, stderr=log, start_new_session=True))

        def registered():
            try:
                return b'"aliveworkers" : 1' in urllib.request.urlopen(web + "/json/").read()
            except OSError:
                return False
        wait_until("the worker is registered", registered, 60)
        yield f"spark://127.0.0.1:{port}"
    finally:
        for p in reversed(both):
            os.killpg(p.pid, signal.SIGTERM)
            p.wait(120)
        log.close()


@pytest.fixture(scope="module")
def server(master):
    with one_of(master) as s:
        yield s


@contextlib.contextmanager
def one_of(master):
    """A server of its own with a context `c`, which has half of the worker's cores."""
    with Server(launcher={"context_settings": {"spark.master": master, "spark.executor.memory": "512m", "spark.cores.max": "2",
                                               "spark.driver.host": "127.0.0.1"}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        yield s


def applications(web):
    """The ids of those that the master runs."""
    with urllib.request.urlopen(web + "/json/") as answer:
        return {app["id"] for app in json.load(answer)["activeapps"]}


def test_word_count_on_executors_of_a_real_cluster(server):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert status == 200 and body["result"] == COUNTED
    context = server.get("/contexts/c")[1]
    assert context["applicationId"].startswith("app-")


def test_executors_use_the_newer_jar_too_and_both_at_once(server, tmp_path):
    check_versions_of_a_jar(server, tmp_path)


def test_classes_of_statements_reach_executors(server):
    session = Session(server, "c")
    try:
        assert session.text("spark", "case class N(n: Int)\nval two = 2\nsc.parallelize(1 to 4).map(n => N(n * two)).map(_.n).sum") \
            .endswith(": Double = 20.0\n")
        assert session.text("spark", "val here = ProcessHandle.current.pid\n"
                            "sc.parallelize(1 to 4).filter(_ => ProcessHandle.current.pid == here).count").endswith(": Long = 0\n")
    finally:
        session.close()


def test_jars_for_a_live_context_reach_its_executors(server):
    """They run already, jobs with that binary, too, and the interpreter has looked for the class before."""
    session = Session(server, "c")
    example = "_root_.spark.jobserver.WordCountExample"
    try:
        assert session.text("spark", "sc.parallelize(1 to 4, 4).map(_ + 1).sum").endswith(": Double = 14.0\n")
        assert "WordCountExample is not a member" in session.output("spark", example)["evalue"]
        status, answer = server.post("/contexts/c/binaries?cp=examples&timeout=100")
        assert (status, answer["result"]) == (200, ["examples"])
        assert "WordCountExample$" in session.text(
            "spark", f"sc.parallelize(1 to 4, 4).map(_ => {example}.getClass.getName).distinct.collect().mkString")
    finally:
        session.close()


def test_large_results_come_in_pieces_from_executors(server):
    """Also with a serializer that takes classes only that it knows."""
    server.context("pieces", **{"spark.serializer": "org.apache.spark.serializer.KryoSerializer",
                                "spark.kryo.registrationRequired": "true"})
    status, _, body = ask(server, HASHED % (90000, 3), context="pieces", sync="true", format="csv", timeout=600)
    assert status == 200 and body == ("id,x\n" + "".join(f"{row},{hashed(row)}\n" for row in range(90000))).encode(), (status, body[:1000])
    server.delete("/contexts/pieces")


def test_deleting_the_context_ends_its_application(server, master):
    server.context("gone", **{"spark.cores.max": 1})
    assert server.delete("/contexts/gone")[0] == 200
    assert len(server.drivers()) == 1


def test_two_servers_share_a_master(server, master, web):
    """Both have a context of the same name; what happens to one is none of the other's business."""
    run = ("spark.jobserver.WordCountExample", TEXT)
    kept = server.get("/contexts/c")[1]["applicationId"]
    with one_of(master) as other:
        assert applications(web) == {kept, other.get("/contexts/c")[1]["applicationId"]}
        jobs = [(s, s.run(*run, sync=False)[1]["jobId"]) for s in (server, other)]
        assert [s.wait_job(job)["result"] for s, job in jobs] == [COUNTED] * 2
        assert server.get("/jobs/" + jobs[1][1])[0] == 404
        other.launcher.kill()
        other.launcher.wait()
        assert server.run(*run)[1]["result"] == COUNTED
        other.start_launcher()
        other.wait_ready()
        assert other.run(*run)[1]["result"] == COUNTED
        assert other.delete("/contexts/c")[0] == 200
        wait_until("the other's application is over", lambda: applications(web) == {kept})
    assert server.run(*run)[1]["result"] == COUNTED


def test_session_and_java_jobs_on_executors(server, tmp_path):
    server.delete("/contexts/c")
    try:
        server.context("s", **{"context-factory": FACTORY + "SessionContextFactory", "spark.session.hive.enabled": "false"})
        check_versions_in_a_session(server, "s", tmp_path)
        server.delete("/contexts/s")
        server.context("j", **{"context-factory": FACTORY + "JavaSparkContextFactory"})
        status, body = server.run("spark.jobserver.JavaWordCountJob", TEXT, context="j")
        assert status == 200 and body["result"] == COUNTED
        server.delete("/contexts/j")
    finally:
        server.context("c")


UDF = """
from pyspark.sql.functions import udf
def squared(n):
    return n * n
""" + job("return [context.range(4).select(udf(squared, 'long')('id').alias('n')).collect(),"
          " context.sparkContext.parallelize([1, 2], 2).map(squared).collect()]")


def test_python_functions_run_on_executors_in_their_versions(server):
    server.delete("/contexts/c")
    server.upload("pyexamples", os.path.join(BUILD, WHEEL[0]), WHEEL[1])
    server.context("py", **{"context-factory": SESSION, "spark.session.hive.enabled": "false"})
    try:
        status, body = server.run("example_jobs.word_count.WordCount", 'input.strings = ["a b", b]', cp="pyexamples", context="py")
        assert status == 200 and body["result"] == {"a": 1, "b": 2}, body
        assert result(server, "udf", UDF, context="py") == [[{"n": n * n} for n in range(4)], [1, 4]]
        check_versions(server, "py")
    finally:
        server.delete("/contexts/py")
        server.context("c")
