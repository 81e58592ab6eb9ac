"""Many jobs over a few contexts that are started again and again, on real Spark; what grows meanwhile.

`make soak` runs it at length (JOBS, CONTEXTS, RESTARTS, VERSIONS), t/fault/test_soak.py a short form.

The first context lives all the time, so that its driver's heap and metaspace tell what a job leaves behind; the
others take turns in being stopped and started. A round is a share of the jobs, then a look: clients are still,
all jobs are purged, the drivers' garbage is collected. Between two looks nothing may have grown but by chance.
"""

import concurrent.futures
import http.client
import json
import os
import re
import struct
import subprocess
import threading
import time
import zipfile

from sparkjob_server import EXAMPLES, Server, memory_kb, wait_until

CLIENTS = 4
ZONE = 32 << 20
KINDS = (("spark.jobserver.NoOpJob", "", 200),) * 15 + (
    ("spark.jobserver.WordCountExample", 'input.string = "a b a"', 200),
    ("spark.jobserver.SessionTestJob", 'sql = "SELECT 1 AS one"', 400),         # another kind of job: refused
    ("spark.jobserver.WordCountExample", "", 400),                              # fails its validation
    ("spark.jobserver.LargeResultJob", "bytes = 100000", 200),
    ("no.such.Class", "", 404))

# what a look tells, its unit, and how much more the last ones may have than the first ones
FIGURES = (("launcher", "KiB", 1024), ("workers", "KiB", 1024), ("zone", "pages", 8), ("launcher fds", "", 2),
           ("worker fds", "", 2), ("driver fds", "", 8), ("driver threads", "", 32), ("metaspace", "KiB", 2048),
           ("classes", "", 400), ("heap", "KiB", 6144), ("files", "", 2))


