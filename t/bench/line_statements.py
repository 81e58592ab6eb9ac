"""Statements of sessions, by a client of Livy's API that asks every millisecond whether there is an output."""

import re

from line import Line, measures, middle, no_more
from line_start import Archived
from peers import Livy
from sparkjob_server import Server, wait_until

# a literal of its own each time, so that nothing but the interpreter can have been there before
OTHERS = {"spark": {"two values": "val x = {n}; x + 1", "a method": "def f{n}(a: Int): Int = a * {n}", "a lambda": "Seq(1, 2, {n}).map(_ + 1).sum",
                    "a job of Spark": "sc.parallelize(1 to {n}).sum"},
          "pyspark": {"two values": "x = {n}; x + 1", "a function": "def f{n}(a): return a * {n}", "a job of Spark": "sc.range({n}).sum()"}}

NAMES = {"spark": "statement-scala", "pyspark": "statement-python"}

LONG = 400      # statements that a session has had which is used for long
# and those until it is warm: of Scala so many as its JVM takes to compile Scala's compiler
WARM = {"spark": 3000, "pyspark": 500}


@measures(
    Line("statement-scala", "warm statement 1+1 of Scala (3,000 before it) until its output is seen; p50", "ms", None, no_more(10, "ms")),
    Line("statement-python", "the same in Python", "ms", None, no_more(3, "ms")))
def statements(run):
    with Server(workers=1, launcher={"log": {"level": "info"}}) as s:
        client = livy(s)
        sessions = {kind: client.session(kind)[1] for kind, name in NAMES.items() if run.wants(name)}
        long = {}
        for kind, number in sessions.items():
            took(client, number, "1+1", run.scaled(LONG, 20))
            long[kind] = middle(took(client, number, "1+1", run.scaled(100, 20)))
            took(client, number, "1+1", run.scaled(WARM[kind] - LONG - 100, 10))
        for _ in run.rounds():
            for kind, number in sessions.items():
                yield NAMES[kind], middle(took(client, number, "1+1", run.scaled(100, 20))), None
        for kind, number in sessions.items():
            others = (f"{what} {middle(took(client, number, code, run.scaled(60, 10))):.1f} ms" for what, code in OTHERS[kind].items())
            run.note(NAMES[kind], f"{long[kind]:.1f} ms after {run.scaled(LONG, 20)} statements; warm: {', '.join(others)}")
        client.close()


@measures(Line("session-spare", "POST /sessions until the output of the first statement of Scala, a spare driver waits with its interpreter", "s",
               None, no_more(1.0, "s")))
def spare(run):
    with Archived(spares=1, spare_interpreter="on") as s:
        client = livy(s)
        for n in run.rounds():
            wait_until("a spare waits", lambda: len(re.findall("spare driver .* is ready after", s.read("launcher.log"))) > n, 900)
            seconds, number = client.session("spark")
            yield "session-spare", seconds + client.statement(number, "1+1")[0] / 1000, None
            client.stop(number)
        client.close()


def livy(server):
    return Livy(f"http://127.0.0.1:{server.port}/livy")


def took(client, session, code, count):
    """Milliseconds of each of them."""
    return [client.statement(session, code.format(n=n + 1))[0] for n in range(count)]
