"""Logs of jobs and contexts: ranges, tails, and followers of what is still written."""

import http.client
import os
import signal
import socket
import struct
import time

import pytest
from fake_launcher import JOB_LOG, FakeLauncher, job_id
from fault_world import stopped
from sparkjob_server import Server, alive, memory_kb, wait_until

SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")
JOB = job_id(1)
LOG = f"/jobs/{JOB}/log"


@pytest.fixture()
def fake():
    with Server(start=False) as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.server = s
        fake.path_of_log = s.dir + "/job.log"
        fake.logs["job", JOB] = fake.path_of_log
        fake.put_job(JOB)
        write(fake, b"")
        yield fake


def write(fake, text):
    with open(fake.path_of_log, "ab") as f:
        f.write(text)


def peer(channel):
    """The worker at the other end."""
    return struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def get(fake, path=LOG, **more):
    status, headers, body = fake.server.request("GET", path, **more)
    assert status == 200, body
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body)
    return body


class Follower:
    """Reads what a follower is given, as it comes."""

    def __init__(self, fake, path, timeout=60):
        self.connection = http.client.HTTPConnection("127.0.0.1", fake.server.port, timeout=timeout)
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        assert self.response.getheader("Content-Type") == "text/plain; charset=utf-8"
        self.text = b""

    def until(self, end):
        while not self.text.endswith(end):
            more = self.response.read1(65536)
            assert more, f"ended with {self.text[-100:]}"
            self.text += more
        return self.text

    def rest(self):
        self.text += self.response.read()
        self.connection.close()
        return self.text


def test_whole_ranges_and_tails(fake):
    assert get(fake) == get(fake, LOG + "?tail=5") == get(fake, LOG + "?offset=7") == b""
    text = b"".join(b"line %d\n" % n for n in range(1000)) + b"no end"
    write(fake, text)
    assert get(fake) == get(fake, LOG + "?offset=0") == get(fake, LOG + "?tail=10000") == get(fake, LOG + "?follow=false") == text
    assert get(fake, LOG + "?offset=8000") == text[8000:]
    assert get(fake, LOG + "?offset=99999999999") == b""
    assert get(fake, LOG + "?tail=1") == b"no end"
    assert get(fake, LOG + "?tail=3") == b"line 998\nline 999\nno end"
    assert get(fake, LOG + "?tail=0") == b""
    write(fake, b"\n")
    assert get(fake, LOG + "?tail=2") == b"line 999\nno end\n"
    write(fake, b"\n\n")
    assert get(fake, LOG + "?tail=3") == b"no end\n\n\n"


def test_tails_across_blocks(fake):
    lines = [b"x" * (n % 700) + b"\n" for n in range(3000)] + [b"y" * 200000 + b"\n", b"z" * 65535 + b"\n", b"\n"]
    write(fake, b"".join(lines))
    for count in (1, 2, 3, 4, 100, 2999, 3002, 3003, 3004, 10000):
        assert get(fake, LOG + f"?tail={count}") == b"".join(lines[-count:]), count


def test_a_tail_looks_no_further_than_16_mib_back(fake):
    write(fake, b"first\n" + b"x" * (17 << 20) + b"\nlast\n")
    assert get(fake, LOG + "?tail=1") == b"last\n"
    assert len(get(fake, LOG + "?tail=3")) == 16 << 20


def test_bad_requests_are_named(fake):
    for query, word in (("tail=10001", "'10001' is more than 10000"), ("tail=x", "'x'"), ("offset=-1", "'-1'"), ("offset=1k", "'1k'"),
                        ("follow=perhaps", "'perhaps'"), ("tail=1&offset=1", "exclude"), ("offset=99999999999999999999", "offset")):
        status, body = fake.server.get(f"{LOG}?{query}")
        assert status == 400 and word in body["result"], body
    assert fake.server.get(f"/jobs/{job_id(2)}/log") == (404, {"status": "ERROR", "result": f"No such job ID {job_id(2)}"})
    assert fake.server.get("/jobs/x/log")[0] == 404
    assert fake.server.get("/contexts/x/log") == (404, {"status": "ERROR", "result": "context x not found"})
    assert fake.server.post(LOG)[0] == 405


