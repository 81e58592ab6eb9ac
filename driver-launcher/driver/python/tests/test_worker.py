"""The worker as the driver speaks with it, without Spark: what `start` would attach is put in its place."""

import json
import os
import re
import subprocess
import sys
import textwrap
import time

import pytest

HOME = os.path.join(os.path.dirname(__file__), "..")

# what stands for Spark: a module in the place of sparkjobserver.attach
ATTACH = """
import types
class Attached:
    def __init__(self, message):
        if message.get("fail"):
            raise RuntimeError("cannot attach")
        self.sc = types.SimpleNamespace(_python_includes=[], environment={})
        self.named_objects = None
        self.data_file = lambda name: name
    def context_for(self, job):
        return "the context"
"""

BEGIN = """
import sys, types
sys.path.insert(0, %r)
import sparkjobserver
fake = types.ModuleType("sparkjobserver.attach")
exec(%r, fake.__dict__)
sys.modules["sparkjobserver.attach"] = fake
sparkjobserver.attach = fake
sys.argv = ["worker"]
import runpy
sys.path.insert(0, "")
runpy.run_module("sparkjobserver.worker", run_name="__main__")
"""


class Worker:

    def __init__(self, folder, **start):
        self.folder = folder
        self.modules = {}
        self.process = subprocess.Popen([sys.executable, "-c", BEGIN % (HOME, ATTACH)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=str(folder))
        self.send(op="start", contextConfig={"c": 1}, **start)

    def send(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self):
        meta = json.loads(self.process.stdout.readline())
        return meta, self.process.stdout.read(meta["size"])

    def job(self, body, id="1", validate="return config", config="{}"):
        source = "class J:\n    def validate(self, context, runtime, config):\n        %s\n    def run_job(self, context, runtime, data):\n%s\n" % (
            validate, textwrap.indent(textwrap.dedent(body), "        "))
        # none is written while a job may look into the folder
        if source not in self.modules:
            self.modules[source] = "m%d" % len(self.modules)
            (self.folder / (self.modules[source] + ".py")).write_text(source)
        self.send(op="use", set="s", paths=[str(self.folder)], includes=["x"])
        self.send(op="run", id=id, config=config, result=str(self.folder / "result"), **{"class": self.modules[source] + ".J"})

    def last(self, ids=1):
        """All that is said until so many jobs have ended: [(op, meta, body)]"""
        said = []
        while ids:
            meta, body = self.receive()
            said.append((meta["op"], meta, body))
            ids -= meta["op"] in ("result", "error", "problems", "refused")
        return said


@pytest.fixture
def worker(tmp_path):
    w = Worker(tmp_path)
    meta, _ = w.receive()
    assert meta["op"] == "ready" and re.match(r"3\.\d+\.\d+$", meta["python"])
    yield w
    w.process.stdin.close()
    assert w.process.wait(120) == 0


def test_a_job_is_valid_and_has_a_result(worker):
    worker.job("return [data.get('a.b'), context, runtime.contextConfig['c']]", config='{"a": {"b": 2}}')
    assert [(op, body) for op, _, body in worker.last()] == [("valid", b""), ("result", b'[2,"the context",1]')]


def test_the_time_of_the_run_is_told(worker):
    began = time.monotonic()
    worker.job("import time\ntime.sleep(0.05)", validate="import time; time.sleep(2)")
    micros = worker.last()[-1][1]["micros"]
    assert 50000 <= micros <= (time.monotonic() - began - 2) * 1000000
    worker.job("return 1", id="2", validate="raise ValueError()")
    assert worker.last()[-1][1]["micros"] == 0


def test_failing_to_attach_is_told_and_ends_it(tmp_path):
    w = Worker(tmp_path, fail=True)
    meta, _ = w.receive()
    assert (meta["op"], meta["message"], meta["errorClass"]) == ("failed", "cannot attach", "RuntimeError")
    assert w.process.wait(120) == 1


def test_output_comes_in_lines_with_the_id_and_before_the_end(worker):
    worker.job("print('a', end='')\nprint('b')\nimport sys\nprint('c', end='', file=sys.stderr)")
    assert [(op, body) for op, _, body in worker.last()] == [("valid", b""), ("log", b"ab\n"), ("log", b"c"), ("result", b"null")]


def test_kill_raises_in_the_job_and_in_its_threads(worker):
    worker.job("""
        import threading
        def spin():
            try:
                print("spins")
                while True:
                    pass
            except BaseException as e:
                print(type(e).__name__)
        t = threading.Thread(target=spin)
        try:
            t.start()
            while True:
                pass
        finally:
            t.join()
        """)
    assert [worker.receive()[0]["op"] for _ in range(2)] == ["valid", "log"]
    worker.send(op="kill", id="1")
    said = worker.last()
    assert [op for op, _, _ in said] == ["log", "error"] and said[0][2] == b"JobKilled\n"
    assert said[1][1]["errorClass"] == "sparkjobserver.api.JobKilled"


def test_kill_of_a_job_that_is_over_or_never_was_hurts_nobody(worker):
    worker.job("return 1", id="1")
    worker.last()
    worker.send(op="kill", id="1")
    worker.send(op="kill", id="other")
    worker.job("return 2", id="2")
    assert worker.last()[-1][2] == b"2"


def test_errors_that_cannot_be_told_are_told_still(worker):
    worker.job("""
        class Bad(Exception):
            def __str__(self):
                raise ValueError("worse")
        raise Bad()
        """)
    op, meta, _ = worker.last()[-1]
    assert op == "error" and "cannot be had" in meta["message"] and meta["errorClass"].endswith("Bad")


def test_problems_of_run_job_are_an_error(worker):
    worker.job("from sparkjobserver.api import build_problems\nreturn build_problems(['late'])")
    assert "late" in worker.last()[-1][1]["message"]


def test_jobs_run_at_once_and_speak_for_themselves(worker):
    for n in range(20):
        worker.job("import time\nfor n in range(50):\n    print(data['n'])\n    time.sleep(0.001)", id=str(n), config='{"n": %d}' % n)
    printed = {}
    for op, meta, body in worker.last(20):
        if op == "log":
            printed[meta["id"]] = printed.get(meta["id"], b"") + body
    assert printed == {str(n): b"%d\n" % n * 50 for n in range(20)}


def test_version_is_that_of_the_project():
    import sparkjobserver
    with open(os.path.join(HOME, "..", "pom.xml")) as f:
        assert "<version>%s</version>" % sparkjobserver.__version__ in f.read()


def test_modules_that_were_added_are_there_for_jobs_that_run_and_that_come(worker, tmp_path):
    added = tmp_path / "added"
    added.mkdir()
    (added / "extra.py").write_text("word = 'hi'\n")
    worker.job("import time\nfor _ in range(3000):\n    try:\n        import extra\n        return extra.word\n"
               "    except ImportError:\n        time.sleep(0.1)")
    assert worker.receive()[0]["op"] == "valid"
    worker.send(op="add", paths=[str(added)], includes=["extra.zip"])
    assert worker.last()[-1][2] == b'"hi"'
    worker.job("import extra\nreturn extra.word", id="2")
    assert worker.last()[-1][2] == b'"hi"'


def test_modules_of_a_job_win_over_those_that_were_added(worker, tmp_path):
    for name in ("own", "added"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "both.py").write_text("word = '%s'\n" % name)
    worker.send(op="use", set="s", paths=[str(tmp_path / "own")], includes=["own.zip"])
    worker.send(op="add", paths=[str(tmp_path / "added")], includes=["added.zip"])
    worker.job("import both\nreturn both.word")
    assert worker.last()[-1][2] == b'"own"'
