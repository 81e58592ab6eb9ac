"""Python jobs on real Spark, local[2]: as a user of spark-jobserver writes them, and what they must not do to each other."""

import os

import pytest
from sparkjob_server import BUILD, Server

FACTORY = "spark.jobserver.python."
SESSION = FACTORY + "PythonSessionContextFactory"
WHEEL = ("sparkjob-python-examples.whl", "application/python-wheel")
EGG = ("sparkjob-python-examples.egg", "application/python-egg")

TEXT = 'input.strings = ["a b c a", "b see"]'
COUNTED = {"a": 2, "b": 2, "c": 1, "see": 1}


@pytest.fixture(scope="module")
def server():
    """A server with the Python examples as wheel and egg, and a session context `c` without Hive."""
    with Server(launcher={"context_settings": {"spark.master": "local[2]", "spark.session.hive.enabled": "false"}}) as s:
        s.upload("examples", os.path.join(BUILD, WHEEL[0]), WHEEL[1])
        s.upload("egg", os.path.join(BUILD, EGG[0]), EGG[1])
        s.context("c", **{"context-factory": SESSION})
        yield s


@pytest.mark.parametrize("cp", ["examples", "egg"])
def test_word_count_from_wheel_and_egg(server, cp):
    status, body = server.run("example_jobs.word_count.WordCount", TEXT, cp=cp)
    assert status == 200 and body["result"] == COUNTED, body


@pytest.mark.parametrize("sync", [True, False])
def test_problems_of_validate_are_400(server, sync):
    status, body = server.run("example_jobs.word_count.WordCount", "input.strings = []", sync=sync)
    assert (status, body["status"]) == (400, "VALIDATION FAILED")
    assert body["result"]["message"] == "One(SingleProblem(input.strings must be a list of texts))"


def test_rows_are_objects(server):
    status, body = server.run("example_jobs.sql.AverageSalary", "input.data = [[bob, 20, 1200], [jon, 21, 1400], [mary, 20, 1300]]")
    assert status == 200 and body["result"] == [{"age": 20, "salary": 1250}, {"age": 21, "salary": 1400}]


def test_data_frame_is_shared_between_jobs(server):
    first = server.run("example_jobs.sql.SharedNumbers", "n = 100")[1]["result"]
    second = server.run("example_jobs.sql.SharedNumbers", "n = 7")[1]["result"]
    assert (first, second) == ({"made": True, "sum": 4950}, {"made": False, "sum": 4950})


@pytest.mark.parametrize("main_class", ["example_jobs.word_count.Nope", "nope.WordCount", "example_jobs.nope.X", "WordCount"])
def test_class_that_is_not_there_is_404(server, main_class):
    assert server.run(main_class) == (404, {"status": "ERROR", "result": f"classPath {main_class} not found"})
