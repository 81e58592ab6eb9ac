"""Drivers that YARN starts: submitted by a child of the launcher, known, killed and adopted by the ResourceManager's REST. The
cluster is t/lib/fake_yarn.py, the submitter t/lib/fake_submit.py."""

import glob
import json
import os
import re
import signal

import pytest
from fake_yarn import FakeYarn
from sparkjob_server import ROOT, Server, alive, free_port, wait_until


# the end of a line in a setting begins no other one
LINES = {"spark.app.lines": "\ta\r\fspark.yarn.maxAppAttempts=9\n", "spark.app.n=\nspark.yarn.tags": "others"}


@pytest.fixture(scope="module")
def rm():
    with FakeYarn() as rm:
        yield rm


@pytest.fixture(scope="module")
def server(rm):
    cluster = {"master": "yarn", "deploy_mode": "cluster", "hadoop_conf": rm.conf,
               "settings": {"spark.hadoop.fake.rm": rm.url, "spark.yarn.queue": "b", "spark.yarn.tags": "mine", **LINES}}
    nowhere = {"master": "yarn", "deploy_mode": "cluster", "hadoop_conf": "/no/such/folder"}
    with Server(scripted=True, launcher={"clusters": {"y": cluster, "nowhere": nowhere}, "driver": {
            "command": ["/usr/bin/python3", ROOT + "/t/lib/fake_submit.py"],
            "link": {"listen": f"127.0.0.1:{free_port()}"}}}) as s:
        empty = b"PK\x03\x04" + bytes(18)
        assert s.json("POST", "/binaries/b", empty, {"Content-Type": "application/java-archive"})[0] == 201
        yield s
        assert not [a for a in rm.apps.values() if a["state"] == "RUNNING"]


@pytest.fixture
def context(server, rm):
    """The id of a context's application."""
    server.context("c", cluster="y", **{"launcher.spark.driver.memory": "700m", "spark.app.words": "a = b:c \\ #d"})
    yield max(rm.submitted)
    server.delete("/contexts/c")


def ran(server, what="noop", body=""):
    status, answer = server.run(what, body, cp="b")
    assert status == 200, answer
    return answer["result"]


def test_a_driver_is_submitted_and_told_in_secret(server, rm, context):
    told = rm.submitted[context]
    properties = told["properties"]
    report = server.get("/contexts/c")[1]
    assert ran(server) is True and ran(server, "pid") == told["process"].pid
    assert (told["class"], told["arguments"][-2]) == ("sparkjob.driver.Main", "--secret-file")
    assert properties.items() >= {
        "spark.master": "yarn", "spark.submit.deployMode": "cluster", "spark.yarn.maxAppAttempts": "1",
        "spark.yarn.submit.waitAppCompletion": "false", "spark.yarn.queue": "b", "spark.driver.memory": "700m",
        "spark.yarn.tags": "mine,sparkjob-" + report["id"], "spark.app.words": "a = b:c \\ #d", **LINES}.items()
    # YARN refuses what comes twice, and calls an application's own jar so
    files, path = properties["spark.yarn.dist.files"].split(","), properties["spark.driver.extraClassPath"].split(":")
    assert "file:" + told["arguments"][0] not in files and len(set(files)) == len(files) == len(path)
    assert "__app__.jar" in path and os.path.basename(told["arguments"][0]).startswith("sparkjob-driver_")
    # the secret is in a file that only its user reads, and that has gone
    secret = json.loads(told["start"])["secret"]
    assert told["mode"] == 0o600 and len(secret) == 64
    assert secret not in json.dumps([properties, told["arguments"]])
    folder = f"{server.dir}/data/contexts/{report['id']}"
    wait_until("its files have gone with the submitter", lambda: not [f for f in os.listdir(folder) if f.startswith("sparkjob-")])
    assert "a line of the submitter's" in server.request("GET", "/contexts/c/log")[2].decode()


def test_a_context_that_is_deleted_ends_its_application(server, rm, context):
    assert server.delete("/contexts/c")[0] == 200
    rm.look()
    assert rm.apps[context]["state"] == "FINISHED"


def test_by_force_the_cluster_kills_it(server, rm, context):
    assert server.delete("/contexts/c?force=true")[0] == 200
    assert rm.apps[context]["state"] == "KILLED" and ("PUT", f"apps/{context}/state") in rm.asked


def test_what_the_cluster_says_of_a_driver_that_died_is_told(server, rm, context):
    rm.submitted[context]["process"].send_signal(signal.SIGKILL)
    wait_until("the context is over", lambda: server.get("/contexts/c")[1]["state"] == "ERROR")
    assert f"the cluster says of its driver {context}: FAILED, exitCode: -9" in server.get("/contexts/c")[1]["reason"]


def test_a_submission_that_fails_is_told_in_its_words(server, rm):
    rm.refuse = "Application rejected"
    try:
        status, body = server.post("/contexts/c?cluster=y")
    finally:
        rm.refuse = None
    assert status == 500
    assert "has not started its driver: org.apache.spark.SparkException: Application rejected" in body["result"]["message"]