def test_a_large_log_goes_out_without_being_read(fake):
    block = os.urandom(1 << 20)
    for _ in range(200):
        write(fake, block)
    get(fake, LOG + "?tail=1")
    before = sum(memory_kb(p, "RssAnon") for p in fake.server.worker_pids())
    assert len(get(fake)) == 200 << 20
    assert SANITIZED or sum(memory_kb(p, "RssAnon") for p in fake.server.worker_pids()) - before < 4000


def test_followers_see_what_is_written_until_the_job_has_ended(fake):
    write(fake, b"one\ntwo\n")
    all_of_it, end = Follower(fake, LOG + "?follow=true"), Follower(fake, LOG + "?follow=true&tail=1")
    assert all_of_it.until(b"two\n") == b"one\ntwo\n" and end.until(b"two\n") == b"two\n"
    for n in range(5):
        write(fake, b"more %d\n" % n)
        all_of_it.until(b"more %d\n" % n)
    write(fake, b"x" * 3000000 + b"last\n")
    fake.put_job(JOB, "FINISHED")       # its event may be faster than the look
    assert all_of_it.rest().startswith(b"one\ntwo\nmore 0\n") and all_of_it.text.endswith(b"x" * 3000000 + b"last\n")
    assert end.rest() == all_of_it.text[4:]
    assert Follower(fake, LOG + "?follow=true&offset=4").rest() == end.text


def test_a_log_that_begins_later(fake):
    """Until a job has said something the launcher hands over an empty file that is not the job's."""
    empty = fake.server.dir + "/empty"
    open(empty, "w").close()
    fake.logs["job", JOB] = empty
    follower = Follower(fake, LOG + "?follow=true")
    time.sleep(0.5)
    fake.logs["job", JOB] = fake.path_of_log
    write(fake, b"at last\n")
    follower.until(b"at last\n")
    fake.put_job(JOB, "FINISHED")
    assert follower.rest() == b"at last\n"


def test_an_empty_log_is_followed_while_the_launcher_is_away():
    with Server(start=False, location="sparkjob_reply_timeout 1s; sparkjob_launcher_timeout 1s;") as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.server, fake.path_of_log = s, s.dir + "/job.log"
        fake.logs["job", JOB] = s.dir + "/empty"
        open(s.dir + "/empty", "w").close()
        fake.put_job(JOB)
        follower = Follower(fake, LOG + "?follow=true")
        fake.silent = (JOB_LOG,)                # asked again, in vain
        time.sleep(4)
        fake.stop()
        time.sleep(1)
        with FakeLauncher(s.socket, keep=fake) as later:
            later.logs["job", JOB] = fake.path_of_log
            write(fake, b"late\n")
            follower.until(b"late\n")
            later.put_job(JOB, "FINISHED")
            assert follower.rest() == b"late\n"


def test_a_short_job_that_said_something_at_its_end(fake):
    empty = fake.server.dir + "/empty"
    open(empty, "w").close()
    fake.logs["job", JOB] = empty
    follower = Follower(fake, LOG + "?follow=true")
    write(fake, b"all\n")
    fake.logs["job", JOB] = fake.path_of_log
    fake.put_job(JOB, "ERROR")
    assert follower.rest() == b"all\n"


def test_a_silent_job_ends_its_followers(fake):
    follower = Follower(fake, LOG + "?follow=true")
    fake.put_job(JOB, "KILLED")
    assert follower.rest() == b""


def test_the_log_of_a_context_and_of_its_successor(fake):
    fake.logs["context", "c"] = fake.path_of_log
    fake.put_context("c")
    write(fake, b"old\n")
    assert get(fake, "/contexts/c/log") == b"old\n"
    follower, other = Follower(fake, "/contexts/c/log?follow=true"), Follower(fake, "/contexts/c/log?follow=true")
    follower.until(b"old\n")
    other.until(b"old\n")
    write(fake, b"end\n")
    fake.put("context", "c", {"id": job_id(77), "start": int(time.time() * 1000) + 1})
    assert follower.rest() == other.rest() == b"old\nend\n"


