"""Jobs that nobody waits for."""

import json
import time

from line import Line, at_least, measures, no_less
from line_sync import inside_jar
from load import Commits, by_turns, call, small_binary
from sparkjob_channel import Channel
from sparkjob_server import EXAMPLES, Server
from watchers import compiled

CONNECTIONS, POOL = 64, 200000


def quick_driver(**more):
    """The launcher's configuration for t/bench/quick_driver.c."""
    return {"log": {"level": "info"}, "driver": {"command": [compiled("quick_driver")]}, "max_queued_jobs": 100000, **more}


@measures(Line("async-accept", f"POST /jobs, durable 202, {CONNECTIONS} connections, a driver whose jobs end at once", "jobs/s",
               "rows that SQLite alone commits in groups of that size", at_least(0.60, 10000)))
def accept(run):
    with Server(workers=1, launcher=quick_driver()) as s, Commits(s) as commits, Channel(s.socket) as c:
        small_binary(s)
        s.context("c")
        count, group = run.scaled(10000, 4000), [CONNECTIONS]

        def jobs():
            before = written(c)
            rate = count / call(s, "POST", "/jobs?cp=b&mainClass=noop&context=c", count, CONNECTIONS)["seconds"]
            rows, times = (b - a for a, b in zip(before, written(c)))
            group[0] = max(1, round(rows / times))
            return rate
        jobs()
        for _ in run.rounds():
            yield "async-accept", *by_turns(jobs, lambda: commits.rate(group[0]))
            run.note("async-accept", f"groups of {group[0]} rows; a job has two, when it comes and when it ends")


def written(channel):
    """(rows, commits) of the launcher until now"""
    database = json.loads(channel.ask("dump")[1])["queues"]["database"]
    return database["total"], database["commits"]


@measures(Line("async-done", "no-op jobs accepted, run and recorded by a real driver, 8 slots", "jobs/s",
               "the same in a pool of 8 threads within the driver", no_less(3000, "a second")))
def done(run):
    with Server(workers=1, launcher={"log": {"level": "info"}, "max_jobs_per_context": 8, "max_queued_jobs": 100000}) as s:
        s.upload("examples", EXAMPLES)
        inside_jar(s)
        s.context("c")
        count = run.scaled(6000, 3000)
        for _ in range(2):
            finished(s, count)
        for _ in run.rounds():
            ours = finished(s, count)
            yield "async-done", ours, s.run("bench.PoolInside", f"n = {POOL}", cp="inside")[1]["result"]


def finished(server, count):
    """Jobs a second, from the first submission until none is left that has not ended."""
    began = time.monotonic()
    call(server, "POST", "/jobs?cp=examples&mainClass=spark.jobserver.NoOpJob&context=c", count, CONNECTIONS)
    while any(server.get(f"/jobs?limit=1&status={status}")[1] for status in ("started", "running")):
        time.sleep(0.005)
    return count / (time.monotonic() - began)