def test_a_submission_that_hangs_is_ended(rm):
    cluster = {"master": "yarn", "deploy_mode": "cluster", "hadoop_conf": rm.conf,
               "settings": {"spark.hadoop.fake.rm": rm.url, "spark.app.hang": "1"}}
    with Server(scripted=True, launcher={"clusters": {"y": cluster}, "driver": {
            "command": ["/usr/bin/python3", ROOT + "/t/lib/fake_submit.py"], "start_timeout": 5,
            "link": {"listen": f"127.0.0.1:{free_port()}"}}}) as s:
        status, body = s.post("/contexts/c?cluster=y")
        assert status == 500, body
        said = re.search(r"a line of the submitter's (\d+)", s.request("GET", "/contexts/c/log")[2].decode())
        wait_until("the submitter has ended", lambda: not alive(int(said[1])))


def test_who_acts_for_another_user_is_submitted_with_tickets_and_without_the_keytab(rm, tmp_path):
    """Whoever has the keytab is its principal for good."""
    keytab, kinit = tmp_path / "keytab", tmp_path / "kinit"
    keytab.write_bytes(b"\5\2")
    keytab.chmod(0o600)
    kinit.write_text('#!/bin/sh\necho "of $6" >"$5"\n')
    kinit.chmod(0o700)
    acting = "location /as/ { sparkjob spark; sparkjob_user $http_x_user; sparkjob_proxy_user on; }"
    cluster = {"master": "yarn", "deploy_mode": "cluster", "hadoop_conf": rm.conf, "principal": "me@REALM", "keytab": str(keytab),
               "settings": {"spark.hadoop.fake.rm": rm.url}}
    with Server(scripted=True, locations=acting, launcher={"clusters": {"far": cluster}, "driver": {
            "command": ["/usr/bin/python3", ROOT + "/t/lib/fake_submit.py"], "kerberos": {"kinit": str(kinit)},
            "link": {"listen": f"127.0.0.1:{free_port()}"}}}) as s:
        for path, user in (("/contexts/c?cluster=far", None), ("/contexts/d?cluster=far&spark.proxy.user=alice", "alice"),
                           ("/as/contexts/c?cluster=far", "bob")):
            status, body = s.json("POST", path, "", {"X-User": "bob"})
            assert status == 200, body
            told = rm.submitted[max(rm.submitted)]
            assert (told["user"], told["tickets"]) == (user, user and "of me@REALM\n")
            assert [told["properties"].get("spark.kerberos." + name) for name in ("principal", "keytab")] == (
                [None, None] if user else ["me@REALM", str(keytab)])
            wait_until("tickets have gone with the submitter", lambda: not glob.glob(f"{s.dir}/data/contexts/*/ticket"))
            assert s.json("DELETE", path.split("?")[0], "", {"X-User": "bob"})[0] == 200


def test_a_configuration_that_says_nothing_is_named(server):
    status, body = server.post("/contexts/c?cluster=nowhere")
    assert status == 400 and "/no/such/folder/yarn-site.xml cannot be read" in str(body)


def test_a_launcher_that_was_killed_finds_its_driver_again(server, rm, context):
    status, body = server.run("sleep", '{"ms": 2000}', cp="b", sync=False)
    assert status == 202
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    assert server.wait_job(body["jobId"])["status"] == "FINISHED"
    assert ran(server, "pid") == rm.submitted[context]["process"].pid


def dead(server):
    """The launcher is killed in the middle of a submission; the pid of its submitter, which goes on."""
    pid = wait_until("it is submitted", lambda: re.search(
        rb"a line of the submitter's (\d+)", server.request("GET", "/contexts/o/log")[2]))
    server.launcher.kill()
    server.launcher.wait()
    assert alive(int(pid[1]))
    return int(pid[1])


def test_what_a_dead_launcher_was_submitting_is_ended_and_submitted_again(server, rm):
    """Its submitter had not come so far as to ask the cluster for anything."""
    before = set(rm.submitted)
    assert server.post("/contexts/o?cluster=y&async=true&spark.app.hang=1")[0] == 202
    pid = dead(server)
    server.start_launcher()
    wait_until("its submitter has ended", lambda: not alive(pid))
    again = wait_until("there is another one", lambda: re.findall(
        r"a line of the submitter's (\d+)", server.request("GET", "/contexts/o/log")[2].decode())[1:], 60)
    assert set(rm.submitted) == before
    assert server.delete("/contexts/o")[0] == 200
    wait_until("nobody is left", lambda: not alive(int(again[0])))


def test_what_a_dead_launcher_has_submitted_is_found(server, rm):
    """An application that waits for room; the submitter had not told of it yet."""
    rm.runs = False
    try:
        before = set(rm.submitted)
        assert server.post("/contexts/o?cluster=y&async=true&spark.app.slow=1")[0] == 202
        (app,) = wait_until("it is there", lambda: set(rm.submitted) - before)
        pid = dead(server)
        server.start_launcher()
        wait_until("its submitter has ended", lambda: not alive(pid))
        wait_until("it is found", lambda: f"driver {app} of context" in server.read("launcher.log"), 60)
        assert rm.apps[app]["state"] == "ACCEPTED" and set(rm.submitted) - before == {app}
        assert server.delete("/contexts/o")[0] == 200
        assert rm.apps[app]["state"] == "KILLED"
    finally:
        rm.runs = True
