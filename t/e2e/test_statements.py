"""Statements on real Spark: Scala, Python and SQL in one context, what they share, and what they must not do."""

import json
import os
import signal
import uuid

import pytest
from sparkjob_channel import Channel
from sparkjob_server import Server, alive, wait_until

FINAL = ("FINISHED", "ERROR", "KILLED")
SECRET = "a-value-of-the-launcher-that-nobody-else-needs"


class Session:
    """A new session, or a context that is there, and a channel of its own."""

    def __init__(self, server, name="", **meta):
        self.channel = Channel(server.socket)
        self.name = name or self.channel.create("", **meta)["name"]

    def submit(self, kind, code):
        return self.channel.ask("statement-submit", {"id": str(uuid.uuid4()), "session": self.name, "kind": kind, "user": "u"},
                                code.encode())[0]["record"]

    def get(self, number):
        """(record, output); the output is None before it has one."""
        meta, payload = self.channel.ask("statement-get", {"session": self.name, "statement": number})
        return meta["record"], json.loads(payload) if payload else None

    def until(self, number, *states):
        wait_until(f"statement {number} is {states}", lambda: self.get(number)[0]["state"] in states, 120)
        return self.get(number)

    def output(self, kind, code):
        record, output = self.until(self.submit(kind, code)["statement"], *FINAL)
        assert record["state"] == "FINISHED", output
        return output

    def data(self, kind, code):
        output = self.output(kind, code)
        assert output["status"] == "ok", output
        return output["data"]

    def text(self, kind, code):
        return self.data(kind, code)["text/plain"]

    def cancel(self, number):
        self.channel.ask("statement-cancel", {"session": self.name, "statement": number, "user": "u"})
        return self.until(number, *FINAL)[0]["state"]

    def close(self):
        self.channel.close()


@pytest.fixture(scope="module")
def server():
    with Server(start=False, launcher={"at_exit": "stop"}) as s:
        s.environment["SOME_SECRET"] = SECRET
        s.start_launcher()
        yield s


@pytest.fixture(scope="module")
def shared(server):
    session = Session(server, kind="shared", settings={"statement-output-max": "100000"})
    yield session
    session.close()


def test_one_session_of_spark_for_all_languages(shared):
    assert shared.text("spark", 'case class P(name: String, n: Int)\n'
                       'Seq(P("a", 1), P("b", 2)).toDF().createOrReplaceTempView("points")\nval two = 2').endswith("two: Int = 2\n")
    assert shared.text("pyspark", "from pyspark.sql.functions import col\n"
                       "spark.table('points').withColumn('m', col('n') * 10).createOrReplaceTempView('more')\n"
                       "sc.parallelize(range(4)).map(lambda n: n + 1).sum()") == "10"
    table = shared.data("sql", "select name, m from more order by m desc")["application/json"]
    assert table["data"] == [["b", 20], ["a", 10]] and [f["name"] for f in table["schema"]["fields"]] == ["name", "m"]
    assert shared.text("spark", "sc.parallelize(1 to 3).map(_ * two).sum").split(" = ")[1] == "12.0\n"
    assert "UserDefinedFunction = " in shared.text("spark", 'spark.udf.register("plus", (n: Int) => n + two)')
    assert shared.data("sql", "select plus(n) from points order by n")["application/json"]["data"] == [[3], [4]]
    assert shared.text("pyspark", "[r[0] for r in spark.sql('select plus(n) from points order by n').collect()]") == "[3, 4]"


def test_errors_name_what_is_wrong(shared):
    for kind, code, name, value in (("spark", "nosuch", "Error", "not found: value nosuch"), ("pyspark", "nosuch", "NameError", "'nosuch'"),
                                    ("sql", "select nosuch", "Error", "nosuch"),
                                    ("pyspark", "spark.sql('select nosuch')", "AnalysisException", "nosuch")):
        output = shared.output(kind, code)
        assert (output["status"], output["ename"]) == ("error", name) and value in output["evalue"], output


@pytest.mark.parametrize("kind, plain, work", [
    ("spark", "while (true) Thread.sleep(10)", "sc.parallelize(1 to 2).map { n => Thread.sleep(600000); n }.count()"),
    ("pyspark", "import time\nwhile True: time.sleep(600)",
     "sc.parallelize(range(2)).map(lambda n: __import__('time').sleep(600)).count()")])
def test_cancel_ends_plain_code_and_work_of_spark(shared, kind, plain, work):
    for code in plain, work:
        number = shared.submit(kind, code)["statement"]
        shared.until(number, "RUNNING")
        if code == work:
            wait_until("its tasks are known", lambda: shared.get(number)[0].get("progress"), 60)
        assert shared.cancel(number) == "KILLED"
    assert shared.text(kind, "1 + 1").strip().split(" = ")[-1] == "2"


@pytest.mark.parametrize("kind, code", [("spark", 'for (_ <- 1 to 100000) println("0123456789")'),
                                        ("pyspark", "for _ in range(100000): print('0123456789')")])
def test_a_flood_is_cut_and_says_so(shared, kind, code):
    shown = shared.text(kind, code)
    assert len(shown) < 110000 and "more bytes are left out" in shown and "statement-output-max" in shown


def test_code_sees_no_secret_and_nothing_of_the_launcher(shared):
    scala = shared.text("spark", 'sys.env.foreach(println); sys.props.foreach(println)\n'
                        'println(scala.io.Source.fromFile("/proc/self/environ").mkString)')
    python = shared.text("pyspark", "import os, sys; print(os.environ, sys.argv, open('/proc/self/environ').read())")
    assert "SPARK_HOME" in scala and "PYTHONPATH" in python
    for text in scala, python:
        assert SECRET not in text and "GATEWAY_SECRET" not in text and "SPARKJOB_SECRET" not in text


def test_a_python_that_dies_takes_nothing_else_along(shared):
    shared.text("pyspark", "kept = 1")
    output = shared.output("pyspark", "import os; os._exit(3)")
    assert output["ename"] == "Error" and output["evalue"].startswith("Interpreter died:\n") and "exit code 3" in output["evalue"]
    assert shared.output("pyspark", "kept")["ename"] == "NameError"
    assert shared.text("spark", "two + 1").endswith(" = 3\n")


def test_a_python_that_dies_while_nothing_runs_is_told_of_by_the_next_statement(shared):
    pid = int(shared.text("pyspark", "import os; os.getpid()"))
    os.kill(pid, signal.SIGKILL)
    wait_until("it is gone", lambda: not alive(pid), 10)
    # it may have been sent to the old one yet
    assert "\nWhat statements had defined in it is lost" in str(shared.output("pyspark", "1 + 1")).replace("\\n", "\n")
    assert shared.text("pyspark", "1 + 1") == "2"


def test_a_session_ends_with_its_interpreter(server):
    session = Session(server, kind="pyspark")
    try:
        number = session.submit("", "import os; os._exit(3)")["statement"]
        record, output = session.until(number, *FINAL)
        assert record["state"] in ("FINISHED", "ERROR"), record
        wait_until("the session has ended", lambda: session.channel.context(session.name)["state"] == "ERROR", 60)
        assert "Python process" in session.channel.context(session.name)["reason"]
    finally:
        session.close()


def test_a_session_ends_with_its_jvm(server):
    session = Session(server, kind="spark")
    try:
        session.submit("", "System.exit(5)")
        wait_until("the session has ended", lambda: session.channel.context(session.name)["state"] == "ERROR", 60)
    finally:
        session.close()
