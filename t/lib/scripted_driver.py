#!/usr/bin/env python3
# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A driver without Spark: it speaks the link of docs/protocol.md and runs
"jobs" that do what a test wants to see.  The launcher starts it in place of a
JVM (its configuration's driver.command).

Jobs, by class name; the body is parsed as JSON, nothing reads as {}:

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
    nonsense        the driver breaks the protocol: metadata that is no JSON
    slowvalidate    {"ms": N} in validation, then true
    invalid, validatethrows, notfound, wrongtype, loadfail, badurl, baduri,
    badconfig       fail before they run, each in its own way

Without a class, or without binaries if the body has some, the body's mainClass
and cp are what the launcher has to resolve.

Settings of the context, from the body's spark.context-settings or the query:

    script.start    fail, badurl, baduri, badsetting, badconfig, exit[:code],
                    hang, slow:<ms>, respawn
    script.restart  the same, for all drivers of the context but its first
    script.status   told in link-ready as what it has of its cluster, JSON
    script.stop     hang (ignores SIGTERM, too), slow:<ms>
    script.ui       on: a web interface that tells what it was asked;
                    any URL: what is told of it
    cp              names that the launcher has to resolve, as for a job
    max-jobs-per-context, max-queued-jobs, context-idle-timeout, context-ttl,
    supervise       told in link-ready

A job's "clock" is added to the microseconds of its trace.

    fetch           {"sha256", "type"} or {"data"}: has the launcher send that
                    file, and tells its hash, or what is wrong

    log             {"id", "at", "text", "ms"}: says that it is of a log, then
                    sleeps

With SPARKJOB_START in the environment it is a driver of another host: it has
none of the launcher's files, and what jobs print, and it logs itself, goes over
the link.

With SPARKJOB_SPARE in the environment it waits for link-assign first; the file
SPARKJOB_SPARE_HOW has "fail" (exits), "hang" (never connects) or "refuse" (does
not come when it is assigned) where it shall not.

It has fault points, as the test build of launcher and module has
(SPARKJOB_FAULT_FILE), and writes to the file SPARKJOB_RUN_LOG, if there is one,
a line for each job that it begins to run, and for each that has run:
"<pid> begin|FINISHED|ERROR|KILLED <job id>".
"""

import hashlib
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

if "SPARKJOB_FAULT_FILE" in os.environ:
    from faults import Faults
    FAULTS = Faults(os.environ["SPARKJOB_FAULT_FILE"], create=False)
else:
    FAULTS = None

TYPES = {
    "ping": 3, "pong": 4, "link-hello": 64, "link-context": 65,
    "link-ready": 66, "link-failed": 67, "link-respawn": 68, "link-run": 69,
    "link-started": 70, "link-refused": 71, "link-result": 72, "link-ack": 73,
    "link-kill": 74, "link-stop": 75, "link-stopped": 76, "link-resolve": 77,
    "link-progress": 78, "link-piece": 79,
    "link-assign": 80, "link-fetch": 81, "link-blob": 82, "link-log": 83,
    "link-status": 84, "link-logged": 85,
}
NAMES = {number: name for name, number in TYPES.items()}

HEADER = struct.Struct("!IHHII")
PAYLOAD_MAX = 64 * 1024
RESPAWN_OPTION = "-Dsparkjob.scripted=true"


def log(text):
    print(f"scripted driver {os.getpid()}: {text}", file=sys.stderr, flush=True)


def fault(point):
    """Passes a fault point; returns whether to fail there."""
    return FAULTS is not None and FAULTS.passes(point)


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


class Assigned(Exception):
    pass


def spare_script():
    """What spare drivers shall do wrong, if anything."""
    try:
        with open(os.environ.get("SPARKJOB_SPARE_HOW", "")) as file:
            return file.read()
    except OSError:
        return ""


class Link:
    """The connection to the launcher; it may break and come back.

    Where SPARKJOB_LINK says so it is one over TCP, see driver_link.py.
    """

    def __init__(self, url, pin):
        self.lock = threading.RLock()
        self.sock = None
        self.url, self.pin = url, pin
        self.remote = url is not None
        self.pieces = b""

    def connect(self, hello):
        """Under the lock up to the hello, which no job's frame may precede."""
        sock = self.open()
        with self.lock:
            self.sock = sock
            self.pieces = b""
            hello()

    def open(self):
        if self.remote:
            import driver_link
            return driver_link.connect(self.url, self.pin)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(os.environ["SPARKJOB_SOCKET"])
        return sock

    def close(self):
        with self.lock:
            if self.sock is not None:
                self.sock.close()
            self.sock = None

    def cut(self):
        """Breaks the connection; the thread that reads makes another one."""
        with self.lock:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)

    def send(self, name, meta=None, payload=b"", stream=0):
        """A broken link loses the frame: what matters is sent again."""
        self.send_raw(name, json.dumps(meta).encode() if meta else b"",
                      payload, stream)

    def send_large(self, name, meta, payload):
        """Sends it in pieces, which nothing comes between."""
        with self.lock:
            for at in range(0, len(payload), PAYLOAD_MAX):
                self.send("link-piece", payload=payload[at:at + PAYLOAD_MAX])
            self.send(name, dict(meta, spooled=len(payload)))

    def send_raw(self, name, raw, payload=b"", stream=0):
        """Sends metadata as it is, which may be no JSON."""
        head = HEADER.pack(len(raw) + len(payload), TYPES[name], 0, stream,
                           len(raw))
        with self.lock:
            if self.sock is None:
                return
            try:
                self.sock.sendall(head + raw + payload)
            except OSError as err:
                log(f"cannot send {name}: {err}")

    def read(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except OSError:
                more = b""
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        while True:
            frame = self.receive_frame()
            if frame[0] != "link-piece":
                return frame
            self.pieces += frame[3]

    def receive_frame(self):
        length, number, _, stream, meta = HEADER.unpack(self.read(HEADER.size))
        raw, payload = self.read(meta), self.read(length - meta)
        meta = json.loads(raw) if raw else {}
        if NAMES.get(number) == "link-run":
            if fault("run.driver-takes"):
                raise EOFError
        if "spooled" in meta:
            payload, self.pieces = self.pieces, b""
            if len(payload) != meta["spooled"]:
                raise EOFError
        if "file" in meta:
            with open(meta["file"], "rb") as file:
                payload = file.read()
            os.unlink(meta["file"])
        return NAMES.get(number, str(number)), stream, meta, payload


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
        if meta.get("trace"):
            self.mark(0)

    def mark(self, place):
        self.times[place] = int(time.monotonic() * 1e6)

    def incomplete(self):
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
            payload = json.dumps(JOBS[self.cls](self, config)).encode()
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


def job_fetch(job, config):
    driver = job.driver
    key = str(uuid.uuid4())
    answered = driver.blobs[key] = [threading.Event()]
    driver.link.send("link-fetch", {"key": key, **config})
    while not answered[0].wait(0.05):
        job.pause(0)
    meta, payload = answered[1]
    return meta.get("error") or hashlib.sha256(payload).hexdigest()


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


JOBS = {
    "noop": lambda job, config: True,
    "echo": lambda job, config: job.body.decode(),
    "value": lambda job, config: config.get("value"),
    "cp": lambda job, config: [binary.get("name") or binary["uri"]
                               for binary in job.cp + job.dependent],
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


class Ui(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; its redirects and headers are what those of a web interface may be."""

    HOSTILE = {"Set-Cookie": "a=b; Path=/", "Access-Control-Allow-Origin": "*", "Clear-Site-Data": '"*"',
               "Service-Worker-Allowed": "/", "X-Accel-Redirect": "/jobs", "WWW-Authenticate": "Basic realm=x",
               "Content-Security-Policy": "default-src *"}

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"method": self.command, "path": self.path,
                           "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        path = self.path.split("?")[0]
        self.send_response({"/": 302, "/local": 302, "/fails": 500}.get(path, 200))
        if path == "/":
            self.send_header("Location", f"http://{self.headers['Host']}/jobs/")
        if path == "/local":
            self.send_header("Location", "/stages/")
        for name, value in self.HOSTILE.items() if path == "/hostile" else ():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass

    @classmethod
    def url(cls, how):
        """What is told of the interface, which is made if there is to be one."""
        if how != "on":
            return how or "http://127.0.0.1:4040"
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), cls)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{server.server_port}"


class Driver:
    def __init__(self):
        self.start = None
        if "SPARKJOB_START" in os.environ:
            self.start = json.loads(os.environ["SPARKJOB_START"])
            self.id, self.secret = self.start["context"], self.start["secret"]
            self.link = Link(self.start["link"], self.start.get("pin"))
            self.generation = self.start["generation"]
        else:
            self.id = os.environ["SPARKJOB_CONTEXT"]
            self.secret = sys.stdin.readline().strip()
            self.link = Link(os.environ.get("SPARKJOB_LINK"),
                             sys.stdin.readline().strip() or None)
            self.generation = int(os.environ.get("SPARKJOB_GENERATION", 0))
        self.instance = str(uuid.uuid4())
        self.blobs = {}
        self.logs = {}          # by id: all bytes, and how many are kept
        self.flood = []         # what was told of pieces, in this order
        self.jobs = {}
        self.token = None
        self.spare = "SPARKJOB_SPARE" in os.environ
        self.established = False
        self.ready = None
        self.settings = {}
        self.name = None
        self.work = "."
        self.files = 0
        self.lock = threading.Lock()
        self.deaf = threading.Event()
        self.resolved = threading.Event()

    def post(self, job_id, name, meta, payload):
        """Sends a frame; a payload too large for one goes by file or pieces."""
        if len(payload) > PAYLOAD_MAX and self.link.remote:
            self.link.send_large(name, meta, payload)
            return
        if len(payload) > PAYLOAD_MAX:
            with self.lock:
                self.files += 1
                path = os.path.join(self.work, f"{job_id}.{self.files}")
            with open(path, "wb") as file:
                file.write(payload)
            meta, payload = dict(meta, file=path), b""
        self.link.send(name, meta, payload)

    def hello(self):
        meta = {"protocol": 1, "context": self.id,
                "pid": os.getpid(),
                "jobs": [job.id for job in self.jobs.values()
                         if not job.acknowledged],
                "instance": self.instance}
        if self.generation:
            meta["generation"] = self.generation
        if self.start is not None:
            meta["submission"] = os.path.basename(os.getcwd())
        if self.token is None:
            meta["secret"] = self.secret
        else:
            meta["token"] = self.token
        self.link.send("link-hello", meta)

    def print(self, log_id, text):
        """What belongs to a log, for the launcher to keep."""
        with self.link.lock:
            log = self.logs.setdefault(log_id, [b"", 0])
            log[0] += text
            self.send_log(log_id, len(log[0]) - len(text))

    def send_log(self, log_id, at):
        text = self.logs[log_id][0]
        for at in range(at, len(text), PAYLOAD_MAX):
            self.link.send("link-log", {"id": log_id, "at": at},
                           text[at:at + PAYLOAD_MAX])

    def on_logged(self, _, meta, __):
        self.logs[meta["id"]][1] = meta["size"]
        self.flood.append((meta["at"], meta["size"]))

    def on_blob(self, _, meta, payload):
        answered = self.blobs[meta["key"]]
        answered.append((meta, payload))
        answered[0].set()

    def on_context(self, _, meta, body):
        fault("create.driver-context")
        self.token = meta["token"]
        self.established = True
        for log_id, (_, kept) in self.logs.items():
            self.send_log(log_id, kept)
        if self.name is not None:
            log("came back")
            if self.ready:
                self.link.send("link-ready", self.ready)
            for job in list(self.jobs.values()):
                if not job.acknowledged:
                    job.tell_again()
            return
        self.name, self.work = meta["name"], meta.get("work", os.getcwd())
        if self.start is not None:
            os.makedirs("tmp", exist_ok=True)
            self.print(self.id, f"driver {os.getpid()} begins\n".encode())
        self.context = {key: meta[key] for key in meta if key != "token"}
        threading.Thread(target=self.make, args=(meta, body),
                         daemon=True).start()

    def make(self, meta, body):
        self.settings = flatten(meta.get("settings") or {})
        self.settings.update(flatten(meta.get("query") or {}))
        try:
            posted = flatten(parse(body))
        except ValueError as err:
            # only an ad-hoc context has a body that belongs to a job
            if not meta.get("adhoc"):
                self.fail("bad-config", str(err))
            posted = {}
        prefix = "spark.context-settings."
        self.settings.update({key[len(prefix):]: value
                              for key, value in posted.items()
                              if key.startswith(prefix)})

        cluster = self.settings.get("cluster") or None
        library = self.settings.get("library-set") or None
        if cluster != meta.get("cluster") or library not in (
                None, meta.get("library")):
            wanted = {"options": [], "cluster": cluster or ""}
            if library:
                wanted["library"] = library
            self.link.send("link-respawn", wanted)
            os._exit(0)

        began = os.path.join(self.work, "tmp", "began")
        script = "script.restart" if os.path.exists(began) else "script.start"
        open(began, "w").close()

        how, _, value = self.settings.get(script, "").partition(":")
        if how == "fail":
            self.fail("context-init-failed", self.name,
                      error("the context does not start",
                            "org.apache.spark.SparkException"))
        if how == "badurl":
            self.fail("context-bad-url", self.name,
                      error("unknown protocol: x",
                            "java.net.MalformedURLException"))
        if how == "baduri":
            self.fail("bad-uri", "http://127.0.0.1/x.jar",
                      error("http://127.0.0.1/x.jar may not be fetched",
                            "java.io.IOException"))
        if how == "badsetting":
            self.fail("bad-setting", self.name,
                      error("supervise must be true or false: maybe",
                            "sparkjob.driver.BadSettingException"))
        if how == "badconfig":
            self.fail("bad-config", "expected a value at line 1")
        if how == "exit":
            log("dies before its context runs")
            os._exit(int(value or 3))
        if how == "hang":
            return
        if how == "slow":
            time.sleep(int(value) / 1000)
        if how == "respawn" and RESPAWN_OPTION not in meta.get("options", []):
            self.link.send("link-respawn", {"options": [RESPAWN_OPTION]})
            os._exit(0)
        if "cp" in self.settings:
            cp = self.settings["cp"]
            self.link.send("link-resolve", {
                "id": self.id, "class": "",
                "cp": cp.split(",") if isinstance(cp, str) else cp})
            self.resolved.wait()
        if fault("create.driver-ready"):
            self.fail("context-init-failed", self.name, error("a fault"))
        self.ready = {
            "applicationId": "scripted-" + self.id[:8],
            "url": Ui.url(self.settings.get("script.ui")),
            "sparkVersion": "none",
            "scalaVersion": "none",
            "master": self.settings.get("spark.master", "local[*]"),
            "maxJobs": int(self.settings.get("max-jobs-per-context",
                                             meta.get("maxJobs", 8))),
            "maxQueued": int(self.settings.get("max-queued-jobs", -1)),
            "idleTimeout": int(self.settings.get("context-idle-timeout", 0)),
            "ttl": int(self.settings.get("context-ttl", 0)),
            "supervise": str(self.settings.get("supervise")).lower() == "true"}
        if "script.status" in self.settings:
            self.ready["status"] = json.loads(self.settings["script.status"])
        self.link.send("link-ready", self.ready)

    def fail(self, code, name, payload=b""):
        self.link.send("link-failed", {"code": code, "name": name}, payload)
        os._exit(1)

    def on_assign(self, _, meta, __):
        """This was a spare driver: it comes again, as that context's."""
        fault("create.driver-assigned")
        if spare_script() == "refuse":
            time.sleep(3600)
        self.id, self.secret = meta["context"], meta["secret"]
        self.generation = meta.get("generation", 0)
        self.spare = False
        os.environ["PWD"] = meta["work"]
        raise Assigned

    def on_run(self, _, meta, body):
        if meta["id"] == self.id:
            self.context["cp"] = meta["cp"]
            self.resolved.set()
            return
        job = self.jobs.get(meta["id"])
        if job is not None and job.incomplete() and meta["class"]:
            job.take(meta)
            job.resolved.set()
            return
        if job is not None:
            job.tell_again()
            return
        job = self.jobs[meta["id"]] = Job(self, meta, body)
        job.thread = threading.Thread(target=job.run, daemon=True)
        job.thread.start()

    def on_ack(self, _, meta, __):
        fault("result.driver-acked")
        self.jobs[meta["id"]].acknowledged = True

    def on_kill(self, _, meta, __):
        fault("kill.driver")
        if meta["id"] in self.jobs:
            self.jobs[meta["id"]].killed.set()

    def on_stop(self, _, __, ___):
        threading.Thread(target=self.stop, daemon=True).start()

    def stop(self):
        how, _, value = self.settings.get("script.stop", "").partition(":")
        if how == "hang":
            return
        if how == "slow":
            time.sleep(int(value) / 1000)
        for job in list(self.jobs.values()):
            job.killed.set()
        for job in list(self.jobs.values()):
            if job.cls != "hang":
                job.thread.join(1)
        fault("delete.driver-stops")
        self.link.send("link-stopped")
        fault("delete.driver-stopped")
        os._exit(0)

    def on_ping(self, stream, _, __):
        self.link.send("pong", stream=stream)

    HANDLERS = {
        "link-context": on_context, "link-run": on_run, "link-ack": on_ack,
        "link-kill": on_kill, "link-stop": on_stop, "ping": on_ping,
        "pong": lambda *_: None, "link-assign": on_assign,
        "link-blob": on_blob, "link-logged": on_logged,
    }

    def serve(self):
        while True:
            name, stream, meta, payload = self.link.receive()
            while self.deaf.is_set():
                time.sleep(60)
            handler = self.HANDLERS.get(name)
            if handler is None:
                log(f"the launcher may not send {name}")
                os._exit(2)
            handler(self, stream, meta, payload)

    def on_sigterm(self, *_):
        if self.settings.get("script.stop") != "hang":
            os._exit(128 + signal.SIGTERM)

    def run(self):
        signal.signal(signal.SIGTERM, self.on_sigterm)
        if self.spare:
            how = spare_script()
            if how == "fail":
                log("is no good spare")
                os._exit(1)
            if how == "hang":
                time.sleep(3600)
        patience = float(os.environ.get("SPARKJOB_ORPHAN_TIMEOUT", 60))
        if self.start is not None:
            patience = self.start["orphanTimeout"]
        seen, delay = time.monotonic(), 0.1
        while True:
            try:
                self.link.connect(self.hello)
                self.serve()
            except Assigned:
                self.link.close()
                continue
            except EOFError:
                log("the link is broken")
            except OSError as err:
                log(f"no launcher: {err}")
            self.link.close()
            if self.spare:
                log("is a spare without launcher")
                os._exit(0)
            if self.established:
                self.established = False
                seen, delay = time.monotonic(), 0.1
            if time.monotonic() - seen > (patience if self.token
                                          else min(patience, 30)):
                log("gives up")
                os._exit(1)
            time.sleep(delay)
            delay = min(delay * 2, 2)


if __name__ == "__main__":
    Driver().run()
