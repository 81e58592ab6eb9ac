"""Disks that are full, fail, or lose what was not synchronised: what was refused says why, what was acknowledged is there, and the
launcher goes on as soon as the disk does."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
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
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
    else:
        server.launcher.terminate()
    server.launcher.wait(240)
    server.start_launcher()


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
        """Ends what the last launcher had acknowledged and not begun, and waits for what it had."""
        def over():
            alive = [r for r in self.records(c) if r["kind"] != "binary" and r["record"]["state"] not in ("FINISHED", "ERROR", "KILLED")]
            for r in alive:
                if r["kind"] == "context":
                    with contextlib.suppress(Refused):
                        c.ask("context-delete", {"name": r["record"]["name"]})
            return not alive
        wait_until("nothing of the last launcher is alive", over)

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


@pytest.mark.parametrize("what", ["job", "context", "replacement"])
def test_what_was_refused_is_not_found_by_the_next_launcher(server, what):
    """A commit whose synchronisation fails is in the log yet; whatever comes next has to be written over it."""
    server.start_launcher()
    ghost = str(uuid.uuid4())
    asked = {"job": ("job-submit", {"id": ghost, "cp": [], "class": "noop", "early": True, "context": "c"}),
             "context": ("context-create", {"id": ghost, "name": "d", "early": True}),
             "replacement": ("context-replace", {"id": ghost, "name": "c", "early": True})}[what]
    with Channel(server.socket) as c:
        c.create("c")
        kept = c.context("c")["id"]
        # once for all that came together, once for each alone
        server.disk.fails("db-sync", "sparkjob.db-wal", times=2)
        with pytest.raises(Refused):
            c.ask(asked[0], {**asked[1], "user": "u"}, b'{"a": 1}')
        assert len(server.disk.hits()) == 2
        server.disk.works()
        assert c.context("c")["id"] == kept
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    with Channel(server.socket) as c:
        assert c.context("c")["id"] == kept
        for record in Work(server).records(c):
            assert record["record"].get("id") != ghost, record


def test_a_replacement_whose_body_cannot_be_read_is_not_made_without_it(server):
    server.start_launcher()
    with Channel(server.socket) as c:
        c.create("c")
        server.disk.fails("open", "contexts/*.conf", times=1)
        with pytest.raises(Refused) as refused:
            c.create("c", b'{"a": 1}', "context-replace")
        assert refused.value.code == "storage-failed", refused.value
        server.disk.works()
        assert c.context("c")["state"] == "ERROR" and "Input/output error" in c.context("c")["reason"]
        c.create("c")


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
        assert server.check()[0] == 0, (call, what, skip, server.check())


@pytest.mark.parametrize("what, status", (("full", 507), ("error", 503)))
def test_health_tells_that_changes_are_refused(server, what, status):
    server.workers = 1                      # each knows for itself, from a second ago
    server.start_launcher()
    server.start_nginx()
    server.wait_ready()
    server.context("c")
    server.disk.fails("db-write", "*", what)
    assert server.post("/contexts/d")[0] == status
    code, answer = wait_until("it is not healthy", lambda: (lambda a: a if a[0] != 200 else None)(server.get("/healthz")))
    assert (code, answer["status"]) == (status, "Storage Failure") and "database" in answer["result"], answer
    server.disk.works()
    wait_until("it is again", lambda: server.get("/healthz")[0] == 200)
    assert server.post("/contexts/d")[0] == 200


def test_health_is_well_as_soon_as_a_change_fits(server):
    def stored():
        nonlocal refused
        sent = time.monotonic()
        if server.post("/data/w", "x")[0] == 200:
            return True
        refused = sent

    server.workers = 1
    server.start_launcher()
    server.start_nginx()
    server.wait_ready()
    # nobody tells before 10 s that it is well where nothing was stored; a slow machine may take as long in any case
    for i in range(5):
        server.disk.fails("db-write", "*", "full")
        refused = time.monotonic()
        assert server.post(f"/contexts/c{i}")[0] == 507
        wait_until("it is not healthy", lambda: server.get("/healthz")[0] == 507)
        server.disk.works()
        wait_until("a change fits", stored)
        wait_until("it is healthy", lambda: server.get("/healthz")[0] == 200)
        if time.monotonic() - refused < 10:
            return
    pytest.fail("after a change was stored it was still not healthy for 10 s")


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
    wait_until("it says that it is not well", lambda: small.get("/healthz")[0] == 507)
    time.sleep(3)
    os.unlink(small.full)
    wait_until("it says that it is well", lambda: small.get("/healthz")[0] == 200)
    wait_until("there is space again", lambda: small.json("POST", "/binaries/b", jar + b"b", upload)[0] == 201, 10, 0.2)
    assert small.wait_job(running)["status"] == "FINISHED"
    assert wait_until("jobs run", lambda: small.run("value", '{"value": 2}', cp="b"), 10)[1]["result"] == 2
    assert len(small.get("/jobs")[1]) == 3
    restart(small)
    wait_until("it is back", lambda: small.get("/healthz")[0] == 200)
    assert small.job(done["jobId"])["result"] == 1
    assert sorted(small.get("/binaries")[1]) == ["a", "b"]


def test_what_is_there_can_be_read_from_a_full_file_system(small):
    small.start_launcher()
    small.start_nginx()
    small.wait_ready()
    assert small.json("POST", "/livy/sessions", b'{"kind": "spark"}')[0] == 201
    statements = "/livy/sessions/0/statements"

    def statement(code):
        return small.json("POST", statements, json.dumps({"code": code}).encode())

    assert statement("first")[0] == 201
    wait_until("it has run", lambda: small.get(statements + "/0")[1]["state"] == "available")
    assert statement("sleep 3000")[0] == 201
    fill(small)
    wait_until("its end waits for the storage", lambda: small.get("/healthz")[0] == 507)
    for _ in range(3):
        for path in ("", "/state", "/log", "/statements", "/statements/0", "/statements/1"):
            status, answer = small.get("/livy/sessions/0" + path)
            assert status == 200, (path, status, answer)
        assert small.get("/jobs?limit=1&from=2026-01-01T00:00:00Z")[0] == 200
        assert statement("refused")[0] == 507
    assert small.get(statements + "/0")[1]["output"]["data"]["text/plain"] == "first"
    os.unlink(small.full)
    wait_until("there is space again", lambda: small.get("/healthz")[0] == 200)
    wait_until("statements run", lambda: statement("next")[0] == 201, 10)
    listed = small.get(statements)[1]
    assert (listed["total_statements"], [s["id"] for s in listed["statements"]]) == (3, [0, 1, 2])


# what is wrong in a data folder


def damaged(server, path, change):
    with open(f"{server.config()['data_dir']}/{path}", "r+b") as f:
        body = f.read()
        f.seek(0)
        f.write(change(body))
        f.truncate()


def only(folder):
    names = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names if not name.endswith(".config")]
    assert len(names) == 1, names
    return os.path.relpath(names[0], os.path.dirname(folder))


def filled(server):
    """A launcher with a bit of everything: (binary's name, data file's, id of a job with a large result)."""
    server.start_launcher()
    with Channel(server.socket) as c:
        c.ask("binary-put", {"name": "b", "type": "Jar", "user": "u"}, b"PK\3\4" + b"j" * 1000)
        data = c.ask("data-put", {"name": "d", "user": "u"}, b"data")[0]["file"]
        c.create("c")
        jobs = [c.submit("value", json.dumps({"value": value}).encode(), cp=["b"], sync=True)["id"] for value in (1, LONG)]
        wait_until("they have ended", lambda: all(c.job(j)[0]["end"] for j in jobs))
        return data, jobs


def test_check_finds_each_thing_that_is_wrong(server):
    data, jobs = filled(server)
    folder = server.config()["data_dir"]
    assert server.check()[0] == 0                                       # while it runs
    server.launcher.terminate()
    assert server.launcher.wait(240) == 0
    assert server.check() == (0, [f'all is well in "{folder}"'])
    shutil.copytree(folder, server.dir + "/kept")
    binary, result = only(folder + "/binaries"), only(folder + "/results")

    def sql(text):
        def change():
            with database(server) as db:
                db.execute(text)
            db.close()
        return change

    def stray(path):
        return lambda: open(f"{folder}/{path}", "w").close()

    # each line: what is done together, and what has to be found of it
    cases = [
        ((lambda: damaged(server, binary, lambda b: b[:-1] + b"k"), "binary b is damaged"),
         (lambda: os.unlink(f"{folder}/{result}"), f"the result of job {jobs[1]} is missing"),
         (lambda: os.unlink(data), "data file d-"),
         (stray("binaries/x"), '"binaries/x" belongs to nothing'), (stray("data/x"), '"data/x" belongs to nothing'),
         (stray("results/ab/x"), '"results/ab/x" belongs to nothing'),
         (lambda: os.mkdir(folder + "/contexts/x"), '"contexts/x" belongs to nothing')),
        ((lambda: damaged(server, binary, lambda b: b[:-1]), "binary b has 1003 bytes, not 1004"),
         (lambda: damaged(server, result, lambda b: b + b" "), f"the result of job {jobs[1]} has"),
         (sql("UPDATE jobs SET state = 'WRONG' WHERE payload = 'stored'"), f"job {jobs[1]} is WRONG"),
         (sql('UPDATE jobs SET "end" = 0 WHERE payload = \'stored\''), f"job {jobs[1]} is WRONG, and its end is 0"),
         (sql("UPDATE jobs SET size = 7 WHERE payload = 'result'"), f"job {jobs[0]} has a result of 1 bytes, not 7"),
         (sql("UPDATE jobs SET context = 'x' WHERE payload = 'result'"), f"job {jobs[0]} says that its context"),
         (sql("UPDATE jobs SET cp = '['"), f"job {jobs[0]} has a class path that is no JSON"),
         (sql("UPDATE contexts SET state = 'WRONG'"), " is WRONG"),
         (sql("UPDATE contexts SET settings = '{'"), "has settings that are no JSON")),
        ((lambda: os.unlink(f"{folder}/{binary}"), "binary b is missing"),
         (sql("UPDATE jobs SET final = 0 WHERE payload = 'stored'"), f"job {jobs[1]} is FINISHED, and final is 0"),
         (sql("UPDATE jobs SET payload = 'error' WHERE payload = 'result'"), f"job {jobs[0]} is FINISHED, and what it has is: error"),
         (sql("UPDATE data SET file = '../x'"), "data file ../x has a name that leads elsewhere")),
        ((sql("UPDATE binaries SET sha256 = 'x', type = 'x'"), "binary b has no SHA-256"),
         (lambda: None, "binary b has the unknown type x"),
         (sql("UPDATE jobs SET context_id = 'x'"), "refers to a row of contexts that is not there")),
        ((lambda: os.unlink(folder + "/sparkjob.db"), "cannot be found"),),
        ((lambda: damaged(server, "sparkjob.db", lambda b: b"x" * len(b)), "cannot be read: file is not a database"),),
        ((lambda: damaged(server, "sparkjob.db", lambda b: b[:8192] + b"\xff" * 4096 + b[12288:]), "the database"),),
    ]
    for case in cases:
        shutil.rmtree(folder)
        shutil.copytree(server.dir + "/kept", folder)
        for change, _ in case:
            change()
        before = contents(folder)
        code, found = server.check()
        for _, words in case:
            assert code == 1 and any(words in line for line in found), (words, found)
        assert contents(folder) == before


def contents(folder):
    """All files but those that SQLite makes for whoever reads."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.startswith("sparkjob.db-"):
                with open(os.path.join(path, name), "rb") as f:
                    found[os.path.join(path, name)] = f.read()
    return found


