"""Disks that are full, fail, or lose what was not synchronised: what was refused says why, what was acknowledged is there, and the
launcher goes on as soon as the disk does."""

import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import LAUNCHER, Server, wait_until
from storage import Disk

LONG = "x" * 100000
REFUSALS = {"full": "no-space", "error": "storage-failed", "busy": "storage-failed"}


@pytest.fixture
def server():
    with Server(scripted=True, start=False) as s:
        s.disk = Disk(s)
        yield s


def restart(server, kill=False):
    """Another launcher; with `kill` the old one dies, and its drivers with it."""
    if kill:
        server.launcher.kill()
        for pid in server.drivers():
            os.kill(pid, 9)
    else:
        server.launcher.terminate()
    server.launcher.wait(40)
    server.start_launcher()


def run_check(server):
    """(exit code, findings)"""
    p = subprocess.run([LAUNCHER, "check", "-c", server.dir + "/launcher.json"], capture_output=True, text=True)
    assert p.returncode in (0, 1), p.stderr
    return p.returncode, p.stderr.splitlines()


def database(server):
    return sqlite3.connect(server.config()["data_dir"] + "/sparkjob.db")


class Work:
    """All that is kept, done through one channel; what was acknowledged has to be there."""

    def __init__(self, server):
        self.server, self.n = server, 0
        self.binaries, self.gone, self.data, self.jobs, self.contexts = {}, set(), {}, {}, set()
        self.doing, self.refused_ids = None, []
        self.steps = [self.binary, self.large_binary, self.data_put, self.context, self.job, self.large_job, self.job_to_kill,
                      self.binary_delete, self.data_delete]

    def all(self, c):
        """Every step once; the refusals, by the name of the step."""
        refused = {}
        for step in self.steps:
            self.n += 1
            try:
                step(c)
            except Refused as r:
                refused[step.__name__] = r
        return refused

    def binary(self, c, size=100):
        name, body = f"b{self.n}", b"PK\3\4" + str(self.n).encode() * size
        c.ask("binary-put", {"name": name, "type": "Jar", "user": "u"}, body)
        self.binaries[name] = body

    def large_binary(self, c):
        self.binary(c, 100000)

    def data_put(self, c):
        body = b"data" * (self.n % 2 and 100000 or 1)
        path = c.ask("data-put", {"name": f"d{self.n}", "user": "u"}, body)[0]["file"]
        self.data[path] = body

    def context(self, c):
        c.create(f"c{self.n}", json.dumps({"pad": LONG}).encode())
        self.contexts.add(f"c{self.n}")
        c.ask("context-delete", {"name": f"c{self.n}"})

    def job(self, c, main_class="value", value=1):
        body = json.dumps({"value": value}).encode()
        meta = {"id": str(uuid.uuid4()), "cp": [], "class": main_class, "sync": True, "user": "u"}
        try:
            with contextlib.suppress(Refused):
                c.create("c")
            record = c.ask("job-submit", {**meta, "context": "c"}, body)[0]["record"]
        except Refused:
            self.refused_ids.append(meta["id"])
            raise
        self.jobs[record["id"]] = value
        wait_until("it has ended", lambda: c.job(record["id"])[0]["end"])

    def large_job(self, c):
        self.job(c, value=f"{self.n}" + LONG)

    def job_to_kill(self, c):
        job = c.submit("sleep", b'{"ms": 60000}')
        self.jobs[job["id"]] = None
        c.ask("job-kill", {"id": job["id"]})

    def binary_delete(self, c):
        for name in list(self.binaries)[:-4]:
            self.gone.add(name)
            c.ask("binary-delete", {"name": name})
            del self.binaries[name]

    def data_delete(self, c):
        for path in list(self.data)[:-4]:
            self.gone.add(path)
            c.ask("data-delete", {"file": path})
            del self.data[path]

    # what is there

    def settle(self, c):
        """Waits until nothing is alive but what was begun for that."""
        wait_until("nothing of the last launcher is alive", lambda: all(
            r["record"]["state"] in ("FINISHED", "ERROR", "KILLED") for r in self.records(c) if r["kind"] != "binary"))

    def records(self, c):
        stream = c.send("snapshot", {"jobs": 10000})
        c.wait(stream)
        return [m for m, _ in c.records.pop(stream, [])]

    def verify(self, c, lost=False):
        """lost: the drivers are, so a job may have ended otherwise."""
        there = {r["record"]["name"]: r["record"] for r in self.records(c) if r["kind"] == "binary"}
        for name, body in self.binaries.items():
            if name in there or name not in self.gone:
                assert there[name]["sha256"] == hashlib.sha256(body).hexdigest(), name
                with open(f"{self.folder()}/binaries/{there[name]['sha256']}.jar", "rb") as f:
                    assert f.read() == body, name
        listed = json.loads(c.ask("data-list")[1])
        for path, body in self.data.items():
            if path in listed or path not in self.gone:
                assert path in listed
                if path not in self.gone:
                    with open(path, "rb") as f:
                        assert f.read() == body, path
        for job_id, value in self.jobs.items():
            record, payload = c.job(job_id)
            assert record["end"], record
            if value is not None and not (lost and record["state"] == "ERROR"):
                assert record["state"] == "FINISHED", record
                if record["payload"] == "stored":
                    payload = c.ask("job-result", {"id": job_id})[1]
                assert json.loads(payload) == value
        for name in self.contexts:
            assert c.context(name)["end"]

    def folder(self):
        return self.server.config()["data_dir"]


