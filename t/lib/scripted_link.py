# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The link of t/lib/scripted_driver.py, and the fault points on it."""

import json
import os
import socket
import struct
import sys
import threading

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
    "link-complete": 86, "link-completed": 87,
    "link-thrift": 88, "link-thrift-is": 89, "link-login": 90,
    "link-logged-in": 91, "link-tokens": 92,
}
NAMES = {number: name for name, number in TYPES.items()}

HEADER = struct.Struct("!IHHII")
PAYLOAD_MAX = 64 * 1024


def log(text):
    print(f"scripted driver {os.getpid()}: {text}", file=sys.stderr, flush=True)


def fault(point):
    """Passes a fault point; returns whether to fail there."""
    return FAULTS is not None and FAULTS.passes(point)


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
