"""Errands: JVMs that kill applications of a YARN with Kerberos, and get tokens there. The JVM is t/lib/scripted_java.py, the cluster
t/lib/fake_yarn.py."""

import concurrent.futures
import glob
import json
import os
import re
import signal
import time

import pytest
from fake_yarn import FakeYarn
from sparkjob_server import alive, free_port, wait_until
from test_library_sets import Sets

KEY = "a key that nobody else may see"
FAR = "/contexts/c?cluster=far&spark.proxy.user=alice"


@pytest.fixture
def rm():
    with FakeYarn() as rm:
        yield rm


class Errands(Sets):
    """With a cluster in client mode, "near", and one in cluster mode, "far"; where its ResourceManager is their settings say."""

    def __init__(self, rm, how="", tokens="the tokens", **driver):
        super().__init__(**driver)
        self.rm = rm
        self.how(how)
        self.write("keytab", "\5\2")
        self.write("kinit", '#!/bin/sh\necho "of $6" >"$5"\n')
        os.chmod(self.dir + "/keytab", 0o600)
        os.chmod(self.dir + "/kinit", 0o700)
        login = {"master": "yarn", "hadoop_conf": rm.conf, "principal": "me@REALM", "keytab": self.dir + "/keytab", "settings": {
            "spark.hadoop.fake.rm": rm.url, "spark.hadoop.fake.tokens": tokens, "hadoop.fake.key": KEY, "spark.app.long": "x" * 100000}}
        self.overrides["clusters"] = {"near": login, "far": {**login, "deploy_mode": "cluster"}}
        self.overrides["context_settings"] = {"spark.hadoop.fake.default": "of all"}
        self.overrides["driver"].update(link={"listen": f"127.0.0.1:{free_port()}"}, kerberos={"kinit": self.dir + "/kinit", "renewal": 1})
        self.overrides["driver"]["environment"] |= {"SPARKJOB_ERRAND_HOW": self.dir + "/how", "SPARKJOB_ERRAND_LOG": self.dir + "/errands"}

    def errands(self):
        """What each was told, so far; the last line may not be whole yet."""
        return [json.loads(line) for line in self.read("errands").split("\n")[:-1]] if os.path.exists(self.dir + "/errands") else []

    def left(self, name):
        """An application of a context in client mode that its driver leaves on the cluster."""
        self.context(name, cluster="near", **{"spark.hadoop.fake.rm": "http://elsewhere"})
        tag = "sparkjob-" + self.get(f"/contexts/{name}")[1]["id"]
        app = f"application_1_{len(self.rm.apps) + 1:04}"
        self.rm.apps[app] = {"tags": tag, "state": "RUNNING"}
        return app, tag


def test_what_it_is_told_stands_in_a_closed_file_only(rm):
    with Errands(rm) as s:
        app, tag = s.left("c")
        assert s.delete("/contexts/c")[0] == 200
        assert rm.apps[app]["state"] == "KILLED" and ("PUT", f"apps/{app}/state") in rm.asked
        seen, = s.errands()
        told = json.loads(seen["text"])
        assert (told["kill"], told["tag"]) == (app, tag)
        # a context's own settings do not lead who has our tickets elsewhere
        assert told["settings"] == {
            "spark.hadoop.fake.rm": rm.url, "spark.hadoop.fake.tokens": "the tokens", "spark.hadoop.fake.key": KEY,
            "spark.app.long": "x" * 100000, "spark.hadoop.fake.default": "of all", "spark.master": "yarn"}
        assert (seen["mode"], seen["tickets"], seen["input"]) == (0o600, "of me@REALM\n", "")
        for where in "cmdline", "environ":
            assert KEY not in seen[where] and app not in seen[where] and rm.url not in seen[where]
        wait_until("its folder is gone", lambda: not os.path.exists(seen["folder"]))


def test_tokens_are_got_with_the_settings_of_the_context(rm):
    with Errands(rm) as s:
        assert s.post(FAR + "&spark.kerberos.access.hadoopFileSystems=hdfs://other&spark.hadoop.fake.tokens=others")[0] == 200
        app = max(rm.submitted)
        wait_until("its driver has tokens", lambda: glob.glob(f"{rm.folder}/{app}/tokens") and s.errands())
        told = json.loads(s.errands()[0]["text"])
        assert told["tokens"] == "alice"
        assert told["settings"].items() >= {"spark.hadoop.fake.key": KEY, "spark.kerberos.access.hadoopFileSystems": "hdfs://other"}.items()
        with open(f"{rm.folder}/{app}/tokens") as f:
            assert f.readline() == "others\n"
        assert s.delete("/contexts/c?force=true")[0] == 200
        assert rm.apps[app]["state"] == "KILLED"


