"""Jobs that wait for a slot: whose turn it is, kills, bounds, and what of it outlives the launcher."""

import json
import os
import signal
import time
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server, wait_until


@pytest.fixture
def server():
    with Server(scripted=True, start=False, launcher={"at_exit": "stop", "max_queued_jobs": 5}) as s:
        s.start_launcher()
        yield s


def context(c, name="c", slots=1, early=False, **more):
    return c.create(name, settings={"max-jobs-per-context": str(slots), **more}, early=early)


def sleep(c, ms=60000, **more):
    return c.submit("sleep", json.dumps({"ms": ms}).encode(), **more)


def state(c, record):
    return c.job(record["id"])[0]["state"]


def until(c, record, *states):
    wait_until(f"the job is {states}", lambda: state(c, record) in states)


def positions(c, jobs):
    return [c.job(job["id"])[0].get("queue") for job in jobs]


def test_users_take_turns_and_each_waits_in_order(server):
    with Channel(server.socket) as c:
        context(c, **{"max-queued-jobs": "100"})
        first = sleep(c)
        assert "queue" not in first and first["state"] == "RUNNING"
        jobs = [c.submit("runs", user=user) for user in "aaabbc"]
        assert [job["state"] for job in jobs] == ["STARTED"] * 6
        assert [job["queue"] for job in jobs] == [1, 2, 3, 2, 4, 3]
        assert positions(c, jobs) == [1, 4, 6, 2, 5, 3]
        c.ask("job-kill", {"id": first["id"]})
        for job in jobs:
            until(c, job, "FINISHED")
        assert [int(c.job(job["id"])[1]) - 1 for job in jobs] == [1, 4, 6, 2, 5, 3]
        assert positions(c, jobs) == [None] * 6


def test_the_queue_is_bounded_and_refusals_leave_nothing(server):
    with Channel(server.socket) as c:
        record = context(c)
        assert (record["maxJobs"], record["maxQueued"]) == (1, 5)
        running = sleep(c)
        queued = [sleep(c, 1) for _ in range(5)]
        with pytest.raises(Refused) as refused:
            sleep(c)
        assert (refused.value.code, refused.value.name) == ("queue-full", "5 c")
        assert context(c, "n", **{"max-queued-jobs": "0"})["maxQueued"] == 0
        sleep(c, context="n")
        with pytest.raises(Refused) as refused:
            sleep(c, context="n")
        assert (refused.value.code, refused.value.name) == ("no-slots", "1 n")
        c.ask("job-kill", {"id": running["id"]})
        for job in queued:
            until(c, job, "FINISHED")
        assert sleep(c)["state"] == "RUNNING"


def test_a_queued_job_is_killed_at_once(server):
    with Channel(server.socket) as c:
        context(c)
        running = sleep(c)
        first, second = sleep(c), sleep(c)
        assert c.ask("job-kill", {"id": first["id"]})[0]["record"]["state"] == "KILLED"
        assert state(c, running) == "RUNNING" and positions(c, [second]) == [1]
        with pytest.raises(Refused) as refused:
            c.ask("job-kill", {"id": first["id"]})
        assert refused.value.code == "job-not-running"


def test_a_sync_job_in_the_queue_is_answered_and_its_end_told(server):
    with Channel(server.socket) as c:
        context(c)
        sleep(c, 3000)
        job = c.submit("value", b'{"value": 7}', sync=True)
        assert job["queue"] == 1
        until(c, job, "FINISHED")
        assert c.job(job["id"])[1] == b"7"


def test_a_deleted_context_takes_its_queue_with_it(server):
    with Channel(server.socket) as c:
        context(c)
        jobs = [sleep(c) for _ in range(3)]
        c.ask("context-delete", {"name": "c"})
        assert [state(c, job) for job in jobs] == ["KILLED"] * 3


def test_a_large_body_waits_in_its_file(server):
    with Channel(server.socket) as c:
        context(c)
        running = sleep(c)
        body = json.dumps({"value": "x" * 100000}).encode()
        job, killed = c.submit("echo", body), c.submit("echo", body)
        c.ask("job-kill", {"id": killed["id"]})
        c.ask("job-kill", {"id": running["id"]})
        until(c, job, "FINISHED")
        assert json.loads(c.ask("job-result", {"id": job["id"]})[1]) == body.decode()


