"""What has to hold when a server that faults have struck has come to rest.

Every acknowledged job is in exactly one state, the one that its client and its driver saw; no job has run twice; there is
no orphan process, file, descriptor or zombie; the API of all workers and the launcher's memory say what the database says.
"""

import collections
import contextlib
import glob
import hashlib
import json
import os
import signal
import sqlite3
import time

from sparkjob_server import alive, children, wait_until

SECONDS = 90
LOOSE = ("fail", "delay")


class Check:
    def __init__(self, world):
        self.world, self.server = world, world.server
        self.seq = 0                    # jobs up to this one were checked
        self.final = {}                 # by id: the state of jobs that were final
        self.begun = collections.defaultdict(list)      # by job id: (pid, [events])
        self.log_at = 0
        wait_until("the spare drivers wait", lambda: self.spares() >= int(os.environ.get("SPARKJOB_SPARES", 0)), 60)
        with self.world.channel() as channel:           # before any fault: those that listen, and libcurl's own
            peers = json.loads(channel.ask("dump")[1])["connections"]
            self.sockets = sum(kind(link) == "socket" for link in links(self.server.launcher.pid)) - len(peers)

    def spares(self):
        with self.world.channel() as channel:
            return sum(driver["phase"] == "spare" for driver in json.loads(channel.ask("dump")[1])["drivers"])

    def settled(self, every):
        """What is wrong; nothing if all holds within SECONDS."""
        end = time.monotonic() + SECONDS * (3 if self.world.spark else 1)
        while True:
            try:
                problems = self.problems(every)
            except (OSError, EOFError, sqlite3.OperationalError) as err:
                problems = [f"cannot be looked at: {err!r}"]
            if not problems:
                self.keep()
                return []
            if time.monotonic() > end:
                return problems
            for pid in self.server.drivers():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGCONT)        # one that was struck while the point was disarmed
            time.sleep(0.05)

    def problems(self, every):
        """In an order in which what comes later needs not be looked at when there is something already."""
        with self.world.channel() as channel:
            self.dump = json.loads(channel.ask("dump")[1])
            problems = self.unrest()
            if problems:
                return problems
            self.load(every)
            if self.jobs_alive:
                return [f"jobs are not final: {self.jobs_alive}"]
            self.read_runs()
            for look in self.states, self.runs, self.contexts, self.binaries, self.processes, self.files, self.api:
                problems += look()
        return problems

    def keep(self):
        """What was found right must stay so."""
        self.seq = max([self.seq, *(row["seq"] for row in self.jobs.values())])
        self.final.update({job: row["state"] for job, row in self.jobs.items()})

    # what there is

    def load(self, every):
        db = sqlite3.connect(f"file:{self.server.dir}/data/sparkjob.db?mode=ro", uri=True, timeout=5)
        db.row_factory = sqlite3.Row
        try:
            after = -1 if every else self.seq
            self.jobs = {row["id"]: row for row in db.execute(
                "SELECT seq, id, state, final, class, context, context_id, payload, size, CAST(data AS TEXT) AS data,"
                " config_file, body_file, body FROM jobs WHERE seq > ?", (after,))}
            self.jobs_alive = [row["id"] for row in db.execute("SELECT id FROM jobs WHERE final = 0")]
            self.all_contexts = {row["id"]: row for row in db.execute("SELECT * FROM contexts")}
            self.alive = {row["name"]: row for row in self.all_contexts.values() if not row["final"]}
            self.stored = {}
            for row in db.execute("SELECT name, sha256, type, time FROM binaries ORDER BY time"):
                self.stored.setdefault(row["name"], []).append(row["sha256"])
            self.results = {row["id"] for row in db.execute("SELECT id FROM jobs WHERE payload = 'stored'")}
            self.configs = {row["id"] for row in db.execute("SELECT id FROM jobs WHERE config_file = 1")}
            if every:
                check = db.execute("PRAGMA integrity_check").fetchone()[0]
                assert check == "ok", check
        finally:
            db.close()

    def read_runs(self):
        with open(self.server.run_log) as f:
            f.seek(self.log_at)
            lines = f.readlines()
            self.log_at = f.tell()
        for line in lines:
            pid, event, job = line.split()
            if event == "begin":
                self.begun[job].append((int(pid), []))
            else:
                next(run for run in reversed(self.begun[job]) if run[0] == int(pid))[1].append(event)

    # what has to hold

    def unrest(self):
        queues = self.dump["queues"]
        wrong = [f"{name}: {queues[name]}" for name in ("database", "files") if queues[name]["length"]]
        wrong += [f"context {c['name']} is {c['state']}: {c}" for c in self.dump["contexts"]
                  if c["state"] != "RUNNING" or c["slotsTaken"] or c["waiting"] or c["changesOnTheWay"]]
        wrong += [f"job {j['id']} is {j['state']}: {j}" for j in self.dump["jobs"]]
        wrong += [f"driver {d['pid']} is {d['phase']}: {d}" for d in self.dump["drivers"]
                  if d["phase"] != "spare" and (d["phase"] != "ready" or not d.get("context"))]
        return wrong

    def states(self):
        """What clients were told is so."""
        world, wrong = self.world, []
        lost = {job for job in world.jobs if job not in self.jobs and job not in self.final}
        wrong += [f"job {job} was acknowledged and is not there" for job in sorted(lost)]
        for job, row in self.jobs.items():
            state, told = row["state"], world.jobs.get(job, {}).get("state")
            if told and told != state:
                wrong.append(f"job {job} is {state}, its client was told {told}")
            if self.final.get(job, state) != state:
                wrong.append(f"job {job} is {state}, it was {self.final[job]}")
            if job not in self.final:           # else the faults of this round are not those that struck it
                wrong += self.reason(job, row)
        return wrong

    def reason(self, job, row):
        """An end other than FINISHED has a reason: what was asked for, or what a fault has done."""
        world, context = self.world, self.all_contexts[row["context_id"]]
        over = context["final"] or context["restarts"]
        loose = any(action in LOOSE for _, action in world.struck)
        if row["state"] == "ERROR" and row["class"] != world.classes["throw"][0] and not over and not loose:
            return [f"job {job} is ERROR, though nothing has struck its driver: {row['data'][:300]}"]
        if row["state"] == "ERROR" and "was lost by its driver" in row["data"]:
            return [f"job {job} was lost: {row['data'][:300]}"]
        if row["state"] == "KILLED" and job not in world.killed and not context["final"]:
            return [f"job {job} is KILLED, though nobody has asked for it"]
        return []

    def runs(self):
        """A job runs once; again only in another driver of a supervised context, after the one before has died."""
        wrong = []
        for job, row in self.jobs.items() if not self.world.spark else ():
            runs = self.begun.get(job, [])
            supervised = self.all_contexts[row["context_id"]]["supervise"]
            if len(runs) > 1 and not supervised:
                wrong.append(f"job {job} has run {len(runs)} times: {runs}")
            if any(alive(pid) for pid, _ in runs[:-1]) or len({pid for pid, _ in runs}) != len(runs):
                wrong.append(f"job {job} runs again though its driver lives: {runs}")
            if row["state"] == "FINISHED" and (not runs or "FINISHED" not in runs[-1][1]):
                wrong.append(f"job {job} is FINISHED, its runs are {runs}")
            if row["state"] == "KILLED" and runs and runs[-1][1] == ["FINISHED"] and job not in self.world.killed \
                    and not self.all_contexts[row["context_id"]]["final"]:
                wrong.append(f"job {job} is KILLED, its runs are {runs}")
        wrong += [f"job {job}, which nobody was told of, has run twice: {runs}" for job, runs in self.begun.items()
                  if job not in self.jobs and job not in self.final and len({pid for pid, _ in runs}) != len(runs)]
        return wrong

    def contexts(self):
        """Who is alive has one driver; one that was left alone, and whose driver did not die, still runs."""
        world, wrong = self.world, []
        memory = {c["name"]: c for c in self.dump["contexts"]}
        if {(c["id"], c["state"]) for c in memory.values()} != {(r["id"], r["state"]) for r in self.alive.values()}:
            wrong.append(f"contexts in memory: {memory}, in the database: {[tuple(r) for r in self.alive.values()]}")
        if sum(not r["final"] for r in self.all_contexts.values()) != len(self.alive):
            wrong.append("two contexts of one name are alive")
        loose = any(action in LOOSE for _, action in world.struck)
        for name, (context, pid) in world.running.items():
            row = self.all_contexts.get(context)
            if row is None:
                wrong.append(f"context {name} {context} is not there")
            elif row["final"] and name not in world.touched and not loose and (row["supervise"] or pid not in world.dead):
                wrong.append(f"context {name} {context} is {row['state']}, {row['reason']}, though nothing has struck it")
        return wrong

    def binaries(self):
        world, wrong = self.world, []
        for name, may in world.binaries.items():
            is_now = self.stored.get(name, [None])[-1]
            if is_now not in may:
                wrong.append(f"binary {name} is {is_now}, its clients were told {may}")
        for sha256 in {s for versions in self.stored.values() for s in versions}:
            path = f"{self.server.dir}/data/binaries/{sha256}.jar"
            try:
                with open(path, "rb") as f:
                    if hashlib.sha256(f.read()).hexdigest() != sha256:
                        wrong.append(f"{path} is damaged")
            except OSError as err:
                wrong.append(str(err))
        return wrong

    def processes(self):
        server, wrong = self.server, []
        drivers = set(server.drivers())
        known = {d["pid"] for d in self.dump["drivers"]}
        if drivers != known:
            wrong.append(f"drivers {sorted(drivers)} are there, the launcher has {sorted(known)}")
        for name, pid in ("launcher", server.launcher.pid), ("nginx", server.nginx.pid):
            wrong += [f"{name} has a zombie: {child}" for child in children(pid) if not alive(child)]
        if len(server.worker_pids()) != server.workers:
            wrong.append(f"nginx has {server.worker_pids()}")
        wrong += self.descriptors(server.launcher.pid)
        for pid in server.worker_pids():
            wrong += [f"worker {pid} keeps {link}" for link in links(pid) if "memfd:" in link or "client_body" in link]
        return wrong

    def descriptors(self, pid):
        """Of the launcher: one for each peer and each driver, and its own few files."""
        found = collections.Counter(kind(link) for link in links(pid))
        wanted = {"socket": self.sockets + len(self.dump["connections"]), "pidfd": len(self.dump["drivers"])}
        wrong = [f"the launcher has {found[name]} of {name}, not {n}: {found}" for name, n in wanted.items() if found[name] != n]
        return wrong + [f"the launcher keeps {link}" for link in links(pid) if "(deleted)" in link or "memfd:" in link]

    def files(self):
        """What nothing in the database tells of; after a call that failed some wait for the next start of the launcher."""
        data, wrong = self.server.dir + "/data", []
        wrong += glob.glob(f"{data}/tmp/*")
        spares = {d["id"] for d in self.dump["drivers"]}        # their folders, or the names that these had before
        if not self.world.untidy:
            wrong += [path for path in glob.glob(f"{data}/contexts/*/*")
                      if os.path.basename(path) in ("in", "out", "tmp", "context.conf")
                      and path.split("/")[-2] not in spares
                      and self.all_contexts.get(path.split("/")[-2], {"final": 1})["final"]]
            wrong += [path for path in glob.glob(f"{data}/contexts/*")
                      if os.path.basename(path) not in {*self.all_contexts, *spares}]
            known = {f"{sha256}.jar" for versions in self.stored.values() for sha256 in versions}
            wrong += [path for path in glob.glob(f"{data}/binaries/*") if os.path.basename(path) not in known]
            known = self.results | {f"{job}.config" for job in self.configs}
            wrong += [path for path in glob.glob(f"{data}/results/*/*") if os.path.basename(path) not in known]
        return [f"file left: {path}" for path in wrong]

    def api(self):
        """All workers say what the database says."""
        wrong, seen = [], set()
        workers = set(map(str, self.server.worker_pids()))
        wanted = sorted(self.jobs.values(), key=lambda row: row["seq"])[-40:]
        for _ in range(60):
            if seen == workers:
                break
            client = self.world.new_client()
            status, answer = client.ask("GET", "/contexts")
            if status is not None and client.worker not in seen:
                seen.add(client.worker)
                if sorted(answer) != sorted(self.alive):
                    wrong.append(f"worker {client.worker}: contexts {answer}, database {sorted(self.alive)}")
                names = client.ask("GET", "/binaries")[1]
                if sorted(names) != sorted(self.stored):
                    wrong.append(f"worker {client.worker}: binaries {sorted(names)}, database {sorted(self.stored)}")
                listed = {job["jobId"]: job["status"] for job in client.ask("GET", "/jobs?limit=200")[1]}
                wrong += [f"worker {client.worker}: job {row['id']} is {listed.get(row['id'])}, database {row['state']}"
                          for row in wanted if listed.get(row["id"]) != row["state"]]
            client.close()
        if seen != workers:
            wrong.append(f"workers {workers - seen} do not answer")
        return wrong


def links(pid):
    """What the descriptors of a process are."""
    found = []
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            found.append(os.readlink(path))
        except OSError:
            continue
    return found


def kind(link):
    return "socket" if link.startswith("socket:") else "pidfd" if "pidfd" in link else "other"
