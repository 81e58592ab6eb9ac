"""The fault matrix in short (the whole: `make matrix`), what it has found, and whether it finds what is wrong."""

import contextlib
import fcntl
import json
import os
import random
import sqlite3
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import fault_check
import fault_world
import matrix
from sparkjob_server import BUILD, ROOT, Server, wait_until

# what was wrong once
MENDED = [
    ("delete", "delete.committed", "kill", 0),          # asked again, the binary was not there, and the answer 404
    ("create", "create.made", "kill", 0),               # a folder without a row stayed for ever
    ("delete", "delete.saved", "kill", 0),              # a folder that was not swept stayed as it was
    ("submit", "submit.row", "kill", 0),                # told of before its body was there again, it took a slot for ever
]
SECONDS = 25


@pytest.fixture(scope="module", autouse=True)
def built():
    if os.environ.get("SPARKJOB_MODULE") == "":
        pytest.skip("this nginx has the module without fault points in it")
    if not os.path.exists(BUILD + "/faults/sparkjob-launcher"):
        subprocess.run(["make", "-s", "faults"], cwd=ROOT, check=True)


@contextlib.contextmanager
def world():
    with fault_world.World() as w:
        yield w
    assert not w.violations, "\n".join(w.violations)


def test_what_was_wrong_once():
    with world() as w:
        assert matrix.matrix(w, 1, MENDED) == len(MENDED)
        assert w.injected == len(MENDED), "not all faults have struck"
        w.begin_round()
        assert w.restart()


def test_what_a_step_needs_is_there_when_a_worker_was_struck_after_its_last_answer():
    with world() as w:
        assert matrix.prepare(w, "run", random.Random(1))
        w.delete(w.client, random.Random(1), "kept")
        for pid in w.server.worker_pids():
            os.kill(pid, 9)
        assert w.settle()
        assert matrix.prepare(w, "run", random.Random(1)), w.violations


def test_a_job_that_a_dead_driver_has_told_to_a_dead_launcher_runs_again():
    """Its result is on its way to the disk when the driver dies, and then the launcher: the next driver knows nothing of it."""
    with world() as w:
        assert matrix.prepare(w, "run", random.Random(1))
        w.begin_round()
        moving = w.faults.arm("result.move", "delay", ms=5000)
        status, answer = w.client.ask("POST", "/jobs?cp=app&mainClass=big&context=kept", json.dumps({"bytes": 100000}))
        assert status == 202
        wait_until("the result is being moved", lambda: w.faults.struck(moving))
        driver = w.running["kept"][1]
        w.dead.add(driver)
        os.kill(driver, 9)
        wait_until("there is another driver", lambda: len(set(w.server.drivers()) - {driver}) == 2)
        w.server.launcher.kill()
        assert w.settle(), w.violations
        assert w.check.final[answer["jobId"]] == "FINISHED"


def test_nobody_is_told_of_a_job_that_was_not_accepted():
    """The client's patience is over before the launcher has looked at what it was asked, and it refuses."""
    with world() as w:
        w.faults.arm("submit.accept", "delay", ms=2500)
        status, answer = w.client.ask("POST", "/jobs?cp=app&mainClass=noop&context=none&sync=true&timeout=1", "")
        assert (status, answer["result"]) == (404, "context none not found")
        assert w.settle(), w.violations


