# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Jobs of t/lib/scripted_driver.py, and what they do, by class name; the body is
parsed as JSON, nothing reads as {}:

    noop            true
    echo            the posted text, as a JSON string; never parsed
    value           member "value" of the body, whatever it is
    cp              names and URIs of the class path, dependent ones last
    user            who the request acts for
    pid             process id of this driver
    runs            how many jobs this driver has begun
    context         the metadata of link-context, without the token
    environ         the environment of this driver
    sleep           {"ms": N}; can be killed
    big             {"bytes": N}: a string of N characters
    print           {"text": ...} goes to the job's log
    progress        {"tasks": N, "ms": N}: tells of each task, then sleeps
    status          tells the body as what the context has of its cluster
    throw           throws {"message": ...}
    exit            {"code": N}: the process ends in the middle of the job
    hang            ends never, not even when killed
    deaf            the driver reads nothing any longer
    flood           {"what": "progress" or "strays", "seconds": N}: says so
                    without a pause
    spawn           starts a process in a session of its own; its number
    fetch           {"sha256", "type"} or {"data"}: has the launcher send that
                    file, and tells its hash, or what is wrong
    log             {"id", "at", "text", "ms"}: says that it is of a log, then
                    sleeps
    pieces          {"pieces": N}: so many of its log, of one byte, as fast as can
                    be; the places of those that were not kept
    nonsense        the driver breaks the protocol: metadata that is no JSON
    slowvalidate    {"ms": N} in validation, then true
    invalid, validatethrows, notfound, wrongtype, loadfail, badurl, baduri,
    badconfig       fail before they run, each in its own way

Without a class, or without binaries if the body has some, the body's mainClass
and cp are what the launcher has to resolve.

