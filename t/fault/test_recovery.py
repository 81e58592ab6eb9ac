"""Launchers that die, drivers that hang, flood or belong to nobody: states become true within a bounded time, nothing else
waits for it, and no process is left."""

import contextlib
import json
import os
import shutil
import signal
import socket
import threading
import time
import uuid

import pytest
from fake_launcher import FakeLauncher
from faults import Faults
from sparkjob_channel import Channel, Refused
from sparkjob_server import BUILD, ROOT, Server, alive, wait_until

FAULTS = BUILD + "/faults/sparkjob-launcher"


def scripted(**launcher):
    return Server(scripted=True, start=False, launcher=launcher)


def driver(**members):
    """A server whose driver configuration has these members."""
    return scripted(driver=members)


def listens(path):
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.connect(path)
        return True
    return False


def again(s, gone=False):
    """Another launcher, after the one of now was killed, or has died."""
    if not gone:
        s.launcher.kill()
    s.launcher.wait()
    # what it has forked has its socket, too, until it is another program
    wait_until("nobody listens any more", lambda: not listens(s.socket))
    s.start_launcher()


def state(c, name, wanted, seconds=20):
    return wait_until(f"{name} is {wanted}", lambda: (
        lambda r: r if r["state"] == wanted else None)(c.context(name)), seconds)


def ended(c, job_id, seconds=20):
    """(record, error) of a job, once it is final."""
    record, payload = wait_until("the job is final", lambda: (
        lambda j: j if j[0]["state"] in ("FINISHED", "ERROR", "KILLED") else None)(c.job(job_id)), seconds)
    return record, json.loads(payload)


def pid(c, context="c"):
    return c.result("pid", context)


class Meanwhile:
    """Sync jobs in another context, on a channel of their own, while something happens; the slowest, in seconds."""

    def __init__(self, s):
        self.s, self.slowest, self.count, self.over = s, 0, 0, False

    def __enter__(self):
        with Channel(self.s.socket) as c:
            c.create("other")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        with Channel(self.s.socket) as c:
            while not self.over:
                began = time.monotonic()
                c.submit("noop", context="other", sync=True)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.count += 1
                c.events.clear()
                time.sleep(0.01)

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


@pytest.fixture
def faulty(monkeypatch, tmp_path):
    """(server, faults) with the launcher that has fault points."""
    if not os.path.exists(FAULTS):
        pytest.skip("make faults")
    f = Faults(tmp_path / "faults")
    monkeypatch.setenv("SPARKJOB_FAULT_FILE", str(tmp_path / "faults"))
    with scripted(supervise={"restarts": 3, "period": 60}) as s:
        s.launcher_file = FAULTS
        s.start_launcher()
        yield s, f


def restarts(s):
    return s.read("launcher.log").count("another one is started")


# launchers that die at the wrong moment

def test_a_driver_that_was_started_just_before_the_launcher_died_is_the_only_one(faulty):
    s, f = faulty
    with Channel(s.socket) as c:
        c.create("c", settings={"supervise": "true"})
        first = pid(c)
        slot = f.arm("create.spawned", "kill")
        os.kill(first, signal.SIGKILL)
        wait_until("the launcher has died", lambda: f.struck(slot))
    f.disarm()
    again(s, gone=True)
    with Channel(s.socket) as c:
        state(c, "c", "RUNNING", 10)
        second = pid(c)
        assert second != first and s.drivers() == [second]
        # and that driver can come back to one more launcher
        again(s)
    with Channel(s.socket) as c:
        assert pid(c) == second
        assert restarts(s) == 1


def test_a_driver_is_not_taken_to_be_missing_before_it_was_looked_for(faulty):
    """The file thread may have a large binary to read first."""
    s, f = faulty
    s.overrides["driver"] = {"command": ["/bin/sh", "-c", f"sleep 7; exec /usr/bin/python3 {ROOT}/t/lib/scripted_driver.py"]}
    again(s)
    with Channel(s.socket) as c:
        slot = f.arm("create.spawned", "kill")
        c.send("context-create", {"id": str(uuid.uuid4()), "name": "c", "user": "u"})
        wait_until("the launcher has died", lambda: f.struck(slot))
    f.disarm()
    slot = f.arm("file.begin", "delay", 0, 4500)
    again(s, gone=True)
    with Channel(s.socket) as c:
        state(c, "c", "RUNNING", 15)
        assert f.struck(slot) and s.read("launcher.log").count(" was started\n") == 1
        assert s.drivers() == [pid(c)]


