"""What a context asks of its cluster is looked at before it has a driver, and what it left there is ended: by the REST of a
recorder, with scripted drivers. t/clusters does it with real clusters."""

import json
import os
import re
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fake_yarn import FakeYarn
from sparkjob_server import Server, free_port, wait_until

YARN = {"spark.master": "yarn"}


@pytest.fixture(scope="module")
def rm():
    with FakeYarn() as rm:
        yield rm


@pytest.fixture(scope="module")
def server(rm):
    clusters = {"there": {"master": "yarn", "rest": rm.url + "/"},
                "away": {"master": "yarn", "rest": f"http://127.0.0.1:{free_port()}"},
                "second": {"master": "yarn", "rest": f"http://127.0.0.1:{free_port()},{rm.url}"},
                "none": {"master": "yarn", "hadoop_conf": "/no/such/folder"},
                "cut": {"master": "yarn", "hadoop_conf": rm.folder}}
    with open(rm.folder + "/yarn-site.xml", "w") as f:
        f.write("<configuration><property>")
    with Server(scripted=True, launcher={"clusters": clusters, "driver": {"environment": {"HADOOP_CONF_DIR": rm.conf}}}) as s:
        yield s


def refused(server, status=400, name="c", **settings):
    """What a context cannot be had for, in words."""
    query = "&".join(f"{k}={v}" for k, v in {**({} if "cluster" in settings else YARN), **settings}.items())
    code, body = server.post(f"/contexts/{name}?{query}")
    assert code == status, body
    assert server.get(f"/contexts/{name}")[1]["state"] == "ERROR"
    assert not server.drivers()             # none was started for it
    return body["result"]["message"]


def test_what_is_there_is_had(server, rm):
    rm.asked.clear()
    server.context("c", **YARN, **{"spark.executor.memory": "3700m", "spark.executor.cores": 4, "spark.yarn.queue": "root.a.b",
                                   "spark.yarn.am.nodeLabelExpression": "gpu"})
    assert rm.asked == [("GET", "scheduler"), ("GET", "nodes")]
    assert server.delete("/contexts/c")[0] == 200


@pytest.mark.parametrize("settings, words", [
    ({"spark.yarn.queue": "nope"}, 'spark.yarn.queue: there is no queue "nope" on the cluster at URL, it has default, b, c'),
    ({"spark.yarn.queue": "a"}, 'there is no queue "a"'),       # which has queues itself
    ({"spark.yarn.queue": "root.a.c"}, 'the queue "root.a.c" on the cluster at URL is STOPPED'),
    ({"spark.executor.memory": "8g"}, "spark.executor.memory: an executor needs 9011 MiB with its overhead, and the cluster at URL "
                                      "gives a container at most 8192 MiB"),
    ({"memory-per-node": "6000"}, "an executor needs 6600 MiB with its overhead, and the cluster at URL has no node with more "
                                  "than 6144 MiB"),
    ({"spark.executor.memory": "1g", "spark.executor.memoryOverhead": "7g"}, "needs 8192 MiB .* no node with more"),
    ({"launcher.spark.executor.memory": "1t"}, "needs 1153433 MiB"),
    ({"spark.executor.cores": 5}, "spark.executor.cores: an executor needs 5 cores, and the cluster at URL gives a container "
                                  "at most 4"),
    ({"spark.yarn.executor.nodeLabelExpression": "ssd"}, 'spark.yarn.executor.nodeLabelExpression: an executor may be on nodes with '
                                                         'the label "ssd" only, and the cluster at URL has none of these'),
    ({"spark.yarn.am.nodeLabelExpression": "ssd"}, 'the application master may be on nodes with the label "ssd" only'),
    ({"spark.yarn.executor.nodeLabelExpression": "gpu", "spark.executor.memory": "4g"}, "has no node with more than 4096 MiB"),
    ({"spark.yarn.am.memory": "9g"}, "spark.yarn.am.memory: the application master needs 10137 MiB"),
])
def test_what_is_not_there_is_refused_at_once(server, rm, settings, words):
    assert re.search(words.replace("URL", rm.url), refused(server, **settings))


def test_a_cluster_that_does_not_answer_is_named(server):
    message = refused(server, 500, cluster="away")
    assert re.match(r"the ResourceManager at http://127.0.0.1:\d+ does not answer: ", message), message


def test_a_configuration_that_says_nothing_is_named(server):
    assert "/no/such/folder/yarn-site.xml cannot be read" in refused(server, cluster="none")
    assert re.search("yarn-site.xml, line 1: ", refused(server, cluster="cut"))


def test_of_two_resource_managers_the_other_one_is_asked(server, rm):
    rm.asked.clear()
    assert "no queue" in refused(server, cluster="second", **{"spark.yarn.queue": "nope"})
    # whether something is left of it is asked, too
    assert [ask for ask in rm.asked if ask[1] != "apps"] == [("GET", "scheduler")]
    server.context("c", cluster="there")
    assert server.delete("/contexts/c")[0] == 200


