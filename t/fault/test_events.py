"""Event streams: what a watcher sees whatever happens to launcher, workers and network."""

import http.client
import os
import signal
import socket
import time

import pytest
from event_stream import EventStream
from fake_launcher import FakeLauncher, job_id
from sparkjob_server import EXAMPLES, Server, alive, memory_kb, wait_until

SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")


def serve(**more):
    return Server(start=False, **more)


@pytest.fixture()
def fake():
    with serve() as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.server = s
        connected(fake)
        yield fake


def watch(fake, path="/events", **more):
    stream = EventStream(fake.server, path, **more)
    assert stream.status == 200
    return stream


def own_memory(fake):
    """Of the workers, in KiB, without the zone, whose pages count as they are touched."""
    return sum(memory_kb(p, "RssAnon") for p in fake.server.worker_pids())


def connected(fake, before=()):
    """Waits until all workers have a channel, besides those of before: who comes later hears of what is new sooner than
    of what is not."""
    wait_until("all workers have a channel", lambda: len(fake.greeted.difference(before)) == fake.server.workers)


def settled(fake):
    """Waits until all workers have all events: what they do not tell of, then, they never will."""
    fake.put_job(job_id(999999), "FINISHED")
    wait_until("the workers have all events", lambda: all(
        fake.server.get(f"/jobs/{job_id(999999)}", headers={"X-User": "u"})[0] == 200 for _ in range(8)))


def test_present_state_then_events_in_order(fake):
    fake.put_binary("jar")
    fake.put_context("c")
    fake.put_job(job_id(1))
    fake.put_job(job_id(2), "FINISHED")
    settled(fake)
    with watch(fake) as stream:
        assert stream.response.getheader("Content-Type") == "text/event-stream"
        assert stream.response.getheader("Cache-Control") == "no-store"
        (_, jar), (_, context), (event, job) = stream.take(3)
        assert jar == fake.server.get("/binaries/jar")[1]
        assert context == fake.server.get("/contexts/c")[1]
        assert event == "job" and job == fake.server.job(job_id(1))
        fake.progress(job_id(1), 1, 0, 8, 2, 0)
        assert stream.next() == ("progress", {"jobId": job_id(1), "stages": 1, "stagesDone": 0, "tasks": 8, "tasksDone": 2,
                                              "tasksFailed": 0, "percent": 25})
        seq = fake.put_job(job_id(1), "FINISHED", payload="result", progress={"stages": 1, "tasks": 8, "tasksDone": 8})
        event, job = stream.next()
        assert event == "job" and job["status"] == "FINISHED" and job["progress"]["percent"] == 100 and "result" not in job
        assert stream.last_id == f"{fake.epoch}-{seq}"
        fake.remove("binary", "jar")
        fake.remove("job", job_id(1))
        assert stream.take(2) == [("remove", {"kind": "binary", "app-name": "jar"}),
                                  ("remove", {"kind": "job", "jobId": job_id(1)})]


@pytest.mark.parametrize("query, wanted", [
    ("context=c", [1, 3]), ("user=u", [1, 2]), ("context=c&user=u", [1]), ("kind=context", ["d"]),
    ("kind=context,binary", ["d", "jar"]), ("kind=job&context=d", [2]), ("context=d", ["d", 2])])
def test_filters(fake, query, wanted):
    def act(state):
        fake.put_context("d", state="RUNNING")
        fake.put_binary("jar")
        fake.put_job(job_id(1), state, "c", "u")
        fake.put_job(job_id(2), state, "d", "u")
        fake.put_job(job_id(3), state, "c", "v")
        for n in (1, 2, 3):
            fake.progress(job_id(n), 1)

    def seen(stream, count):
        return [str(d.get("jobId", "")).lstrip("0-48") or d.get("name") or d.get("app-name") for _, d in stream.take(count)]

    wanted = [str(w) for w in wanted]
    act("STARTED")
    settled(fake)
    with watch(fake, "/events?" + query) as stream:
        assert seen(stream, len(wanted)) == wanted
        act("RUNNING")
        fake.remove("job", job_id(1))
        numbers = [w for w in wanted if w.isdigit()]
        removed = ["1"] if "1" in wanted else []
        assert seen(stream, len(wanted) + len(numbers) + len(removed)) == wanted + numbers + removed
        last = stream.last_id
    act("RUNNING")
    with watch(fake, "/events?" + query, last_id=last) as stream:
        assert seen(stream, len(wanted) + len(numbers)) == wanted + numbers