class Soak:
    def __init__(self, jobs, contexts=2, restarts=20, versions=100, rounds=20, tell=print):
        self.jobs, self.contexts, self.restarts, self.versions = jobs, contexts, restarts, versions
        self.rounds, self.tell = rounds, tell
        self.looks, self.bad = [], []
        self.names = [f"c{n}" for n in range(contexts)]
        self.spread = concurrent.futures.ThreadPoolExecutor(CLIENTS)
        self.local = threading.local()

    def run(self):
        """The looks, a list of dictionaries by the names in FIGURES."""
        with Server(workers=2, launcher={"log": {"level": "warn"}, "retention": {"jobs": 0, "contexts": 1},
                                         "driver": {"options": ["-Xmx600m", "-XX:+UseSerialGC"]}}) as self.s:
            self.upload(0)
            for name in self.names:
                self.s.context(name)
            self.tell("   jobs    secs " + " ".join(f"{name:>14s}" for name, _, _ in FIGURES))
            began, done, version, restart = time.monotonic(), 0, 0, 0
            for n in range(self.rounds):
                upto = self.jobs * (n + 1) // self.rounds
                while version < self.versions * (n + 1) // self.rounds:
                    version += 1
                    part = (upto - done) // max(1, self.versions // self.rounds)
                    self.upload(version)
                    self.batch(done, done + part)
                    done += part
                self.batch(done, upto)
                done = upto
                while restart < self.restarts * (n + 1) // self.rounds:
                    self.restart(self.names[-1 - restart % max(1, self.contexts - 1)])
                    restart += 1
                self.look()
                self.tell(f"{done:7d} {time.monotonic() - began:7.0f} "
                          + " ".join(f"{self.looks[-1][name]:14d}" for name, _, _ in FIGURES))
            self.rate = self.jobs / (time.monotonic() - began)
        return self.looks

    # load

    def upload(self, version):
        """The examples, with another byte in them: a new version, whose classes are loaded anew."""
        path = self.s.dir + "/version.jar"
        with open(EXAMPLES, "rb") as source, open(path, "wb") as jar:
            jar.write(source.read())
        with zipfile.ZipFile(path, "a") as jar:
            jar.writestr("version.txt", str(version))
        self.s.upload("examples", path)
        os.unlink(path)

    def batch(self, first, last):
        for _ in self.spread.map(self.one, range(first, last)):
            pass
        assert not self.bad, self.bad[:5]

    def one(self, n):
        main_class, body, expected = KINDS[n % len(KINDS)]
        context = self.names[n // len(KINDS) % len(self.names)]
        status, answer = self.ask("POST", f"/jobs?cp=examples&mainClass={main_class}&context={context}"
                                          f"&sync=true&timeout=600", body)
        if status != expected:
            self.bad.append((n, main_class, context, status, answer[:300]))
        elif n % 50 == 0:
            self.killed(context)
        elif n % 10 == 0 and status == 200:
            job_id = json.loads(answer)["jobId"]
            status, _ = self.ask("GET", f"/jobs/{job_id}")
            if status != 200:
                self.bad.append((n, "GET", job_id, status))

    def killed(self, context):
        status, answer = self.ask("POST", f"/jobs?cp=examples&mainClass=spark.jobserver.SleepJob&context={context}",
                                  "ms = 60000")
        if status != 202 or self.ask("DELETE", "/jobs/" + json.loads(answer)["jobId"])[0] != 200:
            self.bad.append(("SleepJob", context, status, answer[:300]))

    def ask(self, method, path, body=""):
        """(status, body) on this thread's connection"""
        c = getattr(self.local, "connection", None)
        if c is None or c.port != self.s.port:
            c = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.s.port, timeout=900)
        c.request(method, path, body)
        r = c.getresponse()
        return r.status, r.read()

    def restart(self, name):
        assert self.s.delete(f"/contexts/{name}")[0] == 200
        self.s.context(name)

    # a look

    def look(self):
        s = self.s
        driver = self.s.driver(self.names[0])
        wait_until("all jobs are purged", self.purged, 60)
        assert s.delete("/binaries/none")[0] == 404                             # what came before it is done
        workers = s.worker_pids()
        for _ in range(2):
            jcmd(driver, "GC.run")
            time.sleep(0.5)                                                     # references are cleared by threads
        info = jcmd(driver, "GC.heap_info")
        heap = sum(int(k) for k in re.findall(r"(?:new|tenured) generation.*used (\d+)K", info))
        self.looks.append({
            "launcher": memory_kb(s.launcher.pid, "RssAnon"),
            "workers": max(memory_kb(p, "RssAnon") for p in workers),
            "zone": zone_pages(workers[0]),
            "launcher fds": descriptors(s.launcher.pid),
            "worker fds": max(map(descriptors, workers)),
            "driver fds": descriptors(driver),
            "driver threads": len(os.listdir(f"/proc/{driver}/task")),
            "metaspace": int(re.search(r"Metaspace\s+used (\d+)K", info).group(1)),
            "classes": classes(driver),
            "heap": heap,
            "files": len(files(s.dir + "/data")),
        })

    def purged(self):
        status, body = self.s.delete("/jobs?before=2099-01-01T00:00:00Z")
        assert status == 200, body
        return self.s.get("/jobs")[1] == []

    def growth(self):
        """By how much each figure is larger in the end (median of the last third of looks) than at first, after
        a warm-up of a third: {name: (growth, limit)}"""
        third = max(1, len(self.looks) // 3)
        middle = {}
        for name, _, limit in FIGURES:
            first = sorted(look[name] for look in self.looks[third:2 * third])
            last = sorted(look[name] for look in self.looks[-third:])
            middle[name] = (last[len(last) // 2] - first[len(first) // 2], limit)
        return middle

    def failed(self):
        """The names of the figures that have grown too much."""
        return [name for name, (grown, limit) in self.growth().items() if grown > limit]


def jcmd(pid, *command):
    return subprocess.run(["jcmd", str(pid), *command], capture_output=True, text=True, check=True).stdout


def classes(pid):
    """Classes that a JVM has loaded and not unloaded."""
    loaded, _, unloaded = subprocess.run(["jstat", "-class", str(pid)], capture_output=True, text=True,
                                         check=True).stdout.splitlines()[1].split()[:3]
    return int(loaded) - int(unloaded)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def files(folder):
    """Files in a launcher's data folder, without what is Spark's own, and the versions of binaries, which are kept."""
    found = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    return [path for path in found if not re.search(r"/contexts/[^/]+/tmp/|/binaries/", path)]


def zone_pages(pid):
    """Pages of the zone that are in use: the slab allocator's header (ngx_slab.h), out of a worker's memory."""
    with open(f"/proc/{pid}/maps") as f:
        start, = [int(line.split("-")[0], 16) for line in f
                  if "/dev/zero" in line and size_of(line) == ZONE]
    with open(f"/proc/{pid}/mem", "rb") as f:
        f.seek(start)
        header = struct.unpack("QQQQQQQQQQQ", f.read(88))
    pages, last, free = header[4], header[5], header[10]
    return (last - pages) // 24 - free


def size_of(line):
    start, end = line.split()[0].split("-")
    return int(end, 16) - int(start, 16)
