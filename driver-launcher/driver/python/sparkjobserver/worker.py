# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The process that runs the Python jobs of one set of binary versions. The driver starts it, with

    python -m sparkjobserver.worker

and speaks with it over its standard input and output: lines of JSON, those of the worker followed by as many bytes as
their `size` says. From the driver: `start` (attach to the context), `add` (what all Python of the context finds), `use` (the
binaries of the jobs), `run`, `kill`; the end of the input ends the process. From the worker: `ready` or `failed`; of each job `log` (what it printed), then `valid`, `problems`
or `refused`, and last `result` or `error`, after which nothing of it comes, with the `micros` that its run took.
"""

import ctypes
import faulthandler
import importlib
import json
import os
import sys
import threading
import time
import traceback

from sparkjobserver import output, result
from sparkjobserver.api import JobEnvironment, JobKilled, ValidationProblem
from sparkjobserver.config import Config


class Refused(Exception):
    """The job ends before it runs.

    code: class-not-found, wrong-job-type or loading-failed
    """

    def __init__(self, code, error=None):
        super().__init__(code)
        self.code = code
        self.error = error


class Answers:
    """Messages to the driver.

    Each is written by one call to C, which no exception that is raised in a thread can tear apart. A process that a job
    forks must not speak.
    """

    def __init__(self, out):
        self._out = out
        os.register_at_fork(after_in_child=self._forked)

    def send(self, op, body=b"", **meta):
        meta.update(op=op, size=len(body))
        self._out.write(json.dumps(meta).encode("ascii") + b"\n" + body)
        self._out.flush()

    def _forked(self):
        self._out = open(os.devnull, "wb")


class Job:
    """One run of a job, in a thread of its own."""

    def __init__(self, message, worker):
        self.id = message["id"]
        self.message = message
        self.worker = worker
        self.output = output.JobOutput(lambda data: worker.answers.send("log", data, id=self.id))
        self.thread = threading.Thread(target=self._run, name="job-" + self.id, daemon=True)
        output.set_job(self.thread, self)
        self._lock = threading.Lock()
        self._began = None
        self._killed = False
        self._over = False

    def kill(self):
        """May have to be done again: a job may catch the exception."""
        with self._lock:
            self._killed = True
            if not self._over:
                for ident in output.threads_of(self):
                    _raise_in(ident, JobKilled)

    def _run(self):
        send = self.worker.answers.send
        try:
            outcome = self._attempt()
        except BaseException as e:
            outcome = self._error(e)
        self._seal()
        self.worker.ended(self)
        self.output.flush()
        micros = 0 if self._began is None else max(1, int((time.perf_counter() - self._began) * 1e6))
        send(outcome.pop("op"), outcome.pop("body", b""), id=self.id, micros=micros, **outcome)

    def _seal(self):
        """From here on no exception of a kill comes to this thread."""
        while True:
            try:
                with self._lock:
                    self._over = True
                _raise_in(threading.get_ident(), None)
                return
            except JobKilled:
                pass

    def _attempt(self):
        if self._killed:
            raise JobKilled("killed before it began")
        try:
            job = self._load()
            context = self.worker.context_for(job)
        except Refused as e:
            return dict(error_of(e.error) if e.error else {}, op="refused", code=e.code)
        runtime = JobEnvironment(self.id, self.worker.named_objects, self.worker.context_config, self.worker.data_file)
        data = job.validate(context, runtime, Config(json.loads(self.message["config"])))
        problems = _problems(data)
        if problems:
            return {"op": "problems", "problems": problems}
        self.worker.answers.send("valid", id=self.id)
        self._began = time.perf_counter()
        value = job.run_job(context, runtime, data)
        problems = _problems(value)
        if problems:
            raise ValueError("run_job found problems: " + "; ".join(problems))
        written = result.write(value, self.message["result"])
        return {"op": "result", "body": written} if isinstance(written, bytes) else {"op": "result", "file": written}

    def _load(self):
        module, _, name = self.message["class"].rpartition(".")
        try:
            job = getattr(importlib.import_module(module), name) if module else None
        except ModuleNotFoundError as e:
            if e.name and (module == e.name or module.startswith(e.name + ".")):
                raise Refused("class-not-found") from None
            raise Refused("loading-failed", e) from None
        except AttributeError:
            # of the module itself, whose import is over
            if module in sys.modules and not hasattr(sys.modules[module], name):
                raise Refused("class-not-found") from None
            raise Refused("loading-failed", sys.exc_info()[1]) from None
        except JobKilled:
            raise
        except BaseException as e:
            raise Refused("loading-failed", e) from None
        if job is None:
            raise Refused("class-not-found")
        if not isinstance(job, type) or not all(callable(getattr(job, m, None)) for m in ("validate", "run_job")):
            raise Refused("wrong-job-type")
        try:
            return job()
        except JobKilled:
            raise
        except BaseException as e:
            raise Refused("loading-failed", e) from None

    @staticmethod
    def _error(e):
        return dict(error_of(e), op="error")


class Worker:

    def __init__(self, commands, answers):
        self.commands = commands
        self.answers = answers
        self.context_config = None
        self.named_objects = None
        self.context_for = None
        self.data_file = None
        self._jobs = {}
        self._own = 0
        self._handlers = {"start": self._start, "add": self._add, "use": self._use, "run": self._run_job, "kill": self._kill}

    def serve(self):
        for line in self.commands:
            message = json.loads(line)
            self._handlers[message["op"]](message)

    def ended(self, job):
        self._jobs.pop(job.id, None)

    def _start(self, message):
        # late, since it is Spark's and takes a while
        from sparkjobserver import attach
        try:
            attached = attach.Attached(message)
        except BaseException as e:
            self.answers.send("failed", **error_of(e))
            os._exit(1)
        self.context_config = Config(message["contextConfig"])
        self.named_objects = attached.named_objects
        self.context_for = attached.context_for
        self.data_file = attached.data_file
        self.sc = attached.sc
        self.answers.send("ready", python="%d.%d.%d" % sys.version_info[:3])

    def _add(self, message):
        """Behind the job's own, also where the process has those already."""
        find_in(self.sc, message, self._own)

    def _use(self, message):
        find_in(self.sc, message)
        self._own = len(message["paths"])
        # Python workers of executors serve one such environment only, so they do not mix versions, either
        self.sc.environment["SPARKJOB_BINARIES"] = message["set"]

    def _run_job(self, message):
        job = Job(message, self)
        self._jobs[job.id] = job
        job.thread.start()

    def _kill(self, message):
        job = self._jobs.get(message["id"])
        if job is not None:
            job.kill()