@pytest.mark.parametrize("slots", [1, 2])
def test_the_queue_outlives_the_launcher(server, slots):
    with Channel(server.socket) as c:
        context(c, slots=slots, **{"max-queued-jobs": "100"})
        running = [sleep(c) for _ in range(slots)]
        large = c.submit("echo", json.dumps({"x": "y" * 100000}).encode())
        jobs = [large] + [c.submit("runs") for _ in range(5)]
        assert [job["queue"] for job in jobs] == [1, 2, 3, 4, 5, 6]
        killed = jobs.pop(2)
        c.ask("job-kill", {"id": killed["id"]})
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    with Channel(server.socket) as c:
        wait_until("the queue is as it was", lambda: positions(c, jobs) == [1, 2, 3, 4, 5])
        assert [state(c, job) for job in running] == ["RUNNING"] * slots
        assert state(c, killed) == "KILLED"
        with pytest.raises(Refused):
            for _ in range(100):
                sleep(c)
        for job in running:
            c.ask("job-kill", {"id": job["id"]})
        for job in jobs:
            until(c, job, "FINISHED")
        if slots == 1:
            # each ran once, in order, after the one that was killed and the large one
            assert [c.job(job["id"])[1] for job in jobs[1:]] == [b"3", b"4", b"5", b"6"]


def test_what_is_submitted_before_the_context_runs_waits_for_it_in_order(server):
    with Channel(server.socket) as c:
        assert context(c, early=True, **{"script.start": "slow:1500"})["state"] == "STARTED"
        streams = [c.send("job-submit", {"id": str(uuid.uuid4()), "cp": [], "class": "sleep", "context": "c",
                                         "sync": False, "user": "u"}, b'{"ms": 600}') for _ in range(4)]
        records = [c.wait(stream)[0]["record"] for stream in streams]
        assert [r["state"] for r in records] == ["RUNNING"] + ["STARTED"] * 3
        assert [r.get("queue") for r in records] == [None, 1, 2, 3]
        for record in records:
            until(c, record, "FINISHED")


def test_a_large_body_and_the_queue_outlive_the_driver_of_a_supervised_context(server):
    with Channel(server.socket) as c:
        context(c, supervise="true", **{"max-queued-jobs": "9"})
        body = {"ms": 3000, "pad": "x" * 100000}
        running = c.submit("sleep", json.dumps(body).encode())
        large = c.submit("echo", json.dumps(body).encode())
        resolved = c.submit("", b'{"mainClass": "noop"}')
        assert (running["state"], large["queue"], resolved["queue"]) == ("RUNNING", 1, 2)
        drivers = server.drivers()
        os.kill(drivers[0], signal.SIGKILL)
        wait_until("there is another driver", lambda: server.drivers() not in (drivers, []))
        for job in (running, large, resolved):
            until(c, job, "FINISHED")
        assert json.loads(json.loads(c.ask("job-result", {"id": large["id"]})[1])) == body
        assert json.loads(c.ask("job-config", {"id": running["id"]})[1]) == body
        folder = f"{server.dir}/data/contexts/{running['contextId']}/in"
        wait_until("their bodies are gone", lambda: not os.listdir(folder))


# answered early, and by key


def test_an_early_answer_comes_before_the_validation(server):
    with Channel(server.socket) as c:
        context(c, **{"max-queued-jobs": "100"})
        job = c.submit("slowvalidate", b'{"ms": 3000}', early=True)
        assert job["state"] == "STARTED" and "queue" not in job
        assert state(c, job) == "STARTED"
        until(c, job, "FINISHED")
        # also when the validation is as fast as the disk
        refused = [c.submit("invalid", early=True) for _ in range(50)]
        for job in refused:
            assert job["state"] in ("STARTED", "ERROR")
            until(c, job, "ERROR")


