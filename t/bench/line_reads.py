"""Reads, that workers answer from shared memory."""

from line import Line, at_least, measures
from load import by_turns, plain_of_size, small_binary, wrk
from sparkjob_server import Server, wait_until

PLAIN = "`return 200` of the same size by the same nginx"
JOBS, CONTEXTS = 60, 20


@measures(
    Line("read-job", "GET /jobs/<id> of a finished job, 64 connections", "requests/s", PLAIN, at_least(0.90)),
    Line("read-jobs", "GET /jobs?limit=50, 64 connections", "requests/s", PLAIN, at_least(0.70)),
    Line("read-contexts", f"GET /contexts, {CONTEXTS} contexts, 64 connections", "requests/s", PLAIN, at_least(0.90)))
def reads(run):
    with Server(scripted=True, workers=1, launcher={"log": {"level": "info"}}) as s:
        small_binary(s)
        for n in range(CONTEXTS if run.wants("read-contexts") else 1):
            s.context(f"context-{n}")
        jobs = [s.run("noop", context="context-0", cp="b")[1]["jobId"] for _ in range(JOBS)]
        wait_until("all jobs are over", lambda: all(j["status"] == "FINISHED" for j in s.get("/jobs?limit=100")[1]))
        for name, path in (("read-job", f"/jobs/{jobs[0]}"), ("read-jobs", "/jobs?limit=50"), ("read-contexts", "/contexts")):
            if run.wants(name):
                size = len(s.request("GET", path)[2])
                run.note(name, f"{size:,} bytes")
                for ours, reference in read_rounds(s, path, size, run):
                    yield name, ours, reference


def read_rounds(server, path, size, run):
    """(requests/s of path, of as many bytes by `return 200`) in each round"""
    plain_of_size(server, size)
    base, seconds = f"http://127.0.0.1:{server.port}", run.scaled(2, 1)
    for _ in run.rounds():
        yield by_turns(lambda: wrk(base + path, seconds), lambda: wrk(base + "/plain", seconds))