# backup


def backup(server, folder):
    return subprocess.run([LAUNCHER, "backup", folder, "-c", server.dir + "/launcher.json"], capture_output=True, text=True)


def test_a_launcher_starts_on_a_backup_that_was_made_while_another_ran(server):
    server.start_launcher()
    work = Work(server)
    folder = server.dir + "/backup"
    with Channel(server.socket) as c:
        assert not work.all(c)
        running = c.submit("sleep", b'{"ms": 60000}')["id"]
        log = c.submit("print", b'{"text": "words"}', user="keeper")["id"]
        wait_until("it has printed", lambda: c.job(log)[0]["end"])
        c.ask("binary-put", {"name": "kept", "type": "Jar", "user": "u"}, b"PK\3\4kept")
        data = c.ask("data-put", {"name": "kept", "user": "u"}, b"kept")[0]["file"]
        large = c.submit("value", json.dumps({"value": LONG}).encode(), sync=True, user="keeper")["id"]
        wait_until("it has ended", lambda: c.job(large)[0]["end"])
        stop = threading.Event()

        def go_on():
            with Channel(server.socket) as other:
                while not stop.is_set():
                    assert not work.all(other)
                    other.ask("job-purge", {"before": int(time.time() * 1000) - 500, "context": "c", "user": "u"})

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            copies = [backup(server, f"{folder}{i}") for i in range(4)]
        finally:
            stop.set()
            thread.join()
        assert [(p.returncode, p.stderr) for p in copies] == [(0, "")] * 4
        refused = backup(server, folder + "0")
        assert refused.returncode == 1 and "is not empty" in refused.stderr
        drivers = server.drivers()
        assert drivers
    for i in range(4):
        with Server(scripted=True, start=False) as s:
            s.overrides["data_dir"] = f"{folder}{i}"
            s.start_launcher()
            with Channel(s.socket) as c:
                assert c.job(running)[0]["state"] == "ERROR"
                assert c.job(log)[0]["state"] == "FINISHED" and c.ask("job-log", {"id": log})[1] == b"words"
                assert json.loads(c.ask("job-result", {"id": large})[1]) == LONG
                path = f"{folder}{i}/data/{os.path.basename(data)}"
                assert path in json.loads(c.ask("data-list")[1]) and open(path).read() == "kept"
                work = Work(s)
                assert not work.all(c)
                assert c.submit("cp", context="c", cp=["kept"])["id"]
                work.verify(c)
            assert s.check()[0] == 0, s.check()
        assert server.drivers() == drivers                                      # those of the original run on