def test_no_driver_is_started_before_its_secret_is_durable(faulty):
    s, f = faulty
    with Channel(s.socket) as c:
        c.create("c", settings={"supervise": "true"})
        first = pid(c)
        # RESTARTING and the new secret go together or one after the other: then the second commit is never made
        slot = f.arm("db.commit", "kill", 1)
        f.arm("db.commit", "delay", 0, 1500)
        os.kill(first, signal.SIGKILL)
        wait_until("the launcher has died", lambda: f.struck(slot))
        f.disarm()
    again(s, gone=True)
    with Channel(s.socket) as c:
        state(c, "c", "RUNNING", 10)
        assert s.drivers() == [pid(c)]
        assert restarts(s) == 1


def test_a_driver_that_was_not_started_yet_is_started_by_the_next_launcher(faulty):
    s, f = faulty
    slot = f.arm("create.saved", "kill")
    with Channel(s.socket) as c:
        c.send("context-create", {"id": str(uuid.uuid4()), "name": "c"}, b'{"spark.context-settings.max-jobs-per-context": 3}')
        wait_until("the launcher has died", lambda: f.struck(slot))
    f.disarm()
    again(s, gone=True)
    with Channel(s.socket) as c:
        assert state(c, "c", "RUNNING", 10)["maxJobs"] == 3
        assert s.drivers() == [pid(c)]


def test_a_driver_is_told_no_token_that_the_next_launcher_does_not_know(faulty):
    s, f = faulty
    with Channel(s.socket) as c:
        slot = f.arm("create.spawned", "kill")
        c.send("context-create", {"id": str(uuid.uuid4()), "name": "c"})
        wait_until("the launcher has died", lambda: f.struck(slot))
    # the token of now is in no memory any longer, so the next launcher makes a new one, and cannot keep it
    f.disarm()
    f.arm("db.begin", "delay", 1, 500)                          # the first one is its start
    slot = f.arm("db.commit", "kill", 1)
    again(s, gone=True)
    wait_until("the launcher has died", lambda: f.struck(slot))
    f.disarm()
    again(s, gone=True)
    with Channel(s.socket) as c:
        state(c, "c", "RUNNING", 10)
        assert s.drivers() == [pid(c)]


# drivers that hang

# also the other contexts' drivers have to answer within this; whoever waited for the one that hangs would wait longer
HANG = 5


def test_a_driver_that_is_stopped_is_lost_and_nobody_else_waits():
    with driver(hang_timeout=HANG) as s:
        s.start_launcher()
        with Channel(s.socket) as c, Meanwhile(s) as other:
            c.create("c")
            hung = pid(c)
            job = c.submit("sleep", b'{"ms": 60000}')
            os.kill(hung, signal.SIGSTOP)
            assert state(c, "c", "ERROR")["reason"] == f"its driver hangs: it has not answered for {HANG} s"
            record, error = ended(c, job["id"])
            assert record["state"] == "ERROR" and f"it has not answered for {HANG} s" in error["message"]
            c.create("c")                                       # its name is free at once
            assert pid(c) != hung
            wait_until("it is gone", lambda: not alive(hung), 10)
        assert other.count > 5 and other.slowest < 0.8 * HANG, (other.count, other.slowest)


def test_a_supervised_driver_that_is_stopped_is_replaced():
    with driver(hang_timeout=HANG) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c", settings={"supervise": "true"})
            hung = pid(c)
            job = c.submit("sleep", b'{"ms": 1000}')
            os.kill(hung, signal.SIGSTOP)
            assert ended(c, job["id"])[0]["state"] == "FINISHED"
            wait_until("there is one driver", lambda: not alive(hung) and s.drivers() == [pid(c)])


