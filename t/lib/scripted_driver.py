#!/usr/bin/env python3
# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A driver without Spark: it speaks the link of docs/protocol.md and runs
"jobs" that do what a test wants to see (scripted_jobs.py).  The launcher starts
it in place of a JVM (its configuration's driver.command).

Statements are run by scripted_interpreter.py.

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

With SPARKJOB_START in the environment it is a driver of another host: it has
none of the launcher's files, and what jobs print, and it logs itself, goes over
the link.  Tokens that it is given become lines of the file "tokens".

With SPARKJOB_SPARE in the environment it waits for link-assign first; the file
SPARKJOB_SPARE_HOW has "fail" (exits), "hang" (never connects) or "refuse" (does
not come when it is assigned) where it shall not.

It has fault points, as the test build of launcher and module has
(SPARKJOB_FAULT_FILE), and writes to the file SPARKJOB_RUN_LOG, if there is one,
a line for each job that it begins to run, and for each that has run:
"<pid> begin|FINISHED|ERROR|KILLED <job id>".
"""

import json
import os
import signal
import sys
import threading
import time
import uuid

import scripted_interpreter
from scripted_jobs import InFile, Job, error, flatten, parse
from scripted_link import PAYLOAD_MAX, Link, fault, log
from scripted_ui import Ui

RESPAWN_OPTION = "-Dsparkjob.scripted=true"


class Assigned(Exception):
    pass


def spare_script():
    """What spare drivers shall do wrong, if anything."""
    try:
        with open(os.environ.get("SPARKJOB_SPARE_HOW", "")) as file:
            return file.read()
    except OSError:
        return ""


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
        large = len(payload) > PAYLOAD_MAX or isinstance(payload, InFile)
        if large and self.link.remote:
            self.link.send_large(name, meta, payload)
            return
        if large:
            with self.lock:
                self.files += 1
                path = os.path.join(self.work, f"{job_id}.{self.files}")
            with open(path, "wb") as file:
                file.write(payload)
            meta, payload = dict(meta, file=path), b""
        self.link.send(name, meta, payload)

    def hello(self):
        known = [job for job in self.jobs.values() if not job.acknowledged]
        meta = {"protocol": 1, "context": self.id,
                "pid": os.getpid(),
                "jobs": [job.id for job in known],
                "statements": [job.id for job in known
                               if job.statement is not None],
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
        if str(self.settings.get("thrift-server")).lower() == "true":
            if "thrift" not in meta:
                self.fail("bad-setting", self.name, error("thrift-server: there are no ports for it"))
            self.ready["status"] = self.thrift(True)
        self.link.send("link-ready", self.ready)

    def thrift(self, on):
        """The status of a driver that has a thrift server, or none; nobody listens there, but by HTTP."""
        if not on:
            return {}
        place = self.context["thrift"]
        if self.settings.get("thrift-server-transport") != "http":
            return {"thriftServer": {"port": place["first"], "sessions": 0}}
        port = Ui.listen(range(place["first"], place["last"] + 1))
        return {"thriftServer": {"port": port, "transport": "http", "sessions": 0}}

    def on_thrift(self, _, meta, __):
        if self.settings.get("script.thrift") == "hang":
            return
        if self.settings.get("script.thrift") == "fail":
            self.link.send("link-thrift-is", {"key": meta["key"], "error": "no port is free"})
        elif meta["on"] and "thrift" not in self.context:
            self.link.send("link-thrift-is", {"key": meta["key"], "error": "thrift-server: there are no ports for it"})
        else:
            self.link.send("link-status", {"status": self.thrift(meta["on"])})
            self.link.send("link-thrift-is", {"key": meta["key"]})

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

    def on_complete(self, _, meta, code):
        answer = scripted_interpreter.complete(meta, code)
        if answer is not None:
            self.link.send("link-completed", {"key": meta["key"]}, answer)

    def on_tokens(self, _, __, payload):
        with open("tokens", "a") as file:
            print(payload.decode(), file=file)

    def on_ping(self, stream, _, __):
        self.link.send("pong", stream=stream)

    HANDLERS = {
        "link-context": on_context, "link-run": on_run, "link-ack": on_ack,
        "link-kill": on_kill, "link-stop": on_stop, "ping": on_ping,
        "pong": lambda *_: None, "link-assign": on_assign,
        "link-blob": on_blob, "link-logged": on_logged,
        "link-complete": on_complete, "link-thrift": on_thrift,
        "link-logged-in": on_blob, "link-tokens": on_tokens,
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