def test_a_key_stands_for_one_job_also_across_a_restart(server):
    key, body = str(uuid.uuid4()), b'{"value": 1}'
    large = json.dumps({"value": "x" * 100000}).encode()
    large_key = str(uuid.uuid4())

    def again(c, **more):
        return c.submit(**{"main_class": "value", "body": body, "id": key, "again": True, **more})

    def reused(c, **more):
        with pytest.raises(Refused) as refused:
            again(c, **more)
        assert (refused.value.code, refused.value.name) == ("key-reused", key)

    with Channel(server.socket) as c:
        with pytest.raises(Refused) as refused:
            again(c)
        assert refused.value.code == "no-such-context"
        context(c, slots=8)
        context(c, "d")
        assert again(c)["id"] == key
        until(c, {"id": key}, "FINISHED")
        assert again(c)["state"] == "FINISHED"
        reused(c, main_class="echo")
        reused(c, body=b'{"value": 2}')
        reused(c, context="d")
        reused(c, body=large)
        again(c, id=large_key, body=large)
        assert again(c, id=large_key, body=large)["id"] == large_key
        # while it runs, too
        slow = {"id": str(uuid.uuid4()), "main_class": "sleep", "body": b'{"ms": 60000}'}
        again(c, **slow)
        assert again(c, **slow)["state"] == "RUNNING"
        with pytest.raises(Refused):
            again(c, **{**slow, "body": b'{"ms": 1}'})
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    with Channel(server.socket) as c:
        assert again(c)["state"] == "FINISHED"
        reused(c, body=b"")
        assert again(c, id=large_key, body=large)["state"] == "FINISHED"
        assert again(c, **slow)["state"] == "RUNNING"
        assert len(listed(c)) == 3


def listed(c):
    stream = c.send("job-list", {"limit": 50})
    c.wait(stream)
    return c.records[stream]


# what a body names


def jar(c, name):
    c.ask("binary-put", {"name": name, "type": "Jar", "user": "u"}, b"PK\3\4" + name.encode())


def named(c, **body):
    return c.submit("", json.dumps(body).encode())


def test_a_body_names_class_and_class_path(server):
    with Channel(server.socket) as c:
        context(c, slots=2)
        jar(c, "a")
        jar(c, "b")
        job = named(c, mainClass="cp", cp=["b", "https://host/x.jar", "a"])
        until(c, job, "FINISHED")
        record, payload = c.job(job["id"])
        assert json.loads(payload) == ["b", "https://host/x.jar", "a"] == record["cp"]
        assert record["class"] == "cp"
        with pytest.raises(Refused) as refused:
            named(c, mainClass="cp", cp=["a", "nowhere"])
        assert (refused.value.code, refused.value.name) == ("no-such-binary", "nowhere")
        with pytest.raises(Refused) as refused:
            named(c, cp=["a"])
        assert (refused.value.code, refused.value.name) == ("bad-config", "mainClass parameter is missing!")
        with pytest.raises(Refused) as refused:
            named(c, mainClass="", cp=["a"])
        assert refused.value.code == "bad-config"
        # what it was resolved to is protected while it runs
        job = named(c, mainClass="sleep", cp=["a"], ms=60000)
        for name, free in (("a", False), ("b", True)):
            if free:
                c.ask("binary-delete", {"name": name})
            else:
                with pytest.raises(Refused) as refused:
                    c.ask("binary-delete", {"name": name})
                assert (refused.value.code, refused.value.name) == ("binary-in-use", job["id"])
        assert named(c, mainClass="noop")["state"] in ("RUNNING", "FINISHED")


@pytest.mark.parametrize("cp", [["http://" + "x" * 65536], ["http://" + "x" * 261544], ["a"] * 257])
def test_what_a_body_names_is_bounded(server, cp):
    with Channel(server.socket) as c:
        jar(c, "a")
        context(c, slots=2)
        with pytest.raises(Refused) as refused:
            named(c, mainClass="cp", cp=cp)
        assert refused.value.code == "bad-config"
        # with what the query has named
        with pytest.raises(Refused) as refused:
            c.submit("", json.dumps({"mainClass": "cp", "cp": ["a"] * 56}).encode(), dependent=["a"] * 201)
        assert refused.value.code == "bad-config"
        most = ["a"] * 256
        job = named(c, mainClass="cp", cp=most)
        until(c, job, "FINISHED")
        assert json.loads(c.job(job["id"])[1]) == most
        # of a context, too
        with pytest.raises(Refused) as refused:
            c.create("d", json.dumps({"spark.context-settings.cp": cp}).encode())
        assert refused.value.code == "bad-setting" and "too many" in refused.value.error["message"]
        c.create("e", json.dumps({"spark.context-settings.cp": most}).encode())
        told = c.result("context", "e")
        assert [binary["name"] for binary in told["cp"]] == most and "path" in told["cp"][0]