def test_a_driver_that_reads_no_longer_is_lost():
    with driver(hang_timeout=HANG) as s:
        s.start_launcher()
        with Channel(s.socket) as c, Meanwhile(s) as other:
            c.create("c", settings={"max-jobs-per-context": "1", "max-queued-jobs": "1000"})
            job = c.submit("deaf")
            record, error = ended(c, job["id"], 8)
            assert record["state"] == "ERROR" and "its driver hangs" in error["message"]
            assert c.context("c")["state"] == "ERROR"
        assert other.slowest < 0.8 * HANG, other.slowest


def test_a_launcher_that_was_stopped_itself_blames_no_driver():
    with driver(hang_timeout=3) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            first = pid(c)
            s.launcher.send_signal(signal.SIGSTOP)
            time.sleep(6)
            s.launcher.send_signal(signal.SIGCONT)
            time.sleep(0.5)
            assert c.context("c")["state"] == "RUNNING" and pid(c) == first


@pytest.mark.alone
@pytest.mark.parametrize("what", ["progress", "strays"])
def test_a_driver_that_floods_delays_nobody(what):
    with scripted() as s:
        s.overrides["log"] = {"level": "info"}
        s.start_launcher()
        with Channel(s.socket) as c, Meanwhile(s) as other:
            c.create("c")
            job = c.submit("flood", json.dumps({"what": what, "seconds": 5}).encode())
            record, answer = ended(c, job["id"], 15)
            if what == "progress":
                told = [e for e in c.events if e["op"] == "progress"]
                assert record["state"] == "FINISHED" and answer > 200
                assert 1 < len(told) < answer / 5
                assert record["progress"]["tasksDone"] > 100 and other.count > 3, other.count
            else:
                assert record["state"] == "ERROR" and "broke the protocol" in answer["message"]
        assert other.count and other.slowest < 4, other.slowest
        assert len(s.read("launcher.log")) < 2e6


# delete, and what hangs

def deleted(c, name, force=False):
    """How long it took."""
    began = time.monotonic()
    c.ask("context-delete", {"name": name, "force": force})
    return time.monotonic() - began


def test_delete_deletes_what_starts_hangs_or_does_not_stop():
    with driver(stop_timeout=1, hang_timeout=60) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("starts", settings={"script.start": "hang"}, early=True)
            c.ask("context-delete", {"name": "starts"})
            c.create("c", settings={"script.stop": "hang"})
            c.ask("context-delete", {"name": "c"})
            times = {}
            for force in False, True:
                c.create("c")
                os.kill(pid(c), signal.SIGSTOP)
                times[force] = deleted(c, "c", force)
            assert times[True] < times[False], times        # stop_timeout, and the time until SIGKILL
            c.create("c")
            # one that has not even connected
            first = c.send("context-create", {"id": str(uuid.uuid4()), "name": "d", "early": True})
            c.wait(first)
            kept = pid(c)
            os.kill(wait_until("it runs", lambda: [p for p in s.drivers() if p != kept])[0], signal.SIGSTOP)
            c.ask("context-delete", {"name": "d"})
            wait_until("they are gone", lambda: s.drivers() == [pid(c)], 10)


def test_a_time_to_live_that_is_long_over_ends_what_hangs():
    with driver(ttl_grace=1) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c", settings={"context-ttl": "3"})
            job = c.submit("hang")
            record = state(c, "c", "FINISHED", 10)
            assert record["reason"] == "its time to live of 3 s is over since 1 s, and it had jobs yet"
            assert ended(c, job["id"])[0]["state"] == "KILLED"


# processes that belong to nobody

def forget(s):
    """What the launcher knows is lost, its drivers are not."""
    s.launcher.kill()
    s.launcher.wait()
    shutil.rmtree(s.dir + "/data")


def test_a_driver_that_no_row_tells_of_is_told_to_stop():
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            orphan = pid(c)
        forget(s)
        s.start_launcher()
        with Channel(s.socket) as c:
            with pytest.raises(Refused):
                c.context("c")
            wait_until("it is gone", lambda: not alive(orphan), 5)