def test_who_is_not_told_goes_on(server, rm):
    """A secure ResourceManager, one without nodes yet, and somebody who knows better."""
    too_much = {"spark.executor.memory": "100g"}
    for path, status in (("scheduler", 401), ("scheduler", 403)):
        rm.status = {path: status}
        server.context("c", **YARN, **too_much)
        assert server.delete("/contexts/c")[0] == 200
    rm.status, nodes, rm.nodes = {}, rm.nodes, ()
    server.context("c", **YARN, **{"spark.executor.memory": "7g"})
    assert server.delete("/contexts/c")[0] == 200
    rm.nodes = nodes
    server.context("c", **YARN, **too_much, **{"cluster-check": "off"})
    assert server.delete("/contexts/c")[0] == 200
    rm.kind = "fairScheduler"
    server.context("c", **YARN, **{"spark.yarn.queue": "made.when.needed"})
    assert server.delete("/contexts/c")[0] == 200
    rm.kind = "capacityScheduler"


def application(server, rm, name="c", number=1):
    """Has the cluster run one of a context."""
    rm.apps[f"application_1_{number}"] = app = {"tags": "x,sparkjob-" + server.get(f"/contexts/{name}")[1]["id"], "state": "RUNNING"}
    return app


def test_what_a_context_left_on_the_cluster_is_killed_before_its_deletion_is_answered(server, rm):
    server.context("c", **YARN)
    app, done, other = application(server, rm), application(server, rm, number=2), {"tags": "sparkjob-else", "state": "RUNNING"}
    done["state"] = "FINISHED"
    rm.apps["application_1_3"] = other
    rm.asked.clear()
    assert server.delete("/contexts/c")[0] == 200
    assert (app["state"], done["state"], other["state"]) == ("KILLED", "FINISHED", "RUNNING")
    # it had time to end by itself; contexts of earlier tests may be asked for yet
    before = rm.asked[:rm.asked.index(("PUT", "apps/application_1_1/state"))]
    assert before.count(("GET", "apps")) >= 2 and set(before) == {("GET", "apps")}


def test_so_is_that_of_a_driver_that_was_killed(server, rm):
    server.context("c", **YARN)
    app = application(server, rm)
    os.kill(server.drivers()[0], signal.SIGKILL)
    wait_until("it is killed", lambda: app["state"] == "KILLED")
    wait_until("the context is over", lambda: server.get("/contexts/c")[1]["state"] == "ERROR")


def test_a_deletion_does_not_wait_for_ever(server, rm):
    server.context("c", **YARN)
    app = application(server, rm)
    rm.status = {"apps": 500}
    assert server.delete("/contexts/c")[0] == 200
    assert app["state"] == "RUNNING" and "it answers with status 500" in server.read("launcher.log")
    rm.status = {}


def test_a_launcher_that_ends_waits_for_it(rm):
    with Server(scripted=True, launcher={"driver": {"environment": {"HADOOP_CONF_DIR": rm.conf}}}) as s:
        s.context("c", **YARN)
        app = application(s, rm)
    assert app["state"] == "KILLED"


def test_a_context_may_be_deleted_while_its_cluster_is_asked(server, rm):
    slow = threading.Event()
    rm.asked.clear()
    answer, rm.answer = rm.answer, lambda *ask: (slow.wait(60), answer(*ask))[1]
    try:
        assert server.post("/contexts/c?spark.master=yarn&async=true")[0] == 202
        wait_until("it is asked", lambda: ("GET", "scheduler") in rm.asked)
        assert server.delete("/contexts/c")[0] == 200
    finally:
        rm.answer = answer
        slow.set()
    assert server.get("/contexts/c")[1]["state"] == "FINISHED" and not server.drivers()


@pytest.fixture
def master():
    """The pages of a standalone master with two workers, one of them dead."""
    told = {"url": "spark://127.0.0.1:7077", "workers": [{"state": "ALIVE", "memory": 2048, "cores": 2},
                                                         {"state": "DEAD", "memory": 99999, "cores": 99}]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


def test_workers_of_a_standalone_master_too(master):
    clusters = {"s": {"master": "spark://127.0.0.1:7077", "web": master},
                "other": {"master": "spark://127.0.0.1:7078", "web": master},
                "silent": {"master": "spark://127.0.0.1:7077", "web": f"http://127.0.0.1:{free_port()}"}}
    with Server(scripted=True, launcher={"clusters": clusters, "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}}}) as s:
        assert (f"spark.executor.memory: an executor needs 3072 MiB, and the cluster at {master} has no worker with more than 2048 "
                "MiB") == refused(s, cluster="s", **{"memory-per-node": "3g"})
        assert "an executor needs 3 cores" in refused(s, cluster="s", **{"spark.executor.cores": 3})
        for name in ("spark.driver.memory", "launcher.spark.driver.memory"):
            assert "the driver needs 4096 MiB" in refused(s, cluster="s", **{name: "4g", "spark.submit.deployMode": "cluster"})
        s.context("c", cluster="s", **{"spark.executor.memory": "2g", "spark.executor.cores": 2, "spark.driver.memory": "4g"})
        assert s.delete("/contexts/c")[0] == 200
        # pages of another master, and none: who is there the driver will find
        for name in ("other", "silent"):
            s.context("c", cluster=name, **{"memory-per-node": "3g"})
            assert s.delete("/contexts/c")[0] == 200