def test_uris_and_dependent_binaries_reach_the_driver(server):
    with Channel(server.socket) as c:
        context(c, slots=2)
        jar(c, "a")
        jar(c, "x:y")
        job = c.submit("cp", cp=["a", "x:y", "org:lib:1"], dependent=["a", "file:/x.jar"])
        until(c, job, "FINISHED")
        assert json.loads(c.job(job["id"])[1]) == ["a", "x:y", "org:lib:1", "a", "file:/x.jar"]
        for member in ("cp", "dependent"):
            with pytest.raises(Refused) as refused:
                c.submit("cp", **{member: ["a", "no"]})
            assert (refused.value.code, refused.value.name) == ("no-such-binary", "no")
            with pytest.raises(Refused) as refused:
                c.submit("cp", **{member: ["a", 1]})
            assert (refused.value.code, refused.value.name) == ("bad-request", member)
        c.submit("sleep", b'{"ms": 60000}', dependent=["x:y"])
        with pytest.raises(Refused) as refused:
            c.ask("binary-delete", {"name": "x:y"})
        assert refused.value.code == "binary-in-use"


# progress


def test_progress_is_told_and_kept_with_the_end(server):
    with Channel(server.socket) as c:
        context(c, slots=2)
        job = c.submit("progress", b'{"tasks": 3, "ms": 60000}')
        last = {"stages": 1, "stagesDone": 0, "tasks": 3, "tasksDone": 3, "tasksFailed": 0}
        wait_until("its progress is known", lambda: c.job(job["id"])[0].get("progress") == last)
        told = [e for e in c.events if e["op"] == "progress"]
        assert [e["record"]["tasksDone"] for e in told] == [1, 2, 3]
        assert all(e["kind"] == "job" and e["record"]["id"] == job["id"] for e in told)
        assert [e["seq"] for e in c.events] == list(range(1, len(c.events) + 1))
        assert c.ask("job-kill", {"id": job["id"]})[0]["record"]["progress"] == last
        assert c.job(job["id"])[0]["progress"] == last
        assert "progress" not in c.submit("noop")


# kills that the driver could not be told of


def test_a_kill_while_the_driver_is_away_keeps_the_job_from_running(server):
    with Channel(server.socket) as c:
        context(c, **{"max-queued-jobs": "100"})
        running, killed, last = sleep(c), c.submit("runs"), c.submit("runs")
    server.launcher.kill()
    server.launcher.wait()
    driver, = server.drivers()
    os.kill(driver, signal.SIGSTOP)         # so that it does not come back yet
    server.start_launcher()
    with Channel(server.socket) as c:
        stream = c.send("job-kill", {"id": killed["id"]})
        assert not c.answered(stream)
        os.kill(driver, signal.SIGCONT)
        assert c.wait(stream)[0]["record"]["state"] == "KILLED"
        c.ask("job-kill", {"id": running["id"]})
        until(c, last, "FINISHED")
        assert c.job(last["id"])[1] == b"2"


def test_an_id_is_not_taken_again_while_its_job_goes_on_in_the_driver():
    with Server(scripted=True, start=False, launcher={"driver": {"kill_timeout": 1}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            context(c, slots=2)
            key = {"main_class": "hang", "id": str(uuid.uuid4()), "again": True}
            job = c.submit(**key)
            assert c.ask("job-kill", {"id": job["id"]})[0]["record"]["state"] == "KILLED"
            assert c.ask("job-purge", {"before": int(time.time() * 1000) + 1000})[0]["count"] == 1
            with pytest.raises(Refused) as refused:
                c.submit(**key)
            assert refused.value.code == "unavailable"
            # nothing of it is left in the slots
            assert c.submit("noop", sync=True)["state"] in ("RUNNING", "FINISHED")
            with pytest.raises(Refused) as refused:
                sleep(c) and sleep(c)
            assert refused.value.code == "no-slots"


def test_a_limit_that_a_driver_tells_may_be_any_number(server):
    with Channel(server.socket) as c:
        context(c, **{"max-queued-jobs": str(2 ** 63 - 1)})
        sleep(c)
        assert sleep(c)["queue"] == 1
