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
                "cut": {"master": "yarn", "hadoop_conf": rm.folder},
                "small": {"master": "yarn", "rest": rm.url, "settings": {"spark.executor.memory": "1g"}}}
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
    ({"memory-per-node": "6000", "cluster": "small"}, "an executor needs 6600 MiB"),
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
        assert "unchecked" not in s.get("/clusters/s")[1]
        # pages of another master, and none: who is there the driver will find
        for name, words in (("other", "these are no pages of this master"), ("silent", "onnect")):
            s.context("c", cluster=name, **{"memory-per-node": "3g"})
            assert s.delete("/contexts/c")[0] == 200
            told = s.get(f"/clusters/{name}")[1]["unchecked"]
            assert told.startswith(f"the master at {clusters[name]['web']} does not tell what it has: ") and words in told, told
            assert f"{told} (\"web\" of a cluster says where its pages are)" in s.read("launcher.log")


def test_pages_of_a_standalone_master_are_looked_for(master):
    """Where Spark's own setting says, or at the ports that are next if the usual one is taken."""
    wanted = {"memory-per-node": "3g"}
    port = master.split(":")[2]
    clusters = {"told": {"master": "spark://127.0.0.1:7077", "settings": {"spark.master.ui.port": port}},
                "guessed": {"master": "spark://127.0.0.1:1"}}
    with Server(scripted=True, launcher={"clusters": clusters}) as s:
        assert f"the cluster at {master} has no worker" in refused(s, cluster="told", **wanted)
        s.context("c", cluster="guessed", **wanted)
        told = s.get("/clusters/guessed")[1]["unchecked"]
        assert all(f"http://127.0.0.1:{port}" in told for port in range(8080, 8085)), told
        # a request may not have it ask others
        s.delete("/contexts/c")
        s.context("c", **{"spark.master": "spark://127.0.0.1:7077", "spark.master.ui.port": port, **wanted})


@pytest.mark.parametrize("text, words", [(None, "is not there"), ("", "is empty"), ("folder", "is no file"),
                                         ("/dev/null", "is no file")])
@pytest.mark.parametrize("prefix", ["", "file:", "file://"])
def test_a_pod_template_that_is_none_is_named(server, tmp_path, prefix, text, words):
    path = tmp_path / "a.yaml"
    if text == "folder":
        path.mkdir()
    elif text == "/dev/null":
        path = text
    elif text is not None:
        path.write_text(text)
    name = "spark.kubernetes.executor.podTemplateFile"
    message = refused(server, **{"spark.master": "k8s://https://127.0.0.1:1", name: f"{prefix}{path}"})
    assert message == f'{name}: "{path}" {words}'


def test_what_else_may_be_a_pod_template_spark_reads(server, tmp_path):
    (tmp_path / "a.yaml").write_text("kind: Pod")
    for n, path in enumerate([tmp_path / "a.yaml", "hdfs://nn/a.yaml", "a.yaml"]):
        server.context(f"t{n}", **{"spark.master": "k8s://https://127.0.0.1:1", "spark.kubernetes.executor.podTemplateFile": str(path),
                                   # which is for drivers in pods only
                                   "spark.kubernetes.driver.podTemplateFile": "/no/such"})
        server.delete(f"/contexts/t{n}")


@pytest.fixture
def base(server, rm):
    """The path of the interface of a context on YARN, whose application is none of the cluster's yet."""
    server.context("u", cluster="second", **{"script.ui": "on"})
    yield "/contexts/u/ui"
    rm.status.clear()
    server.delete("/contexts/u")


def interface(server, path, wanted=200):
    status, headers, body = server.request("GET", path, headers={"Cookie": "a=b"})
    assert status == wanted, body
    return headers if status == 302 else body.decode() if status == 200 else json.loads(body)["result"]


def test_the_interface_of_an_application_is_behind_the_proxy_of_its_cluster(server, rm, base):
    none = f"The context has no UI: the ResourceManager at {rm.url} "
    context = server.get("/contexts/u")[1]
    app = context["applicationId"]
    # an application that its driver tells of is not believed to be its own
    rm.apps[app] = {"tags": "sparkjob-other", "state": "RUNNING"}
    assert interface(server, base + "/jobs/", 404) == none + "has no such application of it"
    rm.apps[app]["tags"] = "mine,sparkjob-" + context["id"]
    rm.apps["application_1_1"] = {**rm.apps[app]}
    page = interface(server, base + "/jobs/job/?id=2")
    assert page == f"""<a href="{base}/stages/?id=1">s</a> setUIRoot('{base}') <p title="{base}/jobs/job/ checked_{app}=true">"""
    assert interface(server, base + "/moved", 302)["Location"] == f"http://127.0.0.1:{server.port}{base}/jobs/?a=b"
    # what says that the proxy is another daemon
    rm.apps[app]["trackingUrl"] = "http://elsewhere:1/proxy/x/"
    assert interface(server, base + "/jobs/", 404) == "The context has no UI: YARN's proxy has it, at http://elsewhere:1/proxy/x/"
    rm.apps[app]["trackingUrl"] = f"http://localhost:{rm.server.server_port}/proxy/{app}/"
    interface(server, base + "/jobs/")
    rm.status["apps"] = 401
    assert interface(server, base + "/jobs/", 404) == none + "answers with status 401"
    rm.status.clear()
    rm.apps.pop("application_1_1")
    rm.apps[app]["state"] = "FINISHED"
    assert interface(server, base + "/jobs/", 404) == none + "has no such application of it"


def test_an_interface_that_nobody_tells_of_says_who_was_asked(server, rm):
    server.context("u", cluster="away", **{"cluster-check": "off", "script.ui": "on"})
    assert re.fullmatch(r"The context has no UI: the ResourceManager at http://127.0.0.1:\d+ does not answer: .*[Cc]onnect.*",
                        interface(server, "/contexts/u/ui/", 404))
    server.delete("/contexts/u?force=true")