def test_database_and_its_copies_are_closed_to_others(server):
    server.start_launcher()
    path = server.config()["data_dir"] + "/sparkjob.db"
    copy = server.dir + "/backup"
    os.mkdir(copy, 0o755)
    with Channel(server.socket) as c:
        c.create("b")
    assert backup(server, copy).returncode == 0
    assert os.stat(copy + "/sparkjob.db").st_mode & 0o777 == 0o600
    server.launcher.kill()
    server.launcher.wait()
    for part in ("", "-wal", "-shm"):
        os.chmod(path + part, 0o644)
    server.start_launcher()
    with Channel(server.socket) as c:
        c.create("c")
    assert [os.stat(path + part).st_mode & 0o777 for part in ("", "-wal", "-shm")] == [0o600] * 3


def test_a_backup_is_not_put_where_a_launcher_removes_it(server):
    server.start_launcher()
    server.start_nginx()
    server.wait_ready()
    data = server.config()["data_dir"]
    os.symlink(data, server.dir + "/elsewhere")
    os.mkdir(data + "/results/empty")
    for folder in data, data + "/backup", data + "/results/empty", server.dir + "/elsewhere/results/../backup":
        refused = backup(server, folder)
        assert refused.returncode == 1 and "is in the data folder itself" in refused.stderr, (folder, refused)
    assert not os.path.exists(data + "/backup")
    os.rmdir(data + "/results/empty")