A job's "clock" is added to the microseconds of its trace.
"""

import hashlib
import json
import os
import subprocess
import threading
import time
import uuid

import scripted_interpreter
from scripted_link import fault, log


def note(event, job_id):
    """Of jobs that have begun and ended, whoever is killed afterwards."""
    path = os.environ.get("SPARKJOB_RUN_LOG")
    if path:
        with open(path, "a") as file:
            file.write(f"{os.getpid()} {event} {job_id}\n")


def now():
    return int(time.time() * 1000)


def error(message, error_class="java.lang.RuntimeException"):
    return json.dumps({
        "message": message,
        "errorClass": error_class,
        "stack": f"{error_class}: {message}\n\tat scripted.Job.run(Job.scala:1)",
    }).encode()


def nest(value):
    """{"a.b": 1} -> {"a": {"b": 1}}, as HOCON does."""
    if not isinstance(value, dict):
        return value
    out = {}
    for key, inner in value.items():
        at = out
        *path, last = key.split(".")
        for part in path:
            at = at.setdefault(part, {})
        inner = nest(inner)
        if isinstance(inner, dict) and isinstance(at.get(last), dict):
            at[last].update(inner)
        else:
            at[last] = inner
    return out


def flatten(value, prefix=""):
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    out = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            out.update(flatten(inner, prefix + key + "."))
        else:
            out[prefix + key] = inner
    return out


def parse(body):
    config = json.loads(body) if body.strip() else {}
    if not isinstance(config, dict):
        raise ValueError("the configuration is not an object")
    return nest(config)


class Refused(Exception):
    """The job ends before it runs."""

    def __init__(self, code, name, payload=b""):
        super().__init__(code)
        self.code, self.name, self.payload = code, name, payload


class Killed(Exception):
    pass


class InFile(bytes):
    """A result that is no JSON, and goes by file however small it is."""


class Job:
    def __init__(self, driver, meta, body):
        self.driver = driver
        self.id = meta["id"]
        self.body = body
        self.times = {}
        self.take(meta)
        self.killed = threading.Event()
        self.resolved = threading.Event()
        self.told = []          # frames, in order, for a second telling
        self.acknowledged = False

    def take(self, meta):
        self.cls = meta["class"]
        self.cp = meta.get("cp", [])
        self.dependent = meta.get("dependent", [])
        self.user = meta.get("user")
        self.statement = meta.get("statement")
        if meta.get("trace"):
            self.mark(0)

    def mark(self, place):
        self.times[place] = int(time.monotonic() * 1e6)

    def incomplete(self):
        if self.statement is not None:
            return False
        return not self.cls or (not self.cp and b'"cp"' in self.body)

    def resolve(self):
        """The body names class and binaries: the launcher knows these.

        Returns whether it has told them.
        """
        try:
            config = parse(self.body)
        except ValueError as err:
            raise Refused("bad-config", str(err)) from None
        cls = self.cls or config.get("mainClass")
        cp = [binary.get("name") or binary["uri"] for binary in self.cp]
        cp = cp or config.get("cp", [])
        if not cls:
            raise Refused("bad-config", "mainClass parameter is missing!")
        self.tell("link-resolve", {"class": cls, "cp": cp})
        while not self.resolved.wait(0.05):
            if self.killed.is_set():
                raise Killed
            if self.acknowledged:
                return False
        return True

    def tell(self, name, meta, payload=b""):
        meta = dict(meta, id=self.id)
        self.told.append((name, meta, payload))
        self.driver.post(self.id, name, meta, payload)

    def tell_again(self):
        for frame in self.told:
            self.driver.post(self.id, *frame)

    def pause(self, milliseconds):
        if self.killed.wait(milliseconds / 1000):
            raise Killed

    def run(self):
        start, began, config = now(), 0, {}
        traced = 0 in self.times
        self.mark(1)
        state, payload = "FINISHED", b""
        try:
            if self.incomplete() and not self.resolve():
                return
            config = self.load()
            if fault("run.driver-loads"):
                raise Refused("loading-failed", self.cls)
            self.tell("link-started", {},
                      (json.dumps(config, indent=4) + "\n").encode())
            start, began = now(), time.monotonic()
            self.mark(2)
            note("begin", self.id)
            if fault("run.driver-runs"):
                raise RuntimeError("a fault in the job")
            if self.statement is not None:
                payload = scripted_interpreter.run(self)
            else:
                payload = JOBS[self.cls](self, config)
                if not isinstance(payload, InFile):
                    payload = json.dumps(payload).encode()
        except Refused as why:
            self.tell("link-refused", {"code": why.code, "name": why.name},
                      why.payload)
            return
        except Killed:
            state = "KILLED"
            payload = error(
                f"Job {self.id} killed",
                "spark.jobserver.JobManagerActor$JobKilledException")
        except Exception as err:
            state = "ERROR"
            payload = error(err.args[0] if err.args else None)

        self.mark(3)
        if began:
            note(state, self.id)
        if fault("result.driver-tells"):
            self.driver.link.cut()
        self.mark(4)
        trace = [self.times.get(place, 0) + config.get("clock", 0)
                 for place in range(5)]
        self.tell("link-result", {
            **({"trace": trace} if traced else {}), "state": state, "start": start, "end": now(),
            "runMicros": began and max(1, int((time.monotonic() - began) * 1e6)),
            "size": len(payload)}, payload)
        fault("result.driver-told")

    def load(self):
        """What happens before link-started: class, configuration, validation."""
        if self.statement is not None:
            return {}
        if self.cls in REFUSALS:
            code, name, payload = REFUSALS[self.cls]
            raise Refused(code, name or self.cls, payload)
        if self.cls not in JOBS:
            raise Refused("class-not-found", self.cls)
        try:
            config = parse(self.body)
        except ValueError as err:
            if self.cls != "echo":
                raise Refused("bad-config", str(err)) from None
            config = {}
        if self.cls.startswith("sparkjob.sql") and config.get("query", "").startswith("SELEC "):
            raise Refused("validation-failed", self.cls, error(
                "Syntax error at or near 'SELEC'", "org.apache.spark.sql.catalyst.parser.ParseException"))
        if self.cls == "validatethrows":
            raise RuntimeError("validation threw")
        if self.cls == "slowvalidate":
            self.pause(config["ms"])
        return config


def job_sleep(job, config):
    job.pause(config["ms"])
    return True


def job_throw(_, config):
    raise RuntimeError(config.get("message", "thrown by the job"))


def job_exit(_, config):
    log(f"exits with {config['code']} in the middle of a job")
    os._exit(config["code"])


def job_hang(_, __):
    while True:
        time.sleep(3600)


def job_print(job, config):
    if job.driver.start is not None:
        job.driver.print(job.id, config.get("text", "printed").encode())
        return
    with open(f"{job.driver.work}/logs/{job.id}.log", "w") as file:
        file.write(config.get("text", "printed"))


def job_log(job, config):
    job.driver.logs.setdefault(config["id"], [b"", 0])
    job.driver.link.send("link-log", {"id": config["id"], "at": config["at"]},
                         config["text"].encode())
    job.pause(config.get("ms", 0))
    return True


def job_pieces(job, config):
    """Pieces of its log, faster than they can be kept; the places of those that were not."""
    driver, number = job.driver, config["pieces"]
    driver.logs[job.id] = [b"x" * number, 0]
    driver.flood = []
    for at in range(number):
        driver.link.send("link-log", {"id": job.id, "at": at}, b"x")
    while len(driver.flood) < number:
        job.pause(0.05)
    return [at for at, size in driver.flood if at == size]


def ask(job, message, config):
    """Asks the launcher; the metadata and the payload of its answer."""
    key = str(uuid.uuid4())
    answered = job.driver.blobs[key] = [threading.Event()]
    job.driver.link.send(message, {"key": key, **config})
    while not answered[0].wait(0.05):
        job.pause(0)
    return answered[1]


def job_fetch(job, config):
    meta, payload = ask(job, "link-fetch", config)
    return meta.get("error") or hashlib.sha256(payload).hexdigest()


def job_login(job, config):
    """What the launcher says of a user and a token; null: welcome."""
    return ask(job, "link-login", config)[0].get("error")


def job_progress(job, config):
    for done in range(1, config["tasks"] + 1):
        job.driver.link.send("link-progress", {
            "id": job.id, "stages": 1, "stagesDone": 0,
            "tasks": config["tasks"], "tasksDone": done, "tasksFailed": 0})
    job.pause(config.get("ms", 0))
    return True


def job_status(job, config):
    job.driver.link.send("link-status", {"status": config})
    return True


def job_deaf(job, _):
    job.driver.deaf.set()
    job.pause(3600000)


def job_flood(job, config):
    end = time.monotonic() + config["seconds"]
    n = 0
    while time.monotonic() < end and not job.killed.is_set():
        n += 1
        if config["what"] == "strays":
            job.driver.link.send("link-started", {"id": str(uuid.uuid4())})
        else:
            job.driver.link.send("link-progress", {
                "id": job.id, "stages": 1, "stagesDone": 0, "tasks": 1 << 30,
                "tasksDone": n, "tasksFailed": 0})
    return n


def job_spawn(_, __):
    return subprocess.Popen(["sleep", "3600"], start_new_session=True).pid


def job_nonsense(job, _):
    job.driver.link.send_raw("link-result", b"{nonsense")
    job.pause(60000)


def job_sql(job, config):
    """Says what it was asked; a query may be one of our jobs with its configuration instead."""
    name, _, rest = config["query"].partition(" ")
    if name in JOBS:
        JOBS[name](job, json.loads(rest))
    return [config]


def job_cp(job, _):
    return [binary.get("name") or binary["uri"] for binary in job.cp + job.dependent]


JOBS = {
    "sparkjob.binaries": job_cp,
    "sparkjob.sql": job_sql,
    "sparkjob.sql.csv": lambda job, config: InFile(f"query\n{job_sql(job, config)[0]['query']}\n".encode()),
    "sparkjob.sql.arrow": lambda job, config: InFile(b"\xff\xff\xff\xff\0\0\0\0" * len(job_sql(job, config))),
    "noop": lambda job, config: True,
    "echo": lambda job, config: job.body.decode(),
    "value": lambda job, config: config.get("value"),
    "cp": job_cp,
    "user": lambda job, config: job.user,
    "pid": lambda job, config: os.getpid(),
    "runs": lambda job, config: len(job.driver.jobs),
    "context": lambda job, config: job.driver.context,
    "environ": lambda job, config: dict(os.environ),
    "sleep": job_sleep,
    "big": lambda job, config: "x" * config["bytes"],
    "throw": job_throw,
    "exit": job_exit,
    "hang": job_hang,
    "deaf": job_deaf,
    "flood": job_flood,
    "spawn": job_spawn,
    "nonsense": job_nonsense,
    "print": job_print,
    "fetch": job_fetch,
    "login": job_login,
    "log": job_log,
    "pieces": job_pieces,
    "progress": job_progress,
    "status": job_status,
    "slowvalidate": lambda job, config: True,
    "validatethrows": None,
}

# class: code, what it speaks of (None: the class), error
REFUSALS = {
    "invalid": ("validation-failed", None,
                error("One(SparkJobInvalid(No input.string config param))",
                      "java.lang.Throwable")),
    "notfound": ("class-not-found", None, b""),
    "wrongtype": ("wrong-job-type", None, b""),
    "loadfail": ("loading-failed", None,
                 error("the class does not load",
                       "java.lang.NoClassDefFoundError")),
    "badurl": ("loading-bad-url", None,
               error("unknown protocol: x", "java.net.MalformedURLException")),
    "baduri": ("bad-uri", "http://127.0.0.1/x.jar",
               error("http://127.0.0.1/x.jar may not be fetched",
                     "java.io.IOException")),
    "badconfig": ("bad-config", "expected a value at line 1", b""),
}