def test_an_orphan_that_hangs_is_killed():
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            orphan = pid(c)
        os.kill(orphan, signal.SIGSTOP)
        forget(s)
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("d")                                       # and those that belong to somebody are left alone
            wait_until("it is gone", lambda: not alive(orphan), 20)
            assert s.drivers() == [pid(c, "d")]
            assert "it is sent SIGTERM" in s.read("launcher.log")


def test_what_a_lost_driver_has_left_is_ended():
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            child = c.result("spawn")
            first = pid(c)
            s.launcher.kill()
            s.launcher.wait()
            os.kill(first, signal.SIGKILL)
            s.start_launcher()
        with Channel(s.socket) as c:
            state(c, "c", "ERROR")
            wait_until("its child is gone", lambda: not alive(child), 5)


def test_a_driver_that_nobody_knows_of_yet_is_found_though_it_hangs(faulty):
    s, f = faulty
    with Channel(s.socket) as c:
        slot = f.arm("create.spawned", "kill")
        c.send("context-create", {"id": str(uuid.uuid4()), "name": "c"})
        wait_until("the launcher has died", lambda: f.struck(slot))
    hung = wait_until("it runs", s.drivers)[0]
    os.kill(hung, signal.SIGSTOP)
    f.disarm()
    again(s, gone=True)
    with Channel(s.socket) as c:
        wait_until("its process is found", lambda: f"its driver is process {hung}" in s.read("launcher.log"), 5)
        c.ask("context-delete", {"name": "c", "force": True})
        wait_until("it is gone", lambda: not alive(hung), 5)
        with contextlib.suppress(Refused):
            assert c.context("c")["state"] == "KILLED"


# contexts that replace others

def replace(c, name, body=b"", **more):
    """The id of a replacement that was acknowledged, and has still to wait."""
    new = str(uuid.uuid4())
    assert c.ask("context-replace", {"id": new, "name": name, "user": "u", "early": True, **more}, body)[0] == {}
    return new


@pytest.mark.parametrize("size", [10, 100000])
def test_a_replacement_that_was_acknowledged_survives_launchers(size):
    body = json.dumps({"x": "1" * size, "spark.context-settings.max-jobs-per-context": 3}).encode()
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c", settings={"script.stop": "slow:4000"})
            new = replace(c, "c", body, settings={"launcher.spark.driver.memory": "1g"}, again=True)
            last = replace(c, "c")
        for _ in range(2):
            again(s)
            time.sleep(0.5)
        with Channel(s.socket) as c:
            wait_until("it runs", lambda: any(
                e["kind"] == "context" and e["record"].get("id") == new and e["record"]["state"] == "RUNNING"
                for e in c.events) or (c.submit and c.context("c")["id"] in (new, last) and c.context("c")["state"] == "RUNNING"))
            wait_until("the last one runs", lambda: (
                lambda r: r["id"] == last and r["state"] == "RUNNING")(c.context("c")))
            assert s.drivers() == [pid(c)]
            # both have been there, with what was asked for, and the answer to who asks again is the same
            record = c.ask("context-replace", {"id": new, "name": "c", "user": "u", "again": True,
                                               "settings": {"launcher.spark.driver.memory": "1g"}}, body)[0]["record"]
            assert (record["id"], record["maxJobs"], record["state"]) == (new, 3, "FINISHED")
            # nothing of it is left to be done
            again(s)
        with Channel(s.socket) as c:
            assert c.context("c")["id"] == last and pid(c)
            assert not [name for name in os.listdir(s.dir + "/data/contexts") if name.endswith(".conf")]


def test_a_replacement_is_made_once_though_the_launcher_dies_at_any_step(faulty):
    s, f = faulty
    for point, passes in [("db.commit", 0), ("db.committed", 0), ("create.make", 0), ("create.made", 0), ("create.saved", 0),
                          ("create.saved", 1), ("db.committed", 1), ("create.spawned", 0), ("create.ready", 0)]:
        with Channel(s.socket) as c:
            c.create("c")
            first = pid(c)
            new = str(uuid.uuid4())
            slot = f.arm(point, "kill", passes)
            c.send("context-replace", {"id": new, "name": "c", "user": "u"})
            wait_until(f"the launcher has died at {point}", lambda slot=slot: f.struck(slot))
        f.disarm()
        again(s, gone=True)
        with Channel(s.socket) as c:
            # what a module does: it asks again
            record = c.ask("context-replace", {"id": new, "name": "c", "user": "u"})[0]["record"]
            assert (record["id"], record["state"]) == (new, "RUNNING"), (point, record)
            wait_until("the old one is gone", lambda first=first: not alive(first), 10)
            assert s.drivers() == [pid(c)], point
            c.ask("context-delete", {"name": "c"})