def test_one_that_hangs_is_ended_and_told_of(rm):
    """Long before a driver's start would be."""
    with Errands(rm, "hang", start_timeout=3600) as s:
        app, _ = s.left("c")
        began = time.monotonic()
        status, body = s.delete("/contexts/c")
        assert status == 500 and f"its application {app} is still on the cluster" in body["result"], body
        assert "has not ended within 30 s" in body["result"] and 30 < time.monotonic() - began < 90
        assert not any(alive(e["pid"]) for e in s.errands())
        rm.apps[app]["state"] = "KILLED"


def test_one_that_nobody_wants_any_longer_is_ended(rm):
    """Of three two may run."""
    with Errands(rm, "hang") as s:
        names = "a", "b", "c"
        for name in names:
            assert s.post(FAR.replace("/c?", f"/{name}?"))[0] == 200
            wait_until("two run at most", lambda n=name: len(s.errands()) == min(2, names.index(n) + 1))
        running = s.errands()
        assert all(alive(e["pid"]) for e in running)
        assert s.delete("/contexts/c")[0] == 200
        assert all(alive(e["pid"]) for e in running)
        assert s.delete("/contexts/a")[0] == 200 and s.delete("/contexts/b")[0] == 200
        wait_until("none runs, and no folder is left", lambda: not any(alive(e["pid"]) or os.path.exists(e["folder"]) for e in running))
        assert s.errands() == running, "the third one never began"


def test_one_that_is_forgotten_while_it_gets_its_ticket_never_begins(rm):
    with Errands(rm) as s:
        slow = '#!/bin/sh\nfor f in 1 2; do [ -e "$0.$f" ] || { : >"$0.$f"; [ $f = 1 ] || exec sleep 600; break; }; done\necho "of $6" >"$5"\n'
        s.write("kinit", slow)
        assert s.post(FAR)[0] == 200
        wait_until("it waits for the second ticket", lambda: os.path.exists(s.dir + "/kinit.2"))
        assert s.delete("/contexts/c")[0] == 200
        wait_until("no folder but the context's is left", lambda: len(os.listdir(s.dir + "/data/contexts")) == 1)
        assert s.errands() == []


@pytest.mark.parametrize("size, why", [(65537, "its tokens have 65537 bytes, and its driver can be given 65536"),
                                       (300000, r"its report has 3\d{5} bytes, more than 262144")])
def test_tokens_that_are_too_long_are_told_of(rm, size, why):
    with Errands(rm, tokens=str(size)) as s:
        assert s.post(FAR)[0] == 200
        wait_until("the log says why", lambda: re.search(rf"context c \S+: .*{why}.*; tried again in 1 s", s.read("launcher.log")))
        assert s.get("/contexts/c")[1]["state"] == "RUNNING" and not os.path.exists(f"{rm.folder}/{max(rm.submitted)}/tokens")
        assert s.delete("/contexts/c")[0] == 200


def test_the_longest_tokens_arrive(rm):
    with Errands(rm, tokens="65536") as s:
        assert s.post(FAR)[0] == 200
        path = f"{rm.folder}/{max(rm.submitted)}/tokens"
        wait_until("its driver has them", lambda: os.path.exists(path) and os.stat(path).st_size > 65536)
        assert s.delete("/contexts/c")[0] == 200


def test_the_next_launcher_sends_another_and_leaves_nothing_of_the_first(rm):
    with Errands(rm, "hang") as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert s.post("/contexts/c?cluster=far")[0] == 200
        answer = pool.submit(s.delete, "/contexts/c?force=true")
        first, = wait_until("it is to be killed", s.errands)
        # else it may hear from the next launcher first that it has to end, and would need no errand
        rm.submitted[max(rm.submitted)]["process"].send_signal(signal.SIGSTOP)
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        second = wait_until("the next one goes on with that", lambda: s.errands()[1:])[0]
        wait_until("nothing is left of the first", lambda: not os.path.exists(first["folder"]) and not alive(first["pid"]))
        assert os.path.exists(second["folder"]) and alive(second["pid"]), "that one is known"
        rm.submitted[max(rm.submitted)]["process"].kill()
        os.kill(second["pid"], signal.SIGKILL)
        assert answer.result(300)[0] == 200
