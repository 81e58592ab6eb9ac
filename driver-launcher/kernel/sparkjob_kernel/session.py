# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A session of the server: one of our own, or a context that somebody else has made."""

import threading
import time
import urllib.parse

from sparkjob_kernel.server import ServerError

# a statement is asked for so often, or for so long, before its events are followed: most end before that
_FIRST = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.1)
_SOON = sum(_FIRST)
_LATER = 0.5
_STARTING = ("not_started", "starting", "recovering")
_OVER = ("shutting_down", "error", "dead", "killed", "success")
_LOG_LINES = 8


class SessionOver(Exception):
    """There is no such session any more; the message is for users."""


class Session:

    def __init__(self, server, record, own):
        self._server = server
        self.id = record["id"]
        self.name = record.get("name")
        self.own = own
        self.kind = record.get("kind")
        self._path = "/sessions/%d" % self.id
        self._ended = threading.Event()

    @classmethod
    def create(cls, server, config, settings):
        """One of our own, of any language. It ends when nobody has asked about it for `heartbeat` seconds."""
        body = {"kind": "shared", "heartbeatTimeoutInSecond": config.heartbeat, **config.session}
        body["conf"] = {**body.get("conf", {}), **settings}
        if "name" in body["conf"]:
            body["name"] = body["conf"].pop("name")
        session = cls(server, server.livy("POST", "/sessions", body)[0], own=True)
        if body["heartbeatTimeoutInSecond"]:
            session._beat(body["heartbeatTimeoutInSecond"] / 4)
        return session

    @classmethod
    def attach(cls, server, name):
        return cls(server, server.livy("GET", "/sessions/" + urllib.parse.quote(name, safe=""))[0], own=False)

    @property
    def title(self):
        return "%d (%s)" % (self.id, self.name) if self.name else str(self.id)

    def record(self):
        try:
            return self._server.livy("GET", self._path)[0]
        except ServerError as e:
            if e.status == 404:
                raise SessionOver("The session %s is over" % self.title) from e
            raise

    def wait_ready(self, seconds):
        """Until statements can run in it; one of our own that takes longer is ended."""
        end = time.monotonic() + seconds
        pauses = iter(_FIRST)
        while True:
            record = self.record()
            self.name = record.get("name") or self.name
            if record["state"] in _OVER:
                raise SessionOver(self._why(record["state"]))
            if record["state"] not in _STARTING:
                return
            if time.monotonic() > end:
                self.end()
                raise SessionOver("The session %s is still %s after %d seconds" % (self.title, record["state"], seconds))
            time.sleep(next(pauses, _LATER))

    def run(self, kind, code, progress):
        """The output of a statement, None if it was cancelled. progress is told the counts of its Spark work."""
        statement, job = self.submit(kind, code)
        try:
            return self._wait(statement, job, progress)
        except KeyboardInterrupt:
            self._server.livy("POST", "%s/statements/%d/cancel" % (self._path, statement["id"]), {})
            return self._wait(statement, job, progress)

    def submit(self, kind, code):
        """(statement, id of its job)"""
        statement, headers = self._ask("POST", "/statements", {"code": code, "kind": kind})
        return statement, headers.get("Sparkjob-Job")

    def complete(self, kind, code, cursor):
        return self._ask("POST", "/completion", {"code": code, "kind": kind, "cursor": cursor})[0]["candidates"]

    def add(self, names):
        """Adds binaries, by name, URI or Maven coordinates, to the context; the names of the files that they are."""
        path = "/contexts/%s/binaries" % urllib.parse.quote(self.name, safe="")
        answer = self._server.jobs("POST", path, {"cp": names})[0]
        while answer.get("status") in ("STARTED", "RUNNING"):
            # the server waits no longer than it is configured to
            try:
                time.sleep(_LATER)
                answer = self._server.jobs("GET", "/jobs/" + answer["jobId"])[0]
            except KeyboardInterrupt:
                self._server.jobs("DELETE", "/jobs/" + answer["jobId"])
                raise
        if answer.get("status", "FINISHED") != "FINISHED":
            raise ServerError(answer["result"]["message"])
        return answer["result"]

    def log(self, lines):
        return self._ask("GET", "/log?size=%d" % lines)[0]["log"]

    def end(self):
        """Ends it, if it is ours."""
        self._ended.set()
        if self.own:
            try:
                self._server.livy("DELETE", self._path)
            except ServerError as e:
                if e.status != 404:
                    raise

    def _ask(self, method, path, body=None):
        """What is refused may be refused because the session is over."""
        try:
            return self._server.livy(method, self._path + path, body)
        except ServerError as e:
            if 400 <= e.status < 500:
                self._check_alive()
            raise

    def _check_alive(self):
        state = self.record()["state"]
        if state in _OVER:
            raise SessionOver(self._why(state))

    def _why(self, state):
        words = "The session %s is over: it is %s" % (self.title, state)
        try:
            log = self._server.livy("GET", "%s/log?size=%d" % (self._path, _LOG_LINES))[0]["log"]
        except ServerError:
            log = []
        return "\n".join([words] + (["The last lines of its log:"] + log if log else []))

    def _wait(self, statement, job, progress):
        pauses = iter(_FIRST)
        end = time.monotonic() + _SOON
        path = "/statements/%d" % statement["id"]
        while True:
            found = self._ask("GET", path)[0]
            if found["state"] == "available":
                if found["output"]["status"] == "error":
                    self._check_alive()
                return found["output"]
            if found["state"] == "cancelled":
                # by us, or with its session
                self._check_alive()
                return None
            pause = next(pauses, None) if time.monotonic() < end else None
            if pause is None:
                self._follow(job, progress)
            time.sleep(pause if pause is not None else 0.01)

    def _follow(self, job, progress):
        """Until the job has ended, or the stream of its events breaks."""
        try:
            for event, data in self._server.events("/jobs/%s/events" % job):
                if event == "progress":
                    progress(data)
                elif event == "job" and data.get("status") in ("FINISHED", "ERROR", "KILLED"):
                    return
        except ServerError:
            time.sleep(_LATER)

    def _beat(self, seconds):
        def beat():
            while not self._ended.wait(seconds):
                try:
                    self.record()
                except SessionOver:
                    return
                except ServerError:
                    pass

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()
