"""Reads, that workers answer from shared memory."""

from line import Line, at_least, measures
from load import by_turns, plain_of_size, small_binary, wrk
from sparkjob_server import Server, cpu_seconds, wait_until

PLAIN = "`return 200` of the same size by the same nginx"
JOBS, CONTEXTS = 60, 20


@measures(
    Line("read-job", "GET /jobs/<id> of a finished job, 64 connections", "requests/s", PLAIN, at_least(0.90)),
    Line("read-jobs", "GET /jobs?limit=50, 64 connections", "requests/s", PLAIN, at_least(0.70)),
    Line("read-contexts", f"GET /contexts, {CONTEXTS} contexts, 64 connections", "requests/s", PLAIN, at_least(0.90)),
    Line("read-sessions", f"GET /livy/sessions, {CONTEXTS} sessions, 64 connections", "requests/s", PLAIN, at_least(0.90)))
def reads(run):
    with Server(scripted=True, workers=1, launcher={"log": {"level": "info"}}) as s:
        small_binary(s)
        for n in range(CONTEXTS if run.wants("read-contexts") or run.wants("read-sessions") else 1):
            s.context(f"context-{n}")
        jobs = [s.run("noop", context="context-0", cp="b")[1]["jobId"] for _ in range(JOBS)]
        wait_until("all jobs are over", lambda: all(j["status"] == "FINISHED" for j in s.get("/jobs?limit=100")[1]))
        for name, path in (("read-job", f"/jobs/{jobs[0]}"), ("read-jobs", "/jobs?limit=50"), ("read-contexts", "/contexts"),
                           ("read-sessions", "/livy/sessions")):
            if run.wants(name):
                size, cost = len(s.request("GET", path)[2]), {}
                for ours, reference in read_rounds(s, path, size, run, cost):
                    yield name, ours, reference
                run.note(name, f"{size:,} bytes, the worker takes {each(cost[path]) / each(cost['/plain']):.2f} times the CPU for one")


def read_rounds(server, path, size, run, cost):
    """(requests/s of path, of as many bytes by `return 200`) in each round; cost: [(seconds of the worker's CPU, requests)]"""
    plain_of_size(server, size)
    seconds, worker = run.scaled(2, 1), server.worker_pids()[0]

    def rate(what):
        before = cpu_seconds(worker)
        found = wrk(f"http://127.0.0.1:{server.port}{what}", seconds)
        cost.setdefault(what, []).append((cpu_seconds(worker) - before, found * seconds))
        return found
    for _ in run.rounds():
        yield by_turns(lambda: rate(path), lambda: rate("/plain"))


def each(costs):
    """Seconds of CPU for a request."""
    return sum(cpu for cpu, _ in costs) / sum(requests for _, requests in costs)
