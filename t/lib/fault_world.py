"""A server whose processes fail at fault points, clients that use it meanwhile, and what has to hold afterwards.

The server is the test build (`make faults`) with scripted drivers.  World knows what its clients were told and whom its
faults struck; fault_check.py compares that with the database, the API, the drivers' own log of runs, and the machine.
"""

import contextlib
import hashlib
import http.client
import io
import json
import os
import random
import signal
import threading
import time
import zipfile

from fault_check import Check
from faults import ACTIONS, Faults, points
from sparkjob_channel import Channel
from sparkjob_server import BUILD, EXAMPLES, Server

CONTEXTS = ("kept", "other", "plain", "spare")          # the first two are supervised
BINARIES = ("b0", "b1", "b2")
FINAL = ("FINISHED", "ERROR", "KILLED")

WORKER = points("ngx_http_sparkjob_module")
LAUNCHER = points("driver-launcher/src")
DRIVER = points("t/lib")
POINTS = {**WORKER, **LAUNCHER, **DRIVER}


# jobs by a short name: the class, and what comes of a body; "long" sleeps for so long that it can be killed
SCRIPTED = {
    "noop": ("noop", lambda text, body: True),
    "echo": ("echo", lambda text, body: text),
    "sleep": ("sleep", lambda text, body: True),
    "progress": ("progress", lambda text, body: True),
    "big": ("big", lambda text, body: "x" * body["bytes"]),
    "throw": ("throw", None),
}
SPARK = {
    "noop": ("spark.jobserver.NoOpJob", lambda text, body: 1),
    "double": ("spark.jobserver.VeryShortDoubleJob", lambda text, body: [2, 4, 6]),
    "throw": ("spark.jobserver.ThrowingJob", None),
}


class FaultServer(Server):
    launcher_file = BUILD + "/faults/sparkjob-launcher"

    def __init__(self, spark):
        super().__init__(
            scripted=not spark, start=False, listen="reuseport",             # so that connections reach all workers
            launcher={"max_queued_jobs": 20, "supervise": {"restarts": 1000, "period": 1},
                      "driver": {"start_timeout": 300, "stop_timeout": 2, "kill_timeout": 2}},
            location="sparkjob_launcher_timeout 5s; add_header X-Worker $pid always;")
        self.module = BUILD + "/faults/ngx_http_sparkjob_module.so"
        self.faults_file, self.run_log = self.dir + "/faults", self.dir + "/runs"
        self.environment = self.nginx_environment = {"SPARKJOB_FAULT_FILE": self.faults_file}
        self.expected = [r"worker process \d+ exited on signal 9", "shared memory zone .* was locked by"]

    def config(self):
        config = super().config()
        config["driver"]["spares"] = int(os.environ.get("SPARKJOB_SPARES", 0))
        config["driver"]["environment"] |= {"SPARKJOB_FAULT_FILE": self.faults_file, "SPARKJOB_RUN_LOG": self.run_log,
                                            "SPARKJOB_ORPHAN_TIMEOUT": "15"}
        return config


