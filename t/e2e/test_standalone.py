"""A real standalone master and worker: executors in other processes."""

import os
import signal
import subprocess
import urllib.request

import pytest
from sparkjob_server import BUILD, EXAMPLES, SPARK_HOME, Server, free_port, wait_until
from test_kinds import FACTORY, check_versions_in_a_session
from test_local import COUNTED, TEXT, check_versions_of_a_jar
from test_python import SESSION, WHEEL, check_versions, job, result


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """The URL of a standalone master that has one worker with 2 cores."""
    folder = tmp_path_factory.mktemp("standalone")
    port, ui, worker_ui = free_port(), free_port(), free_port()
    env = {**os.environ, "SPARK_HOME": SPARK_HOME, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}
    run = [SPARK_HOME + "/bin/spark-class"]
    log = open(folder / "log", "wb")
    both = []
    try:
        both.append(subprocess.Popen(
            run + ["org.apache.spark.deploy.master.Master", "-h", "127.0.0.1", "-p", str(port), "--webui-port", str(ui)],
            env=env, stdout=log, stderr=log, start_new_session=True))
        both.append(subprocess.Popen(
            run + ["org.apache.spark.deploy.worker.Worker", "-c", "2", "-m", "2g", "-d", str(folder), "-h", "127.0.0.1",
                   "--webui-port", str(worker_ui), f"spark://127.0.0.1:{port}"],
            env=env, stdout=log, stderr=log, start_new_session=True))

        def registered():
            try:
                return b'"aliveworkers" : 1' in urllib.request.urlopen(f"http://127.0.0.1:{ui}/json/").read()
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
    with Server(launcher={"context_settings": {"spark.master": master, "spark.executor.memory": "512m",
                                               "spark.driver.host": "127.0.0.1"}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        yield s


def test_word_count_on_executors_of_a_real_cluster(server):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert status == 200 and body["result"] == COUNTED
    context = server.get("/contexts/c")[1]
    assert context["applicationId"].startswith("app-")


def test_executors_use_the_newer_jar_too_and_both_at_once(server, tmp_path):
    check_versions_of_a_jar(server, tmp_path)


def test_deleting_the_context_ends_its_application(server, master):
    server.context("gone", **{"spark.cores.max": 1})
    assert server.delete("/contexts/gone")[0] == 200
    assert len(server.drivers()) == 1


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
