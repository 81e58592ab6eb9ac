"""A server that has grown, 1,000,000 jobs recorded, 1,000 binaries, 200 contexts, 20,000 connections and 10,000 requests that wait,
beside a small one: the same to each by turns. And what each of these takes of memory."""

import contextlib
import json
import subprocess

from line import Line, at_least, at_most, measures, middle
from line_history import recorded
from load import call, small_binary, wrk
from sparkjob_channel import Channel
from sparkjob_server import cpu_seconds, memory_kb, wait_until
from watchers import compiled

JOBS, BINARIES, CONTEXTS, CONNECTIONS, PARKED = 1000000, 1000, 200, 20000, 10000
FEW = 3000
WORKERS = 2             # of 20,000 descriptors each at most, where that is the limit
PIECE, PIECES = 20, 24           # of sync jobs
SMALL = "a server with a context, a binary and a client"


class Memory:
    """What a step takes of the workers, and of the launcher, in KiB."""

    def __init__(self, server):
        self.server, self.text = server, []
        self.last = self.now()

    def now(self):
        return (sum(memory_kb(pid, "RssAnon") for pid in self.server.worker_pids()), memory_kb(self.server.launcher.pid, "RssAnon"))

    def step(self, what, count):
        now = self.now()
        workers, launcher = ((b - a) / count for a, b in zip(self.last, now))
        self.text.append(f"{what} {workers:.1f} + {launcher:.1f}")
        self.last = now


def server(jobs):
    return recorded(jobs, "32m", workers=WORKERS, http="keepalive_timeout 3600s; keepalive_requests 100000000;",
                    zone=f"parked={PARKED}", listen="reuseport", launcher={"max_contexts": CONTEXTS + 8, "max_jobs_per_context": 2 * PARKED})


def begun(s, contexts, binaries):
    s.start_launcher()
    s.start_nginx()
    s.wait_ready(60)
    memory = Memory(s)
    small_binary(s)
    with open(s.dir + "/b.jar", "rb") as jar:
        body = jar.read()
    for n in range(1, binaries):
        assert s.json("POST", f"/binaries/b{n}", body + b"%d" % n, {"Content-Type": "application/java-archive"})[0] == 201
    memory.step("binary", binaries)
    with Channel(s.socket) as c:
        for n in range(contexts):
            c.create(f"c{n}")
    memory.step("context", contexts)
    return memory


@contextlib.contextmanager
def connected(s, count):
    """So many connections that have asked once and stay."""
    parts = [subprocess.Popen([compiled("crowd"), "idle", str(s.port), str(count // 2)], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for p in parts:
            assert p.stdout.readline() == "ready\n"
        yield
        assert [int(p.communicate()[0].split()[0]) for p in parts] == [0, 0]
    finally:
        for p in parts:
            p.kill()
            p.wait()
            p.stdin.close()
            p.stdout.close()


@contextlib.contextmanager
def waiting(s, count):
    """So many sync requests whose job does not end before the block does."""
    crowd = subprocess.Popen([compiled("caller"), str(s.port), str(count), str(count), "POST",
                              "/jobs?cp=b&mainClass=hold&context=c0&sync=true&timeout=3000"], stdout=subprocess.PIPE)
    try:
        with Channel(s.socket) as c:
            wait_until("all wait", lambda: running(c) == count, 300, 0.5)
        yield
        assert s.run("release", context="c0", cp="b", sync=False)[0] == 202
        assert b'"refused": 0,' in crowd.communicate(timeout=120)[0]
    finally:
        crowd.kill()
        crowd.wait()


def running(channel):
    return len(json.loads(channel.ask("dump")[1])["jobs"])


LINES = {
    "growth-read": ("GET /jobs/<id>, 64 connections", "requests/s"),
    "growth-list": ("GET /jobs?limit=50, 64 connections", "requests/s"),
    "growth-context": ("GET /contexts/<name>, 64 connections", "requests/s"),
    "growth-sync": ("a sync job of a driver whose jobs end at once; p50", "ms"),
    "growth-accept": ("POST /jobs, durable 202, 64 connections", "jobs/s"),
}
GROWN = f"{JOBS:,} jobs, {BINARIES:,} binaries, {CONTEXTS} contexts, {CONNECTIONS:,} connections, {PARKED:,} that wait"


@measures(*(Line(name, f"{what}, with {GROWN}", unit, SMALL, at_most(1.2) if unit == "ms" else at_least(1 / 1.2))
            for name, (what, unit) in LINES.items()))
def growth(run):
    connections, parked = run.scaled(CONNECTIONS, 2000), run.scaled(PARKED, 1000)
    costs = {}
    with server(run.scaled(JOBS, 100000)) as big, server(FEW) as small, contextlib.ExitStack() as stack:
        memory = begun(big, run.scaled(CONTEXTS, 20), run.scaled(BINARIES, 100))
        begun(small, 2, 1)
        wait_until("the database was looked at", lambda: "the whole database was looked at" in big.read("launcher.log"), 300)
        memory.last = memory.now()
        stack.enter_context(connected(big, connections - parked))
        memory.step("connection", connections - parked)
        stack.enter_context(waiting(big, parked))
        memory.step("request that waits", parked)
        run.note(next(iter(LINES)), "KiB of the workers + of the launcher: " + ", ".join(memory.text))
        jobs = [s.run("noop", context="c1", cp="b")[1]["jobId"] for s in (big, small)]
        for _ in run.rounds():
            for name in LINES:
                if run.wants(name):
                    ours, reference, cpu = by_turns(WORK[name], (big, small), jobs, PIECES if name == "growth-sync" else 2)
                    costs.setdefault(name, []).append(cpu)
                    yield name, ours, reference
    for name, seen in costs.items():
        cpu = "us of CPU for each {:.1f} and {:.1f}, in workers and launcher".format(*map(middle, zip(*seen)))
        run.note(name, "; ".join(filter(None, (run.notes.get(name), cpu))))


def reads(path):
    """(requests/s, requests)"""
    return lambda s, job: (wrk(f"http://127.0.0.1:{s.port}{path.replace('<id>', job)}", 1),) * 2


def accept(s, _):
    return 2000 / call(s, "POST", "/jobs?cp=b&mainClass=noop&context=c1", 2000, 64)["seconds"], 2000


def sync(s, _):
    """(ms, requests); the first request opens the connection"""
    return middle(call(s, "POST", "/jobs?cp=b&mainClass=noop&context=c1&sync=true", PIECE)["took"][1:]), PIECE


WORK = {"growth-read": reads("/jobs/<id>"), "growth-list": reads("/jobs?limit=50"), "growth-context": reads("/contexts/c1"),
        "growth-sync": sync, "growth-accept": accept}


def by_turns(measured, servers, jobs, turns):
    """The middle of what is measured of each of both, neither always first; and us of CPU that a request took of each."""
    seen, cpu, count = ([], []), [0, 0], [0, 0]
    for n in range(turns):
        for which in (0, 1) if n % 2 else (1, 0):
            server = servers[which]
            cpu[which] -= used(server)
            value, requests = measured(server, jobs[which])
            cpu[which] += used(server)
            count[which] += requests
            seen[which].append(value)
    return *map(middle, seen), [c / n * 1e6 for c, n in zip(cpu, count)]


def used(server):
    return sum(map(cpu_seconds, [*server.worker_pids(), server.launcher.pid]))