class Client:
    """One connection, made again when it breaks."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def ask(self, method, path, body=b"", headers=None):
        """(status, the body as JSON); (None, why) if there was no answer."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            self.connection.request(method, path, body, headers or {})
            r = self.connection.getresponse()
            text, self.worker = r.read(), r.getheader("X-Worker")
            return r.status, json.loads(text) if text else None
        except (OSError, http.client.HTTPException) as err:
            self.close()
            return None, repr(err)
        except ValueError as err:
            self.close()
            return None, f"no JSON: {err}: {text[:200]!r}"

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def archive(rng):
    """A jar that no other is like; of more than 64 KiB or less."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("x", rng.randbytes(rng.choice([10, 100000])))
    return data.getvalue()


class World:
    def __init__(self, spark=False):
        """spark: real drivers, which have no fault points and keep no log of runs."""
        self.spark, self.classes = spark, SPARK if spark else SCRIPTED
        self.server = FaultServer(spark)
        self.faults = Faults(self.server.faults_file)
        open(self.server.run_log, "w").close()
        self.lock = threading.Lock()
        self.violations, self.injected = [], 0
        self.jobs = {}              # by id, what clients were told of it: {"state", "result"}, or {} when only its id
        self.asked = {}             # by id: class and whether it has a body of its own; of all that got an id
        self.killed = set()         # ids of jobs that were asked to be killed
        self.dead = set()           # pids of drivers that a fault has killed
        self.running = {}           # by name: contexts that were found to run, and their drivers
        self.untidy = False         # a call has failed, so that files may be left until the launcher starts anew
        self.binaries = {}          # by name: sha256 that it may have, None for none; as a set
        self.begin_round()

    def begin_round(self):
        self.struck = []            # (point, action) of this round
        self.counted = 0            # so many of them are in `injected`
        self.touched = set()        # names of contexts that were to end or be replaced in this round
        self.unsure = set()         # names of binaries about which a client got no answer
        self.log = []

    def new_client(self):
        return Client(self.server.port)

    def __enter__(self):
        try:
            self.server.start_launcher()
            self.server.start_nginx()
            self.server.wait_ready()
            self.client = self.new_client()
            app = archive(random.Random(0))
            if self.spark:
                with open(EXAMPLES, "rb") as f:
                    app = f.read()
            status, answer = self.client.ask("POST", "/binaries/app", app,
                                             {"Content-Type": "application/java-archive"})
            assert status == 201, answer
            self.monitor = threading.Thread(target=self.watch, daemon=True)
            self.ending = False
            self.monitor.start()
            self.check = Check(self)
        except BaseException:
            self.server.stop()
            raise
        return self

    def __exit__(self, *_):
        self.ending = True
        self.monitor.join()
        self.client.close()
        self.problems = self.server.stop()
        self.violations += self.problems

    # those who die and stop

    def watch(self):
        """Starts the launcher again when it died, and lets those go on that were stopped."""
        rng, until = random.Random(1), {}
        while not self.ending:
            code = self.server.launcher.poll()
            if code is not None:
                if code != -signal.SIGKILL:
                    self.violations.append(f"the launcher ended with {code}")
                self.server.start_launcher()
            for i in range(128):
                point, action, _, _, pid = self.faults.slot(i)
                if action == ACTIONS["stop"] and pid and pid not in until:
                    until[pid] = time.monotonic() + rng.uniform(0.05, 0.5)
            for pid in [self.server.launcher.pid, *self.server.worker_pids()]:
                if stopped(pid):            # also one that was struck while the point was disarmed
                    until.setdefault(pid, time.monotonic() + 0.3)
            for pid in [pid for pid, end in until.items() if time.monotonic() > end]:
                del until[pid]
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)

    def kill(self, who, rng):
        """A kill at any time, not at a point."""
        pids = {"worker": self.server.worker_pids, "driver": self.server.drivers,
                "launcher": lambda: [self.server.launcher.pid]}[who]()
        if pids:
            pid = rng.choice(sorted(pids))
            if who == "driver":
                self.dead.add(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                self.struck.append((who, "kill"))

    def end_faults(self):
        """Nobody is to be struck any more; notes who was."""
        stopped = [struck for _, action, struck in map(lambda s: (s[0], s[1], s[4]), map(self.faults.slot, range(128)))
                   if action == ACTIONS["stop"] and struck]
        self.left = [self.faults.slot(i)[2] for i in range(128)]
        names = {number: name for name, number in ACTIONS.items()}
        for point, action, pid in self.faults.disarm():
            if pid:
                self.struck.append((point, names[action]))
                if point in DRIVER and action == ACTIONS["kill"]:
                    self.dead.add(pid)
        for pid in stopped:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)
        self.injected += len(self.struck) - self.counted
        self.counted = len(self.struck)
        self.untidy |= any(action in ("fail", "kill") for _, action in self.struck)

    # what clients do; each notes what it was told

    def passed(self, slots):
        """What is left to let by of points that were armed; {point: n} of {point: slot}."""
        return {point: self.left[slot] for point, slot in slots.items()}

    def note(self, *what):
        with self.lock:
            self.log.append((round(time.monotonic(), 3), *what))

    def submit(self, client, rng, context=None, cls=None, sync=None, big=False):
        cls = cls or rng.choice(sorted(self.classes))
        sync = rng.random() < 0.5 if sync is None else sync
        cp = "app" if context else rng.choice(["app", "app", *BINARIES])
        context = context or rng.choice(CONTEXTS)
        body = {"n": rng.random(), "ms": 2000 if cls == "long" else rng.choice([0, 20, 100]), "bytes": rng.choice([10, 100000]), "tasks": 2}
        if big or rng.random() < 0.15:
            body["pad"] = "x" * 100000
        text, cls = json.dumps(body), cls.replace("long", "sleep")
        path = f"/jobs?cp={cp}&mainClass={self.classes[cls][0]}&context={context}"
        path += "&sync=true&timeout=30" if sync else rng.choice(["", "&validate=async"])
        keyed = rng.random() < 0.5
        headers = {"Idempotency-Key": f"k{rng.randrange(1 << 60)}"} if keyed else {}
        ids = set()
        for _ in range(4 if keyed else 1):
            status, answer = client.ask("POST", path, text, headers)
            self.note("submit", path, headers, status, str(answer)[:200])
            if status in (200, 202):
                ids.add(self.acknowledged(status, answer, cls, text, body, sync))
                if keyed and rng.random() < 0.8:
                    break
            elif status is not None and status < 500:
                if status == 422 or "jobId" in (answer or {}):
                    self.violations.append(f"{path} {headers}: {status} {answer}")
                break
            time.sleep(0.05)
        if len(ids) > 1:
            self.violations.append(f"one key has made several jobs: {ids}")

    def acknowledged(self, status, answer, cls, text, body, sync):
        job = answer["jobId"]
        with self.lock:
            self.asked[job] = cls
            told = self.jobs.setdefault(job, {})
            state = answer.get("status", "FINISHED") if status == 200 else None
            if state in FINAL:
                if told.get("state", state) != state:
                    self.violations.append(f"job {job} was {told['state']}, and {state} later")
                told["state"] = state
            if state == "FINISHED":
                if answer["result"] != self.classes[cls][1](text, body):
                    self.violations.append(f"job {job}: a wrong result: {str(answer)[:300]}")
        return job

    def kill_job(self, client, rng, newest=False):
        with self.lock:
            job = list(self.jobs)[-1 if newest else -rng.randrange(1, min(30, len(self.jobs)) + 1)] if self.jobs else None
            self.killed.add(job)
        if job:
            status, answer = client.ask("DELETE", f"/jobs/{job}")
            self.note("kill", job, status, str(answer)[:200])
            if status == 404 and "No running job" not in answer["result"]:
                self.violations.append(f"job {job} was acknowledged, and is not there to be killed")

    def create(self, client, rng, name=None):
        name = name or rng.choice(CONTEXTS)
        settings = f"supervise={str(name in CONTEXTS[:2]).lower()}&max-jobs-per-context=4"
        body = json.dumps({"pad": "x" * 100000}) if rng.random() < 0.2 else ""
        status, answer = client.ask("POST", f"/contexts/{name}?{settings}", body)
        self.note("create", name, status, str(answer)[:200])
        return status == 200

    def replace(self, client, rng):
        name = rng.choice(CONTEXTS)
        self.touched.add(name)
        settings = f"supervise={str(name in CONTEXTS[:2]).lower()}&max-jobs-per-context=4"
        status, answer = client.ask("PUT", f"/contexts/{name}?{settings}", "")
        self.note("replace", name, status, str(answer)[:200])

    def delete(self, client, rng, name=None):
        name = name or rng.choice(CONTEXTS)
        self.touched.add(name)
        status, answer = client.ask("DELETE", f"/contexts/{name}{rng.choice(['', '', '?force=true'])}")
        self.note("delete", name, status, str(answer)[:200])

    def upload(self, client, rng, name=None):
        name = name or rng.choice(BINARIES)
        data = archive(rng)
        self.change_binary(name, hashlib.sha256(data).hexdigest(), 201, lambda: client.ask(
            "POST", f"/binaries/{name}", data, {"Content-Type": "application/java-archive"}))

    def unload(self, client, rng, name=None):
        name = name or rng.choice(BINARIES)
        self.change_binary(name, None, 200, lambda: client.ask("DELETE", f"/binaries/{name}"))

    def change_binary(self, name, sha256, wanted, ask):
        """One at a time for each name; after one without an answer nobody can say what there is until the round ends."""
        with self.lock:
            if name in self.unsure:
                return
            self.unsure.add(name)
        status, answer = ask()
        self.note("binary", name, sha256, status, str(answer)[:200])
        with self.lock:
            if status == wanted:
                self.binaries[name] = {sha256}
                self.unsure.remove(name)
            elif status is not None and status < 500:
                self.unsure.remove(name)
                if status == 404 and None not in self.binaries.get(name, {None}):
                    self.violations.append(f"binary {name} is gone: {status} {answer}")
            else:
                self.binaries[name] = self.binaries.get(name, {None}) | {sha256}

    def read(self, client, rng):
        path = rng.choice(["/jobs?limit=20", "/contexts", "/binaries", "/job"])
        if path == "/job":
            with self.lock:
                path = f"/jobs/{rng.choice(list(self.jobs)[-20:])}" if self.jobs else "/jobs"
        status, answer = client.ask("GET", path)
        if status is None and "no JSON" in answer or status not in (None, 200, 500, 502, 503, 504):
            self.violations.append(f"{path}: {status} {answer}")

    # the end of a round

    def channel(self):
        return Channel(self.server.socket)

    def settle(self, every=False):
        """All faults are over: everything comes to rest in a bounded time, and what was said is true."""
        self.end_faults()
        self.violations += self.check.settled(every)
        self.running = {c["name"]: (c["id"], c["driver"]) for c in self.check.dump["contexts"]}
        return not self.violations

    def restart(self):
        """The launcher starts anew, so that nothing may be left that it sweeps then."""
        self.struck.append(("launcher", "kill"))
        self.server.launcher.kill()
        self.untidy = False
        return self.settle(every=True)


def stopped(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"
    return False


def plan_faults(rng, n):
    """Faults of a round: what to arm, after how many passes, and the pause before the next (0: two at once)."""
    plan = []
    for _ in range(n):
        if rng.random() < 0.12:
            plan.append((rng.choice(["worker", "driver", "launcher"]), None, 0, 0))
        else:
            point = rng.choice(sorted(POINTS))
            actions = ["kill", "stop", "delay"] + ["fail"] * 2 * POINTS[point]
            plan.append((point, rng.choice(actions), rng.choice([0, 0, 0, 1, 2, 5]), rng.choice([0, 0.05, 0.1, 0.2])))
    return plan
