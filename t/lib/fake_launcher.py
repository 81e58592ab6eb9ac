"""A launcher that says what a test wants it to say: the launcher's side of the channel (docs/protocol.md), within the
test's own process.

    with Server(start=False) as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.put_job("...id...", state="RUNNING")
        fake.publish("progress", "job", {"id": "...id...", "stages": 1, "tasks": 4})
"""

import collections
import json
import os
import select
import socket
import struct
import threading
import time

HEADER = struct.Struct("!IHHII")
HELLO, WELCOME, PING, PONG, REPLY, SNAPSHOT, RECORD, EVENT = range(1, 9)
BINARY_GET, CONTEXT_LOG, CONTEXT_GET, JOB_GET, JOB_LOG = 18, 28, 29, 34, 38
FINAL = ("FINISHED", "ERROR", "KILLED")


def job_id(number):
    """An id as the module makes them."""
    return f"00000000-0000-4000-8000-{number:012d}"


class FakeLauncher:
    def __init__(self, path, epoch=None, keep=None):
        """keep: another FakeLauncher whose records this one begins with, as a real one reads them from its database."""
        self.path = path
        self.epoch = epoch or time.time_ns() // 1000
        self.seq = 0
        self.records = dict(keep.records) if keep else {}      # (kind, key): record
        self.logs = dict(keep.logs) if keep else {}            # (kind, key): path
        self.silent = ()                                       # messages that get no answer
        self.trouble = None                                    # what its pongs tell of its storage
        self.asked = collections.Counter()                     # how often each message came
        self.lock = threading.RLock()
        self.channels = []
        self.greeted = set()

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.running = True
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """As if it were killed, but that the socket's file goes, too."""
        if not self.running:
            return
        self.running = False
        self.thread.join()
        with self.lock:
            for channel in self.channels:
                channel.close()
            self.channels = []
        self.listener.close()
        os.unlink(self.path)

    def break_channels(self):
        """Ends all connections; the module makes them again."""
        with self.lock:
            for channel in self.channels:
                channel.shutdown(socket.SHUT_RDWR)

    # what a test says

    def publish(self, op, kind, record, payload=b""):
        with self.lock:
            self.seq += 1
            meta = {"op": op, "kind": kind, "record": record, "epoch": self.epoch, "seq": self.seq}
            for channel in self.greeted.intersection(self.channels):
                self.send(channel, EVENT, 0, meta, payload)
            return self.seq

    def put(self, kind, key, record):
        with self.lock:
            old = self.records.get((kind, key), {})
            record = {**old, **record, "rev": old.get("rev", 0) + 1}
            self.records[kind, key] = record
            return self.publish("put", kind, record)

    def put_job(self, id, state="RUNNING", context="c", user="", **more):
        now = int(time.time() * 1000)
        return self.put("job", id, {"id": id, "state": state, "class": "Job", "context": context, "contextId": "", "user": user,
                                    "start": now, "end": now if state in FINAL else 0, "payload": "none", **more})

    def put_context(self, name, state="RUNNING", user="", **more):
        return self.put("context", name, {"id": job_id(len(self.records)), "name": name, "state": state, "user": user,
                                          "start": int(time.time() * 1000), **more})

    def put_binary(self, name, user=""):
        return self.put("binary", name, {"name": name, "type": "Jar", "time": int(time.time() * 1000), "user": user})

    def progress(self, id, *numbers):
        """stages, stagesDone, tasks, tasksDone, tasksFailed"""
        numbers = dict(zip(("stages", "stagesDone", "tasks", "tasksDone", "tasksFailed"), numbers))
        with self.lock:
            if ("job", id) in self.records:
                self.records["job", id]["progress"] = numbers
            return self.publish("progress", "job", {"id": id, **numbers})

    def remove(self, kind, key):
        with self.lock:
            gone = self.records.pop((kind, key), {})
            names = {"job": {"id": key}, "binary": {"name": key}, "context": {"id": gone.get("id"), "name": key}}
            return self.publish("remove", kind, names[kind])

    def overfill(self):
        """More than the zone holds: it lacks the oldest jobs from then on."""
        now = int(time.time() * 1000)
        for n in range(90000, 90600):
            self.publish("put", "job", {"id": job_id(n), "state": "FINISHED", "class": "Job", "context": "c", "rev": 1,
                                        "start": now, "end": now, "payload": "result"}, b"1" * 60000)

    # what the module asks

    def serve(self):
        while self.running:
            with self.lock:
                sockets = [self.listener] + self.channels
            for ready in select.select(sockets, [], [], 0.02)[0]:
                if ready is self.listener:
                    with self.lock:
                        self.channels.append(ready.accept()[0])
                else:
                    self.read(ready)

    def read(self, channel):
        try:
            head = channel.recv(HEADER.size, socket.MSG_WAITALL)
            if len(head) < HEADER.size:
                raise OSError
            length, number, _, stream, size = HEADER.unpack(head)
            body = channel.recv(length, socket.MSG_WAITALL) if length else b""
        except OSError:
            with self.lock:
                self.channels.remove(channel)
                self.greeted.discard(channel)
            channel.close()
            return
        with self.lock:
            self.answer(channel, number, stream, json.loads(body[:size] or b"{}"))

    def answer(self, channel, number, stream, meta):
        position = {"epoch": self.epoch, "seq": self.seq}
        self.asked[number] += 1
        if number in self.silent:
            return
        if number == HELLO:
            self.greeted.add(channel)
            self.send(channel, WELCOME, stream, {"protocol": 1, "version": "fake", **position})
        elif number == PING:
            self.send(channel, PONG, stream, self.trouble)
        elif number == SNAPSHOT:
            for (kind, _), record in self.records.items():
                self.send(channel, RECORD, stream, {"op": "put", "kind": kind, "record": record})
            self.send(channel, REPLY, stream, position)
        elif number in (JOB_GET, CONTEXT_GET, BINARY_GET):
            kind = {JOB_GET: "job", CONTEXT_GET: "context", BINARY_GET: "binary"}[number]
            key = meta.get("id") or meta["name"]
            record = self.records.get((kind, key))
            self.send(channel, REPLY, stream, {"record": record} if record else {"error": f"no-such-{kind}", "name": key})
        elif number in (JOB_LOG, CONTEXT_LOG):
            self.answer_log(channel, stream, ("job", meta["id"]) if number == JOB_LOG else ("context", meta["name"]))
        else:
            self.send(channel, REPLY, stream, {"error": "bad-request", "name": f"message {number} {meta}"})

    def answer_log(self, channel, stream, key):
        if key not in self.logs:
            self.send(channel, REPLY, stream, {"error": f"no-such-{key[0]}", "name": key[1]})
            return
        with open(self.logs[key], "rb") as file:
            live = self.records[key]["state"] not in FINAL
            self.send(channel, REPLY, stream, {"live": live, "size": os.fstat(file.fileno()).st_size}, fd=file.fileno())

    def send(self, channel, number, stream, meta=None, payload=b"", fd=None):
        raw = json.dumps(meta).encode() if meta else b""
        head = HEADER.pack(len(raw) + len(payload), number, 0 if fd is None else 1, stream, len(raw))
        try:
            if fd is None:
                channel.sendall(head + raw + payload)
            else:
                socket.send_fds(channel, [head + raw], [fd])
        except OSError:
            pass    # the reader finds it broken, too