def test_a_launcher_that_ends_in_order_leaves_no_replacement():
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c", settings={"script.stop": "slow:3000"})
            replace(c, "c", b'{"x": 1}')
        s.launcher.send_signal(signal.SIGTERM)
        assert s.launcher.wait(120) == 0
        s.start_launcher()
        with Channel(s.socket) as c:
            assert c.context("c")["state"] == "FINISHED" and s.drivers() == []
            assert not [name for name in os.listdir(s.dir + "/data/contexts") if name.endswith(".conf")]


# what lies in the data folder

def test_folders_of_no_context_are_removed_and_those_of_ended_ones_swept():
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            over = c.create("over")["id"]
            c.result("print", "over")
            c.ask("context-delete", {"name": "over"})
            kept = c.create("c")["id"]
            c.result("print")
        s.launcher.kill()
        s.launcher.wait()
        contexts = s.dir + "/data/contexts"
        nobody, body, logs = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
        for name in nobody, nobody + "/tmp", over + "/tmp", "not-ours", logs, logs + "/logs":
            os.mkdir(f"{contexts}/{name}")
        for name in nobody + "/tmp/file", logs + "/driver.log", logs + "/logs/job.log", over + "/context.conf", body + ".conf":
            open(f"{contexts}/{name}", "w").close()
        s.start_launcher()
        with Channel(s.socket) as c:
            wait_until("they are gone", lambda: sorted(os.listdir(contexts)) == sorted([over, kept, "not-ours"]), 20)
            wait_until("it is swept", lambda: sorted(os.listdir(f"{contexts}/{over}")) == ["driver.log", "logs"])
            assert {"tmp", "in", "out", "driver.log", "logs"} <= set(os.listdir(f"{contexts}/{kept}")) and pid(c)


def test_a_deletion_that_comes_again_spares_what_came_later():
    """The first time it was done, and only its answer was lost; meanwhile another has the name."""
    with scripted() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            before = int(time.time() * 1000) - 60000
            c.create("c")
            c.ask("binary-put", {"name": "b", "type": "Jar", "user": ""}, b"PK\3\4 b")
            c.ask("cluster-put", {"name": "k", "create": True, "user": ""}, b'{"master": "local"}')
        with Channel(s.socket) as c:            # only so long after a channel's hello a deletion may have been asked for before
            for message, name in ("context-delete", "c"), ("binary-delete", "b"), ("cluster-delete", "k"):
                with pytest.raises(Refused) as why:
                    c.ask(message, {"name": name, "asked": before})
                assert why.value.code.startswith("no-such-")
            assert c.context("c")["state"] == "RUNNING" and c.ask("binary-get", {"name": "b"})[0]["record"]["name"] == "b"
            for message, name in ("binary-delete", "b"), ("cluster-delete", "k"), ("context-delete", "c"):
                c.ask(message, {"name": name, "asked": int(time.time() * 1000)})
            assert c.context("c")["state"] != "RUNNING"


def test_a_module_says_when_a_deletion_was_asked_for():
    with Server(start=False) as s, FakeLauncher(s.socket) as fake:
        asked = []
        answer = fake.answer
        fake.answer = lambda channel, number, stream, meta: (
            "asked" in meta and asked.append(meta["asked"]), answer(channel, number, stream, meta))
        s.start_nginx()
        s.wait_ready()
        for path in "/contexts/c", "/binaries/b", "/clusters/k", "/library-sets/l":
            before = int(time.time() * 1000)
            assert s.delete(path)[0] == 400
            assert before - 1000 <= asked.pop() <= time.time() * 1000 + 1, (before, asked)