def test_filters_know_whose_it_was_when_the_zone_does_not():
    with Server(scripted=True) as s:
        s.nginx_restart("128k")
        s.upload("examples", EXAMPLES)
        s.context("c")
        jobs = {s.run("big", '{"bytes": 20000}')[1]["jobId"] for _ in range(12)}
        with EventStream(s, "/events?context=c") as stream:
            assert stream.next()[0] == "context"
            assert s.delete("/jobs?before=2100-01-01T00:00:00Z")[0] == 200
            removed = stream.take(len(jobs))
        assert {event for event, _ in removed} == {"remove"} and {d["jobId"] for _, d in removed} == jobs


def test_bad_parameters_are_named(fake):
    for query, word in (("kind=cluster", "'cluster' is not"), ("kind=job,", "kind"), ("context=" + "x" * 300, "context")):
        status, body = fake.server.get("/events?" + query)
        assert status == 400 and body["status"] == "ERROR" and word in body["result"]
    assert fake.server.get("/jobs/nonsense/events")[0] == 404
    assert fake.server.get(f"/jobs/{job_id(1)}/events")[0] == 404
    assert fake.server.post("/events")[0] == 405


def test_one_job_until_it_ends(fake):
    fake.put_job(job_id(1))
    fake.put_job(job_id(2))
    settled(fake)
    with watch(fake, f"/jobs/{job_id(1)}/events") as stream:
        assert stream.next()[1]["status"] == "RUNNING"
        fake.progress(job_id(2), 1)
        fake.progress(job_id(1), 1)
        fake.put_job(job_id(2), "ERROR")
        fake.put_job(job_id(1), "KILLED")
        assert [(e, d.get("status")) for e, d in stream.rest()] == [("progress", None), ("job", "KILLED")]
    with watch(fake, f"/jobs/{job_id(1)}/events") as stream:
        assert [d["status"] for _, d in stream.rest()] == ["KILLED"]


def test_who_knows_the_end_of_a_job_is_told_not_to_come_back(fake):
    before = fake.put_job(job_id(1))
    end = fake.put_job(job_id(1), "FINISHED")
    fake.put_job(job_id(2))
    settled(fake)
    path = f"/jobs/{job_id(1)}/events"
    for last in (end, end + 1):
        with EventStream(fake.server, path, last_id=f"{fake.epoch}-{last}") as stream:
            assert stream.status == 204 and stream.rest() == []
    with watch(fake, path, last_id=f"{fake.epoch}-{before}") as stream:
        assert [d["status"] for _, d in stream.rest()] == ["FINISHED"]
    with watch(fake, path, last_id=f"{fake.epoch + 1}-{end}") as stream:
        assert [e for e, _ in stream.rest()] == ["reset", "job"]


def test_a_job_that_the_zone_does_not_hold(fake):
    """The launcher knows it: its history is longer than the zone."""
    before = fake.put_job(job_id(1))
    fake.put_job(job_id(1), "FINISHED")
    fake.overfill()
    fake.put_job(job_id(2), "FINISHED")
    settled(fake)
    path = f"/jobs/{job_id(1)}/events"
    with watch(fake, path) as stream:
        assert [d["status"] for _, d in stream.rest()] == ["FINISHED"]
    with EventStream(fake.server, path, last_id=stream.last_id) as stream:
        assert stream.status == 204
    with watch(fake, path, last_id=f"{fake.epoch}-{before}") as stream:
        assert [e for e, _ in stream.rest()] == ["job"]


def test_a_running_job_that_the_zone_has_no_room_for(fake):
    """Only the launcher knows it, but events of it do come."""
    fake.overfill()
    settled(fake)
    now = int(time.time() * 1000)
    fake.records["job", job_id(1)] = {"id": job_id(1), "state": "RUNNING", "class": "Job", "start": now}
    path = f"/jobs/{job_id(1)}/events"
    with watch(fake, path) as stream:
        assert [d["status"] for _, d in stream.rest()] == ["RUNNING"]
        assert stream.last_id is None
    with watch(fake, path, last_id=f"{fake.epoch}-{fake.seq}") as stream:
        fake.put_job(job_id(1), "FINISHED")
        assert [d["status"] for _, d in stream.rest()] == ["FINISHED"]


