# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The interpreter of statements as the driver speaks with it, without Spark."""

import json
import os
import select
import subprocess
import sys

import pytest

HOME = os.path.join(os.path.dirname(__file__), "..")

# what stands for Spark: a module in the place of sparkjobserver.attach
BEGIN = """
import sys, types
sys.path.insert(0, %r)
import sparkjobserver
fake = types.ModuleType("sparkjobserver.attach")
class Attached:
    def __init__(self, message):
        self.sc = types.SimpleNamespace(_python_includes=[])
        self.gateway = types.SimpleNamespace(_gateway_client=types.SimpleNamespace(get_thread_connection=lambda: None))
    def session_names(self):
        return {"spark": "the session", "sc": self.sc}
fake.Attached = Attached
sys.modules["sparkjobserver.attach"] = sparkjobserver.attach = fake
import runpy
sys.path.insert(0, "")
runpy.run_module("sparkjobserver.interpreter", run_name="__main__")
"""


class Interpreter:

    def __init__(self, folder):
        self.process = subprocess.Popen([sys.executable, "-c", BEGIN % HOME], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, cwd=str(folder))
        self.count = 0
        self.log = b""
        self.pieces = [0]
        self.send(op="start")
        assert self.receive()[0]["op"] == "ready"

    def send(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self):
        meta = json.loads(self.process.stdout.readline())
        return meta, self.process.stdout.read(meta["size"])

    def begin(self, code, limit=1 << 20):
        self.count += 1
        self.send(op="execute", id=str(self.count), code=code, max=limit)
        return str(self.count)

    def kill(self, id):
        """As the driver does, again until it helps: a signal right before a wait interrupts nothing."""
        self.send(op="kill", id=id)
        while not select.select([self.process.stdout], [], [], 2)[0]:
            self.send(op="kill", id=id)

    def end(self, id):
        while True:
            meta, body = self.receive()
            assert meta["id"] == id
            if meta["op"] == "result":
                return json.loads(body)
            self.log += body
            self.pieces.append(len(body))

    def run(self, code, limit=1 << 20):
        return self.end(self.begin(code, limit))

    def text(self, code):
        answer = self.run(code)
        assert list(answer) == ["data"] and list(answer["data"]) == ["text/plain"], answer
        return answer["data"]["text/plain"]

    def error(self, code):
        answer = self.run(code)
        assert sorted(answer) == ["ename", "evalue", "traceback"], answer
        return answer["ename"], answer["evalue"], answer["traceback"]


@pytest.fixture
def python(tmp_path):
    p = Interpreter(tmp_path)
    yield p
    p.process.stdin.close()
    assert p.process.wait(120) == 0


def test_the_last_expression_is_shown_and_names_stay(python):
    assert python.text("1 + 2") == "3"
    assert python.text("x = 1\n\ny = 2\n\nx + y\n") == "3"
    assert python.text("y") == "2"
    assert python.text("x = 5") == ""
    assert python.text("None") == ""
    assert python.text("spark") == "'the session'"
    assert python.text("class C:\n  def n(self):\n    return 3\n\nC().n()") == "3"
    assert python.text("'\u00e4\\ud83d'") == "'\u00e4\\ud83d'"


def test_output_comes_before_errors_and_is_logged(python):
    assert python.text("import sys\nprint('1')\nprint('e', file=sys.stderr)\nprint('2')\n3") == "1\n2\n3\ne"
    assert python.log == b"1\ne\n2\n3\n"
    assert python.text("import threading\nt = threading.Thread(target=print, args=('theirs',))\nt.start()\nt.join()") == "theirs"


def test_errors_tell_no_frames_of_ours(python):
    assert python.error("nosuch") == ("NameError", "name 'nosuch' is not defined", [
        "Traceback (most recent call last):\n", "NameError: name 'nosuch' is not defined\n"])
    name, value, trace = python.error("def f():\n    raise ValueError('mine')\nf()")
    assert (name, value) == ("ValueError", "mine")
    assert trace[1].startswith('  File "<stdin>", line 2, in f') and len(trace) == 3
    assert python.error("import sys; sys.exit(3)")[0] == "SystemExit"
    assert python.error("class E(Exception):\n  def __str__(self):\n    1 / 0\nraise E()")[0] == "E"
    for code in ("%json nosuch", "%json", "%matplot 5", "%table [1, 'a']", "%table f()", "async def g(): pass\nawait g()",
                 "exec('import')", "%"):
        trace = python.error(code)[2]
        assert not any("interpreter.py" in line or "<module>" in line for line in trace), (code, trace)
    assert python.error("%table f()")[2][:2] == ["Traceback (most recent call last):\n", '  File "<stdin>", line 2, in f\n']
    assert python.error("async def g(): pass\nawait g()")[2][1].startswith('  File "<stdin>", line 2\n')


def test_nothing_of_code_that_does_not_parse_is_run(python):
    name, value, trace = python.error("z = 1\n'")
    assert name == "SyntaxError" and trace[-1].startswith("SyntaxError: ")
    assert python.error("z")[0] == "NameError"


