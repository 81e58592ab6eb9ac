"""Contexts on real YARN daemons, in cluster mode: their drivers are application masters."""

import os
import re
import signal

import pytest
from sparkjob_server import EXAMPLES, Server, free_port, wait_until
from test_local import COUNTED, TEXT
from test_yarn import ALIVE, SETTINGS, shows_its_ui

FAR = {name: value for name, value in SETTINGS.items() if name != "spark.driver.host"}


@pytest.fixture(scope="module")
def server(hadoop):
    """With a cluster `far`, whose drivers connect by TLS."""
    clusters = {"far": {"master": "yarn", "deploy_mode": "cluster", "hadoop_conf": hadoop.conf, "settings": FAR}}
    with Server(launcher={"clusters": clusters, "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}}}) as s:
        s.upload("examples", EXAMPLES)
        yield s


@pytest.fixture
def app(server, hadoop):
    """The id of the application of a context `c`."""
    server.context("c", cluster="far", **{"launcher.spark.driver.memory": "512m"})
    yield server.get("/contexts/c")[1]["applicationId"]
    server.delete("/contexts/c")
    wait_until("its containers are gone", lambda: not hadoop.containers())


def counted(server):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert status == 200 and body["result"] == COUNTED, body


def master(hadoop):
    """The pid of the driver."""
    def arguments(pid):
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read().split("\0")
    (found,) = [p for p in hadoop.containers() if "org.apache.spark.deploy.yarn.ApplicationMaster" in arguments(p)]
    return found


def test_a_driver_runs_jobs_outlives_the_launcher_and_ends_in_order(server, hadoop, app):
    counted(server)
    shown = server.get("/contexts/c")[1]
    told = hadoop.application(app)
    assert (told["state"], told["applicationTags"]) == ("RUNNING", "sparkjob-" + shown["id"])
    assert shown["trackingUrl"].endswith("/proxy/" + app) and not server.drivers()
    wait_until("its executor is there", lambda: server.get("/contexts/c")[1].get("executors") == 1)
    shows_its_ui(server, told)
    log = server.request("GET", "/contexts/c/log")[2].decode()
    assert f"INFO  YarnClientImpl: Submitted application {app}" in log and f"The context c runs as {app}" in log
    # neither what Spark and YARN tell all the time, nor a line in another form
    assert "Uploading resource" not in log and "Created broadcast" not in log and not re.search(r"(?m)^\d\d/\d\d/\d\d ", log), log

    pid = master(hadoop)
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    server.wait_ready()
    counted(server)
    assert master(hadoop) == pid

    assert server.delete("/contexts/c")[0] == 200
    told = wait_until("it is over", lambda: (lambda a: a if a["state"] not in ALIVE else None)(hadoop.application(app)))
    assert (told["state"], told["finalStatus"]) == ("FINISHED", "SUCCEEDED"), told["diagnostics"]
    assert server.get("/contexts/c")[1]["state"] == "FINISHED"


def test_what_became_of_a_driver_that_was_killed_is_told(server, hadoop, app):
    os.kill(master(hadoop), signal.SIGKILL)
    context = wait_until("the context is over", lambda: (
        lambda c: c if c["state"] == "ERROR" else None)(server.get("/contexts/c")[1]))
    assert "exitCode: 137" in context["reason"], context
    assert hadoop.application(app)["finalStatus"] == "FAILED"


def test_by_force_the_cluster_ends_it(server, hadoop, app):
    assert server.delete("/contexts/c?force=true")[0] == 200
    assert hadoop.application(app)["state"] not in ALIVE
