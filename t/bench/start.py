"""Where a driver's start goes until its context is ready: `make start-profile`, which docs/performance.md explains.

Two looks, each at starts of its own, all with the archive of classes: CPU by kind of thread, as the system counts it; and where the classes
came from, by the JVM's log. (A JVM 17 that is recorded from its start on crashes with such an archive.)
"""

import argparse
import collections
import os
import re
import signal
import statistics
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from line_start import Archived  # noqa: E402
from machine import machine  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
# the system keeps 15 letters of a name
KINDS = (
    ("C2, compiles", "C2 "), ("C1, compiles", "C1 "), ("collector", "G1 |GC "),
    ("other of the JVM", "VM |Signal|Reference|Finalizer|Common-|Sweeper|Monitor|Service|Notification|Attach"),
    ("makes the context", "sparkjob-contex"), ("loads classes ahead", "sparkjob-warm-u"), ("the JVM's start, main", "java"))
SOURCES = (("archive", "shared objects file"), ("jars", "file:"), ("the JDK's modules", "jrt:"))


class Threads(threading.Thread):
    """What each thread of a server's next driver has used; one that has ended keeps what it had."""

    def __init__(self, server):
        super().__init__()
        self.server, self.used, self.over = server, {}, threading.Event()
        self.known = set(server.drivers())

    def run(self):
        pid = None
        while not self.over.wait(0.005):
            if pid is None:
                pid = next(iter(set(self.server.drivers()) - self.known), None)
            else:
                self.look(pid)

    def look(self, pid):
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/stat") as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(") ", 1)
            except OSError:
                continue
            self.used[task] = name, sum(map(int, rest.split()[11:13])) / TICK

    def by_kind(self):
        seen = collections.Counter()
        for name, seconds in self.used.values():
            seen[next((kind for kind, words in KINDS if re.match(words, name)), "others")] += seconds
        return seen


class Looks(Archived):
    """A server whose drivers are looked at."""

    def options(self, *words):
        """Of the JVM of drivers from now on; the archive stays the same."""
        self.launcher.send_signal(signal.SIGTERM)
        assert self.launcher.wait(60) == 0
        os.unlink(self.dir + "/launcher.log")
        self.overrides["driver"]["environment"] = {"SPARK_LOCAL_IP": "127.0.0.1", "JDK_JAVA_OPTIONS": " ".join(words)}
        self.start_launcher()
        self.wait_ready()

    def end(self):
        assert self.delete("/contexts/c")[0] == 200

    def threads(self):
        """CPU by kind of thread of one start."""
        threads = Threads(self)
        threads.start()
        try:
            self.context("c")
        finally:
            threads.over.set()
            threads.join()
        self.end()
        return threads.by_kind()

    def classes(self):
        """How many were loaded, by where from."""
        log = self.dir + "/classes"
        self.options(f"-Xlog:class+load:file={log}")
        self.context("c")
        self.end()
        seen = collections.Counter()
        with open(log) as f:
            for source in re.findall(r" source: (.*)", f.read()):
                seen[next((kind for kind, words in SOURCES if source.startswith(words)), "made while it runs, most for lambdas")] += 1
        return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    host = machine()
    print(f"{host['cpus']} CPUs ({host['cpu']}), load {host['load'][0]}; a driver until its context is ready, with the archive of classes\n")
    with Looks() as s:
        starts = [s.threads() for _ in range(args.rounds)]
        print(f"CPU seconds, median of {args.rounds} starts: {statistics.median(sum(start.values()) for start in starts):.2f}")
        for kind in sorted({kind for start in starts for kind in start}, key=lambda kind: -sum(start[kind] for start in starts)):
            print(f"{statistics.median(start[kind] for start in starts):8.2f}  {kind}")
        classes = s.classes()
        print(f"\nclasses: {sum(classes.values()):,}")
        for source, count in classes.most_common():
            print(f"{count:8,}  {source}")


if __name__ == "__main__":
    main()