def test_check_says_that_a_database_is_empty(server):
    server.start_launcher()
    wait_until("it runs", lambda: os.path.exists(server.socket))
    server.launcher.terminate()
    server.launcher.wait(300)
    os.truncate(server.config()["data_dir"] + "/sparkjob.db", 0)
    code, found = server.check()
    assert code == 1 and any("the database is empty" in line for line in found), found


def test_an_unfinished_backup_is_no_data_folder(server):
    filled(server)
    folder = server.dir + "/backup"
    assert backup(server, folder).returncode == 0
    os.rename(folder + "/sparkjob.db", folder + "/sparkjob.db.part")
    with Server(scripted=True, start=False) as s:
        s.overrides["data_dir"] = folder
        s.start_launcher()
        assert s.launcher.wait(120) == 1
        assert "is missing" in s.read("launcher.log")


# damage


def refuses_to_start(server, words):
    before = contents(server.config()["data_dir"])
    server.start_launcher()
    assert server.launcher.wait(120) == 1
    assert words in server.read("launcher.log"), server.read("launcher.log")
    assert contents(server.config()["data_dir"]) == before


@pytest.mark.parametrize("change, words", [
    (lambda path: os.unlink(path), "is missing, or empty, though there is"),
    (lambda path: open(path, "w").close(), "is missing, or empty, though there is"),
    (lambda path: open(path, "w").write("x" * 100000), "file is not a database"),
    (lambda path: os.truncate(path, 20000), "the database: database disk image is malformed"),
    (lambda path: overwrite(path, 8192, b"\xff" * 4096), "the database is damaged")])
