"""What the configuration wants to be there: contexts and binaries; at the start, after a reset, after the launcher's death."""

import json
import os
import signal
import zipfile

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server, wait_until


def jar(path, text):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a", text)
    return path


def binaries(c):
    stream = c.send("snapshot", {"jobs": 10})
    c.wait(stream)
    return {m["record"]["name"]: m["record"] for m, _ in c.records.get(stream, []) if m["kind"] == "binary"}


def running(c, name):
    def look():
        try:
            record = c.context(name)
        except Refused:
            return None
        return record if record["state"] == "RUNNING" else None
    return wait_until(f"{name} runs", look, 20)


def again(s):
    s.launcher.kill()
    s.launcher.wait()
    s.start_launcher()


CONTEXTS = {"first": {"max-jobs-per-context": 3, "on": True, "x": "y"}, "second": {}}


def test_contexts_run_at_the_start_and_once_only():
    with Server(scripted=True, start=False, launcher={"contexts": CONTEXTS}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            ids = {name: running(c, name)["id"] for name in CONTEXTS}
            again(s)
        with Channel(s.socket) as c:
            assert {name: running(c, name)["id"] for name in CONTEXTS} == ids
            c.submit("noop", context="first", sync=True)
            c.ask("context-delete", {"name": "first"})
            again(s)
        with Channel(s.socket) as c:
            assert running(c, "first")["id"] != ids["first"] and running(c, "second")["id"] == ids["second"]
        # a driver that is gone is no reason to be without the context
        for pid in s.drivers():
            os.kill(pid, 9)
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        with Channel(s.socket) as c:
            assert running(c, "second")["id"] != ids["second"]


def test_a_context_whose_driver_dies_before_it_comes_back_is_made_again():
    with Server(scripted=True, start=False, launcher={"contexts": CONTEXTS}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            ids = {name: running(c, name)["id"] for name in CONTEXTS}
        drivers = s.drivers()
        for pid in drivers:
            os.kill(pid, signal.SIGSTOP)
        again(s)
        with Channel(s.socket) as c:
            assert {name: c.context(name)["id"] for name in CONTEXTS} == ids
            for pid in drivers:
                os.kill(pid, signal.SIGKILL)
            for name in CONTEXTS:
                wait_until(f"{name} is another one", lambda: running(c, name)["id"] != ids[name])


def test_reset_brings_them_back_if_asked():
    with Server(scripted=True, start=False, launcher={"contexts": CONTEXTS}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            ids = {name: running(c, name)["id"] for name in CONTEXTS}
            c.create("other")
            c.ask("context-reset", {"recreate": True})
            for name, last in ids.items():
                record = c.context(name)
                assert record["state"] == "RUNNING" and record["id"] != last
            assert c.context("other")["state"] == "FINISHED"
            c.ask("context-reset", {})
            assert {c.context(name)["state"] for name in CONTEXTS} == {"FINISHED"}


def test_one_that_fails_is_named_and_does_not_keep_the_others():
    contexts = {"bad": {"script.start": "exit:3"}, "good": {}}
    with Server(scripted=True, start=False, launcher={"contexts": contexts}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            running(c, "good")
            wait_until("bad has failed", lambda: c.context("bad")["state"] == "ERROR")
            assert "code 3" in c.context("bad")["reason"]
            assert "predefined context bad does not run" in s.read("launcher.log")
            with pytest.raises(Refused) as why:
                c.ask("context-reset", {"recreate": True})
            assert (why.value.code, why.value.name) == ("context-init-failed", "bad")
            assert "code 3" in why.value.error["message"]
            assert c.context("good")["state"] == "RUNNING"


def test_the_launcher_answers_while_they_start():
    contexts = {"c0": {"script.start": "slow:1500"}, "c1": {"script.start": "hang"}, "c2": {"script.start": "hang"}}
    with Server(scripted=True, start=False, launcher={"contexts": contexts}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            assert c.create("mine")["state"] == "RUNNING"
            assert c.context("c1")["state"] == "STARTED"
            # a job may come before its context runs
            assert c.result("noop", "c0") is True


def test_binaries_are_stored_when_their_bytes_are_new(tmp_path):
    paths = {"a": jar(tmp_path / "a.jar", "one"), "p": tmp_path / "p.py"}
    paths["p"].write_text("print(1)\n")
    config = {"binaries": {name: str(path) for name, path in paths.items()}}
    with Server(scripted=True, start=False, launcher=config) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            first = wait_until("both are stored", lambda: (lambda b: b if len(b) == 2 else None)(binaries(c)))
            assert (first["a"]["type"], first["p"]["type"]) == ("Jar", "Python")
            c.create("c")
            assert c.submit("cp", cp=["a", "p"], sync=True)["cp"] == ["a", "p"]
            again(s)
        with Channel(s.socket) as c:
            c.create("d")                       # meanwhile they would have been stored again
            assert binaries(c) == first
            jar(paths["a"], "two")
            again(s)
        with Channel(s.socket) as c:
            wait_until("a is new", lambda: binaries(c)["a"]["sha256"] != first["a"]["sha256"])
            assert binaries(c)["p"] == first["p"]
            # what is gone, or no archive, is told in the log, and the launcher runs
            paths["a"].write_text("no archive")
            again(s)
        with Channel(s.socket) as c:
            wait_until("it is told", lambda: "predefined binary a is not stored" in s.read("launcher.log"))
            assert binaries(c)["a"]["size"] == os.path.getsize(jar(tmp_path / "c.jar", "two"))


def test_a_context_waits_for_the_binaries_that_its_settings_name(tmp_path):
    big = tmp_path / "big.jar"
    with zipfile.ZipFile(big, "w") as z:
        z.writestr("a", os.urandom(60000000))
    config = {"binaries": {"big": str(big)}, "contexts": {"c": {"cp": "big"}}}
    with Server(scripted=True, start=False, launcher=config) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            running(c, "c")


def test_what_is_new_in_the_configuration_is_there_after_a_hangup(tmp_path):
    with Server(scripted=True, start=False, launcher={"contexts": {"first": {}, "ended": {}}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            first = running(c, "first")["id"]
            running(c, "ended")
            c.ask("context-delete", {"name": "ended"})
            s.overrides["contexts"] = {"first": {}, "ended": {}, "second": {"cp": "a"}}
            s.overrides["binaries"] = {"a": str(jar(tmp_path / "a.jar", "one"))}
            with open(s.dir + "/launcher.json", "w") as f:
                json.dump(s.config(), f)
            s.launcher.send_signal(signal.SIGHUP)
            running(c, "second")
            assert list(binaries(c)) == ["a"] and running(c, "first")["id"] == first
            assert c.context("ended")["state"] == "FINISHED"        # a user has stopped it


def test_they_start_and_start_again_a_few_at_a_time():
    names = [f"slow{n}" for n in range(5)]
    settings = {"script.start": "slow:400", "supervise": "true"}
    with Server(scripted=True, start=False, launcher={"contexts": {n: settings for n in names}, "limits": {"starting": 2}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:

            def state(name):
                try:
                    return c.context(name)["state"]
                except Refused:
                    return None

            def busy():
                """How many start; of those that have come to run since the drivers were counted none is."""
                drivers = len(set(s.drivers()) - set(killed))
                return drivers - [state(n) for n in names].count("RUNNING")

            def all_run():
                most.append(busy())
                drivers = s.drivers()
                return (all(state(n) == "RUNNING" for n in names) and len(drivers) == len(names)
                        and not set(drivers) & set(killed))

            killed = []
            for _ in "start", "restart":
                most = []
                wait_until("all run", all_run, 60, 0.02)
                assert max(most) <= 2, most
                killed = s.drivers()
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            wait_until("all run again", all_run, 60)
