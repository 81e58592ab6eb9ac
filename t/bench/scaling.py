"""What workers, launcher and database share: `make scaling`, which docs/scaling.md explains.

Each line is a load on a server with so many workers: requests a second, what one costs of CPU in the workers and in the launcher, and of the zone's
lock: how often it is taken for a request, how long it is held and at most, how often another worker had it, and for how long was waited.
`contended` and `waited` are what workers share; what a request costs of CPU is what bounds its rate where nothing is shared. "1 | own" is one
worker on the first CPU that we may use and the launcher on the second; where there is one only, it is left out.
"""

import argparse
import os
import re
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]

from line import middle  # noqa: E402
from line_submit import quick_driver  # noqa: E402
from load import call, small_binary, wrk  # noqa: E402
from machine import machine  # noqa: E402
from sparkjob_server import BUILD, Server, cpu_seconds, wait_until  # noqa: E402

CLOCKED = BUILD + "/lockcheck/locktime.so"
CONNECTIONS, JOBS = 64, 100
CPUS = sorted(os.sched_getaffinity(0))
COLUMNS = ("requests/s", "worker us", "launcher us", "locks", "held ns", "longest us", "contended %", "waited %")


def reads(path):
    return lambda s, job, seconds: wrk(f"http://127.0.0.1:{s.port}{path.replace('<id>', job)}", seconds, CONNECTIONS) * seconds


def jobs(path, rate):
    def load(s, _, seconds):
        call(s, "POST", path, rate * seconds, CONNECTIONS)
        return rate * seconds
    return load


def both(s, job, seconds):
    """Those who read the zone while it is written to."""
    done = []
    writer = threading.Thread(target=lambda: done.append(LOADS["POST /jobs"](s, job, seconds)))
    writer.start()
    while writer.is_alive():
        done.append(LOADS["GET /jobs?limit=50"](s, job, 1))
    writer.join()
    return sum(done)


LOADS = {
    "GET /jobs/<id>": reads("/jobs/<id>"),
    "GET /jobs?limit=50": reads("/jobs?limit=50"),
    "POST /jobs": jobs("/jobs?cp=b&mainClass=noop&context=c", 5000),
    "POST /jobs, sync": jobs("/jobs?cp=b&mainClass=noop&context=c&sync=true", 2000),
    "POST and GET /jobs": both,
}


class Clocked(Server):
    """A server whose workers tell at their end what they know of the lock."""

    def __init__(self, workers, **more):
        super().__init__(workers=workers, listen="reuseport", launcher=quick_driver(max_jobs_per_context=1000), **more)
        self.module = CLOCKED
        self.expected = ["locktime:"]

    def locks(self):
        """Ends nginx; {what: sum over its workers}, `longest`: the most of one."""
        self.nginx.send_signal(signal.SIGQUIT)
        assert self.nginx.wait(30) == 0
        found = [dict(zip(m[::2], map(int, m[1::2]))) for m in
                 (line.split()[1:] for line in re.findall(r"locktime: .*", self.read("nginx/logs/error.log")))]
        return {what: (max if what == "longest" else sum)(one[what] for one in found) for what in found[0]}


def measured(name, workers, seconds, pinned):
    """The columns of one load."""
    with Clocked(workers) as s:
        small_binary(s)
        s.context("c")
        seen = [s.run("noop", cp="b")[1]["jobId"] for _ in range(JOBS)]
        wait_until("all jobs are over", lambda: all(j["status"] == "FINISHED" for j in s.get(f"/jobs?limit={JOBS}")[1]))
        if pinned:
            first, second = CPUS[:2]
            pin(s.worker_pids(), {first})
            pin([s.launcher.pid], {second})
        before, began = used(s), time.monotonic()
        count = LOADS[name](s, seen[0], seconds)
        took = time.monotonic() - began
        worker, launcher = ((b - a) / count * 1e6 for a, b in zip(before, used(s)))
        lock = s.locks()
    return (count / took, worker, launcher, lock["taken"] / count, lock["held"] / lock["taken"], lock["longest"] / 1000,
            100 * lock["contended"] / lock["taken"], 100 * lock["waited"] / 1e9 / (took * workers))


def pin(pids, cpus):
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), cpus)


def used(s):
    return sum(map(cpu_seconds, s.worker_pids())), cpu_seconds(s.launcher.pid)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    host = machine()
    print(f"{host['cpus']} CPUs ({host['cpu']}), load {host['load'][0]}; medians of {args.rounds} rounds of {args.seconds} s")
    print(f"{'load':20s} {'workers':>9s}" + "".join(f"{c:>13s}" for c in COLUMNS), flush=True)
    for name in LOADS:
        for text, workers, pinned in (("1", 1, False), ("2", 2, False), ("1 | own", 1, True))[:3 if len(CPUS) > 1 else 2]:
            rounds = [measured(name, workers, args.seconds, pinned) for _ in range(args.rounds)]
            print(f"{name:20s} {text:>9s}" + "".join(f"{middle(column):13,.{1 if middle(column) < 100 else 0}f}" for column in zip(*rounds)), flush=True)


if __name__ == "__main__":
    main()
