"""What memory a worker, and a job that is over, cost. (The launcher with 1,000,000 jobs is in line_restart.py.)"""

import os
import re
import subprocess

from line import Line, at_most, measures, no_more
from load import call, small_binary
from soak_rounds import jcmd
from sparkjob_server import EXAMPLES, NGINX, Server, children, free_port, memory_kb, wait_until

JOBS, MOST = 20000, 16


def own(pid):
    """MiB without shared memory."""
    return (memory_kb(pid, "RssAnon") + memory_kb(pid, "RssFile")) / 1024


@measures(Line("footprint-worker", "memory of a worker with the module, after 4,000 requests", "MiB",
               "a worker of an nginx without it", at_most(1, 4, "MiB")))
def worker(run):
    with Server(scripted=True, workers=1, launcher={"log": {"level": "info"}}) as s, Plain(s) as plain:
        small_binary(s)
        s.context("c")
        for _ in run.rounds():
            call(s, "POST", "/jobs?cp=b&mainClass=noop&context=c&sync=true", 1000, 8)
            call(s, "GET", "/jobs?limit=50", 3000, 64)
            call(s, "GET", "/plain", 4000, 64, port=plain.port)
            yield "footprint-worker", own(s.worker_pids()[0]), own(children(plain.process.pid)[0])


class Plain:
    """An nginx without the module, else as the server's."""

    def __init__(self, server):
        self.port, self.dir = free_port(), server.dir + "/nginx-plain"
        os.makedirs(self.dir + "/logs")
        conf = re.sub(r"(?m)^load_module.*$|location @sparkjob_ui {.*}|\bsparkjob\w* [^;]*;", "", server.read("nginx.conf"))
        conf = conf.replace(f":{server.port} ", f":{self.port} ").replace(server.dir + "/nginx", self.dir)
        with open(self.dir + ".conf", "w") as f:
            f.write(conf)
        self.process = subprocess.Popen([NGINX, "-p", self.dir, "-e", self.dir + "/error.log", "-c", self.dir + ".conf", "-g", "daemon off;"])

    def __enter__(self):
        wait_until("the plain nginx works", lambda: children(self.process.pid) or self.process.poll() is not None)
        assert self.process.returncode is None, f"the plain nginx has ended with {self.process.returncode}"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(20) == 0


@measures(
    Line("job-driver", f"growth of a driver's heap by jobs that are over, {JOBS:,} no-op jobs in each round", "bytes/job", None,
         no_more(MOST, "bytes")),
    Line("job-launcher", "the same of the launcher's memory", "bytes/job", None, no_more(MOST, "bytes")),
    Line("job-worker", "the same of the worker's", "bytes/job", None, no_more(MOST, "bytes")))
def jobs(run):
    with Server(workers=1, launcher={"log": {"level": "info"}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        many(s)
        before = look(s)
        for _ in run.rounds():
            many(s)
            after = look(s)
            for name in after:
                yield name, (after[name] - before[name]) / JOBS, None
            before = after


def many(server):
    call(server, "POST", "/jobs?cp=examples&mainClass=spark.jobserver.NoOpJob&context=c&sync=true", JOBS, 8)


def look(server):
    """Bytes of each; of the driver the objects that a collection leaves."""
    driver, = server.drivers()
    live = jcmd(driver, "GC.class_histogram").splitlines()[-1].split()
    assert live[0] == "Total", live
    return {"job-driver": int(live[2]), "job-launcher": memory_kb(server.launcher.pid, "RssAnon") * 1024,
            "job-worker": memory_kb(server.worker_pids()[0], "RssAnon") * 1024}
