"""Instructions of our own functions under callgrind, against those that are kept: `make counts`.

Time differs by machine and by what else runs there; this does not. A request's way through the module (parsed, routed, answered)
and a frame's way through the launcher's codec are walked so many times in a program of known input, and those instructions count
that our own functions have executed, also those in headers: what libc does depends on the CPU, and is left out.
COUNTS has what is kept. 10 % more fails; of 10 % less it asks for the lower figure to be kept: `make counts KEEP=1`.
"""

import collections
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from fake_launcher import EVENT, REPLY, SNAPSHOT, FakeLauncher, job_id  # noqa: E402
from sparkjob_server import BUILD, NGINX, Server, wait_until  # noqa: E402

COUNTS = os.path.join(HERE, "counts.kept")
OURS = ("/ngx_http_sparkjob_module/", "/driver-launcher/")
REQUESTS, FRAMES, TOLERANCE = 300, 2000, 0.10
JOB_SUBMIT = 32

REQUEST = {
    "read-job": f"GET /jobs/{job_id(7)}",
    "read-jobs": "GET /jobs?limit=50",
    "read-contexts": "GET /contexts",
    "submit-sync": "POST /jobs?cp=examples&mainClass=spark.jobserver.WordCountExample&context=context-1&sync=true",
}


def callgrind(command, out):
    return ["valgrind", "-q", "--tool=callgrind", "--vgdb=no", "--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={out}",
            *command]


def executed(path):
    """Instructions of functions whose source file is one of ours, each function's own, from callgrind's output."""
    total, file, skip = 0, "", False
    with open(path) as f:
        for line in f:
            if line.startswith("fl="):
                file = line[3:]
            elif line.startswith("calls="):
                skip = True
            elif line[0].isdigit():
                if not skip and any(folder in file for folder in OURS):
                    total += int(line.split()[1])
                skip = False
    assert total, f"no function of ours in {path}: it has to be built with -g"
    return total


class Launcher(FakeLauncher):
    """Ends each job as soon as it is asked for; says by one write all that one question leads to."""

    def answer(self, channel, number, stream, meta):
        self.out = b""
        if number == JOB_SUBMIT:
            record = {"id": meta["id"], "rev": 1, "state": "FINISHED", "class": meta["class"], "context": meta["context"], "contextId": "",
                      "user": "", "start": 1, "end": 2, "payload": "result", "size": 1}
            self.seq += 1
            self.send(channel, EVENT, 0, {"op": "put", "kind": "job", "record": record, "epoch": self.epoch, "seq": self.seq}, b"1")
            self.send(channel, REPLY, stream, {"record": record}, b"1")
        else:
            super().answer(channel, number, stream, meta)
        channel.sendall(self.out)

    def send(self, channel, number, stream, meta=None, payload=b"", fd=None):
        class Buffer:
            def sendall(_, data):
                self.out += data
        super().send(Buffer() if fd is None else channel, number, stream, meta, payload, fd)


def module(request, count):
    """What the module executes from the start to the end of a worker with so many requests of one client, one after another."""
    s = Server(start=False, workers=1, nginx="master_process off;")
    out = s.dir + "/callgrind"
    try:
        with Launcher(s.socket, epoch=1) as fake:
            for n in range(60):
                fake.records["job", job_id(n)] = {"id": job_id(n), "rev": 1, "state": "FINISHED", "class": "Job", "context": "context-1",
                                                  "contextId": "", "user": "", "start": n, "end": n + 1, "payload": "none"}
            for n in range(20):
                fake.records["context", str(n)] = {"id": job_id(n), "name": f"context-{n}", "state": "RUNNING", "user": "", "start": n}
            s.write_nginx_conf()
            command = [NGINX, "-p", s.dir + "/nginx", "-e", s.dir + "/nginx/logs/error.log", "-c", s.dir + "/nginx.conf", "-g", "daemon off;"]
            nginx = subprocess.Popen(callgrind(command, out), stderr=subprocess.DEVNULL)
            try:
                wait_until("the worker has its snapshot", lambda: fake.asked[SNAPSHOT], 60)
                ask(s.port, "GET /jobs", 1)
                ask(s.port, request, count)
            finally:
                nginx.send_signal(signal.SIGQUIT)
                assert nginx.wait(300) == 0
        return executed(out)
    finally:
        shutil.rmtree(s.dir)


def ask(port, request, count):
    with socket.create_connection(("127.0.0.1", port)) as c:
        file = c.makefile("rb")
        for _ in range(count):
            c.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            assert file.readline().split()[1] == b"200", request
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)


def codec(count, binary=BUILD + "/codec"):
    """What the launcher executes for so many frames in, and twice as many out."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(callgrind([binary, folder, str(count)], folder + "/callgrind"), check=True)
        return executed(folder + "/callgrind")


def measured():
    """Instructions for one request, or frame, of each kind."""
    start = module("GET /jobs", 0)
    counts = {name: round((module(request, REQUESTS) - start) / REQUESTS) for name, request in REQUEST.items()}
    counts["codec"] = round((codec(2 * FRAMES) - codec(FRAMES)) / FRAMES)
    return counts


def compiler():
    """What the figures hold for: they are not the same for another compiler, or with other options."""
    cc = os.environ.get("CC", "gcc").split()
    machine, version = (subprocess.run([*cc, option], capture_output=True, text=True, check=True).stdout.strip()
                        for option in ("-dumpmachine", "-dumpversion"))
    nginx = subprocess.run([NGINX, "-v"], capture_output=True, text=True).stderr
    flags = " ".join([*cc[1:], os.environ.get("CFLAGS", "-O2 -g")])
    return f"{machine} {cc[0]} {version.split('.')[0]} {flags}, {re.search(r'nginx/[0-9.]+', nginx).group(0)}"


def kept(path=COUNTS):
    """(what for, {name: instructions})"""
    with open(path) as f:
        lines = [line.split(": ") for line in f if line.strip() and not line.startswith("#")]
    figures = collections.OrderedDict((name, value.strip()) for name, value in lines)
    return figures.pop("for"), {name: int(value) for name, value in figures.items()}


def keep(counts, path=COUNTS):
    with open(path, "w") as f:
        f.write("# instructions of our own functions for one request or frame: see counts.py; make counts KEEP=1\n")
        f.write(f"for: {compiler()}\n" + "".join(f"{name}: {count}\n" for name, count in counts.items()))


def verdict(count, before):
    """A word, and whether it fails."""
    change = count / before - 1
    if change > TOLERANCE:
        return f"{change:+.1%}: too many", True
    if change < -TOLERANCE:
        return f"{change:+.1%}: fewer, please keep that: make counts KEEP=1", False
    return f"{change:+.1%}", False


def compare(counts, before):
    """Prints all; returns the names of those that fail."""
    failed = []
    for name, count in counts.items():
        words, wrong = verdict(count, before[name]) if name in before else ("not kept yet: make counts KEEP=1", True)
        print(f"{name:14} {count:8,} instructions, kept {before.get(name, 0):8,}  {words}", flush=True)
        failed += [name] * wrong
    return failed


def main():
    counts = measured()
    if "--keep" in sys.argv:
        keep(counts)
    what, before = kept()
    if what != compiler():
        print(f"kept for {what}, not for {compiler()}: only shown")
        compare(counts, before)
        return 0
    return 1 if compare(counts, before) else 0


if __name__ == "__main__":
    sys.exit(main())
