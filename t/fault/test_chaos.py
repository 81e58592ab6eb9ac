"""Whatever is killed and whenever: each job comes to its end, none is lost, and nothing is left of it."""

import contextlib
import json
import os
import random
import time
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server, wait_until

SECONDS = 6


class Chaos:
    """Jobs in two contexts: `kept` is supervised and loses drivers, `plain` is not and keeps its one; the launcher dies all
    the time."""

    def __init__(self, server, seed):
        self.server, self.random = server, random.Random(seed)
        self.jobs, self.killed, self.next = set(), set(), 0
        self.channel = Channel(server.socket)
        for name, supervise in ("kept", "true"), ("plain", "false"):
            self.channel.create(name, settings={"supervise": supervise, "max-jobs-per-context": "2"})

    def submit(self):
        job = str(uuid.uuid4())
        body = {"ms": self.random.randrange(300), "pad": "x" * self.random.choice([0, 0, 100000])}
        try:
            self.channel.submit(self.random.choice(["sleep", "echo", "progress"]), json.dumps({**body, "tasks": 3}).encode(),
                                self.random.choice(["kept", "plain"]), id=job, early=True, again=True,
                                user=self.random.choice("uvw"))
            self.jobs.add(job)
        except Refused as why:
            assert why.code == "queue-full", why

    def kill_job(self):
        if self.jobs:
            job = self.random.choice(sorted(self.jobs))
            self.killed.add(job)
            self.channel.send("job-kill", {"id": job})

    def kill_driver(self):
        """Not so often that restarts have long pauses."""
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 1.1
        contexts = json.loads(self.channel.ask("dump")[1])["contexts"]
        for pid in [context["driver"] for context in contexts if context["name"] == "kept" and context["driver"]]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)

    def kill_launcher(self):
        self.channel.close()
        self.server.launcher.kill()
        self.server.launcher.wait()
        os.unlink(self.server.socket)
        self.server.start_launcher()
        self.channel = Channel(self.server.socket)

    def run(self):
        end = time.monotonic() + SECONDS
        acts = [self.submit] * 12 + [self.kill_job] * 2 + [self.kill_driver, self.kill_launcher]
        while time.monotonic() < end or len(self.jobs) <= 20:
            self.random.choice(acts)()

    def states(self):
        return {job: self.channel.job(job)[0]["state"] for job in self.jobs}


@pytest.mark.parametrize("seed", range(2))
def test_no_job_is_lost(seed):
    limits = {"max_queued_jobs": 50, "supervise": {"restarts": 1000, "period": 1}}
    with Server(scripted=True, start=False, launcher=limits) as s:
        s.start_launcher()
        chaos = Chaos(s, seed)
        chaos.run()
        wait_until("all have ended", lambda: set(chaos.states().values()) <= {"FINISHED", "ERROR", "KILLED"}, 60, 0.5)
        wrong = {job: state for job, state in chaos.states().items()
                 if state != "FINISHED" and not (state == "KILLED" and job in chaos.killed)}
        assert not wrong, [chaos.channel.job(job) for job in wrong]
        # a driver may have been killed when its jobs were over
        wait_until("both contexts are at rest", lambda: [
            (c["state"], c["slotsTaken"], c["waiting"]) for c in json.loads(chaos.channel.ask("dump")[1])["contexts"]
        ] == [("RUNNING", 0, 0)] * 2)
        chaos.channel.close()
