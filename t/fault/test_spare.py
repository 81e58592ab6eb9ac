"""Spare drivers: what they give, and what becomes of them when they or the launcher are killed, hang, fail, or fit no longer."""

import concurrent.futures
import contextlib
import json
import os
import signal

from sparkjob_channel import Channel
from sparkjob_server import EXAMPLES, PATIENCE, ROOT, Server, alive, wait_until
from test_security import hello


class Spares(Server):
    """A server with scripted spare drivers."""

    def __init__(self, count=1, how="", **more):
        super().__init__(scripted=True, start=False, launcher={"driver": {}, **more})
        self.write("how", how)
        self.overrides["driver"].update({
            "command": ["/usr/bin/python3", ROOT + "/t/lib/scripted_driver.py"], "spares": count,
            "environment": {"SPARKJOB_SPARE_HOW": self.dir + "/how"}, **more.get("driver", {})})
        self.start_at_once = True

    def __enter__(self):
        super().__enter__()
        self.upload("examples", EXAMPLES)
        return self

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def reload(self, **driver):
        """Other members in `driver`."""
        self.overrides["driver"].update(driver)
        self.write("launcher.json", json.dumps(self.config()))
        self.launcher.send_signal(signal.SIGHUP)

    def dump(self):
        with Channel(self.socket) as c:
            return json.loads(c.ask("dump")[1])

    def phases(self):
        return {d["pid"]: d["phase"] for d in self.dump()["drivers"]}

    def spares(self):
        return [pid for pid, phase in self.phases().items() if phase == "spare"]

    def wait_spares(self, count=1):
        wait_until(f"{count} spares wait", lambda: len(self.spares()) == count, 60)
        return self.spares()

    def pid(self, context="c"):
        status, body = self.run("pid", context=context)
        assert status == 200, body
        return body["result"]

    def folders(self):
        return sorted(n for n in os.listdir(self.dir + "/data/contexts") if not n.endswith(".conf"))

    def said(self, text):
        return self.read("launcher.log").count(text)


def test_a_context_gets_the_spare_and_another_one_is_started():
    with Spares() as s:
        spare, = s.wait_spares()
        assert s.check()[0] == 0, s.check()
        s.context("c")
        assert s.pid() == spare
        other, = s.wait_spares()
        assert other != spare
        assert s.check()[0] == 0, s.check()
        # it works in the context's folder, and writes its log there
        work = os.readlink(f"/proc/{spare}/cwd")
        assert os.path.dirname(work) == s.dir + "/data/contexts"
        assert os.readlink(f"/proc/{spare}/fd/2") == work + "/driver.log"
        assert sorted(os.listdir(work)) == ["driver.log", "in", "logs", "out", "tmp"]
        assert s.delete("/contexts/c")[0] == 200
        wait_until("it has ended", lambda: not alive(spare), 30)
        # the name that the folder had before is gone with it
        wait_until("two folders", lambda: len(s.folders()) == 2 and not any(
            os.path.islink(f"{s.dir}/data/contexts/{n}") for n in s.folders()), 30)


def test_without_spares_there_are_none():
    with Spares(0) as s:
        s.context("c")
        assert list(s.phases().values()) == ["ready"]
        assert s.said("spare") == 0


