"""Crowds that want little, slowly, or all the time: memory stays bounded, and others do not wait for it.

How long others wait is measured against a second server without a crowd, request by request in turns, so that whatever
else the machine does slows down both.
"""

import contextlib
import http.client
import os
import resource
import socket
import subprocess
import time

import pytest
from sparkjob_server import Server, memory_kb, wait_until
from watchers import compiled

pytestmark = pytest.mark.alone
SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
WORKERS = 2
CONNECTIONS = 8         # of those who are measured: some to each worker
SIZE = 200 << 20
FACTOR, FAST = 5, 50    # by how much others may be slower; ms: nobody has waited, whatever the other server took


def server():
    return Server(scripted=True, workers=WORKERS, listen="reuseport", launcher={"log": {"level": "info"}})


class Probe:
    """Reads a job and runs a short one, on connections that stay."""

    def __init__(self, s):
        self.s = s
        assert s.json("POST", "/binaries/j", b"PK\3\4crowd", {"Content-Type": "application/java-archive"})[0] == 201
        s.context("c")
        self.job = s.run("noop", cp="j")[1]["jobId"]
        self.connections = [http.client.HTTPConnection("127.0.0.1", s.port, timeout=300) for _ in range(CONNECTIONS)]
        self.times = {"read": [], "run": []}

    def one(self, n, kinds=("read", "run")):
        c = self.connections[n % CONNECTIONS]
        for what, method, path in (("read", "GET", f"/jobs/{self.job}"),
                                   ("run", "POST", "/jobs?cp=j&mainClass=noop&context=c&sync=true")):
            if what not in kinds:
                continue
            began = time.perf_counter()
            c.request(method, path, b"")
            r = c.getresponse()
            body = r.read()
            self.times[what].append((time.perf_counter() - began) * 1000)
            assert r.status == 200, body

    def percentile(self, what, share):
        times = sorted(self.times[what])
        return times[int(len(times) * share)]

    def close(self):
        for c in self.connections:
            c.close()


@contextlib.contextmanager
def crowd(s, kind, count):
    """So many connections, by as many processes as descriptors demand; what was closed is in the list in the end."""
    parts, most, closed = [], DESCRIPTORS - 100, []
    try:
        while count:
            some = min(count, most)
            parts.append(subprocess.Popen([compiled("crowd"), kind, str(s.port), str(some)], text=True,
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            count -= some
        for p in parts:
            assert p.stdout.readline() == "ready\n"
        yield closed
        for p in parts:
            closed.append(int(p.communicate()[0].split()[0]))
    finally:
        for p in parts:
            p.kill()
            p.wait()
            p.stdin.close()
            p.stdout.close()


@contextlib.contextmanager
def reader_that_does_not_read(s, count):
    """So many clients that ask for a large result and do not read it."""
    job = s.run("big", '{"bytes": %d}' % SIZE, cp="j", sync=False)[1]["jobId"]
    wait_until("the large result is there", lambda: b'"FINISHED"' in s.request("GET", "/jobs?limit=1")[2], 60)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            c = stack.enter_context(socket.create_connection(("127.0.0.1", s.port)))
            c.sendall(f"GET /jobs/{job} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert c.recv(12) == b"HTTP/1.1 200"
        yield [0]


def descriptors(s):
    return sum(len(os.listdir(f"/proc/{p}/fd")) for p in [*s.worker_pids(), s.launcher.pid])


def memory(s):
    return sum(memory_kb(p, "RssAnon") for p in [*s.worker_pids(), s.launcher.pid])


@pytest.mark.parametrize("kind, count, each_kb, rounds, runs", [
    ("slow", 20000, 12, 1000, 1), ("watch", 10000, 16, 4000, 40), ("large", 20, 512, 1000, 1)])
def test_a_crowd_takes_little_and_nobody_waits_for_it(kind, count, each_kb, rounds, runs):
    count = count if not SANITIZED else count // 10
    count = min(count, WORKERS * (DESCRIPTORS - 2000))
    if count <= 0:
        pytest.skip(f"a process may have {DESCRIPTORS} descriptors only")
    with server() as quiet, server() as loaded:
        probes = Probe(quiet), Probe(loaded)
        for n in range(100):
            for p in probes:
                p.one(n)
        before, open_before = memory(loaded), descriptors(loaded)
        for p in probes:
            p.times = {"read": [], "run": []}
        with (reader_that_does_not_read(loaded, count) if kind == "large" else crowd(loaded, kind, count)) as closed:
            took = memory(loaded) - before
            for n in range(rounds):
                for p in probes:
                    p.one(n, ("read", "run") if n % runs == 0 else ("read",))
            peak = memory(loaded) - before
        print(f"\n{count} {kind}: {took / count:.1f} KiB each, {peak / count:.1f} in the end; "
              + "; ".join(f"{what} p50 {probes[0].percentile(what, .5):.2f} and {probes[1].percentile(what, .5):.2f} ms, "
                          f"p99 {probes[0].percentile(what, .99):.2f} and {probes[1].percentile(what, .99):.2f} ms"
                          for what in ("read", "run")))
        assert sum(closed) == 0
        for p in probes:
            p.close()
        wait_until("all descriptors are back", lambda: descriptors(loaded) <= open_before, 20)
        if not SANITIZED:
            assert peak / count < each_kb
            for what in ("read", "run"):
                share = 0.99 if len(probes[0].times[what]) >= 1000 else 0.9
                quiet_ms, loaded_ms = (p.percentile(what, share) for p in probes)
                assert loaded_ms < max(FACTOR * quiet_ms, FAST), (what, share, quiet_ms, loaded_ms)
