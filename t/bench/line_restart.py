"""How long clients wait for a launcher that was killed, with 1,000,000 jobs in the database and 50 contexts whose (scripted)
drivers go on; and what that launcher needs at rest. Times count from the start of the new launcher, which is the moment of the kill.
"""

import json
import sqlite3
import statistics
import threading
import time

from line import Line, measures, no_more
from load import small_binary
from sparkjob_channel import Channel
from sparkjob_server import Server, memory_kb

JOBS, CONTEXTS = 1000000, 50

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO jobs (id, rev, class, context, context_id, user, cp, state, final, sync, start, "end", run_micros, payload, size, data,
                  config_file, body_file, code)
SELECT printf('%08x-0000-4000-8000-%012x', (i * 2654435761) & 4294967295, i), 3, 'spark.jobserver.WordCountExample', name, id,
       'user' || (i % 20), '[{"name":"examples","type":"Jar","sha256":"' || hex(zeroblob(32)) || '"}]', 'FINISHED', 1, 0,
       start + i, start + i + 5, 5000, 'result', 20, '{"a": 1, "b": 22222}', 0, 0, -1
FROM n, (SELECT name, id, start FROM contexts WHERE final = 1 LIMIT 1)
"""


def fill(server, count):
    """Jobs of a context that is over."""
    server.start_launcher()
    with Channel(server.socket) as c:
        c.create("old")
        c.ask("context-delete", {"name": "old"})
    server.launcher.kill()
    server.launcher.wait()
    with sqlite3.connect(server.dir + "/data/sparkjob.db") as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        db.execute(FILL, (count,))
        job = db.execute("SELECT id FROM jobs LIMIT 1 OFFSET ?", (count // 2,)).fetchone()[0]
    db.close()
    return job


class Clients:
    """What is asked at once when the launcher is killed, each in a thread; the time of each answer since then."""

    def __init__(self, server, job):
        self.server, self.job, self.times = server, job, {}

    def channel(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                return Channel(self.server.socket, 0)
            except (OSError, EOFError):
                time.sleep(0.002)
        raise TimeoutError

    def welcome(self):
        self.channel().close()

    def old_job(self):
        with self.channel() as c:
            assert c.job(self.job)[0]["state"] == "FINISHED"

    def snapshot(self):
        with self.channel() as c:
            c.ask("snapshot", {"jobs": 10000})

    def http_old_job(self):
        assert self.server.get(f"/jobs/{self.job}")[0] == 200

    def http_submit(self):
        assert self.server.post("/jobs?mainClass=noop&cp=b&context=c0")[0] == 202

    def http_sync(self):
        status, answer = self.server.post("/jobs?mainClass=noop&cp=b&context=c0&sync=true")
        assert status == 200 and answer["result"] is True, answer

    def http_sync_everywhere(self):
        threads = [threading.Thread(target=self.sync, args=(n,)) for n in range(CONTEXTS)]
        self.done = []
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(self.done) == CONTEXTS

    def sync(self, n):
        status, answer = self.server.post(f"/jobs?mainClass=noop&cp=b&context=c{n}&sync=true")
        assert status == 200 and answer["result"] is True, answer
        self.done.append(n)

    WHAT = {"welcome": welcome, "an old job": old_job, "snapshot of 10,000": snapshot, "GET an old job": http_old_job,
            "POST accepted": http_submit, "POST sync": http_sync, "POST sync to all": http_sync_everywhere}

    def run(self):
        began = time.monotonic()

        def timed(what):
            self.WHAT[what](self)
            self.times[what] = time.monotonic() - began

        threads = [threading.Thread(target=timed, args=(what,)) for what in self.WHAT]
        for thread in threads:
            thread.start()
        self.server.start_launcher()
        for thread in threads:
            thread.join()
        assert len(self.times) == len(self.WHAT)
        return self.times


@measures(
    Line("restart", "launcher start to the first answer over HTTP, 1,000,000 jobs, 50 drivers", "ms", None, no_more(1000, "ms")),
    Line("footprint-launcher", "memory of that launcher at rest", "MiB", None, no_more(48, "MiB")))
def restart(run):
    times = {what: [] for what in Clients.WHAT}
    with Server(scripted=True, workers=1, start=False, launcher={"log": {"level": "info"}, "driver": {"start_timeout": 600}}) as s:
        job = fill(s, JOBS)
        s.start_launcher()
        s.start_nginx()
        s.wait_ready(60)
        small_binary(s)
        with Channel(s.socket) as c:
            for n in range(CONTEXTS):
                c.create(f"c{n}")
        pids = sorted(s.drivers())
        for _ in run.rounds():
            s.launcher.kill()
            s.launcher.wait()
            seen = Clients(s, job).run()
            for what, seconds in seen.items():
                times[what].append(seconds)
            yield "restart", min(seconds for what, seconds in seen.items() if "GET" in what or "POST" in what) * 1000, None
            time.sleep(2)
            yield "footprint-launcher", memory_kb(s.launcher.pid) / 1024, None
            run.note("footprint-launcher", f"its own, without files: {memory_kb(s.launcher.pid, 'RssAnon') / 1024:.1f} MiB")
        assert sorted(s.drivers()) == pids and len(pids) == CONTEXTS
        with Channel(s.socket) as c:
            states = [context["state"] for context in json.loads(c.ask("dump")[1])["contexts"]]
        assert states == ["RUNNING"] * CONTEXTS
    run.note("restart", "; ".join(f"{what} {statistics.median(seconds) * 1000:.0f} ms" for what, seconds in times.items()))