def test_a_lock_that_is_given_up_soon_is_waited_for():
    """A launcher that was killed between fork() and exec() of a driver leaves a child that has its lock."""
    with Server(scripted=True) as s:
        s.launcher.kill()
        s.launcher.wait()
        with open(s.dir + "/data/lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            s.start_launcher()
            time.sleep(0.4)
            assert s.launcher.poll() is None, s.read("launcher.log")
        s.wait_ready()
        s.context("c")


def test_a_part_of_the_matrix():
    """Another part at each run: the seed is in the failure."""
    seed = random.randrange(1000000)
    chosen = [(step, point, action, 0) for step in matrix.STEPS for point in matrix.POINTS
              for action in ["kill", "stop"] + ["fail"] * matrix.POINTS[point] if point.startswith(step)]
    random.Random(seed).shuffle(chosen)
    with world() as w:
        end = time.monotonic() + SECONDS
        done = matrix.matrix(w, seed, (e for e in chosen if time.monotonic() < end or w.injected < 5))
        assert not w.violations, (seed, chosen[:done][-1:], w.violations)
        assert w.injected >= 5


def test_a_short_walk():
    seed, number = random.randrange(1000000), 0
    with world() as w:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or w.injected < 10:
            assert matrix.walk_round(w, seed, number), (seed, number, w.violations, w.struck)
            number += 1
        w.begin_round()
        assert w.restart(), (seed, "the end", w.violations)
        assert w.injected >= 10


# that it finds what is wrong: each breaks one thing behind the server's back, and mends it

@contextlib.contextmanager
def told_otherwise(w, job):
    w.jobs[job]["state"] = "ERROR"
    yield f"job {job} is FINISHED, its client was told ERROR"
    w.jobs[job]["state"] = "FINISHED"


@contextlib.contextmanager
def acknowledged_and_lost(w, job):
    w.jobs["00000000"] = {}
    yield "job 00000000 was acknowledged and is not there"
    del w.jobs["00000000"]


@contextlib.contextmanager
def another_end(w, job):
    w.check.final[job] = "KILLED"
    yield f"job {job} is FINISHED, it was KILLED"
    w.check.final[job] = "FINISHED"


@contextlib.contextmanager
def run_twice(w, job):
    w.check.begun[job].append((1, ["FINISHED"]))
    yield f"job {job} has run 2 times"
    w.check.begun[job].pop()


@contextlib.contextmanager
def never_run(w, job):
    run = w.check.begun.pop(job)
    yield f"job {job} is FINISHED, its runs are []"
    w.check.begun[job] = run


@contextlib.contextmanager
def orphan(w, job):
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, "SPARKJOB_SOCKET": w.server.socket})
    yield f"{process.pid}] are there"
    process.kill()
    process.wait()


def left(name):
    @contextlib.contextmanager
    def break_it(w, job):
        path = f"{w.server.dir}/data/{name}"
        with open(path, "w") as f:
            f.write("x")
        yield f"file left: {path}"
        os.unlink(path)
    return break_it


@contextlib.contextmanager
def damaged(w, job):
    path = f"{w.server.dir}/data/binaries/{w.check.stored['app'][0]}.jar"
    with open(path, "ab") as f:
        f.write(b"x")
    yield f"{path} is damaged"
    os.truncate(path, os.path.getsize(path) - 1)


@contextlib.contextmanager
def upload_lost(w, job):
    w.binaries["b9"] = {"0" * 64}
    yield "binary b9 is None"
    del w.binaries["b9"]


@contextlib.contextmanager
def descriptor(w, job):
    w.check.sockets -= 1
    yield "the launcher has"
    w.check.sockets += 1


@contextlib.contextmanager
def zone_behind(w, job):
    """A row that no event has told of; the launcher itself reads rows when it starts."""
    with contextlib.closing(sqlite3.connect(w.server.dir + "/data/sparkjob.db", isolation_level=None)) as db:
        db.execute("UPDATE jobs SET state = 'KILLED' WHERE id = ?", (job,))
        yield f"job {job} is FINISHED, database KILLED"
        db.execute("UPDATE jobs SET state = 'FINISHED' WHERE id = ?", (job,))


@contextlib.contextmanager
def context_ended(w, job):
    assert w.client.ask("DELETE", "/contexts/plain")[0] == 200
    yield "though nothing has struck it"
    w.running.clear()


BREAKS = [told_otherwise, acknowledged_and_lost, another_end, run_twice, never_run, orphan, left("tmp/left"),
          left("results/00/left"), left("binaries/left.jar"), damaged, upload_lost, descriptor, zone_behind, context_ended]


def test_the_checker_finds_what_is_wrong(monkeypatch):
    with world() as w:
        assert w.create(w.client, random.Random(1), "plain")
        status, answer = w.client.ask("POST", "/jobs?cp=app&mainClass=noop&context=plain&sync=true", "{}")
        job = w.acknowledged(status, answer, "noop", "{}", {"bytes": 0}, True)
        assert w.settle(every=True)
        for break_it in BREAKS:
            with break_it(w, job) as wanted, monkeypatch.context() as patched:
                patched.setattr(fault_check, "SECONDS", 1)
                wait_until(f"it is found: {wanted}", lambda wanted=wanted: any(
                    wanted in violation for violation in w.check.settled(True)))
        assert w.settle(every=True)
