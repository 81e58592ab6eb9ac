# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Which job a thread belongs to, and what jobs print.

A thread that a job starts belongs to that job. What such threads write to sys.stdout and sys.stderr goes to the job's log,
what other threads write goes to the driver's.
"""

import collections
import io
import sys
import threading

_JOB = "_sparkjob_job"
_LINE_MAX = 32 * 1024

# the driver holds so much of it at once
_PIECE_MAX = 256 * 1024


def current_job():
    """The job of this thread, or None."""
    return getattr(threading.current_thread(), _JOB, None)


def set_job(thread, job):
    setattr(thread, _JOB, job)


def threads_of(job):
    """The numbers of the threads of a job that run."""
    return [t.ident for t in threading.enumerate() if getattr(t, _JOB, None) is job and t.ident is not None]


def install():
    """To be called once, before anything else keeps sys.stdout or starts a thread."""
    start = threading.Thread.start

    def start_within_job(thread):
        if not hasattr(thread, _JOB):
            set_job(thread, current_job())
        start(thread)

    threading.Thread.start = start_within_job
    sys.stdout = _Text(sys.stdout, False)
    sys.stderr = _Text(sys.stderr, True)


class JobOutput:
    """Collects what a job prints into lines. All its threads may write; none holds a lock, since killing a job raises an
    exception anywhere.

    send: takes bytes
    """

    def __init__(self, send):
        self._send = send
        self._parts = collections.deque()
        self._size = 0

    def write(self, data, error):
        self._parts.append(data)
        self._size += len(data)
        if b"\n" in data or self._size > _LINE_MAX:
            self.flush()

    def flush(self):
        self._size = 0
        parts = []
        while self._parts:
            try:
                parts.append(self._parts.popleft())
            except IndexError:
                break
        data = memoryview(b"".join(parts))
        for at in range(0, len(data), _PIECE_MAX):
            self._send(bytes(data[at:at + _PIECE_MAX]))


class _Text(io.TextIOBase):
    """sys.stdout and sys.stderr."""

    def __init__(self, own, error):
        self._own = own
        self.buffer = _Binary(own.buffer, error)

    encoding = "utf-8"
    errors = "backslashreplace"
    mode = "w"

    @property
    def name(self):
        return self._own.name

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        self.buffer.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self):
        self.buffer.flush()

    def fileno(self):
        return self._own.fileno()

    def isatty(self):
        return False

    def writable(self):
        return True

    def close(self):
        """Stays open: it is everybody's."""


class _Binary(io.BufferedIOBase):

    def __init__(self, own, error):
        self._own = own
        self._error = error

    def write(self, data):
        job = current_job()
        if job is None:
            self._own.write(data)
            self._own.flush()
        else:
            job.output.write(bytes(data), self._error)
        return len(data)

    def flush(self):
        job = current_job()
        if job is None:
            self._own.flush()
        else:
            job.output.flush()

    def fileno(self):
        return self._own.fileno()

    def writable(self):
        return True

    def close(self):
        """Stays open: it is everybody's."""
