"""Binaries that are added to a context that runs, on real Spark: modules of Python, and what the context's next driver has of all."""

import contextlib
import io
import os
import signal
import zipfile

import pytest
from sparkjob_channel import Refused
from sparkjob_server import EXAMPLES, Server, wait_until
from test_python import job
from test_statements import Session

WHEEL, EGG, PLAIN = "application/python-wheel", "application/python-egg", "text/x-python"
SESSION = "spark.jobserver.python.PythonSessionContextFactory"


def module(name):
    return f"def hi(n):\n    return '{name} %d' % n\n".encode()


def archive(**files):
    """Of the texts of modules, by their names; what begins with an underscore is of machine code."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(f"{name}.so" if name.startswith("_") else f"{name}/__init__.py", text)
    return out.getvalue()


def upload(server, name, content, kind):
    status, body = server.json("POST", f"/binaries/{name}", content, {"Content-Type": kind})
    assert status == 201, body


def add(server, context, cp):
    status, answer = server.post(f"/contexts/{context}/binaries?cp={cp}&timeout=100")
    assert (status, answer.get("result")) == (200, cp.split(",")), answer


def modules(server):
    upload(server, "greet", archive(greet=module("greet")), WHEEL)
    upload(server, "bow", archive(bow=module("bow")), EGG)
    upload(server, "nod", module("nod"), PLAIN)


@pytest.fixture(scope="module")
def server():
    with Server(launcher={"context_settings": {"spark.master": "local[2]", "spark.session.hive.enabled": "false"}}) as s:
        modules(s)
        s.upload("examples", EXAMPLES)
        yield s


def test_modules_come_to_statements_tasks_and_functions_of_sql(server):
    server.context("c")
    session = Session(server, "c")
    try:
        assert session.output("pyspark", "import greet")["ename"] == "ModuleNotFoundError"
        assert session.text("pyspark", "sc.parallelize(range(2), 2).map(lambda n: n + 1).collect()") == "[1, 2]"
        add(server, "c", "greet,bow,nod")
        assert session.text("pyspark", "import greet, bow, nod\ngreet.hi(1), bow.hi(2), nod.hi(3)") == "('greet 1', 'bow 2', 'nod 3')"
        for name in ("greet", "bow", "nod"):
            assert session.text("pyspark", f"sc.parallelize(range(2), 2).map(lambda n: __import__('{name}').hi(n)).collect()") \
                == f"['{name} 0', '{name} 1']"
        session.output("pyspark", "def late(n):\n    import bow\n    return bow.hi(n)\n_ = spark.udf.register('late', late)")
        assert session.data("sql", "select late(7)")["application/json"]["data"] == [["bow 7"]]
    finally:
        session.close()


def test_modules_come_to_a_python_that_starts_later(server):
    server.context("later")
    add(server, "later", "greet")
    session = Session(server, "later")
    try:
        assert session.text("pyspark", "import greet\ngreet.hi(1)") == "'greet 1'"
        assert session.text("pyspark", "sc.parallelize([2], 1).map(greet.hi).collect()") == "['greet 2']"
    finally:
        session.close()


def test_modules_come_to_jobs_in_processes_that_run_and_in_new_ones(server):
    server.context("jobs", **{"context-factory": SESSION})
    for name in ("one", "two"):
        upload(server, name, job("import greet\nreturn context.sparkContext.parallelize([4], 1).map(greet.hi).collect()").encode(), PLAIN)
    status, body = server.run("one.J", cp="one", context="jobs")
    assert body["status"] == "ERROR" and body["result"]["errorClass"] == "ModuleNotFoundError", (status, body)
    add(server, "jobs", "greet")
    for name in ("one", "two"):
        assert server.run(f"{name}.J", cp=name, context="jobs")[1]["result"] == ["greet 4"]


def test_a_class_path_of_the_context_has_modules_too(server):
    server.context("own", **{"cp": "greet,examples"})
    session = Session(server, "own")
    try:
        assert session.text("pyspark", "import greet\ngreet.hi(1)") == "'greet 1'"
        assert "WordCountExample" in session.text("spark", "_root_.spark.jobserver.WordCountExample")
    finally:
        session.close()


def test_what_cannot_be_imported_is_refused_by_its_name(server):
    server.context("refuses")
    upload(server, "fast", archive(fast=b"", _fast=b"\x7fELF"), WHEEL)
    upload(server, "broken", b"PK\x03\x04 and nothing", WHEEL)
    for cp, words in (("greet,fast", "fast has compiled parts (_fast.so), which Python does not import"), ("broken", "broken cannot be read")):
        status, answer = server.post(f"/contexts/refuses/binaries?cp={cp}&timeout=100")
        assert (status, answer["status"]) == (400, "JOB LOADING FAILED") and words in answer["result"]["message"], answer
    session = Session(server, "refuses")
    try:
        assert session.output("pyspark", "import greet")["ename"] == "ModuleNotFoundError"
    finally:
        session.close()
    status, answer = server.post("/contexts/refused?cp=fast")
    assert status == 400 and "fast has compiled parts" in str(answer), answer


def driver(session):
    """The pid of its driver; None: it was lost before it could tell."""
    with contextlib.suppress(AssertionError, Refused):
        return int(session.text("spark", "print(ProcessHandle.current.pid)").strip())
    return None


def test_a_driver_that_is_started_again_has_what_was_added(server):
    """Also by a launcher that was started again in between."""
    server.context("kept", supervise="true")
    session = Session(server, "kept")
    try:
        assert session.text("pyspark", "1") == "1"
        add(server, "kept", "greet,examples")
        server.launcher.kill()
        server.launcher.wait()
        server.start_launcher()
        server.wait_ready()
    finally:
        session.close()
    session = Session(server, "kept")
    try:
        before = driver(session)
        os.kill(before, signal.SIGKILL)
        wait_until("another driver runs", lambda: driver(session) not in (None, before))
        assert session.text("pyspark", "import greet\ngreet.hi(1)") == "'greet 1'"
        assert "WordCountExample" in session.text("spark", "_root_.spark.jobserver.WordCountExample")
    finally:
        session.close()


def test_what_is_too_much_for_the_next_driver_is_refused(server):
    names = [f"small{n}" for n in range(260)]
    for name in names:
        upload(server, name, module(name), PLAIN)
    server.context("much", cp=",".join(names[:250]))
    add(server, "much", ",".join(names[245:256]))
    status, answer = server.post(f"/contexts/much/binaries?cp={names[0]},{names[256]}&timeout=100")
    assert status == 400 and "has 256 names, with those that are added 257" in answer["result"], answer
    add(server, "much", names[0])