def test_a_follower_of_a_job_that_the_zone_has_no_room_for(fake):
    fake.overfill()
    fake.records["job", job_id(2)] = {"id": job_id(2), "state": "RUNNING", "class": "Job"}
    fake.logs["job", job_id(2)] = fake.path_of_log
    write(fake, b"one\n")
    follower = Follower(fake, f"/jobs/{job_id(2)}/log?follow=true")
    follower.until(b"one\n")
    time.sleep(2)                       # it asks whether the job goes on
    write(fake, b"two\n")
    follower.until(b"two\n")
    fake.records["job", job_id(2)]["state"] = "FINISHED"
    assert follower.rest() == b"one\ntwo\n"


def test_a_follower_of_a_context_that_the_zone_has_no_room_for(fake):
    fake.put_context("gone", "FINISHED")
    fake.overfill()
    fake.records["context", "c"] = {"id": job_id(5), "name": "c", "state": "RUNNING"}
    fake.logs["context", "c"] = fake.path_of_log
    write(fake, b"old\n")
    follower = Follower(fake, "/contexts/c/log?follow=true")
    follower.until(b"old\n")
    fake.logs["context", "c"] = fake.server.dir + "/new.log"
    with open(fake.logs["context", "c"], "w") as f:
        f.write("the log of a context that follows it\n")
    assert follower.rest() == b"old\n"


def test_a_follower_survives_the_launcher(fake):
    write(fake, b"one\n")
    follower = Follower(fake, LOG + "?follow=true")
    fake.stop()
    write(fake, b"two\n")
    follower.until(b"two\n")
    with FakeLauncher(fake.path, keep=fake) as other:
        write(fake, b"three\n")
        follower.until(b"three\n")
        wait_until("the launcher is back", lambda: len(other.channels) == 2)
        other.put_job(JOB, "FINISHED")
        assert follower.rest() == b"one\ntwo\nthree\n"


def test_what_another_worker_has_still_to_tell_is_followed(fake):
    other = job_id(2)
    fake.logs["job", other] = fake.path_of_log
    write(fake, b"one\n")
    slow, quick = fake.server.worker_pids()
    os.kill(slow, signal.SIGSTOP)
    wait_until("it stands still", lambda: stopped(slow))
    try:
        with fake.lock:
            for channel in fake.channels:
                if peer(channel) == quick:
                    channel.shutdown(socket.SHUT_RDWR)
            fake.put_job(other)
        follower = Follower(fake, f"/jobs/{other}/log?follow=true")
        follower.until(b"one\n")
        write(fake, b"two\n")
        follower.until(b"two\n")
    finally:
        os.kill(slow, signal.SIGCONT)
    fake.put_job(other, "FINISHED")
    assert follower.rest() == b"one\ntwo\n"


def test_reload_ends_followers(fake):
    old = fake.server.worker_pids()
    follower = Follower(fake, LOG + "?follow=true")
    fake.server.nginx.send_signal(signal.SIGHUP)
    assert follower.rest() == b""
    wait_until("the old workers left", lambda: not any(alive(p) for p in old), 5)


def test_no_descriptor_is_left(fake):
    def file(link):
        try:
            return os.readlink(link)
        except FileNotFoundError:       # closed since the folder was read
            return ""

    def descriptors():
        return sum(1 for p in fake.server.worker_pids() for f in os.listdir(f"/proc/{p}/fd")
                   if file(f"/proc/{p}/fd/{f}").startswith(fake.path_of_log))

    write(fake, b"one\n")
    followers = [Follower(fake, LOG + "?follow=true") for _ in range(20)]
    assert descriptors() == 20
    for follower in followers[:10]:
        follower.response.close()
        follower.connection.close()
    wait_until("those who went away are gone", lambda: descriptors() == 10, 5)
    fake.put_job(JOB, "FINISHED")
    for follower in followers[10:]:
        assert follower.rest() == b"one\n"
    get(fake)
    fake.server.request("HEAD", LOG)
    wait_until("all are closed", lambda: descriptors() == 0, 5)