def test_magics(python):
    table = python.run("x = [[1, 'a'], [3, 'b']]\n%table x")["data"]["application/vnd.livy.table.v1+json"]
    assert table == {"headers": [{"name": "0", "type": "INT_TYPE"}, {"name": "1", "type": "STRING_TYPE"}], "data": [[1, "a"], [3, "b"]]}
    assert python.run("%json x") == {"data": {"application/json": [[1, "a"], [3, "b"]]}}
    rows = python.run('%table [{"a": "1", "b": None}, {"a": "2", "b": 2}]')["data"]["application/vnd.livy.table.v1+json"]
    assert rows["headers"] == [{"name": "a", "type": "STRING_TYPE"}, {"name": "b", "type": "INT_TYPE"}]
    assert rows["data"] == [["1", None], ["2", 2]]
    assert python.text("%table x\n1 + 2") == "3"
    assert python.error("%table [1, 'a']")[:2] == ("TypeError", "table rows have different types")
    assert python.error("%json nosuch")[0] == "NameError"
    assert python.error("%") == ("UnknownMagic", "magic command not specified", ["UnknownMagic: magic command not specified\n"])
    assert python.error("%foo")[1] == "unknown magic command 'foo'"
    assert python.run("import types\n"
                      "plt = types.SimpleNamespace(gcf=lambda: types.SimpleNamespace(savefig=lambda out, format: out.write(b'png')))\n"
                      "%matplot plt") == {"data": {"image/png": "cG5n"}}


def test_what_is_shown_is_bounded_and_the_rest_counted(python):
    shown = python.run("for n in range(100000):\n    print('0123456789')", limit=1000)["data"]["text/plain"]
    assert len(shown) < 1200 and "... 1099000 more bytes are left out" in shown


def test_nothing_is_sent_that_a_driver_could_not_hold(python):
    shown = python.run("'x' * 5000000", 1000)["data"]["text/plain"]
    assert len(shown) < 1200 and "more bytes are left out" in shown
    assert len(python.log) == 5000003 and max(python.pieces) <= 256 * 1024
    failed = python.run("raise ValueError('m' * 1000000)", 1000)
    assert failed["ename"] == "ValueError" and len(failed["evalue"]) < 1200 and len(failed["traceback"][-1]) < 1200, failed
    python.run("import sys\nours = sys._getframe()\nwhile '_ANSWER_MAX' not in ours.f_globals: ours = ours.f_back\n"
               "ours.f_globals['_ANSWER_MAX'] = 1000\nx = ['m' * 100] * 20")
    large = python.run("%json x")
    assert large["ename"] == "ValueError" and "more than 1000" in large["evalue"], large["evalue"][:1000]
    assert len(python.run("%json x[:5]")["data"]["application/json"]) == 5


def test_magics_show_the_first_rows_of_what_spark_has(python):
    python.run("class Rows:\n  def take(self, n): return list(range(n))\nrows = Rows()\nRows.__module__ = 'pyspark.sql.dataframe'")
    assert python.run("%json rows") == {"data": {"application/json": list(range(10))}}
    assert len(python.run("%table rows")["data"]["application/vnd.livy.table.v1+json"]["data"]) == 10


@pytest.mark.parametrize("wait", ["while True: pass", "import time; time.sleep(600)",
                                  "import threading; threading.Event().wait()"])
def test_kill_interrupts_what_runs_and_what_waits(python, wait):
    id = python.begin("kept = 1\nprint('waits')\n" + wait)
    assert python.receive()[1] == b"waits\n"
    python.kill(id)
    assert python.end(id)["ename"] == "KeyboardInterrupt"
    assert python.text("kept") == "1"


def test_kill_of_one_that_is_over_or_waits_hurts_no_other(python):
    first = python.begin("import time\nprint('waits')\ntime.sleep(600)")
    second, third = python.begin("print('never')"), python.begin("3")
    assert python.receive()[1] == b"waits\n"
    python.send(op="kill", id=second)
    python.kill(first)
    assert python.end(first)["ename"] == "KeyboardInterrupt"
    assert python.end(second)["ename"] == "KeyboardInterrupt" and python.log == b""
    python.send(op="kill", id=first)
    assert python.end(third) == {"data": {"text/plain": "3"}}


def test_modules_that_were_added_are_there_for_the_next_statement(python, tmp_path):
    added = tmp_path / "added"
    added.mkdir()
    (added / "extra.py").write_text("word = 'hi'\n")
    assert python.error("import extra")[0] == "ModuleNotFoundError"
    begun = python.begin("import time\ntime.sleep(0.5)\n1")
    python.send(op="add", paths=[str(added)], includes=["extra.zip"])
    python.end(begun)
    assert python.text("import extra\nextra.word, sc._python_includes") == "('hi', ['extra.zip'])"


def test_completion(python):
    python.run("words = ['a']\nclass C:\n  field = 1")
    for code, name in (("wor", "words"), ("x = words.app", "append"), ("C.fie", "field"), ("impo", "import")):
        python.send(op="complete", id="c", code=code + " tail", cursor=len(code))
        meta, body = python.receive()
        assert meta["op"] == "completed" and name in json.loads(body)
    for code, cursor in (("wor", 99), ("'\U0001f600'; wor tail", 8)):
        python.send(op="complete", id="c", code=code, cursor=cursor)
        assert "words" in json.loads(python.receive()[1])