def test_a_damaged_database_is_said_and_left_as_it_is(server, change, words):
    filled(server)
    server.launcher.terminate()
    assert server.launcher.wait(240) == 0
    change(server.config()["data_dir"] + "/sparkjob.db")
    refuses_to_start(server, words)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(server.dir + "/launcher.log")
    refuses_to_start(server, words)


def overwrite(path, offset, what):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(what)


def test_a_damaged_log_is_said_and_kept(server):
    data, jobs = filled(server)
    server.launcher.kill()
    for pid in server.drivers():
        os.kill(pid, 9)
    server.launcher.wait()
    path = server.config()["data_dir"] + "/sparkjob.db-wal"
    assert server.check()[0] == 0, server.check()
    os.truncate(path, os.path.getsize(path) - 100)                          # as the loss of power would
    assert not any("damaged" in line for line in server.check()[1])
    overwrite(path, 100, b"\xff" * 8)                                       # in the first of many commits
    code, found = server.check()
    assert code == 1 and any('"sparkjob.db-wal" is damaged' in line for line in found)
    with open(path, "rb") as f:
        log = f.read()
    server.start_launcher()
    with Channel(server.socket):
        assert '-wal" is damaged' in server.read("launcher.log")
    copies = [name for name in os.listdir(os.path.dirname(path)) if "-wal.damaged-" in name]
    with open(f"{os.path.dirname(path)}/{copies[0]}", "rb") as f:
        assert f.read() == log and len(copies) == 1


def test_damage_that_is_found_late_ends_all_changes(server):
    data, jobs = filled(server)
    server.launcher.terminate()
    assert server.launcher.wait(240) == 0
    with database(server) as db:
        names = ", ".join(row[1] for row in db.execute("PRAGMA table_info(jobs)") if row[1] not in ("seq", "id")).replace("end,", '"end",')
        db.execute(f"INSERT INTO jobs (id, {names}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
                   f" SELECT printf('00000000-0000-0000-0000-%012d', i), {names} FROM n, jobs WHERE id = '{jobs[0]}'")
    db.close()
    path = server.config()["data_dir"] + "/sparkjob.db"
    assert os.path.getsize(path) > 16 << 20
    overwrite(path, os.path.getsize(path) - 4096 * 10, b"\xff" * 4096)
    server.start_launcher()
    with Channel(server.socket) as c:
        wait_until("it is found", lambda: "the database is damaged" in server.read("launcher.log"))
        before = contents(server.config()["data_dir"])
        assert c.job(jobs[0])[0]["state"] == "FINISHED"
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                c.create("x")
            assert refused.value.code == "storage-failed" and "the database is damaged" in refused.value.error["message"]
        with pytest.raises(Refused) as refused:
            c.ask("binary-put", {"name": "x", "type": "Jar", "user": "u"}, b"PK\3\4x")
        assert "the database is damaged" in refused.value.error["message"]
    server.launcher.kill()
    server.launcher.wait()
    after = contents(server.config()["data_dir"])
    assert after[path] == before[path]
    os.unlink(server.socket)


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_into_a_database_that_was_removed(server, replaced):
    server.start_launcher()
    path = server.config()["data_dir"] + "/sparkjob.db"
    with Channel(server.socket) as c:
        c.create("c")
        if replaced:
            os.rename(path, path + ".old")
            sqlite3.connect(path).close()
            open(path, "a").close()
        else:
            for part in ("", "-wal", "-shm"):
                os.remove(path + part)
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                c.submit("noop")
            assert refused.value.code == "storage-failed" and "was removed" in refused.value.error["message"]
    assert "was removed" in server.read("launcher.log")


