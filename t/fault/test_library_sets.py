"""Library sets while they are looked at: the launcher killed, the JVM killed, hung, silent and full of words."""

import concurrent.futures
import json
import os
import signal
import time
import urllib.parse

import pytest
from sparkjob_channel import HEADER, TYPES, Channel, Refused
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


def test_a_launcher_may_be_nicer_than_its_probes():
    with Sets("hang") as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        os.setpriority(os.PRIO_PROCESS, s.launcher.pid, 15)
        answer = pool.submit(s.make)
        pid = wait_until("a JVM looks at it", s.probes)[0]
        assert os.getpriority(os.PRIO_PROCESS, pid) == 15
        os.kill(pid, signal.SIGKILL)
        assert answer.result()[0] == 400


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


def test_a_spark_that_there_is_no_driver_for_is_told():
    with Sets() as s:
        os.makedirs(s.dir + "/other/jars")
        s.write("other/jars/scala-library-2.13.16.jar", "a jar")
        status, body = s.json("POST", "/library-sets/x", {"spark_home": s.dir + "/other"})
        assert status == 400
        assert body["result"]["message"] == (
            f'spark_home: {s.dir}/other is for Scala 2.13, and driver.home has no "sparkjob-driver_2.13.jar"')


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


def test_options_that_are_put_back_as_they_were_shown_keep_their_secrets():
    with Sets() as s:
        options = ["-Da=1", "--token=one", "--token=two", "-Da.password=three"]
        assert s.json("POST", "/library-sets/x", {"options": options})[0] == 201
        shown = s.json("GET", "/library-sets/x")[1]["spec"]["options"]
        assert shown == ["-Da=1", "--token=*********", "--token=*********", "-Da.password=*********"]
        shown[1] = "--token=four"
        assert s.json("PUT", "/library-sets/x", {"options": ["-Db=2", *shown]})[0] == 200
        s.context("c", **{"library-set": "x"})
        with open(f"/proc/{s.drivers()[0]}/cmdline") as f:
            words = f.read().split("\0")
        assert words[words.index("-Db=2"):][:5] == ["-Db=2", "-Da=1", "--token=four", "--token=two", "-Da.password=three"]
        status, body = s.json("POST", "/library-sets/y", {"options": shown})
        assert status == 400
        assert body["result"]["message"] == "options: expected an option, got --token=*********, which stands for one that is not shown"


def frames(kind, *metas):
    """Questions of a module, as one piece: the launcher has all of them before it answers one."""
    text = b""
    for stream, meta in enumerate(metas, 100):
        raw = json.dumps(meta).encode()
        text += HEADER.pack(len(raw), TYPES[kind], 0, stream, len(raw)) + raw
    return text


def test_a_deletion_that_comes_twice_is_one():
    with Sets() as s, Channel(s.socket) as c:
        for kind, path in (("library", "/library-sets/x"), ("cluster", "/clusters/x")):
            assert s.json("POST", path, {"master": "local"} if kind == "cluster" else {})[0] == 201
            c.sock.sendall(frames(kind + "-delete", {"name": "x"}, {"name": "x"}))
            while len(c.answers) < 2:
                c.frame()
            assert "error" not in c.answers.pop(100)[0]
            assert c.answers.pop(101)[0]["error"] == "no-such-resource"


def test_a_module_that_comes_back_is_answered_when_the_look_is_over():
    with Sets("hang") as s:
        question = "library-put", {"name": "x", "create": True, "asked": int(time.time() * 1000)}, b"{}"
        with Channel(s.socket) as c:
            c.send(*question)
            pid = wait_until("a JVM looks at it", s.probes)[0]
        with Channel(s.socket) as c:
            stream = c.send(*question)
            assert not c.answered(stream)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Refused) as refused:
                c.wait(stream)
            assert refused.value.code == "bad-resource"
            assert s.probes() == [pid]


def test_the_file_system_that_is_to_be_read_stands_on_no_command_line():
    uri = "s3a://key:secret@bucket/"
    with Sets("hang") as s:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(s.json, "POST", "/library-sets/x?probe=" + urllib.parse.quote(uri), {})
            pid = wait_until("a JVM looks at it", s.probes)[0]
            with open(f"/proc/{pid}/cmdline") as line, open(f"/proc/{pid}/environ") as environment:
                assert "secret" not in line.read() + environment.read()
            os.kill(pid, signal.SIGKILL)
            assert first.result(300)[0] == 400
        s.how("")
        status, body = s.json("POST", "/library-sets/x?probe=" + urllib.parse.quote(uri), {})
        assert (status, body["probe"]["uri"]) == (201, uri)
        assert s.json("POST", "/library-sets/x/probe?probe=" + urllib.parse.quote(uri))[1]["uri"] == uri
        with Channel(s.socket) as c:
            for question in ("library-put", {"name": "y", "create": True}, b"{}"), ("library-probe", {"name": "x"}):
                question[1]["probe"] = "s3a://" + "b" * 4096
                with pytest.raises(Refused, match="probe: expected a URI of at most 4096 bytes"):
                    c.ask(*question)
