"""A mixed load whose every failure counts: readers, submissions with and without waiting, watchers that come back.

    with SteadyLoad(server, "c") as load:
        ...                                  # reload, upgrade, kill
    load.check()                             # every answer was right, every job ran once, every event came once
"""

import collections
import contextlib
import http.client
import itertools
import json
import threading
import time

from event_stream import EventStream
from sparkjob_server import wait_until

READS = ("/contexts", "/binaries", "/jobs?limit=20", "/contexts/c", "/jobs?status=finished&limit=5", "/data")


class SteadyLoad:
    def __init__(self, server, context, readers=2, syncs=3, asyncs=2, watchers=2, slow_ms=200, resets=0, broken=()):
        """resets: how many times a watcher may be told to begin anew; broken: kinds of requests, or "watch", whose
        connections may break, since a test kills a worker."""
        self.server, self.context, self.slow_ms = server, context, slow_ms
        self.resets, self.broken = resets, broken
        self.stop = threading.Event()
        self.failures, self.submitted, self.counts = [], [], collections.Counter()
        self.events = [collections.Counter() for _ in range(watchers)]
        self.reset, self.ended = [0] * watchers, None
        self.threads = [threading.Thread(target=self.guarded, args=(kind, work, n)) for kind, work, count in (
            ("read", self.read, readers), ("sync", self.sync, syncs), ("async", self.submit, asyncs)) for n in range(count)]
        self.watchers = [threading.Thread(target=self.watch, args=(n,)) for n in range(watchers)]

    def __enter__(self):
        for t in self.watchers + self.threads:
            t.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(AssertionError):       # check() says so
            wait_until("there was a load", self.enough)
        self.stop.set()
        for t in self.threads:
            t.join(300)
        self.ended = self.end_of_jobs()
        for t in self.watchers:
            t.join(300)
        assert not any(t.is_alive() for t in self.threads + self.watchers), "a client got no answer"

    def enough(self):
        return self.failures or min(self.counts[kind] for kind in ("sync", "async", "read")) > 5

    def guarded(self, kind, work, n):
        for i in itertools.count(n):
            if self.stop.is_set():
                return
            try:
                work(i)
                self.counts[kind] += 1
            except (OSError, http.client.HTTPException) as e:
                self.counts[kind + " broken"] += 1
                if kind not in self.broken:
                    self.failures.append(f"{kind}: {type(e).__name__}: {e}")
                    time.sleep(0.05)

    def ask(self, kind, method, path, body, wanted):
        status, _, text = self.server.request(method, path, body, {"Connection": "close"}, timeout=200)
        if status != wanted:
            self.failures.append(f"{kind}: {method} {path}: {status} {text[:200]}")
            return None
        return json.loads(text)

    def read(self, i):
        path = READS[i % len(READS)]
        if self.submitted and i % 2:
            path = "/jobs/" + self.submitted[-1]
        self.ask("read", "GET", path, None, 200)

    def sync(self, i):
        ms = self.slow_ms if i % 3 == 0 else 10
        answer = self.ask("sync", "POST", f"/jobs?cp=examples&mainClass=sleep&context={self.context}&sync=true&timeout=100",
                          b'{"ms": %d}' % ms, 200)
        if answer is not None and "result" not in answer:
            self.failures.append(f"sync: {answer}")

    def submit(self, i):
        answer = self.ask("async", "POST", f"/jobs?cp=examples&mainClass=noop&context={self.context}", b"", 202)
        if answer is not None:
            self.submitted.append(answer["jobId"])
        time.sleep(0.01)

    def watch(self, n):
        """Until all jobs of the load are over, and the ends of all of them were told."""
        last = None
        end = None
        while end is None or time.monotonic() < end:
            try:
                with EventStream(self.server, "/events?kind=job&context=" + self.context, last, timeout=0.5) as stream:
                    if stream.status != 200:
                        self.failures.append(f"watch: {stream.status}")
                    for event, data in iter(stream.next, None):
                        last = stream.last_id
                        if event == "reset":
                            self.reset[n] += 1
                        elif event == "job" and data["status"] in ("FINISHED", "ERROR", "KILLED"):
                            self.events[n][data["jobId"]] += 1
            except TimeoutError:
                pass
            except (OSError, http.client.HTTPException) as e:
                self.counts["watch broken"] += 1
                if "watch" not in self.broken:
                    self.failures.append(f"watch: {type(e).__name__}: {e}")
            if self.ended is not None:
                if self.ended <= self.events[n].keys() or self.reset[n]:
                    return
                end = end or time.monotonic() + 60

    def end_of_jobs(self):
        """The ids of all jobs of the load, once all are over."""
        end = time.monotonic() + 180
        while True:
            status, jobs = self.server.get("/jobs?limit=1000&context=" + self.context)
            assert status == 200, jobs
            alive = [j for j in jobs if j["status"] in ("STARTED", "RUNNING")]
            if not alive:
                self.jobs = self.all_jobs()
                return {j["jobId"] for j in self.jobs}
            assert time.monotonic() < end, f"jobs do not end: {alive[:3]}"
            time.sleep(0.1)

    def all_jobs(self):
        found, path = [], "/jobs?limit=1000&context=" + self.context
        while path:
            status, headers, text = self.server.request("GET", path)
            assert status == 200, text
            found += json.loads(text)
            link = headers.get("Link", "")
            path = link.partition("<")[2].partition(">")[0] if 'rel="next"' in link else None
        return found

    def check(self):
        assert not self.failures, f"{len(self.failures)} failures, {dict(self.counts)}:\n" + "\n".join(self.failures[:10])
        assert self.enough(), self.counts
        states = {j["jobId"]: j["status"] for j in self.jobs}
        wrong = [i for i in self.submitted if states.get(i) != "FINISHED"]
        assert not wrong, f"of {len(self.submitted)} accepted jobs {len(wrong)} are not FINISHED: {wrong[:3]}"
        if not self.broken:
            assert len(states) == self.counts["sync"] + len(self.submitted), "jobs that nobody was told of, or told twice"
        for n, seen in enumerate(self.events):
            assert self.reset[n] <= self.resets, f"watcher {n} was reset {self.reset[n]} times"
            assert max(seen.values()) == 1, "an end was told twice"
            if not self.reset[n]:
                assert self.ended == seen.keys(), f"watcher {n} was not told of {len(self.ended - seen.keys())} ends"
        return dict(self.counts)