def test_reconnect_goes_on_where_it_stopped(fake):
    fake.put_job(job_id(1))
    settled(fake)
    with watch(fake) as stream:
        stream.next()
        fake.put_job(job_id(1), "FINISHED")
        stream.next()
        last = stream.last_id
    for n in range(2, 200):
        fake.put_job(job_id(n))
    for how in ({"last_id": last}, {"path": "/events?lastEventId=" + last}):
        with watch(fake, **how) as stream:
            assert [d["jobId"] for _, d in stream.take(198)] == [job_id(n) for n in range(2, 200)]


def test_a_stream_opens_though_there_is_nothing_to_tell(fake):
    seq = fake.put_job(job_id(1))
    settled(fake)
    with watch(fake, f"/jobs/{job_id(1)}/events", last_id=f"{fake.epoch}-{seq}", timeout=30) as stream:
        fake.put_job(job_id(1), "FINISHED")
        assert stream.next()[1]["status"] == "FINISHED"


def test_an_old_context_that_is_forgotten_leaves_the_new_one_of_its_name(fake):
    fake.put_context("c", id=job_id(1))
    settled(fake)
    with watch(fake) as stream:
        stream.next()
        fake.publish("remove", "context", {"id": job_id(2), "name": "c"})
        fake.put_binary("jar")
        assert stream.next()[0] == "binary"
        assert fake.server.get("/contexts/c")[0] == 200
        fake.remove("context", "c")
        assert stream.next() == ("remove", {"kind": "context", "name": "c"})


def listed(fake):
    """The numbers of the sessions in the list, and the contexts."""
    settled(fake)
    sessions = fake.server.get("/livy/sessions")[1]
    assert sessions["total"] == len(sessions["sessions"])
    return [s["id"] for s in sessions["sessions"]], fake.server.get("/contexts")[1]


def test_a_session_that_died_is_listed_though_another_one_has_its_name(fake):
    later = int(time.time() * 1000) + 600000

    def put(number, state="RUNNING", **more):
        return fake.put("context", f"dup {number}", {"id": job_id(number), "name": "dup", "user": "", "start": 1 + number,
                                                     "state": state, "session": number, "kind": "spark", **more})

    for number in range(4):
        put(number)
        if number < 3:
            put(number, "ERROR", end=2, until=later)
    assert listed(fake) == ([0, 1, 2, 3], ["dup"])
    # what is told of an old one late is told of that one
    put(1, "ERROR", reason="why")
    assert listed(fake) == ([0, 1, 2, 3], ["dup"])
    put(0, "ERROR", until=0)
    assert listed(fake) == ([1, 2, 3], ["dup"])
    fake.publish("remove", "context", {"id": job_id(1), "name": "dup", "session": 1})
    assert listed(fake) == ([2, 3], ["dup"])
    put(3, "FINISHED", end=3, until=0)
    assert listed(fake) == ([2], [])
    # it may be over only after the next one is there
    put(5)
    put(4, "ERROR", end=4, until=later)
    assert listed(fake) == ([2, 4, 5], ["dup"])
    # a snapshot tells the same, in whichever order, and of the others no more
    fake.records = dict(reversed([(key, record) for key, record in fake.records.items()
                                  if key[1] not in ("dup 1", "dup 2")]))
    fake.stop()
    with FakeLauncher(fake.server.socket, keep=fake) as new:
        new.server = fake.server
        connected(new)
        wait_until("the snapshot is loaded", lambda: listed(new) == ([4, 5], ["dup"]))


@pytest.mark.parametrize("last_id", ["nonsense", "1-1", "-", "12-", "99999999999999999999-1"])
def test_an_id_that_cannot_be_continued_from_is_a_reset(fake, last_id):
    fake.put_job(job_id(1))
    settled(fake)
    with watch(fake, last_id=last_id) as stream:
        assert [e for e, _ in stream.take(2)] == ["reset", "job"]
        fake.put_job(job_id(2))
        assert stream.next()[1]["jobId"] == job_id(2)


def test_an_id_that_the_ring_has_lost_is_a_reset(fake):
    fake.put_job(job_id(1))
    settled(fake)
    with watch(fake) as stream:
        stream.next()
        fake.put_job(job_id(1), "FINISHED")
        stream.next()
        last = stream.last_id
    for _ in range(30000):
        fake.put_context("c")
    settled(fake)
    with watch(fake, last_id=last) as stream:
        assert [e for e, _ in stream.take(2)] == ["reset", "context"]


