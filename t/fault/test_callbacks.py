"""Callbacks: each end of a job is posted at least once, to what may be reached only, and nothing waits for them."""

import http.server
import json
import os
import socket
import subprocess
import threading
import time
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import PATIENCE, Server, cpu_seconds, wait_until
from storage import Disk
from watchers import compiled


class Receiver:
    """An HTTP server that remembers what was posted to it, and answers what `answers` says by path, 200 else."""

    def __init__(self):
        self.got, self.answers, self.headers = [], {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, json.loads(body), time.monotonic()))
                outer.headers.append(dict(self.headers))
                answer = outer.answers.get(self.path, 200)
                if callable(answer):
                    answer = answer()
                status, where = answer if isinstance(answer, tuple) else (answer, None)
                self.send_response(status)
                if where:
                    self.send_header("Location", where)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def url(self, path="/", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def bodies(self, path="/"):
        return [body for p, body, _ in self.got if p == path]

    def wait(self, n, path="/"):
        wait_until(f"{n} posts to {path}", lambda: len(self.bodies(path)) >= n)
        return self.bodies(path)


def launcher(hosts=("127.0.0.1",), **callbacks):
    callbacks = {"attempts": 3, "interval": 1, **callbacks}
    return Server(scripted=True, start=False, launcher={"outbound": {"hosts": list(hosts)}, "callbacks": callbacks})


@pytest.fixture
def receiver():
    with Receiver() as r:
        yield r


@pytest.fixture
def server():
    with launcher() as s:
        s.start_launcher()
        yield s


def queues(c):
    return json.loads(c.ask("dump")[1])["queues"]["callbacks"]


def idle(c, waiting=0):
    wait_until("no callback is left", lambda: queues(c) == {"waiting": waiting, "sending": 0})


def again(s):
    s.launcher.kill()
    s.launcher.wait()
    s.start_launcher()


def test_ends_are_posted(server, receiver):
    with Channel(server.socket) as c:
        c.create("c")
        job = c.submit("value", b'{"value": {"a": [1, "\xc3\xa4"]}}', callback=receiver.url("/ok"))
        assert receiver.wait(1, "/ok") == [{"jobId": job["id"], "result": {"a": [1, "\u00e4"]}}]
        job = c.submit("throw", b'{"message": "no"}', callback=receiver.url("/no"))
        body = receiver.wait(1, "/no")[0]
        assert (body["jobId"], body["status"], body["result"]["message"]) == (job["id"], "ERROR", "no")
        job = c.submit("noop", sync=True, callback=receiver.url("/sync"))
        assert receiver.wait(1, "/sync") == [{"jobId": job["id"], "result": True}]
        # what is no JSON cannot be part of it, small or large
        for path, query in ("/small", "q"), ("/large", "q" * 100000):
            job = c.submit("sparkjob.sql.csv", json.dumps({"query": query}).encode(), callback=receiver.url(path))
            assert receiver.wait(1, path) == [{"jobId": job["id"], "result": None}]
        with pytest.raises(Refused):
            c.submit("invalid", callback=receiver.url("/invalid"))
        assert receiver.wait(1, "/invalid")[0]["status"] == "ERROR"
        assert receiver.headers[0]["Content-Type"] == "application/json" and "Expect" not in receiver.headers[0]
        idle(c)
        assert len(receiver.got) == 6


def test_a_result_that_lies_in_a_file_is_posted_whole(server, receiver):
    with Channel(server.socket) as c:
        c.create("c")
        size = 20 * 1024 * 1024
        job = c.submit("big", json.dumps({"bytes": size}).encode(), callback=receiver.url())
        assert receiver.wait(1)[0] == {"jobId": job["id"], "result": "x" * size}


def test_a_killed_job_calls_nobody(server, receiver):
    with Channel(server.socket) as c:
        c.create("c")
        job = c.submit("sleep", b'{"ms": 60000}', callback=receiver.url())
        c.ask("job-kill", {"id": job["id"]})
        c.submit("noop", callback=receiver.url("/after"))
        receiver.wait(1, "/after")
        idle(c)
        again(server)
    with Channel(server.socket) as c:
        idle(c)
        assert receiver.bodies() == []


def test_attempts_have_a_pause_and_an_end(server, receiver):
    left = [500, 404, 200]
    receiver.answers = {"/twice": lambda: left.pop(0), "/never": 503}
    with Channel(server.socket) as c:
        c.create("c")
        c.submit("noop", callback=receiver.url("/twice"))
        c.submit("noop", callback=receiver.url("/never"))
        receiver.wait(3, "/twice")
        receiver.wait(3, "/never")
        idle(c)
        for path in "/twice", "/never":
            times = [t for p, _, t in receiver.got if p == path]
            assert len(times) == 3 and all(0.9 < b - a for a, b in zip(times, times[1:])), times
        assert server.read("launcher.log").count("is given up") == 1
        # nobody listens
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            c.submit("noop", callback=f"http://127.0.0.1:{taken.getsockname()[1]}/")
            wait_until("it is given up", lambda: server.read("launcher.log").count("is given up") == 2)
        idle(c)


def test_slow_ones_keep_nobody(receiver):
    with socket.socket() as hole, launcher(timeout=600) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            slow_ones(hole, c, receiver)


def slow_ones(hole, c, receiver):
    hole.bind(("127.0.0.1", 0))
    hole.listen(256)
    c.create("c", settings={"max-jobs-per-context": "200"})
    streams = [c.send("job-submit", {
        "id": str(uuid.uuid4()), "cp": [], "class": "noop", "context": "c", "sync": True,
        "callback": f"http://127.0.0.1:{hole.getsockname()[1]}/"}) for _ in range(100)]
    for s in streams:
        c.wait(s)
    for i in range(20):
        c.submit("noop", sync=True, callback=receiver.url(f"/{i}"))
    for i in range(20):
        receiver.wait(1, f"/{i}")
    assert queues(c)["sending"] <= 32 and queues(c)["waiting"] > 50


def test_they_outlive_the_launcher(server, receiver):
    with Channel(server.socket) as c:
        receiver.answers = {"/down": 500}
        c.create("c")
        done = c.submit("noop", sync=True, callback=receiver.url("/down"))
        running = c.submit("sleep", b'{"ms": 1500}', callback=receiver.url("/alive"))
        receiver.wait(1, "/down")
        server.launcher.kill()
        server.launcher.wait()
    receiver.answers = {}
    server.start_launcher()
    with Channel(server.socket) as c:
        assert receiver.wait(2, "/down")[-1] == {"jobId": done["id"], "result": True}
        assert receiver.wait(1, "/alive") == [{"jobId": running["id"], "result": True}]
        idle(c)
        got = len(receiver.got)
        again(server)
    with Channel(server.socket) as c:
        idle(c)
        assert len(receiver.got) == got


@pytest.mark.skipif("SPARKJOB_LONG" not in os.environ, reason="a launcher waits 10 s for its storage: SPARKJOB_LONG=1")
def test_what_a_launcher_could_not_store_at_its_end_is_posted_by_the_next(receiver):
    with launcher() as s:
        disk = Disk(s)
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            receiver.answers = {"/again": 500}
            jobs = [c.submit("sleep", b'{"ms": 1000}', callback=receiver.url(path))["id"] for path in ("/never", "/again")]
            receiver.wait(1, "/again")
            jobs.append(c.submit("sleep", b'{"ms": 1000}', callback=receiver.url("/ends"))["id"])
            disk.fails("db-write", "*", "error")
            wait_until("its end waits", lambda: "changes wait for the storage" in s.read("launcher.log"))
            s.launcher.terminate()
        assert s.launcher.wait(60 * PATIENCE) == 0 and "changes could not be stored" in s.read("launcher.log")
        disk.works()
        receiver.answers = {}
        got = len(receiver.got)
        s.start_launcher()
        with Channel(s.socket) as c:
            idle(c)
            assert {jobs[1], jobs[2]} <= {body["jobId"] for _, body, _ in receiver.got[got:]}
            assert receiver.bodies("/never")[-1]["jobId"] == jobs[0]


def test_attempts_are_counted_across_restarts(server, receiver):
    receiver.answers = {"/": 500}
    with Channel(server.socket) as c:
        c.create("c")
        c.submit("noop", callback=receiver.url())
        receiver.wait(1)
        idle(c, waiting=1)
        again(server)
    with Channel(server.socket) as c:
        receiver.wait(3)
        idle(c)
        assert len(receiver.got) == 3 and "is given up" in server.read("launcher.log")


def test_a_launcher_starts_at_once_though_callbacks_have_to_wait(receiver):
    receiver.answers = {"/": 500}
    with launcher(interval=600) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            for _ in range(3):
                c.submit("noop", callback=receiver.url())
            receiver.wait(3)
            idle(c, waiting=3)
        again(s)
        with Channel(s.socket) as c:
            assert queues(c) == {"waiting": 3, "sending": 0}
        assert len(receiver.got) == 3


def test_a_job_that_is_deleted_calls_nobody_any_longer(receiver):
    receiver.answers = {"/": 500}
    with launcher(interval=4) as server:
        server.start_launcher()
        deleted(server, receiver)


def deleted(server, receiver):
    with Channel(server.socket) as c:
        c.create("c")
        job = c.submit("big", b'{"bytes": 100000}', callback=receiver.url())
        receiver.wait(1)
        assert c.ask("job-purge", {"before": int(time.time() * 1000) + 1000})[0]["count"] == 1
        idle(c)
        assert f"job {job['id']} was deleted, and so is its callback" in server.read("launcher.log")
        again(server)
    with Channel(server.socket) as c:
        idle(c)
        assert len(receiver.got) == 1


def test_a_job_whose_context_is_lost_is_told_too(server, receiver):
    with Channel(server.socket) as c:
        c.create("c")
        c.submit("exit", b'{"code": 3}', callback=receiver.url())
        assert "code 3" in receiver.wait(1)[0]["result"]["message"]


def failed(s, c, url, words):
    before = s.read("launcher.log").count("failed: ")
    c.submit("noop", callback=url)
    wait_until("it has failed", lambda: s.read("launcher.log").count("failed: ") > before)
    assert words in s.read("launcher.log").split("failed: ")[-1].splitlines()[0]


def test_what_may_not_be_reached_is_not(receiver):
    with launcher(hosts=[], attempts=1) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            failed(s, c, receiver.url(host="localhost"), "may not be reached")
            for host in "127.0.0.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "169.254.169.254":
                with pytest.raises(Refused) as why:
                    c.submit("noop", callback=receiver.url(host=host))
                assert why.value.code == "bad-callback" and why.value.name.endswith(f":{receiver.port}"), (host, why.value)
            idle(c)
            assert receiver.got == []


def test_a_rule_is_for_its_host_and_port_also_after_a_redirection(receiver):
    with Receiver() as other, launcher(hosts=[f"localhost:{receiver.port}"], attempts=1) as s:
        s.start_launcher()
        receiver.answers = {"/there": (307, "/here"), "/found": (302, "/here"),
                            "/away": (307, other.url(host="localhost")),
                            "/file": (307, "file:///etc/passwd"), "/loop": (307, "/loop")}
        with Channel(s.socket) as c:
            c.create("c")
            job = c.submit("noop", callback=receiver.url("/there", "localhost"))
            assert receiver.wait(1, "/here") == [{"jobId": job["id"], "result": True}]
            c.submit("noop", callback=receiver.url("/found", "localhost"))
            receiver.wait(2, "/here")
            failed(s, c, receiver.url("/away", "localhost"), "may not be reached")
            failed(s, c, receiver.url("/file", "localhost"), "rotocol")
            failed(s, c, receiver.url("/loop", "localhost"), "redirects")
            failed(s, c, other.url(host="localhost"), "may not be reached")
            idle(c)
            assert other.got == []


@pytest.mark.parametrize("url", ["", "x", "ftp://h/", "file:///etc/passwd", "http://", "//h/", "http://h:99999/",
                                 "javascript:1", "http://h/" + "x" * 2048])
def test_bad_urls_are_refused(server, url):
    with Channel(server.socket) as c:
        c.create("c")
        with pytest.raises(Refused) as why:
            c.submit("noop", callback=url)
        assert (why.value.code, why.value.name) == ("bad-request", "callback")


def test_no_proxy_of_the_environment_is_used(receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", receiver.url("/proxy"))
    with launcher(hosts=[], attempts=1) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            failed(s, c, receiver.url(host="localhost"), "may not be reached")
            assert receiver.got == []


@pytest.mark.alone
def test_what_waits_for_a_host_that_is_silent_costs_others_nothing():
    """Time that the launcher's CPU takes, so that it hardly matters what else the machine does."""
    driver = {"command": [compiled("quick_driver")]}
    with Server(workers=1, launcher={"log": {"level": "info"}, "driver": driver, "max_queued_jobs": 100000, "outbound": {"hosts": ["127.0.0.1"]},
                                     "callbacks": {"timeout": 600}}) as s, socket.create_server(("127.0.0.1", 0)) as silent:
        assert s.json("POST", "/binaries/j", b"PK\3\4silent", {"Content-Type": "application/java-archive"})[0] == 201
        s.context("c")
        path = f"/jobs?cp=j&mainClass=noop&context=c&callbackUrl=http://127.0.0.1:{silent.getsockname()[1]}/"

        def submit(count):
            before = cpu_seconds(s.launcher.pid)
            subprocess.run([compiled("caller"), str(s.port), "64", str(count), "POST", path], check=True, stdout=subprocess.DEVNULL)
            return (cpu_seconds(s.launcher.pid) - before) / count
        first = submit(1000)
        submit(7000)
        assert submit(1000) < 2 * first
