"""A walk through sessions and statements with nothing but `requests`, as scripts of users do it."""

import json
import time

import pytest
import requests

from sparkjob_server import PATIENCE


class Livy:
    """What the examples of Livy's documentation do: post, then ask until it is over."""

    def __init__(self, url):
        self.url = url
        self.http = requests.Session()

    def call(self, method, path, status, **body):
        answer = self.http.request(method, self.url + path, data=json.dumps(body) if body else None,
                                   headers={"Content-Type": "application/json", "X-Requested-By": "walk"}, timeout=60)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def until(self, path, states, seconds=60):
        end = time.monotonic() + seconds * PATIENCE
        while True:
            found = self.call("GET", path, 200).json()
            if found["state"] in states:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def session(self, **body):
        """The path of a session that is idle."""
        made = self.call("POST", "/sessions", 201, **body)
        assert made.json()["state"] == "starting"
        path = f"/sessions/{made.json()['id']}"
        assert made.headers["Location"].endswith(path)
        assert self.until(path, ("idle", "dead", "error", "killed"))["state"] == "idle"
        return path

    def run(self, session, code, **more):
        """The output of code."""
        made = self.call("POST", session + "/statements", 201, code=code, **more).json()
        return self.until(f"{session}/statements/{made['id']}", ("available", "cancelled"))["output"]


@pytest.fixture(scope="module")
def livy(server):
    return Livy(f"http://127.0.0.1:{server.port}/livy")


def text(output):
    assert output["status"] == "ok", output
    return output["data"]["text/plain"]


def test_scala_and_a_job_in_one_context(livy, server):
    session = livy.session(kind="spark", name="walk", conf={"spark.sql.shuffle.partitions": "2"})
    assert text(livy.run(session, "1 + 1")).strip().endswith("Int = 2")
    assert text(livy.run(session, "val words = Seq(\"a\", \"b\", \"a\").toDF(\"word\"); words.createOrReplaceTempView(\"words\")")) is not None
    assert "3" in text(livy.run(session, "spark.sql(\"SELECT count(*) FROM words\").first().getLong(0)"))
    failed = livy.run(session, "sys.error(\"broken\")")
    assert failed["status"] == "error" and "broken" in failed["evalue"] and failed["traceback"], failed
    state, answer = server.run("spark.jobserver.WordCountExample", 'input.string = "a b a"', context="walk")[:2]
    assert answer["result"] == {"a": 2, "b": 1}, answer
    assert "walk" in server.get("/contexts")[1]
    assert livy.call("GET", session + "/statements?from=0&size=10", 200).json()["total_statements"] == 4
    candidates = livy.call("POST", session + "/completion", 200, code="spark.sq", kind="spark", cursor=8).json()["candidates"]
    assert any("sql" in c for c in candidates), candidates
    assert livy.call("GET", session + "/log?from=0&size=5", 200).json()["log"]
    assert livy.call("DELETE", session, 200).json() == {"msg": "deleted"}
    livy.call("GET", session, 404)


def test_kinds_share_what_they_make(livy):
    session = livy.session()
    assert livy.run(session, "spark.range(5).createOrReplaceTempView(\"five\")", kind="spark")["status"] == "ok"
    rows = livy.run(session, "SELECT id FROM five ORDER BY id", kind="sql")["data"]["application/json"]
    assert rows["data"] == [[0], [1], [2], [3], [4]] and rows["schema"]["fields"][0]["name"] == "id", rows
    assert text(livy.run(session, "print(spark.table(\"five\").count())\n1 + 1", kind="pyspark")) == "5\n2"
    failed = livy.run(session, "1 / 0", kind="pyspark")
    assert failed["ename"] == "ZeroDivisionError" and failed["traceback"], failed
    livy.call("DELETE", session, 200)


def test_cancelling_what_runs(livy):
    session = livy.session(kind="spark")
    made = livy.call("POST", session + "/statements", 201, code="Thread.sleep(600000)").json()
    path = f"{session}/statements/{made['id']}"
    livy.until(path, ("running",))
    assert livy.until(session, ("busy",))
    assert livy.call("POST", path + "/cancel", 200).json() == {"msg": "canceled"}
    livy.until(path, ("cancelled",))
    livy.until(session, ("idle",))
    assert text(livy.run(session, "2 + 2")).strip().endswith("Int = 4")
    livy.call("DELETE", session, 200)
