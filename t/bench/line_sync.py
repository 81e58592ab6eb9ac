"""Warm jobs in a real driver, by one client that waits for each."""

import os

from line import Goal, Line, at_most, measures, middle
from load import Commits, call, p99
from sparkjob_server import BUILD, EXAMPLES, Server, scalac

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inside.scala")


def p99_goal():
    return Goal("≤ 5 ms + 2 ×", lambda ours, commit: (5 + 2 * commit) / max(ours, 1e-9))


def inside_jar(server):
    """Uploads t/bench/Inside.scala, compiled, as `inside`."""
    folder = server.dir + "/inside"
    with open(SOURCE) as f:
        scalac(folder, f.read(), folder + ".jar")
    server.upload("inside", folder + ".jar")
    return folder + ".jar"


def sync_path(main_class, cp="examples", context="c"):
    return f"/jobs?cp={cp}&mainClass={main_class}&context={context}&sync=true"


NOOP = sync_path("spark.jobserver.NoOpJob")
PIECE = 50


@measures(
    Line("sync-noop", "warm sync job without Spark action, 1 client: the client's time less the job's own; p50", "ms",
         "one commit of the database on that disk", at_most(1, 0.5, "ms")),
    Line("sync-noop-p99", "the same; p99", "ms", "one commit", p99_goal()),
    Line("sync-count", "warm parallelize(1 to 4).count by sync POST; p50", "ms", "the same call within the driver; p50", at_most(1.10)),
    Line("sync-python", "warm no-op Python job; p50", "ms", "the client's time of sync-noop; p50", at_most(10)))
def sync(run):
    with Server(workers=1, launcher={"log": {"level": "info"}}) as s, Commits(s) as commits:
        s.upload("examples", EXAMPLES)
        s.context("c")
        work = {"commit": commits.times, "noop": lambda n: call(s, "POST", NOOP, n)}
        if run.wants("sync-count"):
            inside_jar(s)
            work["count"] = lambda n: call(s, "POST", sync_path("bench.Count", "inside"), n)["took"]
            work["inside"] = lambda n: s.run("bench.CountInside", f"n = {n}", cp="inside")[1]["result"]
        if run.wants("sync-python"):
            s.upload("python", BUILD + "/sparkjob-python-examples.whl", "application/python-wheel")
            s.context("p", **{"context-factory": "spark.jobserver.python.PythonSparkContextFactory"})
            work["python"] = lambda n: call(s, "POST", sync_path("example_jobs.word_count.NoOp", "python", "p"), n)["took"]
        # after a thousand jobs the JVM has still to compile half of the way of the next
        for name, some in work.items():
            some(run.scaled(4000 if name == "noop" else 1000, 200))
        for _ in run.rounds():
            yield from sync_round(work, run)


def sync_round(work, run):
    """Little of each by turns, so that whatever else goes on meets all alike."""
    seen = {name: [] for name in work}
    for _ in range(run.scaled(8, 3)):
        for name, some in work.items():
            seen[name] += [some(PIECE)] if name == "noop" else some(PIECE)
    noop = {what: [ms for part in seen["noop"] for ms in part[what]] for what in ("took", "inside", "rest")}
    commit = middle(seen["commit"])
    run.note("sync-noop", f"the job's own time {middle(noop['inside']):.2f} ms")
    yield "sync-noop", middle(noop["rest"]), commit
    yield "sync-noop-p99", p99(noop["rest"]), commit
    if "count" in seen:
        yield "sync-count", middle(seen["count"]), middle(seen["inside"])
    if "python" in seen:
        yield "sync-python", middle(seen["python"]), middle(noop["took"])
