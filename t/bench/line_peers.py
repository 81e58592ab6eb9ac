"""The same work by a running spark-jobserver or Livy, asked by the same client: only with PEER_SJS_URL or PEER_LIVY_URL."""

import statistics

from line import Line, at_least, at_most, measures
from line_start import starts
from line_sync import inside_jar
from peers import Jobserver, Livy
from sparkjob_server import Server, memory_kb

APP, CONTEXT, WORDS = "sparkjob-bench", "sparkjob-bench", b'input.string = "a b c a b see"'
JOBS = 200


class Peers:
    """Our server, and one that runs, with the same binary and a context each."""

    def __init__(self, peer):
        self.server = Server(workers=1, launcher={"log": {"level": "info"}, "max_queued_jobs": 100000})
        self.peer = peer

    def __enter__(self):
        self.server.__enter__()
        self.jar = inside_jar(self.server)
        self.ours = Jobserver(f"http://127.0.0.1:{self.server.port}")
        return self

    def __exit__(self, *raised):
        self.ours.close()
        self.peer.close()
        return self.server.__exit__(*raised)

    def memory(self):
        """MiB of launcher and worker."""
        return sum(memory_kb(pid) for pid in [self.server.launcher.pid, *self.server.worker_pids()]) / 1024


@measures(
    Line("peer-noop", "warm sync no-op, 1 client; p50", "ms", None, peers={"sjs": at_most(0.1)}),
    Line("peer-words", "warm sync word count of six words, 1 client; p50", "ms", None, peers={"sjs": at_most(1)}),
    Line("peer-accept", "POST /jobs, no-op, 64 connections; only those accepted count", "jobs/s", None, peers={"sjs": at_least(50)}),
    Line("peer-jobs", "GET /jobs?limit=50, 64 connections", "requests/s", None, peers={"sjs": at_least(200)}),
    Line("peer-contexts", "GET /contexts, 64 connections", "requests/s", None, peers={"sjs": at_least(4)}),
    Line("peer-memory", "memory of the server, without its drivers", "MiB", None, peers={"sjs": at_most(0.1)}))
def jobserver(run):
    with Peers(Jobserver(run.peers["sjs"])) as p:
        both = (p.ours, p.peer)
        for server in both:
            server.upload(APP, p.jar)
            server.context(CONTEXT)
        try:
            yield from warm(run, both)
            yield from memory(run, p, "peer-memory", "sjs")
        finally:
            p.peer.stop(CONTEXT)


def warm(run, both):
    """Rounds of what has a context."""
    seconds = run.scaled(2, 1)
    for n in range(run.count + 1):
        work = {
            "peer-noop": lambda server: latency(server, "bench.NoOp"),
            "peer-words": lambda server: latency(server, "bench.Words", WORDS),
            "peer-jobs": lambda server: server.rate("/jobs?limit=50", seconds),
            "peer-contexts": lambda server: server.rate("/contexts", seconds),
            "peer-accept": lambda server: server.accepted("bench.NoOp", APP, CONTEXT, seconds),
        }
        for name, measure in work.items():
            if run.wants(name):
                ours, peer = map(measure, both)
                if n:                                       # the first round is for warmth
                    yield name, ours, None, {"sjs": peer}


def memory(run, p, name, peer):
    """Rounds of what both have after their work."""
    if p.peer.memory() is None:
        run.skip(name, f"{p.peer.url} is on another host")
        return
    for _ in run.rounds():
        yield name, p.memory(), None, {peer: p.peer.memory()}


def latency(server, main_class, body=b""):
    return statistics.median(server.run(main_class, APP, CONTEXT, body)[0] for _ in range(JOBS))


@measures(
    Line("livy-statement", "warm sync no-op, against the statement 1+1; p50", "ms", None, peers={"livy": at_most(0.1)}),
    Line("livy-contexts", "GET /contexts, against GET /sessions, 64 connections", "requests/s", None, peers={"livy": at_least(4)}),
    Line("livy-memory", "memory of the server, without its drivers", "MiB", None, peers={"livy": at_most(0.1)}))
def livy(run):
    with Peers(Livy(run.peers["livy"])) as p:
        p.ours.upload(APP, p.jar)
        p.ours.context(CONTEXT)
        session = p.peer.session()[1]
        try:
            latency(p.ours, "bench.NoOp"), statement(p.peer, session)
            for _ in run.rounds():
                yield "livy-statement", latency(p.ours, "bench.NoOp"), None, {"livy": statement(p.peer, session)}
                yield "livy-contexts", p.ours.rate("/contexts", run.scaled(2, 1)), None, {"livy": p.peer.rate("/sessions", run.scaled(2, 1))}
            yield from memory(run, p, "livy-memory", "livy")
        finally:
            p.peer.stop(session)


def statement(peer, session):
    seen = [peer.statement(session, "1+1") for _ in range(20)]
    assert all("2" in text for _, text in seen), seen[0]
    return statistics.median(took for took, _ in seen)


def contexts(run, peer, lines, created):
    """Rounds of making a context, without and with a spare driver of ours; created: seconds that it takes the peer."""
    for name, spares in lines:
        if run.wants(name):
            with starts(spares) as s:
                for _ in run.rounds():
                    yield name, s.create(), None, {peer: created()}


@measures(
    Line("peer-context", "POST /contexts, no spare driver", "s", None, peers={"sjs": at_most(1 / 3)}),
    Line("peer-context-spare", "POST /contexts, a spare driver of ours waits", "s", None, peers={"sjs": at_most(1 / 8)}))
def jobserver_contexts(run):
    peer, name = Jobserver(run.peers["sjs"]), CONTEXT + "-cold"

    def created():
        took = peer.context(name)
        peer.stop(name)
        return took
    yield from contexts(run, "sjs", (("peer-context", 0), ("peer-context-spare", 1)), created)
    peer.close()


@measures(
    Line("livy-context", "POST /contexts, against a session until it is idle", "s", None, peers={"livy": at_most(1 / 3)}),
    Line("livy-context-spare", "the same, a spare driver of ours waits", "s", None, peers={"livy": at_most(1 / 8)}))
def livy_contexts(run):
    peer = Livy(run.peers["livy"])

    def created():
        took, session = peer.session()
        peer.stop(session)
        return took
    yield from contexts(run, "livy", (("livy-context", 0), ("livy-context-spare", 1)), created)
    peer.close()
