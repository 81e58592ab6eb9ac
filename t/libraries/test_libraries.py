"""Library sets side by side on one server: other Hadoop clients, and Spark 4, with executors in other processes."""

import contextlib
import functools
import http.server
import os
import threading

import pytest
from conftest import CLIENTS, SETS, put
from sparkjob_server import Server, wait_until


def run(server, name, main_class, body="", **more):
    status, answer = server.run(main_class, body, context=server.of(name), cp="jobs_" + SETS[name][2], **more)
    assert status == 200, answer
    return answer["result"]


@pytest.mark.parametrize("name", SETS)
def test_driver_and_executor_have_what_the_set_says(server, name):
    spec, hadoop, scala = SETS[name]
    versions = run(server, name, "libs.Versions")
    driver, executor = versions["driver"], versions["executor"]
    assert driver.pop("pid") != executor.pop("pid")
    assert driver == executor
    assert driver["scala"].startswith(scala + ".")
    assert driver["spark"].startswith("4." if scala == "2.13" else "3.5.")
    assert hadoop in (None, driver["hadoop"])
    if "hadoop_jars" in spec:
        assert os.path.dirname(driver["client"]) == spec["hadoop_jars"][0]


def test_all_read_and_write_one_hdfs(server, hdfs):
    for name in SETS:
        run(server, name, "libs.Files", f'write = "{hdfs.hdfs}/shared/{name}", text = "by {name}"')
    written = sorted("by " + name for name in SETS)
    for name in SETS:
        assert run(server, name, "libs.Files", f'read = "{hdfs.hdfs}/shared/*"') == written
    # where no file system is named it is that of the set's Hadoop configuration
    assert run(server, "hadoop-2.10", "libs.Files", 'read = "/shared/spark-4"') == ["by spark-4"]


@pytest.mark.parametrize("name, other", [("own", "2.13"), ("spark-4", "2.12")])
def test_a_jar_of_the_other_scala_is_refused(server, name, other):
    status, answer = server.run("libs.Versions", context=server.of(name), cp="jobs_" + other)
    assert status == 400 and answer["status"] == "JOB LOADING FAILED", answer
    assert f"jobs_{other} was built for Scala {other}, and this context runs Scala {SETS[name][2]}" in answer["result"]["message"]
    assert run(server, name, "libs.Versions")


@contextlib.contextmanager
def web(folder):
    """Serves a folder by HTTP: its URL."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


def test_class_paths_by_hdfs_http_and_file(server, hdfs, jars):
    """By the clients of the sets: each reads the same file system."""
    hdfs.fs("-put", jars["2.12"], "/jobs.jar")
    hdfs.fs("-put", jars["2.13"], "/jobs4.jar")
    for name, (_, hadoop, scala) in SETS.items():
        jar = "/jobs.jar" if scala == "2.12" else "/jobs4.jar"
        status, answer = server.run("libs.Versions", context=server.of(name), cp=hdfs.hdfs + jar)
        assert status == 200 and hadoop in (None, answer["result"]["driver"]["hadoop"]), answer
    status, answer = server.run("libs.Versions", context=server.of("own"), cp=hdfs.hdfs + "/no-such.jar")
    assert status >= 400 and "/no-such.jar" in str(answer), answer
    with web(os.path.dirname(jars["2.12"])) as url:
        for uri in (url + "/2.12.jar", "file:" + jars["2.12"]):
            status, answer = server.run("libs.Versions", context=server.of("own"), cp=uri)
            assert status == 200, answer


def test_class_paths_and_data_by_s3a(jars, s3):
    with open(jars["2.12"], "rb") as f:
        jar = f.read()
    wait_until("the jar is there", lambda: put(s3[0] + "/jars/jobs.jar", jar), 60)
    sets = {"s3": {"extra_jars": [CLIENTS + "/aws"], "hadoop_conf": s3[1]}}
    with Server(launcher={"library_sets": sets, "context_settings": {"spark.master": "local[1]"}}) as s:
        s.context("s3", **{"library-set": "s3", "dependent-jar-uris": "s3a://jars/jobs.jar"})
        status, answer = s.run("libs.Files", 'write = "s3a://jars/out", text = "kept", read = "s3a://jars/out"', context="s3", cp="s3a://jars/jobs.jar")
        assert status == 200 and answer["result"] == ["kept"], answer
        status, answer = s.run("libs.Versions", context="s3", cp="s3a://jars/none.jar")
        assert status >= 400 and "s3a://jars/none.jar" in str(answer), answer
        # the look at a set reads such a file, too
        status, answer = s.json("POST", "/library-sets/s3/probe?probe=s3a://jars/jobs.jar")
        assert status == 200 and {"level": "note", "text": f"s3a://jars/jobs.jar: a file of {len(jar)} bytes"} in answer["findings"], answer
        # a set without these jars says what it lacks
        s.context("own")
        status, answer = s.run("libs.Versions", context="own", cp="s3a://jars/jobs.jar")
        assert status >= 400 and "S3AFileSystem" in str(answer), answer