def which(pid):
    """What its environment says; None: it has ended meanwhile."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ") as f:
        return [line for line in f.read().split("\0") if line.startswith("WHICH=")]


def test_library_sets_have_spares_of_their_own():
    with Spares() as s:
        of_none, = s.wait_spares()
        assert s.json("POST", "/library-sets/x", {"spares": 1, "environment": {"WHICH": "x"}})[0] == 201
        spare, = [pid for pid in s.wait_spares(2) if which(pid) == ["WHICH=x"]]
        s.context("c", **{"library-set": "x"})
        assert s.pid("c") == spare and which(spare) == ["WHICH=x"]
        assert of_none in s.wait_spares(2)
        s.context("d")
        assert s.pid("d") == of_none and which(of_none) == []
        assert s.delete("/contexts/c")[0] == 200
        # those of what the set was before are not given to anybody
        assert s.json("PUT", "/library-sets/x", {"spares": 2, "environment": {"WHICH": "y"}})[0] == 200
        s.context("c", **{"library-set": "x"})
        assert which(s.pid("c")) == ["WHICH=y"]
        wait_until("there are two of the new one", lambda: [which(pid) for pid in s.spares()].count(["WHICH=y"]) == 2, 60)
        assert ["WHICH=x"] not in map(which, s.spares())
        assert s.delete("/contexts/c")[0] == 200
        assert s.json("DELETE", "/library-sets/x")[0] == 200
        wait_until("only that of no set is left", lambda: [which(pid) for pid in s.spares()] == [[]], 60)


def test_sets_that_are_alike_share_spares_and_none_is_ended_for_that():
    with Spares() as s:
        assert s.json("POST", "/library-sets/x", {"spares": 2})[0] == 201
        s.wait_spares(2)
        s.reload()
        s.context("c", **{"library-set": "x"})
        s.wait_spares(2)
        assert s.said("is not needed any longer") == 0


def test_a_set_whose_spares_fail_keeps_no_other_one_waiting():
    with Spares(0) as s:
        s.write("fails", "fail")
        assert s.json("POST", "/library-sets/a", {"spares": 1, "environment": {"SPARKJOB_SPARE_HOW": s.dir + "/fails"}})[0] == 201
        wait_until("it fails", lambda: s.said("the next one of library set a is started in") >= 2, 60)
        assert s.json("POST", "/library-sets/b", {"spares": 1})[0] == 201
        s.wait_spares()


def test_many_contexts_at_once_share_no_spare():
    with Spares() as s, concurrent.futures.ThreadPoolExecutor(6) as pool:
        spare, = s.wait_spares()
        list(pool.map(lambda n: s.context(f"c{n}"), range(6)))
        pids = [s.pid(f"c{n}") for n in range(6)]
        assert len(set(pids)) == 6 and spare in pids
        s.wait_spares()


def test_what_needs_another_jvm_gets_no_spare_or_is_started_again():
    with Spares() as s:
        spare, = s.wait_spares()
        s.context("memory", **{"launcher.spark.driver.memory": "100m"})
        assert s.pid("memory") != spare and s.spares() == [spare]
        s.context("c", **{"script.start": "respawn"})       # known to the driver only
        assert s.pid() != spare
        assert not alive(spare)
        assert s.said("its driver is started again with") == 1


def test_a_spare_that_is_killed_is_replaced_and_no_context_waits_for_it():
    with Spares() as s:
        spare, = s.wait_spares()
        os.kill(spare, signal.SIGKILL)
        s.context("c")                      # whether the launcher has seen it or not
        assert s.pid() != spare
        second = wait_until("another one waits", lambda: [p for p in s.spares() if p != spare], 60)[0]
        os.kill(second, signal.SIGKILL)
        wait_until("a third one waits", lambda: [p for p in s.spares() if p not in (spare, second)], 60)
        assert s.said("a spare driver has failed") >= 1


def test_a_spare_that_does_not_come_is_given_up():
    with Spares(how="refuse") as s:
        spare, = s.wait_spares()
        s.context("c")
        assert s.pid() != spare
        assert s.said("\"assigned\" after its time") == 1
        wait_until("it is killed", lambda: not alive(spare), 30)


def test_a_spare_that_hangs_is_given_up():
    with Spares(driver={"hang_timeout": 3}) as s:
        spare, = s.wait_spares()
        os.kill(spare, signal.SIGSTOP)
        s.context("c")
        assert s.pid() != spare
        wait_until("it is killed", lambda: not alive(spare), 60)


def test_a_spare_that_dies_when_it_is_assigned_costs_no_context():
    with Spares() as s:
        spare, = s.wait_spares()
        os.kill(spare, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            context = pool.submit(s.context, "c")
            wait_until("it is assigned", lambda: s.phases().get(spare) == "assigned", 30)
            os.kill(spare, signal.SIGKILL)
            context.result()
        assert s.pid() != spare


def test_spares_that_fail_are_throttled():
    with Spares(how="fail") as s:
        wait_until("two have failed", lambda: s.said("a spare driver has failed") >= 2, 60)
        assert "is no good spare" in s.read("launcher.log")
        s.context("c")
        assert s.run("noop")[0] == 200
        assert s.said("a spare driver has failed") < 5      # after 2, 4, 8 s
        s.write("how", "")
        s.reload()
        s.wait_spares()
        wait_until("the folders of the others are gone", lambda: len(s.folders()) == 2, 30)


def test_a_spare_that_is_not_ready_is_no_one_s():
    with Spares(how="hang") as s:
        warming = wait_until("one is started", lambda: list(s.phases()), 30)[0]
        s.context("c")
        assert s.pid() != warming
        assert s.phases()[warming] == "warming"


def test_other_settings_of_drivers_end_spares():
    with Spares(2) as s:
        first = s.wait_spares(2)
        s.reload(environment={**s.overrides["driver"]["environment"], "NEW": "1"})
        wait_until("all are others", lambda: len(s.spares()) == 2 and not set(s.spares()) & set(first), 60)
        wait_until("the first are gone", lambda: not any(alive(pid) for pid in first), 30)
        s.reload(spares=1)
        s.wait_spares(1)
        s.reload(spares=0)
        s.wait_spares(0)
        wait_until("their folders are gone", lambda: s.folders() == [], 30)


def test_no_spare_is_started_where_memory_is_short():
    with Spares(driver={"spare_memory": 60000000}) as s:
        s.context("c")
        assert s.spares() == []
        s.reload(spare_memory=0)
        s.wait_spares()
        s.reload(spare_memory=60000000)
        s.wait_spares(0)


def test_a_launcher_that_was_killed_leaves_no_spare():
    with Spares(2) as s:
        spares = s.wait_spares(2)
        os.kill(spares[0], signal.SIGSTOP)                  # does not see the end of its link
        s.context("c")
        running = s.pid()
        assert running == spares[1] or running not in spares
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        assert s.pid() == running                           # adopted
        wait_until("old spares are gone", lambda: not any(alive(pid) for pid in spares if pid != running), 60)
        assert not set(s.wait_spares(2)) & set(spares)
        assert s.delete("/contexts/c")[0] == 200
        wait_until("it ends", lambda: not alive(running), 30)
        wait_until("so do the folders", lambda: len(s.folders()) == 3, 30)


def test_children_of_a_spare_that_got_a_context_live_as_long_as_it():
    with Spares() as s:
        spare, = s.wait_spares()
        s.context("c")
        assert s.pid() == spare
        child = s.run("spawn")[1]["result"]                 # in a session of its own
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        assert s.pid() == spare
        s.wait_spares()
        wait_until("strays were looked for", lambda: s.dump()["launcher"]["uptime"] > 12, 60)
        assert alive(child)
        assert s.delete("/contexts/c")[0] == 200
        wait_until("it ends after its context", lambda: not alive(child), 60)


def test_spares_end_with_the_launcher_also_when_drivers_are_left():
    with Spares(at_exit="leave") as s:
        first, = s.wait_spares()
        s.context("c")
        assert s.pid() == first
        spare, = s.wait_spares()
        s.launcher.send_signal(signal.SIGTERM)
        assert s.launcher.wait(30 * PATIENCE) == 0
        assert not alive(spare) and alive(first)
        s.overrides["at_exit"] = "stop"
        s.start_launcher()
        s.wait_ready()
        assert s.pid() == first


def test_a_lost_driver_that_was_a_spare_is_started_again():
    with Spares() as s:
        spare, = s.wait_spares()
        s.context("c", supervise="true")
        os.kill(s.pid(), signal.SIGKILL)
        assert not alive(spare) or wait_until("it is gone", lambda: not alive(spare), 30)
        wait_until("it runs again", lambda: s.get("/contexts/c")[1].get("state") == "RUNNING", 60)
        assert s.run("noop")[0] == 200


def test_nobody_else_can_be_a_spare():
    with Spares() as s:
        s.expected.append("is no driver of context")
        s.wait_spares()
        for secret in ("", "0" * 64):
            assert hello(s.socket, context=s.folders()[0], pid=1, secret=secret) == b""
        assert len(s.spares()) == 1
