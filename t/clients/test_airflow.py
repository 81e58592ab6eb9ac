"""Airflow's LivyOperator, LivySensor and LivyHook as they come, against a real server and real Spark."""

import asyncio
import json
import logging
import os
import tempfile
import threading

import pytest
from sparkjob_server import Server, wait_until

# read when it is imported
HOME = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name

from airflow.exceptions import AirflowException, TaskDeferred  # noqa: E402
from airflow.providers.apache.livy.hooks.livy import BatchState, LivyHook  # noqa: E402
from airflow.providers.apache.livy.operators.livy import LivyOperator  # noqa: E402
from airflow.providers.apache.livy.sensors.livy import LivySensor  # noqa: E402

PROGRAM = b"""
import sys, time
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("SUM", spark.sparkContext.parallelize(range(int(sys.argv[1]))).sum(), flush=True)
for n in range(250):
    print("LINE", n, flush=True)
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""

# what Airflow sends as numbers it sends as numbers, and as texts likewise
BATCH = {"file": "sum", "driver_memory": "512m", "driver_cores": 1, "executor_cores": "1", "num_executors": 1,
         "conf": {"spark.ui.enabled": "false", "spark.task.maxFailures": 2}, "polling_interval": 1}


class Task:
    """The task instance, of which the operator wants but this."""

    def __init__(self):
        self.said = {}

    def xcom_push(self, key, value, **_):
        self.said[key] = value


class Lines(logging.Handler):
    """What goes to the log of a task."""

    def __init__(self, *loggers):
        super().__init__()
        self.lines = []
        for logger in loggers:
            logger.addHandler(self)

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def server():
    with Server() as s:
        assert s.request("POST", "/binaries/sum", PROGRAM, {"Content-Type": "text/x-python"})[0] == 201
        os.environ["AIRFLOW_CONN_LIVY_DEFAULT"] = json.dumps({"conn_type": "livy", "host": f"http://127.0.0.1:{s.port}/livy"})
        yield s


def operator(name, *args, **more):
    return LivyOperator(task_id=name, name=name, args=list(args), **BATCH, **more)


def test_a_batch_runs_to_its_end(server):
    task, works = Task(), operator("works", 1000, 0, 0)
    log = Lines(works.hook.log)
    id = works.execute({"ti": task})
    assert server.get(f"/livy/batches/{id}/state") == (200, {"id": int(id), "state": "success"})
    assert "app_id" in task.said
    # the log comes by pages of a hundred lines, each of them once
    assert log.lines.count("SUM 499500") == 1 and [line for line in log.lines if line.startswith("LINE ")] == [
        f"LINE {n}" for n in range(250)]
    assert LivySensor(task_id="sees", batch_id=id).poke({})


def test_a_failure_is_one(server):
    fails = operator("fails", 10, 0, 3)
    log = Lines(fails.hook.log)
    with pytest.raises(AirflowException, match="did not succeed"):
        fails.execute({"ti": Task()})
    assert server.get("/livy/batches/fails/state")[1]["state"] == "dead"
    assert log.lines[-1] == "SparkSubmit exited with code 3"


def test_the_next_try_has_the_same_name(server):
    id = operator("fails", 10, 0, 0).execute({"ti": Task()})
    assert server.get("/livy/batches/fails")[1]["id"] == id


def test_a_refusal_says_why(server):
    with pytest.raises(AirflowException, match="Status code: 400.*spark.yarn.maxAppAttempts cannot be set: a batch runs once"):
        LivyHook().post_batch(file="sum", conf={"spark.yarn.maxAppAttempts": 2})


def test_a_task_that_is_killed_kills_its_batch(server):
    killed = operator("killed", 10, 600, 0)

    def kill():
        wait_until("it runs", lambda: "SUM 45" in server.get("/livy/batches/killed/log?from=0&size=-1")[1].get("log", ()), 90)
        killed.on_kill()

    other = threading.Thread(target=kill)
    other.start()
    with pytest.raises(AirflowException, match="not found"):        # it asks for the state of what is gone
        killed.execute({"ti": Task()})
    other.join()
    wait_until("nothing of it runs", lambda: not server.drivers())


def test_a_deferred_task_is_told_by_its_trigger(server):
    """The worker is free meanwhile: the trigger asks, in the event loop of another process."""
    defers, task = operator("defers", 100, 0, 0, deferrable=True), Task()
    with pytest.raises(TaskDeferred) as deferred:
        defers.execute({"ti": task})

    async def event():
        async for event in deferred.value.trigger.run():
            return event.payload

    told = asyncio.run(event())
    assert told["status"] == "success" and "SUM 4950" in told["log_lines"], told
    assert defers.execute_complete({"ti": task}, told) == told["batch_id"]


def test_the_hook_asks_and_deletes(server):
    hook = LivyHook()
    id = hook.post_batch(file="sum", args=[10, 600, 0], driver_memory="512m")
    assert hook.get_batch_state(id) in (BatchState.STARTING, BatchState.RUNNING)
    assert hook.get_batch(id)["id"] == id
    assert hook.delete_batch(id) == {"msg": "deleted"}
    with pytest.raises(AirflowException, match="not found"):
        hook.get_batch(id)