def test_an_event_that_is_too_large_for_the_ring(fake):
    with watch(fake) as stream:
        last = f"{fake.epoch}-{fake.put_binary('jar')}"
        stream.next()
        fake.put_context("c", "ERROR", reason="x" * 70000)
        assert len(stream.next()[1]["reason"]) == 70000
        fake.put_binary("jar")
        stream.next()
        late = stream.last_id
    fake.put_binary("other")
    settled(fake)
    with watch(fake, last_id=last) as stream:
        assert stream.next()[0] == "reset"
    with watch(fake, last_id=late) as stream:
        assert stream.next()[1]["app-name"] == "other"


def test_a_ring_that_has_gone_round_leaves_nothing_out(fake):
    """Events that nobody can be told of take a number there, but no room."""
    told = []
    for n in range(400):
        if n % 3:
            told.append(fake.put_context("c", reason="x" * 50000))
        else:
            fake.publish("put", "kind-of-a-later-launcher", {"name": "x"})
    settled(fake)
    for since in range(fake.seq - 1, 0, -1):
        with watch(fake, last_id=f"{fake.epoch}-{since}") as stream:
            seen = []
            while not seen or seen[-1] != fake.seq:
                event, _ = stream.next()
                if event == "reset":
                    break
                seen.append(int(stream.last_id.split("-")[1]))
        if event == "reset":
            break
        assert seen == [seq for seq in told if seq > since] + [fake.seq]
    assert fake.seq - 200 < since < fake.seq - 50


def test_reset_without_any_state(fake):
    with watch(fake, last_id="1-1") as stream:
        assert stream.next() == ("reset", {})


def test_a_broken_channel_loses_nothing(fake):
    fake.put_job(job_id(1))
    settled(fake)
    with watch(fake) as one, watch(fake) as two, watch(fake) as three:
        for stream in (one, two, three):
            stream.next()
        for n in range(2, 6):
            fake.put_job(job_id(n))
            fake.break_channels()
            for k in range(10):
                fake.put_job(job_id(n * 100 + k))
            wait_until("the workers are back", lambda: len(fake.channels) == 2)
        for stream in (one, two, three):
            seen = []
            while job_id(509) not in seen:      # a reset tells the state, in which nothing is missing either
                event, data = stream.next()
                seen = [] if event == "reset" else seen + [data["jobId"]]
            assert len(set(seen)) == len(seen)


def test_a_new_launcher_is_a_reset(fake):
    fake.put_job(job_id(1))
    fake.put_job(job_id(2))
    settled(fake)
    with watch(fake) as stream, watch(fake, f"/jobs/{job_id(2)}/events") as job:
        stream.take(2)
        job.next()
        fake.stop()
        last = f"{fake.epoch}-{fake.seq}"
        with watch(fake) as meanwhile:          # the zone still knows
            assert len(meanwhile.take(2)) == 2
            with FakeLauncher(fake.path, keep=fake) as other:
                other.records["job", job_id(2)].update(state="FINISHED", rev=10)
                for s in (stream, meanwhile):
                    assert [(e, d.get("jobId")) for e, d in s.take(2)] == [("reset", None), ("job", job_id(1))]
                assert [e for e, _ in job.rest()] == ["reset", "job"]
                seq = other.put_job(job_id(3))
                assert stream.next()[1]["jobId"] == job_id(3) and stream.last_id == f"{other.epoch}-{seq}"
                with watch(fake, last_id=last) as late:
                    assert late.next()[0] == "reset"


def test_reload_ends_streams_and_they_go_on_elsewhere(fake):
    fake.put_job(job_id(1))
    settled(fake)
    old, channels = fake.server.worker_pids(), set(fake.greeted)
    with watch(fake) as stream, socket.create_connection(("127.0.0.1", fake.server.port)) as deaf:
        deaf.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.next()
        fake.server.nginx.send_signal(signal.SIGHUP)
        assert stream.rest() == []
        last = stream.last_id
    wait_until("the old workers left", lambda: not any(alive(p) for p in old), 5)
    connected(fake, channels)
    fake.put_job(job_id(2))
    with watch(fake, last_id=last) as stream:
        assert stream.next()[1]["jobId"] == job_id(2)


def test_a_client_that_does_not_read_is_dropped_and_costs_little(fake):
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", fake.server.port))
        deaf.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert deaf.recv(1) == b"H"
        before = own_memory(fake)
        with watch(fake, "/events?kind=binary") as other:
            for n in range(15000):
                fake.put_job(job_id(n % 50), "RUNNING")
            fake.put_binary("jar")
            assert other.next()[0] == "binary"
        wait_until("it is dropped", lambda: "client does not read its events" in fake.server.read("nginx/logs/error.log"))
        assert SANITIZED or own_memory(fake) - before < 6000
        deaf.settimeout(60)
        try:
            while deaf.recv(65536):
                pass
        except ConnectionResetError:
            pass


