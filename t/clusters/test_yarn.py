"""Contexts on real YARN daemons, in client mode; the ResourceManager is asked what became of their applications."""

import json
import os
import signal
import time
import urllib.request

import pytest
from sparkjob_server import EXAMPLES, PATIENCE, SPARK_HOME, Server, wait_until
from test_local import COUNTED, TEXT
from test_ui import LINK

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


def shows_its_ui(server, app):
    """By the API's port alone: pages, links, scripts, the UI's own REST; whoever asks the driver is sent to YARN's proxy."""
    base, root = "/contexts/c/ui", "/proxy/" + app["id"]

    def page(path):
        status, _, body = server.request("GET", f"{base}/{path}")
        assert status == 200, (path, status, body[:500])
        return body.decode()
    for path in ("", "jobs/", "stages/", "storage/", "environment/", "executors/"):
        text = page(path)
        names = LINK.findall(text)
        assert root not in text and f"setUIRoot('{base}')" in text, path
        assert not [n for n in names if not n.startswith((base, "data:", "http://spark.apache.org", "https://spark.apache.org"))], (path, names)
        assert sum("/static/" in n for n in names) > 5, names
    scripts = [n for n in names if n.endswith(".js")]
    assert scripts and all(len(page(n[len(base) + 1:])) > 100 for n in scripts)
    executors = json.loads(page(f"api/v1/applications/{app['id']}/executors"))
    assert {e["id"] for e in executors} == {"driver", "1"}
    with urllib.request.urlopen(server.get("/contexts/c")[1]["trackingUrl"]) as other:
        assert root + "/static/" in other.read().decode()


def test_a_job_runs_on_executors_and_the_context_shows_its_application(server, hadoop):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert status == 200 and body["result"] == COUNTED
    shown = wait_until("it is shown", lambda: (lambda c: c if c.get("executors") == 1 and "logs" in c else None)(
        server.get("/contexts/c")[1]))
    app = application(server, hadoop)
    assert app["state"] == "RUNNING" and app["applicationTags"] == "sparkjob-" + shown["id"]
    assert (shown["cluster"], shown["cores"]) == ("y", 1)
    assert shown["trackingUrl"].endswith("/proxy/" + app["id"])
    shows_its_ui(server, app)
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


def test_a_context_runs_on_nodes_with_the_label_that_it_wants(server, hadoop):
    labelled, other = (hadoop.node(n)["nodeHTTPAddress"] for n in (1, 0))
    label = {"spark.yarn.am.nodeLabelExpression": "fast", "spark.yarn.executor.nodeLabelExpression": "fast"}
    server.context("l", cluster="y", **label)
    try:
        status, body = server.run("spark.jobserver.WordCountExample", TEXT, context="l")
        assert status == 200 and body["result"] == COUNTED, body
        logs = wait_until("its executor is shown", lambda: server.get("/contexts/l")[1].get("logs"))["executors"]
        assert [url.startswith(f"http://{labelled}/") for one in logs.values() for url in one.values()] == [True, True], logs
        assert application(server, hadoop, "l")["amHostHttpAddress"] == labelled
        # who wants none is not there
        assert application(server, hadoop)["amHostHttpAddress"] == other
    finally:
        server.delete("/contexts/l")


@pytest.mark.parametrize("settings, words", [
    ({"spark.yarn.executor.nodeLabelExpression": "slow"}, 'an executor may be on nodes with the label "slow" only, and the cluster'),
    ({"spark.yarn.am.nodeLabelExpression": "slow"}, 'the application master may be on nodes with the label "slow" only'),
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