def no_ghosts(c, work):
    """Nobody finds a job who was told that it is refused."""
    for job_id in work.refused_ids:
        with pytest.raises(Refused) as refused:
            c.job(job_id)
        assert refused.value.code == "no-such-job"


# one kind of failure after the other


FAILURES = [("db-write", "sparkjob.db-wal", "full"), ("db-write", "sparkjob.db-wal", "error"), ("db-sync", "*", "error"),
            ("db-shm-lock", "*", "busy"), ("db-shm-lock", "*", "error"),
            ("create", "tmp/*", "full"), ("write", "tmp/*", "full"), ("write", "tmp/*", "error"), ("sync", "tmp/*", "error"),
            ("rename", "*", "error"), ("rename", "*", "full"), ("sync", "binaries", "error"), ("link", "data/*", "full"),
            ("sync", "data", "error"), ("sync", "results*", "error"), ("mkdir", "contexts/*", "full"), ("open", "*", "error"),
            ("unlink", "*", "error")]


def test_what_fails_is_refused_and_what_works_again_goes_on(server):
    server.start_launcher()
    work = Work(server)
    with Channel(server.socket) as c:
        assert not work.all(c)
        for call, pattern, what in FAILURES:
            server.disk.forget()
            server.disk.fails(call, pattern, what, times=3)
            for _ in range(2):
                for name, refused in work.all(c).items():
                    if refused.code in ("no-such-context", "context-stopping"):
                        continue
                    assert refused.code == REFUSALS[what], (call, pattern, what, name, str(refused))
                    assert refused.error["message"], name
            assert server.disk.hits(), (call, pattern, what)
            server.disk.works()
            wait_until(f"all works again after {call} {pattern} {what}", lambda: not work.all(c), 10, 0.2)
            work.verify(c)
            no_ghosts(c, work)
    restart(server)
    with Channel(server.socket) as c:
        work.verify(c)
        no_ghosts(c, work)
        assert not work.all(c)


# the power


CHANGES = [("db-write", "torn"), ("db-write", "power"), ("db-sync", "power"), ("write", "torn"), ("sync", "power"), ("rename", "power"),
           ("link", "power"), ("unlink", "power"), ("mkdir", "power"), ("create", "power"), ("db-truncate", "power")]
