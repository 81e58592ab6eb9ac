"""Sync requests that wait, all woken at once."""

import json
import subprocess

from line import Line, measures, no_more
from line_submit import quick_driver
from load import call, p99, small_binary
from sparkjob_channel import Channel
from sparkjob_server import Server, memory_kb, wait_until
from watchers import compiled

COUNT, PROBES = 10000, 4000


@measures(
    Line("parked", f"memory of the worker for each of {COUNT:,} sync requests that wait", "KiB", None, no_more(12, "KiB")),
    Line("parked-p99", "GET /jobs/<id> of another client while all of them are woken; p99", "ms", "the same of an idle server",
         no_more(10, "ms")))
def parked(run):
    with Server(workers=1, launcher=quick_driver(max_jobs_per_context=2 * COUNT), zone=f"parked={COUNT + 100}") as s, Channel(s.socket) as c:
        small_binary(s)
        s.context("c")
        job = s.run("noop", cp="b")[1]["jobId"]
        before = memory_kb(s.worker_pids()[0], "RssAnon")
        for _ in run.rounds():
            idle = call(s, "GET", f"/jobs/{job}", 2000)["took"]
            with Crowd(s) as crowd:
                wait_until("all wait", lambda: waiting(c) == COUNT, 300, 0.2)
                yield "parked", (memory_kb(s.worker_pids()[0], "RssAnon") - before) / COUNT, None
                probes = []
                assert s.run("release", cp="b", sync=False)[0] == 202
                while crowd.poll() is None:
                    probes += call(s, "GET", f"/jobs/{job}", 100)["took"]
            yield "parked-p99", p99(probes), p99(idle)
            run.note("parked-p99", f"{len(probes):,} requests in {sum(probes):.0f} ms, the slowest {max(probes):.1f} ms")


def waiting(channel):
    """Jobs that are with the driver: their requests wait."""
    return json.loads(channel.ask("dump")[1])["contexts"][0]["slotsTaken"]


class Crowd:
    """The client of all that wait; each has to get its result."""

    def __init__(self, server):
        self.out = open(server.dir + "/crowd.json", "w+")
        self.process = subprocess.Popen([compiled("caller"), str(server.port), str(COUNT), str(COUNT), "POST",
                                         "/jobs?cp=b&mainClass=hold&context=c&sync=true&timeout=300"], stdout=self.out)

    def __enter__(self):
        return self.process

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        assert self.process.wait() == 0 or kind is not None
        self.out.seek(0)
        assert kind is not None or json.load(self.out)["refused"] == 0
        self.out.close()