def test_a_slow_client_gets_everything(fake):
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", fake.server.port))
        slow.sendall(b"GET /events HTTP/1.0\r\n\r\n")
        text = slow.recv(65536)
        for n in range(3000):
            fake.put_job(job_id(n))
            if n % 100 == 99:
                text += slow.recv(65536)
        slow.settimeout(60)
        while job_id(2999).encode() not in text:
            text += slow.recv(65536)
    ids = [line for line in text.decode().split("\n") if line.startswith("data:")]
    assert [i.split('"')[3] for i in ids if "jobId" in i] == [job_id(n) for n in range(3000)]


def test_users_who_own_their_contexts_see_only_theirs():
    with serve(location="sparkjob_user $http_x_user; sparkjob_proxy_user on;") as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.server = s
        connected(fake)
        users = ("ann", "an", 'b"~~')

        def act(state):
            for user in users:
                own = user.replace("~", "~~") + "~c"
                fake.put_context(own, state, user)
                fake.put_job(job_id(len(user)), state, own, user)
                fake.progress(job_id(len(user)), 1)
            fake.put_job(job_id(7), state, "", "ann")

        def told(context):
            return context["name"] if "name" in context else context.get("context")

        act("STARTED")
        settled(fake)
        streams = {user: watch(fake, X_User=user) for user in users}
        streams["c"] = watch(fake, "/events?context=c", X_User="ann")
        streams["d"] = watch(fake, "/events?context=d", X_User="ann")
        for stream in (streams["an"], streams['b"~~'], streams["c"]):
            assert [told(d) for _, d in stream.take(2)] == ["c", "c"]
        assert [told(d) for _, d in streams["ann"].take(3)] == ["c", "c", "<<ad-hoc>>"]
        act("RUNNING")
        for stream in (streams["an"], streams['b"~~'], streams["c"]):
            assert [(e, told(d)) for e, d in stream.take(3)] == [("context", "c"), ("job", "c"), ("progress", None)]
        assert [told(d) for _, d in streams["ann"].take(4)] == ["c", "c", None, "<<ad-hoc>>"]
        with watch(fake, last_id=f"{fake.epoch}-0", X_User="an") as stream:
            assert [told(d) for _, d in stream.take(6)] == ["c", "c", None] * 2
        fake.remove("context", "ann~c")
        assert streams["c"].next() == ("remove", {"kind": "context", "name": "c"})
        fake.put_context("ann~d")
        assert streams["d"].next()[1]["name"] == "d"
        with watch(fake, f"/jobs/{job_id(3)}/events", X_User="an") as stream:
            assert told(stream.next()[1]) == "ann~c"
            fake.put_job(job_id(3), "FINISHED", "ann~c", "ann")
            assert [told(d) for _, d in stream.rest()] == ["ann~c"]
        for stream in streams.values():
            stream.__exit__()


def test_http_1_0_head_and_a_large_state(fake):
    for n in range(2000):
        fake.put_job(job_id(n))
    settled(fake)
    c = http.client.HTTPConnection("127.0.0.1", fake.server.port, timeout=60)
    c.request("HEAD", "/events")
    r = c.getresponse()
    assert r.status == 200 and r.getheader("Content-Type") == "text/event-stream" and r.read() == b""
    c.request("GET", "/healthz")
    assert c.getresponse().read()
    c.close()
    with watch(fake) as stream:
        assert [d["jobId"] for _, d in stream.take(2000)] == [job_id(n) for n in range(2000)]
    with socket.create_connection(("127.0.0.1", fake.server.port)) as plain:
        plain.sendall(b"GET /events HTTP/1.0\r\n\r\n")
        text = b""
        while text.count(b"event: job\n") < 2000:
            text += plain.recv(65536)
        assert b"chunked" not in text


def test_watchers_that_come_and_go_leave_nothing(fake):
    def round_of(count):
        streams = [watch(fake) for _ in range(count)]
        for n in range(20):
            fake.put_job(job_id(n), "RUNNING" if n % 2 else "FINISHED")
        settled(fake)
        for stream in streams:
            stream.__exit__()

    round_of(100)
    before = own_memory(fake)
    for _ in range(5):
        round_of(100)
    wait_until("what they had is given back", lambda: SANITIZED or own_memory(fake) - before < 2000)