def test_a_damaged_file_is_said_and_refused_until_it_comes_again(server):
    data, jobs = filled(server)
    jar = b"PK\3\4" + b"j" * 1000
    folder = server.config()["data_dir"]
    binary, result = only(folder + "/binaries"), only(folder + "/results")
    changes = [(lambda: damaged(server, binary, lambda b: b[:-1] + b"k"), "binary b is damaged: it has the SHA-256"),
               (lambda: damaged(server, binary, lambda b: b[:-1]), "binary b is damaged: it has 1003 bytes, not 1004"),
               (lambda: os.unlink(f"{folder}/{binary}"), "binary b is missing")]
    for change, words in changes:
        change()
        restart(server)
        with Channel(server.socket) as c:
            wait_until("it is found", lambda: words in server.read("launcher.log"))
            c.create("c")
            c.submit("noop", sync=True)
            for more in ({"cp": ["b"]}, {"cp": [], "dependent": ["b"]}):
                with pytest.raises(Refused) as refused:
                    c.submit("noop", sync=True, **more)
                assert refused.value.code == "storage-failed" and words in refused.value.error["message"]
            with pytest.raises(Refused) as refused:
                c.submit("", b'{"mainClass": "noop", "cp": ["b"]}', sync=True)
            assert refused.value.code == "storage-failed" and words in refused.value.error["message"]
            with pytest.raises(Refused) as refused:
                c.create("d", json.dumps({"spark.context-settings": {"cp": ["b"]}}).encode())
            assert words in refused.value.error["message"]
            c.ask("binary-put", {"name": "b", "type": "Jar", "user": "u"}, jar)
            assert c.submit("noop", sync=True, cp=["b"])["id"]
    damaged(server, result, lambda b: b[:-1])
    with Channel(server.socket) as c:
        with pytest.raises(Refused) as refused:
            c.ask("job-result", {"id": jobs[1]})
        assert refused.value.code == "storage-failed" and "is damaged, it has" in refused.value.error["message"]
        os.unlink(f"{folder}/{result}")
        with pytest.raises(Refused) as refused:
            c.ask("job-result", {"id": jobs[1]})
        assert "cannot be read: No such file" in refused.value.error["message"]
    os.unlink(data)
    restart(server)
    wait_until("it is said", lambda: f'data file "{data}" is missing' in server.read("launcher.log"))


def test_files_that_belong_to_nothing_go_with_the_start(server):
    data, jobs = filled(server)
    folder = server.config()["data_dir"]
    kept = set(contents(folder))
    strays = [f"results/{i[:2]}/{i}{end}" for i, end in ((str(uuid.uuid4()), ""), (str(uuid.uuid4()), ".config"))]
    strays += [f"results/{jobs[0][:2]}/{jobs[0]}", "data/d-2026-01-31T00_00_00.000Z.dat", "binaries/" + "0" * 64 + ".jar"]
    strays += [f"results/ab/ab{str(uuid.uuid4())[2:]}" for _ in range(600)]       # more than are looked for in one go
    others = ["results/00/other", "data/other", "binaries/other", "contexts/other"]
    folders = [f"contexts/{uuid.uuid4()}/in"]
    strays += [folders[0] + "/x", f"contexts/{uuid.uuid4()}.conf"]
    for name in folders:
        os.makedirs(f"{folder}/{name}")
    for name in strays + others:
        open(f"{folder}/{name}", "w").close()
    for name in [*strays, *folders, os.path.dirname(folders[0])]:
        os.utime(f"{folder}/{name}", (0, 0))
    restart(server)
    wait_until("they are gone", lambda: not any(os.path.exists(f"{folder}/{name}") for name in strays))
    wait_until("their folders, too", lambda: not os.path.exists(f"{folder}/{os.path.dirname(folders[0])}"))
    there = set(contents(folder))
    assert {f"{folder}/{name}" for name in others} <= there and {name for name in kept if "/contexts/" not in name} <= there
    with Channel(server.socket) as c:
        assert json.loads(c.ask("job-result", {"id": jobs[1]})[1]) == LONG


def test_a_database_that_another_has_locked_is_waited_for_once(server):
    filled(server)
    with Channel(server.socket) as c, contextlib.closing(database(server)) as db:
        c.ask("data-list")
        db.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        streams = [c.send("binary-put", {"name": f"x{i}", "type": "Jar", "user": "u"}, b"PK\3\4x") for i in range(5)]
        for stream in streams:
            with pytest.raises(Refused) as refused:
                c.wait(stream)
            assert refused.value.code == "storage-failed" and "database is locked" in refused.value.error["message"]
        assert 4 < time.monotonic() - begun < 20       # each for itself: 25
        db.rollback()
        c.ask("binary-put", {"name": "x", "type": "Jar", "user": "u"}, b"PK\3\4x")
