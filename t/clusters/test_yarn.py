"""Contexts on real YARN daemons, in client mode; the ResourceManager is asked what became of their applications."""

import os
import signal
import time
import urllib.request

import pytest
from sparkjob_server import EXAMPLES, PATIENCE, SPARK_HOME, Server, wait_until
from test_local import COUNTED, TEXT

ALIVE = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
SETTINGS = {"spark.executor.memory": "512m", "spark.yarn.am.memory": "512m", "spark.executor.instances": "1",
            "spark.driver.host": "127.0.0.1", "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*"}


@pytest.fixture(scope="module")
def server(hadoop):
    """With a cluster `y`, found by its Hadoop configuration, and a context `c` there."""
    clusters = {"y": {"master": "yarn", "hadoop_conf": hadoop.conf, "settings": SETTINGS}}
    with Server(launcher={"clusters": clusters}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c", cluster="y")
        yield s


def application(server, hadoop, name="c"):
    return hadoop.application(server.get(f"/contexts/{name}")[1]["applicationId"])


def test_a_job_runs_on_executors_and_the_context_shows_its_application(server, hadoop):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert status == 200 and body["result"] == COUNTED
    shown = wait_until("it is shown", lambda: (lambda c: c if c.get("executors") == 1 and "logs" in c else None)(
        server.get("/contexts/c")[1]))
    app = application(server, hadoop)
    assert app["state"] == "RUNNING" and app["applicationTags"] == "sparkjob-" + shown["id"]
    assert (shown["cluster"], shown["cores"]) == ("y", 1)
    assert shown["trackingUrl"].endswith("/proxy/" + app["id"])
    status, refused = server.get("/contexts/c/ui/")
    assert status == 404 and refused["result"].endswith("YARN's proxy has it, at " + shown["trackingUrl"]), refused
    with urllib.request.urlopen(shown["trackingUrl"]) as page:
        assert f"/proxy/{app['id']}/static/" in page.read().decode()
    with urllib.request.urlopen(shown["logs"]["executors"]["1"]["stderr"]) as log:
        assert log.status == 200


def test_a_context_that_is_deleted_leaves_nothing_on_the_cluster(server, hadoop):
    app = application(server, hadoop)["id"]
    assert server.delete("/contexts/c")[0] == 200
    try:
        app = hadoop.application(app)
        assert (app["state"], app["finalStatus"]) == ("FINISHED", "SUCCEEDED")
    finally:
        server.context("c", cluster="y")


@pytest.mark.parametrize("by", ["force", "kill"])
def test_a_driver_that_is_killed_leaves_nothing_on_the_cluster(server, hadoop, by):
    app = application(server, hadoop)["id"]
    if by == "force":
        assert server.delete("/contexts/c?force=true")[0] == 200
        assert hadoop.application(app)["state"] not in ALIVE
    else:
        os.kill(server.drivers()[0], signal.SIGKILL)
        began = time.monotonic()
        wait_until("the application is over", lambda: hadoop.application(app)["state"] not in ALIVE)
        assert time.monotonic() - began < 40 * PATIENCE
        wait_until("so is the context", lambda: server.get("/contexts/c")[1]["state"] == "ERROR")
    wait_until("its containers are gone", lambda: not hadoop.containers())
    server.context("c", cluster="y")


@pytest.mark.parametrize("settings, words", [
    ({"spark.yarn.queue": "nope"}, 'there is no queue "nope" on the cluster at '),
    ({"spark.yarn.queue": "stopped"}, "is STOPPED"),
    ({"spark.executor.memory": "6g"}, "gives a container at most 6144 MiB"),
    ({"spark.executor.cores": 5}, "gives a container at most 4"),
])
def test_what_the_cluster_has_not_is_refused_at_once(server, hadoop, settings, words):
    before = len(hadoop.applications())
    query = "&".join(f"{k}={v}" for k, v in settings.items())
    status, body = server.post(f"/contexts/x?cluster=y&{query}")
    assert status == 400 and words in body["result"]["message"], body
    assert len(hadoop.applications()) == before and len(server.drivers()) == 1