def find_in(sc, message, behind=0):
    """Modules are found in the files that the message names, here and in the Python of executors.

    They come before all others but the first `behind`. Of what executors are told the last is found first.
    """
    for path in message["paths"]:
        sys.path.insert(1 + behind, path)
    importlib.invalidate_caches()
    includes = sc._python_includes
    at = 0 if behind else len(includes)
    includes[at:at] = message["includes"]


def _raise_in(ident, kind):
    """Has the thread raise the exception as soon as it runs Python's code; None takes back what it did not raise yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None if kind is None else ctypes.py_object(kind))


def _problems(value):
    """The words of a list of problems; nothing for other values, also for an empty list, which is data."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, ValidationProblem) for v in value):
        return [str(v.problem) for v in value]
    return []


def error_of(e):
    """{"message", "errorClass", "stack"} of an exception, whatever its own methods do."""
    kind = type(e)
    name = kind.__qualname__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__
    try:
        message = str(e)
    except Exception as other:
        message = "(its message cannot be had: %s)" % type(other).__name__
    try:
        trace = e.__traceback__
        while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
            trace = trace.tb_next
        stack = "".join(traceback.format_exception(kind, e, trace or e.__traceback__))
    except Exception as other:
        stack = "%s: %s\n(its stack cannot be had: %s)\n" % (name, message, type(other).__name__)
    return {"message": message, "errorClass": name, "stack": stack}


def pipes():
    """What the driver says, and what it hears. Code of users gets neither end."""
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", 1 << 16)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # the folder that the driver runs in, where no code of a job lies
    del sys.path[0]
    faulthandler.enable()
    return commands, Answers(answers)


def main():
    commands, answers = pipes()
    sys.modules["sparkjobserver.worker"] = sys.modules[__name__]
    output.install()
    Worker(commands, answers).serve()
    # what jobs have left running must not keep the process
    os._exit(0)


if __name__ == "__main__":
    main()