LOSSES = int(os.environ.get("SPARKJOB_LOSSES", 8))
SEED = int(os.environ.get("SPARKJOB_SEED", 1))


def test_what_was_acknowledged_survives_the_power(server):
    chance = random.Random(SEED)
    server.overrides["retention"] = {"jobs": 0, "contexts": 0}
    server.start_launcher()
    work = Work(server)
    lost = 0
    while lost < LOSSES:
        call, what = CHANGES[lost % len(CHANGES)] if lost < len(CHANGES) else chance.choice(CHANGES)
        skip = chance.randrange(12)
        with Channel(server.socket) as c:
            assert not work.all(c)
            server.disk.fails(call, "*", what, skip, 1)
            with contextlib.suppress(EOFError, ConnectionError):
                for _ in range(20):
                    work.all(c)
        lost += 1
        server.disk.works()
        if server.launcher.poll() is None:       # it has not come to that call
            server.launcher.kill()
        restart(server, kill=True)
        with Channel(server.socket) as c:
            work.settle(c)
            work.verify(c, lost=True)
        #CHECK


# a file system that is full


@pytest.fixture
def small():
    """A server whose data folder is a file system of 12 MiB."""
    if os.getuid():
        pytest.skip("mounting a file system wants root")
    with Server(scripted=True, start=False) as s:
        folder = s.dir + "/small"
        os.mkdir(folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=0711", "tmpfs", folder], capture_output=True).returncode:
            pytest.skip("this machine mounts no tmpfs")
        s.overrides["data_dir"] = folder + "/data"
        s.full = folder + "/filler"
        try:
            yield s
            s.problems = s.stop()
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
        assert not s.problems, "\n".join(s.problems)


def fill(server):
    with contextlib.suppress(OSError), open(server.full, "wb", buffering=0) as f:
        while True:
            f.write(b"x" * 4096)


def test_a_full_file_system_is_507_until_there_is_space(small):
    small.start_launcher()
    small.start_nginx()
    small.wait_ready()
    jar = b"PK\3\4" + b"j" * 200000
    upload = {"Content-Type": "application/java-archive"}
    assert small.json("POST", "/binaries/a", jar, upload)[0] == 201
    small.context("c", **{"max-jobs-per-context": 4})
    status, done = small.run("value", '{"value": 1}', cp="a")
    assert status == 200
    running = small.run("sleep", '{"ms": 3000, "value": 7}', cp="a", sync=False)[1]["jobId"]
    fill(small)
    for method, path, body in (("POST", "/binaries/b", jar + b"b"), ("POST", "/data/d", jar), ("POST", "/contexts/d", ""),
                               ("POST", "/jobs?cp=a&mainClass=noop&context=c", "x = " + LONG),
                               ("POST", "/jobs?cp=a&mainClass=value&context=c&sync=true", json.dumps({"value": LONG[:60000]}))):
        for _ in range(3):
            status, answer = small.json(method, path, body.encode() if isinstance(body, str) else body, upload)
            assert status == 507 and answer["status"] == "Storage Failure", (path, status, answer)
            assert answer["result"]["errorClass"] == "java.io.IOException"
            assert "No space left" in answer["result"]["message"] or "full" in answer["result"]["message"], answer
    assert small.job(done["jobId"])["status"] == "FINISHED"
    time.sleep(3)
    os.unlink(small.full)
    wait_until("there is space again", lambda: small.json("POST", "/binaries/b", jar + b"b", upload)[0] == 201, 10, 0.2)
    assert small.wait_job(running)["status"] == "FINISHED"
    assert wait_until("jobs run", lambda: small.run("value", '{"value": 2}', cp="b"), 10)[1]["result"] == 2
    assert len(small.get("/jobs")[1]) == 3
    restart(small)
    wait_until("it is back", lambda: small.get("/healthz")[0] == 200)
    assert small.job(done["jobId"])["result"] == 1
    assert sorted(small.get("/binaries")[1]) == ["a", "b"]
