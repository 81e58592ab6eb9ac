"""Library sets while they are looked at: the launcher killed, the JVM killed, hung, silent and full of words."""

import concurrent.futures
import os
import signal

from sparkjob_server import ROOT, Server, alive, wait_until


class Sets(Server):
    """A server whose JVM is t/lib/scripted_java.py."""

    def __init__(self, how="", **driver):
        super().__init__(workers=1, start=False)
        for folder in ("home/lib_2.12", "spark/jars"):
            os.makedirs(f"{self.dir}/{folder}")
        for jar in ("home/sparkjob-driver_2.12.jar", "spark/jars/scala-library-2.12.18.jar"):
            self.write(jar, "a jar")
        self.how(how)
        self.overrides = {"driver": {
            "archive": "off", "java": ROOT + "/t/lib/scripted_java.py", "home": self.dir + "/home", "spark_home": self.dir + "/spark",
            "environment": {"SPARKJOB_PROBE_HOW": self.dir + "/how", "SPARKJOB_PROBE_LOG": self.dir + "/probes"}, **driver}}
        self.start_at_once = True

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def how(self, text):
        self.write("how", text)

    def probes(self):
        return [int(line) for line in self.read("probes").splitlines()]

    def make(self, name="x", method="POST"):
        return self.json(method, f"/library-sets/{name}", {})

    def names(self):
        return [each["name"] for each in self.json("GET", "/library-sets")[1]]


def test_what_the_probe_says_is_kept():
    with Sets() as s:
        status, body = s.make()
        assert status == 201
        assert body["probe"]["spark"] == "scripted"
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        assert s.json("GET", "/library-sets/x")[1]["probe"]["spark"] == "scripted"


def test_a_set_that_cannot_be_used_is_refused():
    with Sets("unusable") as s:
        status, body = s.make()
        assert status == 400
        assert body["result"]["message"] == "it is broken"
        assert body["result"]["findings"][0]["jar"] == "broken.jar"
        assert s.names() == ["default"]
        s.how("")
        assert s.make()[0] == 201
        s.how("unusable")
        assert s.make(method="PUT")[0] == 400           # and the old one stays
        assert s.json("GET", "/library-sets/x")[1]["probe"]["spark"] == "scripted"


def test_a_jvm_that_says_nothing_is_told_by_its_last_words():
    with Sets("silent") as s:
        status, body = s.make()
        assert status == 400
        message = body["result"]["message"]
        assert "library set x" in message and "Unrecognized option: --scripted" in message


def test_a_jvm_that_hangs_is_ended():
    with Sets("hang", start_timeout=3) as s:
        status, body = s.make()
        assert status == 400
        assert "has not ended within 3 s" in body["result"]["message"]
        assert not any(map(alive, s.probes()))


def test_a_launcher_that_is_killed_meanwhile_leaves_nothing():
    with Sets("hang") as s:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(s.make)
            pid = wait_until("a JVM looks at it", s.probes)[0]
            s.launcher.kill()
            s.launcher.wait()
            s.how("")
            s.start_launcher()
            # the module asks again, and this time it is made
            assert answer.result(300)[0] == 201
        wait_until("the JVM of the first launcher is gone", lambda: not alive(pid))
        assert sorted(s.names()) == ["default", "x"]
        wait_until("no folder is left", lambda: not os.listdir(s.dir + "/data/contexts"))


def test_who_asks_twice_is_told_so():
    with Sets("hang") as s:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(s.make)
            pid = wait_until("a JVM looks at it", s.probes)[0]
            status, body = s.make()
            assert (status, body["result"]) == (409, "library set x is being changed")
            os.kill(pid, signal.SIGKILL)
            assert first.result(300)[0] == 400
        s.how("")
        assert s.make()[0] == 201
