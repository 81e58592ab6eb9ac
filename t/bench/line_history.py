"""A database with 1,000,000 jobs beside one with few: the same to each, a few requests at a time."""

import random
import sqlite3

from line import Line, at_most, measures
from line_restart import fill
from line_submit import quick_driver
from load import call, p99, small_binary
from sparkjob_server import Server, wait_until

JOBS, FEW = 1000000, 3000
ZONE = "1m"             # holds a thousand: what is old is not among them
PIECE, PIECES = 51, 40
WHAT = f"the same with {FEW:,} jobs recorded; p99"


def recorded(count, zone_size, launcher=None, **more):
    """A server, not yet started, whose database has so many jobs."""
    s = Server(start=False, launcher=quick_driver(retention={"jobs": 0, "contexts": 0}, **(launcher or {})), **more)
    s.zone_size = zone_size
    try:
        fill(s, count)
    except BaseException:
        s.stop()
        raise
    return s


def begun(s, looked):
    """Starts it; `looked`: and waits until the launcher has looked at its whole database, which it does for a large one beside its work."""
    s.start_launcher()
    s.start_nginx()
    s.wait_ready(60)
    small_binary(s)
    s.context("c")
    if looked:
        wait_until("the database was looked at", lambda: "the whole database was looked at" in s.read("launcher.log"), 300)
    return s


def old_jobs(s, count):
    """Ids among the oldest half of its jobs."""
    with sqlite3.connect(f"file:{s.dir}/data/sparkjob.db?mode=ro", uri=True) as db:
        ids = [db.execute("SELECT id FROM jobs WHERE seq = ?", (random.randrange(1, count // 2),)).fetchone()[0] for _ in range(PIECES)]
    db.close()
    return ids


@measures(
    Line("history", f"GET /jobs/<id> of an old job among {JOBS:,}; p99", "ms", WHAT, at_most(1.2)),
    Line("history-list", "GET /jobs?limit=50 of a user whom the zone does not have; p99", "ms", WHAT, at_most(1.2)),
    Line("history-submit", "POST /jobs, durable 202; p99", "ms", WHAT, at_most(1.2)))
def history(run):
    many = run.scaled(JOBS, 100000)
    run.note("history", f"{many:,} jobs")
    with recorded(many, ZONE, workers=1) as big, recorded(FEW, ZONE, workers=1) as small:
        both = [(begun(big, True), old_jobs(big, many)), (begun(small, False), old_jobs(small, FEW))]
        work = {"history": ("GET", lambda ids, n: f"/jobs/{ids[n]}"),
                "history-list": ("GET", lambda ids, n: f"/jobs?limit=50&user=user{n % 20}"),
                "history-submit": ("POST", lambda ids, n: "/jobs?cp=b&mainClass=noop&context=c")}
        for _ in run.rounds():
            for name, (method, path) in work.items():
                if run.wants(name):
                    ours, reference = by_pieces(both, method, path)
                    yield name, p99(ours), p99(reference)


def by_pieces(both, method, path):
    """Times of each server's requests, in ms; whatever else the machine does meets both. The first of a piece opens the connection."""
    times = [], []
    for n in range(PIECES):
        for which in (0, 1) if n % 2 else (1, 0):
            server, ids = both[which]
            times[which].extend(call(server, method, path(ids, n), PIECE)["took"][1:])
    return times
