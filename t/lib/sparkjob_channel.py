"""The channel of docs/protocol.md, for tests that ask the launcher without nginx.

    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")                                  # the record, or Refused
            meta, payload = c.ask("job-submit", {...}, b"body")
"""

import array
import json
import os
import re
import socket
import struct
import tempfile
import time
import uuid

HEADER = struct.Struct("!IHHII")
PAYLOAD_MAX = 64 * 1024
HEADER_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                           "driver-launcher", "include", "sparkjob_protocol.h")


def messages():
    with open(HEADER_FILE) as f:
        return {name: int(number) for number, name in re.findall(r'X\(\w+,\s*(\d+), "([a-z-]+)",', f.read())}


TYPES = messages()
NAMES = {number: name for name, number in TYPES.items()}


class Refused(Exception):
    """The launcher refused: code, name, and the error as a dict or None."""

    def __init__(self, meta, payload):
        super().__init__(f"{meta['error']} {meta['name']!r} {payload[:500]!r}")
        self.code, self.name = meta["error"], meta["name"]
        self.error = json.loads(payload) if payload else None


class Channel:
    def __init__(self, path, seconds=120):
        """
        Connects, waiting for the launcher for so long, and says hello. What one that was killed has begun to start holds
        its socket for a moment yet: that takes connections, and resets them.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                self.connect(path)
                break
            except OSError:
                self.sock.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def connect(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.sock.settimeout(300)
        self.data, self.fds = b"", []
        self.stream = 0
        self.events = []            # metadata of all events that came
        self.answers = {}           # by stream: (meta, payload), refusals too
        self.records = {}           # by stream: a list of (meta, payload)
        self.welcome = self.ask("hello", {"protocol": 1, "pid": os.getpid(), "worker": 0})[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def send(self, name, meta=None, body=b""):
        """Sends a request, with bytes or an open file; returns its stream."""
        if isinstance(body, bytes) and len(body) > PAYLOAD_MAX:
            with tempfile.TemporaryFile() as f:
                f.write(body)
                f.flush()
                return self.send(name, meta, f)
        self.stream += 1
        raw = json.dumps(meta or {}).encode()
        if not isinstance(body, bytes):
            head = HEADER.pack(len(raw), TYPES[name], 1, self.stream, len(raw))
            self.sock.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [body.fileno()]))])
            self.sock.sendall(raw)
        else:
            self.sock.sendall(HEADER.pack(len(raw) + len(body), TYPES[name], 0, self.stream, len(raw)) + raw + body)
        return self.stream

    def more(self):
        data, ancillary, _, _ = self.sock.recvmsg(1 << 18, socket.CMSG_SPACE(64 * 4))
        for level, kind, fds in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.fds += array.array("i", fds[:len(fds) // 4 * 4]).tolist()
        if not data:
            raise EOFError("the launcher closed the channel")
        self.data += data

    def frame(self):
        """Reads one frame, and puts it where it belongs."""
        while len(self.data) < HEADER.size:
            self.more()
        length, number, flags, stream, size = HEADER.unpack(self.data[:HEADER.size])
        while len(self.data) < HEADER.size + length:
            self.more()
        raw = self.data[HEADER.size:HEADER.size + size]
        payload = self.data[HEADER.size + size:HEADER.size + length]
        self.data = self.data[HEADER.size + length:]
        meta = json.loads(raw) if raw else {}
        if flags:
            with os.fdopen(self.fds.pop(0), "rb") as f:
                f.seek(0)
                payload = f.read()
        name = NAMES[number]
        if name == "event":
            self.events.append(meta)
        elif name == "record":
            self.records.setdefault(stream, []).append((meta, payload))
        elif name == "ping":
            self.sock.sendall(HEADER.pack(0, TYPES["pong"], 0, stream, 0))
        else:
            self.answers[stream] = (meta, payload)

    def answered(self, stream):
        """Whether the answer is there, after reading what has come."""
        self.sock.settimeout(0.05)
        try:
            while stream not in self.answers:
                self.frame()
        except (TimeoutError, BlockingIOError):
            pass
        finally:
            self.sock.settimeout(300)
        return stream in self.answers

    def wait(self, stream):
        """(meta, payload) of the answer; Refused if it is one."""
        while stream not in self.answers:
            self.frame()
        meta, payload = self.answers.pop(stream)
        if "error" in meta:
            raise Refused(meta, payload)
        return meta, payload

    def ask(self, name, meta=None, body=b""):
        return self.wait(self.send(name, meta, body))

    # what tests ask for most

    def create(self, name, body=b"", message="context-create", **more):
        """The record of a new context; settings by `settings`."""
        return self.ask(message, {"id": str(uuid.uuid4()), "name": name, "user": "u", **more}, body)[0]["record"]

    def context(self, name):
        return self.ask("context-get", {"name": name})[0]["record"]

    def submit(self, main_class, body=b"", context="c", sync=False, **more):
        """The record of a new job."""
        meta = {"id": str(uuid.uuid4()), "cp": [], "class": main_class, "sync": sync, "user": "u", **more}
        if context:
            meta["context"] = context
        return self.ask("job-submit", meta, body)[0]["record"]

    def result(self, main_class, context="c"):
        """What a new job returns, once it is over: `sync` may be answered while it runs."""
        job = self.submit(main_class, context=context, sync=True)
        while job["state"] not in ("FINISHED", "ERROR", "KILLED"):
            time.sleep(0.01)
            job = self.job(job["id"])[0]
        return json.loads(self.job(job["id"])[1])

    def job(self, job_id):
        """(record, payload)"""
        meta, payload = self.ask("job-get", {"id": job_id})
        return meta["record"], payload
