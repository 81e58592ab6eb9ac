"""Large files in and out."""

import os
import subprocess
import threading
import time

from line import Line, at_least, at_most, measures, no_more
from load import by_turns, call, small_binary
from sparkjob_server import Server, free_port, memory_kb, wait_until

MB = 1 << 20
UP, DOWN = 300 * MB, 200 * MB
JAR = ["-H", "Content-Type: application/java-archive", "-H", "Expect:"]


@measures(
    Line("upload", f"POST /binaries/<name>, {UP // MB} MiB", "s", "cp, fsync and sha256sum of the same file", at_most(1.25)),
    Line("upload-memory", "by how much worker and launcher grow meanwhile, the larger", "MiB", None, no_more(4, "MiB")))
def upload(run):
    with Server(scripted=True, workers=1, launcher={"log": {"level": "info"}}) as s:
        path, block, grown = s.dir + "/big.jar", os.urandom(MB), []
        with open(path, "wb") as f:
            for _ in range(UP // MB):
                f.write(block)

        def ours():
            changed(path)
            with Growth([s.worker_pids()[0], s.launcher.pid]) as growth:
                took = timed(["curl", "-sSf", "-o", "/dev/null", "-X", "POST", *JAR, "-T", path, f"http://127.0.0.1:{s.port}/binaries/big"])
            grown.append(growth.most / 1024)
            assert s.delete("/binaries/big")[0] == 200
            return took

        def reference():
            changed(path)
            took = timed(["sh", "-c", "cp $0 $0.copy && sync $0.copy && sha256sum $0.copy", path])
            os.unlink(path + ".copy")
            return took
        small_binary(s)
        ours()
        for _ in run.rounds():
            grown.clear()
            yield "upload", *by_turns(ours, reference)
            yield "upload-memory", max(grown), None


def changed(path):
    """Makes it another jar, which the launcher has not seen."""
    with open(path, "r+b") as f:
        f.write(b"PK\3\4" + os.urandom(16))


def timed(command):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


class Growth:
    """By how many KiB the own memory of some processes grows at most, of the one that grows more."""

    def __init__(self, pids):
        self.pids, self.most, self.over = pids, 0, threading.Event()
        self.before = {pid: memory_kb(pid, "RssAnon") for pid in pids}
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def watch(self):
        while not self.over.wait(0.01):
            self.most = max([self.most] + [memory_kb(pid, "RssAnon") - self.before[pid] for pid in self.pids])


@measures(Line("download", f"GET /jobs/<id> with a result of {DOWN // MB} MiB, sendfile", "MiB/s",
               "a static file of that size by the same nginx", at_least(0.90)))
def download(run):
    s, port = Server(scripted=True, workers=1, launcher={"log": {"level": "info"}}), free_port()
    s.http_lines = f"sendfile on; server {{ listen 127.0.0.1:{port}; location / {{ root {s.dir}/static; }} }}"
    with s:
        small_binary(s)
        s.context("c")
        job = s.run("big", '{"bytes": %d}' % DOWN, cp="b", sync=False)[1]["jobId"]
        wait_until("the large result is there", lambda: s.get("/jobs?limit=1")[1][0]["status"] == "FINISHED", 120)
        os.mkdir(s.dir + "/static")
        with open(s.dir + "/static/file", "wb") as f:
            for _ in range(DOWN // MB):
                f.write(b"x" * MB)

        def rate(path, at):
            return 3 * DOWN / MB / call(s, "GET", path, 3, port=at)["seconds"]
        rate(f"/jobs/{job}", s.port), rate("/file", port)
        for _ in run.rounds():
            yield "download", *by_turns(lambda: rate(f"/jobs/{job}", s.port), lambda: rate("/file", port))
