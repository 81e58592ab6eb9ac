"""Sessions and statements: numbers, names, order, cancelling, and what of them outlives driver and launcher."""

import contextlib
import glob
import json
import os
import signal
import sqlite3
import time
import uuid

import pytest
from faults import Faults
from sparkjob_channel import Channel, Refused
from sparkjob_server import BUILD, Server, wait_until

FAULTS = BUILD + "/faults/sparkjob-launcher"
FINAL = ("FINISHED", "ERROR", "KILLED")


def launcher(**more):
    return Server(scripted=True, start=False, launcher={"at_exit": "stop", **more})


@pytest.fixture
def server(tmp_path):
    """Whose statements note when they run, and are not given up when they do not stop."""
    with launcher(livy={"max_statements": 20}, driver={
            "kill_timeout": 3600, "environment": {"SPARKJOB_RUN_LOG": str(tmp_path / "runs")}}) as s:
        s.start_launcher()
        yield s


def session(c, name="", kind="spark", **more):
    return c.create(name, kind=kind, **more)


def submit(c, of, code, kind="", **more):
    """The record of a new statement."""
    return c.ask("statement-submit", {"id": str(uuid.uuid4()), "session": str(of), "kind": kind, "user": "u", **more},
                 code.encode())[0]["record"]


def get(c, of, number, **more):
    """(record, output) of a statement; the output is None before it has one."""
    meta, payload = c.ask("statement-get", {"session": str(of), "statement": number, **more})
    return meta["record"], json.loads(payload) if payload else None


def until(c, of, number, *states):
    wait_until(f"statement {number} is {states}", lambda: get(c, of, number)[0]["state"] in states)
    return get(c, of, number)


def output(c, of, number):
    """What a statement says in the end."""
    record, out = until(c, of, number, *FINAL)
    assert record["state"] == "FINISHED", out
    return out


def run(c, of, code, kind=""):
    return output(c, of, submit(c, of, code, kind)["statement"])


def listed(c, of, **more):
    """(numbers, total)"""
    stream = c.send("statement-list", {"session": str(of), **more})
    meta, _ = c.wait(stream)
    return [m["record"]["statement"] for m, _ in c.records.pop(stream, [])], meta["total"]


def refused(c, message, meta, body=b""):
    with pytest.raises(Refused) as why:
        c.ask(message, meta, body)
    return why.value.code, why.value.name


def test_a_context_is_a_session_and_a_statement_is_a_job(server):
    with Channel(server.socket) as c:
        record = session(c, livy={"driverMemory": "1g"}, heartbeat=600)
        assert (record["session"], record["name"], record["kind"]) == (0, "session-0", "spark")
        assert (record["livy"], record["heartbeat"], record["busy"]) == ({"driverMemory": "1g"}, 600, False)
        shared = c.create("mine")
        assert (shared["session"], shared["kind"], "livy" in shared) == (1, "shared", False)

        statement = submit(c, 0, "1 + 1")
        assert (statement["statement"], statement["kind"], statement["class"]) == (0, "spark", "statement.spark")
        assert (statement["code"], statement["context"], statement["cp"]) == ("1 + 1", "session-0", [])
        assert output(c, 0, 0) == {"status": "ok", "execution_count": 0, "data": {"text/plain": "1 + 1"}}
        assert get(c, "session-0", 0)[0]["code"] == "1 + 1"
        assert run(c, "mine", "select 1", "sql")["execution_count"] == 0
        assert run(c, 0, "fail")["ename"] == "Failure"

        job, payload = c.job(statement["id"])
        assert (job["state"], json.loads(payload)["status"], "code" in job) == ("FINISHED", "ok", False)
        assert c.result("noop", context="session-0") is True
        adhoc = c.submit("sleep", b'{"ms": 60000}', context=None)
        assert refused(c, "context-get", {"session": adhoc["context"]})[0] == "no-such-context"


def ask(c, of, number):
    """The stream of a question for a statement, to be waited for."""
    return c.send("statement-get", {"session": str(of), "statement": number})


def test_who_asks_for_a_young_statement_is_told_its_end():
    with launcher(livy={"wait": 10000}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            session(c)
            for code, state in (("sleep 300", "FINISHED"), ("exit 3", "ERROR")):
                number = submit(c, 0, code)["statement"]
                asked = [ask(c, 0, number) for _ in range(3)]
                assert [c.wait(stream)[0]["record"]["state"] for stream in asked] == [state] * 3

            session(c, "next")
            number = submit(c, "next", "sleep 60000")["statement"]
            asked = ask(c, "next", number)
            with Channel(s.socket) as other:        # goes away, and is not missed
                ask(other, "next", number)
                assert listed(other, "next")[1] == number + 1
            assert c.ask("statement-code", {"session": "next", "statement": number})[1] == b"sleep 60000"
            c.ask("statement-cancel", {"session": "next", "statement": number})
            assert c.wait(asked)[0]["record"]["state"] == "KILLED"


@pytest.mark.parametrize("wait", [0, 2000])
def test_who_asks_for_an_older_statement_is_answered_at_once(wait):
    with launcher(livy={"wait": wait}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            session(c)
            running, waiting = submit(c, 0, "sleep 60000"), submit(c, 0, "runs")
            for statement, states in ((running, ("STARTED", "RUNNING")), (waiting, ("STARTED",))):
                assert get(c, 0, statement["statement"])[0]["state"] in states
                assert time.time() * 1000 >= statement["start"] + wait
            began = time.monotonic()
            for _ in range(50):
                assert get(c, 0, waiting["statement"])[0]["state"] == "STARTED"
            assert time.monotonic() - began < 50        # 100 s, did they wait for as long as the first one


def test_no_more_wait_for_a_statement_than_can_be_answered_at_once():
    with launcher(livy={"wait": 10000}, limits={"channel_bytes": 2 << 20}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            session(c)
            submit(c, 0, "sleep 60000")
            asked = [ask(c, 0, 0) for _ in range(100)]
            wait_until("most are answered", lambda: sum(map(c.answered, asked)) >= 90, 1)
            c.ask("statement-cancel", {"session": "0", "statement": 0})
            assert {c.wait(stream)[0]["record"]["state"] for stream in asked} <= {"STARTED", "RUNNING", "KILLED"}


def test_statements_run_one_at_a_time_in_their_order(server):
    with Channel(server.socket) as c:
        session(c)
        first = submit(c, 0, "sleep 60000")
        until(c, 0, 0, "RUNNING")
        records = [submit(c, 0, "runs", user=user) for user in "abab"]
        assert [r["statement"] for r in records] == [1, 2, 3, 4]
        assert [get(c, 0, n)[0]["queue"] for n in (1, 2, 3, 4)] == [1, 2, 3, 4]

        # a job needs none of the statements' places
        assert c.result("noop", context="session-0") is True

        c.ask("statement-cancel", {"session": "0", "statement": 2})
        assert until(c, 0, 2, "KILLED")[1]["errorClass"].endswith("JobKilledException")
        c.ask("statement-cancel", {"session": "0", "statement": 0, "user": "u"})
        assert until(c, 0, 0, "KILLED")[0]["id"] == first["id"]
        assert [output(c, 0, n)["data"]["text/plain"] for n in (1, 3, 4)] == ["2", "3", "4"]
        assert listed(c, 0) == ([0, 1, 2, 3, 4], 5)
        assert listed(c, 0, desc=True, size=2) == ([4, 3], 5)
        assert listed(c, 0, **{"from": 1}, size=2) == ([1, 2], 5)
        assert listed(c, 0, **{"from": 5}) == ([], 5)


def test_whose_a_session_is_and_what_is_not_there(server):
    with Channel(server.socket) as c:
        mine = session(c, own="ann~")
        assert mine["name"] == "ann~session-0"
        c.create("ann~x", kind="pyspark")
        assert run(c, 0, "1")["status"] == "ok"
        assert c.ask("context-get", {"session": "x", "own": "ann~"})[0]["record"]["session"] == 1
        assert c.ask("context-log", {"session": "1", "own": "ann~"})[0]["live"] is True
        for of, own in ("0", "ann~~"), ("0", "bob~"), ("x", "bob~"), ("7", ""), ("", ""), ("9" * 30, ""):
            meta = {"session": of, "own": own}
            for message, more in (("context-get", {}), ("context-delete", {}), ("statement-list", {}),
                                  ("statement-get", {"statement": 0}), ("statement-cancel", {"statement": 0}),
                                  ("session-complete", {"cursor": 0, "kind": "spark"}),
                                  ("statement-submit", {"id": str(uuid.uuid4()), "kind": "spark"})):
                assert refused(c, message, {**meta, **more}, b"1") == ("no-such-context", of)
        for number in (1, -1, 1 << 40):
            for message in "statement-get", "statement-cancel", "statement-code":
                assert refused(c, message, {"session": "0", "statement": number}) == ("no-such-statement", str(number))
        c.ask("context-delete", {"session": "x", "own": "ann~"})
        assert refused(c, "context-get", {"session": "1"})[0] == "no-such-context"


def test_what_is_wrong_with_a_request_is_named(server):
    def made(**more):
        return refused(c, "context-create", {"id": str(uuid.uuid4()), "name": "", "settings": {}, **more})

    with Channel(server.socket) as c:
        assert made(kind="basic") == ("bad-request", "kind")
        assert made(heartbeat=-1) == ("bad-request", "heartbeat")
        assert made(livy=[]) == ("bad-request", "livy")
        assert made(own="x" * 224) == ("bad-request", "own")
        assert refused(c, "context-replace", {"id": str(uuid.uuid4()), "name": ""}) == ("bad-request", "name")
        c.create("c")
        meta = {"session": "0"}
        for message, more in ("statement-submit", {"id": str(uuid.uuid4())}), ("session-complete", {}):
            assert refused(c, message, {**meta, **more}, b"1") == (
                "bad-request", "Code type should be specified if session kind is shared")
            assert refused(c, message, {**meta, **more, "kind": "java"}, b"1") == (
                "bad-request", 'kind: expected spark, pyspark, sql or sparkr, got "java"')
        assert refused(c, "statement-submit", {**meta, "id": "x", "kind": "sql"}) == ("bad-request", "id")
        assert refused(c, "statement-submit", {**meta, "id": str(uuid.uuid4()), "kind": "sql"}, b"a\xff") == (
            "bad-request", "the code is not UTF-8")
        assert refused(c, "session-complete", {**meta, "kind": "sql", "cursor": -1}) == (
            "bad-request", "the cursor is negative")
        # what was refused has taken no number
        assert submit(c, 0, "1", "sql")["statement"] == 0 and session(c)["session"] == 1


def test_statements_wait_for_their_session_to_start(server):
    with Channel(server.socket) as c:
        session(c, early=True, settings={"script.start": "slow:2000"})
        assert submit(c, 0, "1 + 1")["state"] == "STARTED"
        assert output(c, 0, 0)["status"] == "ok"
        session(c, early=True, settings={"script.start": "hang"})
        submit(c, 1, "1 + 1")
        assert c.context("session-1")["busy"] is True
        job = get(c, 1, 0)[0]["id"]
        c.ask("context-delete", {"session": "1", "force": True})
        assert c.job(job)[0]["state"] == "KILLED"


def test_what_is_sent_again_is_one_statement(server):
    with Channel(server.socket) as c:
        session(c)
        key = str(uuid.uuid4())
        first = submit(c, 0, "runs", id=key, again=True)
        assert output(c, 0, 0)["data"]["text/plain"] == "1"
        assert submit(c, 0, "runs", id=key, again=True)["start"] == first["start"]
        assert refused(c, "statement-submit", {"id": key, "session": "0", "again": True}, b"other")[0] == "key-reused"
        named = {"id": str(uuid.uuid4()), "name": "", "kind": "sql", "again": True}
        one = c.ask("context-create", named)[0]["record"]
        assert c.ask("context-create", named)[0]["record"]["session"] == one["session"] == 1
        assert refused(c, "context-create", {**named, "kind": "spark"})[0] == "key-reused"
    # a worker that comes back sends what was not answered, with the same id
    with Channel(server.socket) as c:
        assert submit(c, 0, "runs", id=key)["statement"] == 0
        assert listed(c, 0) == ([0], 1)


def test_a_sessions_queue_is_bounded_and_beside_that_of_its_jobs(server):
    with Channel(server.socket) as c:
        session(c)
        for number in range(20):
            assert submit(c, 0, "sleep 60000")["statement"] == number
        assert refused(c, "statement-submit", {"id": str(uuid.uuid4()), "session": "0"}, b"1") == (
            "queue-full", "20 session-0")
        assert c.result("noop", context="session-0") is True
        c.ask("statement-cancel", {"session": "0", "statement": 19})
        until(c, 0, 19, "KILLED")
        assert submit(c, 0, "1")["statement"] == 20
        c.ask("context-delete", {"session": "0"})


def test_long_code_and_long_outputs(server):
    with Channel(server.socket) as c:
        session(c)
        middle = "size " + "x" * 30000
        long = "size " + "x" * 200000
        blocker = submit(c, 0, "sleep 60000")["statement"]
        assert "code" not in submit(c, 0, middle) and "code" not in submit(c, 0, long)
        assert submit(c, 0, "size")["code"] == "size"
        c.ask("statement-cancel", {"session": "0", "statement": blocker})
        for number, code in (1, middle), (2, long), (3, "size"):
            assert output(c, 0, number)["data"]["text/plain"] == str(len(code))
            assert c.ask("statement-code", {"session": "0", "statement": number})[1].decode() == code
        assert run(c, 0, "big 300000")["data"]["text/plain"] == "x" * 300000
        assert get(c, 0, 4)[0]["payload"] == "stored"
        stream = c.send("statement-list", {"session": "0", "from": 3})
        c.wait(stream)
        assert [bool(payload) for _, payload in c.records[stream]] == [True, False]
    folder = f"{server.dir}/data/results"
    assert sum(len(files) for _, _, files in os.walk(folder)) == 2
    server.launcher.terminate()
    server.launcher.wait()

    # what `check` and `backup` look for
    code = glob.glob(f"{folder}/*/*.config")[0]
    assert server.check()[0] == 0
    os.rename(code, server.dir + "/code")
    status, said = server.check()
    assert status != 0 and os.path.basename(code).removesuffix(".config") in said[0]
    os.rename(server.dir + "/code", code)

    server.start_launcher()
    with Channel(server.socket) as c:
        assert c.ask("job-purge", {"before": int(time.time() * 1000) + 1000})[0]["count"] == 5
        wait_until("no file is left", lambda: not sum(len(files) for _, _, files in os.walk(folder)))


@pytest.mark.parametrize("words", ["", "words of its own"])
def test_a_statement_that_ends_its_driver_is_told_what_was_logged_since(server, words):
    with Channel(server.socket) as c:
        session(c)
        run(c, 0, "say of an earlier one")
        submit(c, 0, "exit 7 " + words)
        error = until(c, 0, 1, "ERROR")[1]
        assert "exited with code 7" in error["message"], error
        assert error["stack"].split("\n")[1:] == ([words] if words else []), error


def test_completion(server):
    def complete(code, kind="", cursor=1 << 20):
        return c.send("session-complete", {"session": "0", "kind": kind, "cursor": cursor}, code)

    with Channel(server.socket) as c:
        session(c)
        submit(c, 0, "sleep 60000")
        assert json.loads(c.wait(complete(b"spark", cursor=2))[1]) == ["sp.spark", "sp.one"]
        assert json.loads(c.wait(complete(b"x", "sql"))[1])[0] == "x.sql"
        with pytest.raises(Refused) as why:
            c.wait(complete(b"nonsense"))
        assert (why.value.code, why.value.name) == ("unavailable", "the session's driver answers nonsense")
        waiting = [complete(b"silent") for _ in range(32)]
        with pytest.raises(Refused) as why:
            c.wait(complete(b"x"))
        assert why.value.code == "overloaded"
        os.kill(server.drivers()[0], signal.SIGKILL)
        for stream in waiting:
            with pytest.raises(Refused) as why:
                c.wait(stream)
            assert (why.value.code, why.value.name) == ("unavailable", "the session's driver is gone")
        wait_until("the session has died", lambda: c.context("session-0")["state"] == "ERROR")
        with pytest.raises(Refused) as why:
            c.wait(complete(b"x"))
        assert (why.value.code, why.value.name) == ("session-ended", "0 ERROR")


def test_events_tell_when_a_session_is_busy(server):
    def told():
        return [e["record"]["busy"] for e in c.events if e["op"] == "busy"]

    def place(wanted):
        return next(i for i, e in enumerate(c.events) if wanted(e))

    with Channel(server.socket) as c:
        session(c)
        submit(c, 0, "sleep 60000")
        record = submit(c, 0, "1")
        until(c, 0, 0, "RUNNING")
        assert c.context("session-0")["busy"] is True and told() == [True]
        stream = c.send("snapshot", {"jobs": 10})
        c.wait(stream)
        assert [m["record"]["busy"] for m, _ in c.records[stream] if m["kind"] == "context"] == [True]

        c.ask("statement-cancel", {"session": "0", "statement": 0})
        assert output(c, 0, 1)["status"] == "ok"
        assert c.context("session-0")["busy"] is False and told() == [True, False]
        idle = place(lambda e: e["op"] == "busy" and not e["record"]["busy"])
        over = place(lambda e: e["record"]["id"] == record["id"] and e["record"].get("state") == "FINISHED")
        assert idle < over

        # that it is being cancelled is told, too
        record = submit(c, 0, "hang")
        until(c, 0, 2, "RUNNING")
        c.ask("statement-cancel", {"session": "0", "statement": 2})
        wait_until("it is told of", lambda: get(c, 0, 2)[0]["killing"] and [
            e for e in c.events if e["record"]["id"] == record["id"] and e["record"].get("killing")])


def test_sessions_that_died_are_shown_for_some_time():
    with launcher(livy={"retain": 600}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            for _ in range(3):
                session(c)
            run(c, 0, "1")
            submit(c, 0, "exit 3")
            error = until(c, 0, 1, "ERROR")[1]
            assert "exit" in error["message"] or "exited" in error["message"], error
            record = c.ask("context-get", {"session": "0"})[0]["record"]
            assert record["state"] == "ERROR" and 0 <= record["until"] - record["end"] - 600000 < 60000
            assert listed(c, 0) == ([0, 1], 2)
            assert refused(c, "statement-submit", {"id": str(uuid.uuid4()), "session": "0"}, b"1") == (
                "session-ended", "0 ERROR")
            c.ask("statement-cancel", {"session": "session-0", "statement": 1})

            # who deletes a session, dead or alive, does not find it any longer
            c.ask("context-delete", {"session": "0"})
            c.ask("context-delete", {"session": "1", "force": True})
            for number in "01":
                assert refused(c, "context-get", {"session": number})[0] == "no-such-context"
                assert refused(c, "statement-list", {"session": number})[0] == "no-such-context"
            assert "until" not in c.context("session-0") and "until" not in c.context("session-1")
            gone = [e["record"] for e in c.events if e["kind"] == "context" and e["record"].get("session") == 0][-1]
            assert gone["state"] == "ERROR" and "until" not in gone

        config = {**s.config(), "livy": {"retain": 0}}
        with open(s.dir + "/launcher.json", "w") as f:
            json.dump(config, f)
        s.launcher.send_signal(signal.SIGHUP)
        wait_until("the configuration is read", lambda: "read again" in s.read("launcher.log"))
        with Channel(s.socket) as c:
            submit(c, 2, "exit 3")
            wait_until("it has died", lambda: c.context("session-2")["state"] == "ERROR")
            assert refused(c, "context-get", {"session": "2"})[0] == "no-such-context"


def filled(c, *codes, **how):
    """The name of a new session with these statements; another one if this process stood still, and it was over."""
    for _ in range(10):
        name = session(c, early=True, **how)["name"]
        with contextlib.suppress(Refused):
            for code in codes:
                submit(c, name, code)
            return name
    raise AssertionError("no session has taken its statements")


def test_no_limit_ends_a_session_with_a_statement(server):
    reasons = {}
    with Channel(server.socket) as c:
        for reason, how in (("idle for 1 s", {"settings": {"context-idle-timeout": "1"}}),
                            ("its time to live of 1 s is over", {"settings": {"context-ttl": "1"}}),
                            ("no sign of life for 1 s", {"heartbeat": 1})):
            reasons[filled(c, "sleep 2000", "1", **how)] = reason
        session(c, "used", heartbeat=1)
        used, end = 0, time.monotonic() + 2
        with contextlib.suppress(Refused):      # this process stood still for too long
            while time.monotonic() < end:
                before = time.time()
                c.ask("context-get", {"session": "used"})
                used = before
                time.sleep(0.05)
        for name, reason in reasons.items():
            record = wait_until(f"{name} ends", lambda: (lambda r: r if r["state"] == "FINISHED" else None)(
                c.context(name)))
            assert record["reason"] == reason
            last = [e for e in c.events if e["kind"] == "job" and e["op"] == "put" and e["record"]["context"] == name]
            assert last[-1]["record"]["statement"] == 1 and last[-1]["record"]["state"] == "FINISHED"
        # each message that names it is a sign of life
        wait_until("nobody asks for it", lambda: c.context("used")["state"] == "FINISHED")
        assert c.context("used")["reason"] == reason and c.context("used")["end"] > used * 1000 + 500


def test_limits_end_a_session_in_a_statement_if_that_is_asked_for():
    with launcher(livy={"skip_busy": "off"}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            job = None
            while job is None:
                name = filled(c, "sleep 60000", settings={"context-idle-timeout": "1"})
                with contextlib.suppress(Refused):      # as in filled()
                    job = c.submit("sleep", b'{"ms": 2000}', context=name)
            for how in ({"settings": {"context-idle-timeout": "1"}}, {"settings": {"context-ttl": "1"}},
                        {"heartbeat": 1}):
                name = filled(c, "sleep 60000", **how)
                wait_until(f"{name} ends", lambda: c.context(name)["state"] == "FINISHED")
                assert get_job(c, name)["state"] == "KILLED"
            # one with a job goes on until that has ended
            wait_until("the other one ends", lambda: c.context(job["context"])["state"] == "FINISHED")
            assert c.job(job["id"])[0]["state"] == "FINISHED"


def get_job(c, context):
    """The newest job of a context, a statement too."""
    stream = c.send("job-list", {"limit": 1, "context": context})
    c.wait(stream)
    return c.records.pop(stream)[0][0]["record"]


def kill_launcher(s):
    s.launcher.kill()
    s.launcher.wait()


@pytest.mark.parametrize("size", [0, 100000])
def test_a_launcher_that_dies_loses_no_statement_and_runs_none_twice(server, tmp_path, size):
    pad = " " * size
    with Channel(server.socket) as c:
        session(c)
        session(c)
        run(c, 0, "set one")
        slow = submit(c, 0, "sleep 4000")
        waiting = [submit(c, 0, "get" + pad) for _ in range(3)]
        until(c, 0, 1, "RUNNING")
    kill_launcher(server)
    # it ends while there is no launcher, and nothing is begun
    wait_until("it has ended", lambda: f"FINISHED {slow['id']}" in (tmp_path / "runs").read_text())
    server.start_launcher()
    with Channel(server.socket) as c:
        assert output(c, 0, 1)["data"]["text/plain"] == "slept"
        assert [output(c, 0, n)["data"]["text/plain"] for n in (2, 3, 4)] == ["one"] * 3
        assert submit(c, 0, "1")["statement"] == 5
        assert session(c)["session"] == 2
        assert c.context("session-0")["busy"] is False or output(c, 0, 5)
    began = [line.split()[2] for line in (tmp_path / "runs").read_text().splitlines() if " begin " in line]
    assert sorted(began) == sorted(set(began)) and {r["id"] for r in (slow, *waiting)} < set(began)


def forget_job(s, id):
    """As if the launcher had died before its row was there."""
    with contextlib.closing(sqlite3.connect(s.dir + "/data/sparkjob.db")) as db, db:
        assert db.execute("DELETE FROM jobs WHERE id = ?", (id,)).rowcount == 1


@pytest.mark.parametrize("size", [0, 100000])
def test_none_runs_beside_one_that_nobody_knows(server, size):
    with Channel(server.socket) as c:
        session(c)
        submit(c, 0, "sleep 2000", id=(id := str(uuid.uuid4())))
        until(c, 0, 0, "RUNNING", *FINAL)
    kill_launcher(server)
    forget_job(server, id)
    server.start_launcher()
    with Channel(server.socket) as c:
        assert run(c, 0, "after it" + " " * size)["data"]["text/plain"].strip() == "after it"


@pytest.mark.parametrize("size", [0, 100000])
def test_one_that_its_driver_knows_keeps_its_place_when_it_comes_again(server, size):
    """Whether it does so before its driver has come back, or then."""
    code = "sleep 2000" + " " * size
    with Channel(server.socket) as c:
        session(c)
        submit(c, 0, code, id=(id := str(uuid.uuid4())))
        until(c, 0, 0, "RUNNING", *FINAL)
    kill_launcher(server)
    forget_job(server, id)
    server.start_launcher()
    with Channel(server.socket) as c:
        other = submit(c, 0, "1")["statement"]
        again = submit(c, 0, code, id=id)["statement"]
        assert output(c, 0, again)["data"]["text/plain"] == "slept"
        assert output(c, 0, other)["status"] == "ok"


def test_numbers_go_on_though_what_had_them_is_deleted(server):
    with Channel(server.socket) as c:
        session(c)
        session(c)
        run(c, 0, "1")
        run(c, 0, "1")
        c.ask("context-delete", {"session": "1"})
        later = int(time.time() * 1000) + 1000
        assert c.ask("job-purge", {"before": later})[0]["count"] == 2
        assert listed(c, 0) == ([], 0)
    kill_launcher(server)
    server.start_launcher()
    with Channel(server.socket) as c:
        wait_until("the driver is back", lambda: c.context("session-0")["state"] == "RUNNING")
        assert submit(c, 0, "1")["statement"] == 2
        assert session(c)["session"] == 2


def test_no_statement_runs_again_in_another_driver(server, tmp_path):
    with Channel(server.socket) as c:
        session(c, settings={"supervise": "true", "script.restart": "slow:300"})
        run(c, 0, "set one")
        running = submit(c, 0, "sleep 60000")
        cancelled = submit(c, 0, "sleep 60000")
        waits = submit(c, 0, "get")
        job = c.submit("sleep", b'{"ms": 60000}', context="session-0")
        until(c, 0, 1, "RUNNING")
        wait_until("the job has begun", lambda: f"begin {job['id']}" in (tmp_path / "runs").read_text())
        os.kill(server.drivers()[0], signal.SIGKILL)
        for number in 1, 2, 3:
            error = until(c, 0, number, "ERROR")[1]
            assert error["message"].startswith(f"Statement {number} was lost with the driver")
        # what was defined is gone with it, and what comes now waits for the next one; jobs run again
        assert run(c, 0, "get")["ename"] == "NameError"
        assert c.context("session-0")["state"] == "RUNNING"
        wait_until("the job has begun again", lambda: (tmp_path / "runs").read_text().count(f"begin {job['id']}") == 2)
        assert c.job(job["id"])[0]["state"] == "RUNNING"
    began = (tmp_path / "runs").read_text()
    assert began.count(f"begin {running['id']}") == 1 and began.count(f"begin {job['id']}") == 2
    assert cancelled["id"] not in began and waits["id"] not in began


def test_a_statement_that_does_not_stop_keeps_its_place():
    with launcher(driver={"kill_timeout": 1}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            session(c)
            submit(c, 0, "hang")
            submit(c, 0, "1")
            until(c, 0, 0, "RUNNING")
            c.ask("statement-cancel", {"session": "0", "statement": 0})
            # after driver.kill_timeout it is taken for cancelled; nothing else may run beside it
            until(c, 0, 0, "KILLED")
            assert get(c, 0, 1)[0]["state"] == "STARTED" and c.context("session-0")["busy"] is True
            session(c, "other")
            assert run(c, "other", "1")["status"] == "ok"
            error = until(c, "other", submit(c, "other", "broken")["statement"], "ERROR")[1]
            assert error["message"] == "the interpreter is broken"


@pytest.mark.skipif(not os.path.exists(FAULTS), reason="make faults")
def test_a_launcher_may_die_at_any_step_of_a_statement(tmp_path, monkeypatch):
    f = Faults(tmp_path / "faults")
    monkeypatch.setenv("SPARKJOB_FAULT_FILE", str(tmp_path / "faults"))
    runs = tmp_path / "runs"
    points = ("submit.made", "submit.saved", "submit.published", "run.sent", "run.started", "result.taken",
              "result.saved", "result.release")
    ids = []
    with launcher(driver={"environment": {"SPARKJOB_RUN_LOG": str(runs)}}) as s:
        s.launcher_file = FAULTS
        s.start_launcher()
        with Channel(s.socket) as c:
            session(c)
        for number, point in enumerate(points):
            ids.append(str(uuid.uuid4()))
            slot = f.arm(point, "kill")
            with contextlib.suppress(OSError, EOFError), Channel(s.socket) as c:
                submit(c, 0, "runs", id=ids[-1])
                until(c, 0, number, *FINAL)
            wait_until(f"the launcher has died at {point}", lambda: f.struck(slot))
            f.disarm()
            s.launcher.wait()
            s.start_launcher()
            # the module sends again what was not answered
            with Channel(s.socket) as c:
                assert submit(c, 0, "runs", id=ids[-1])["statement"] == number
                assert output(c, 0, number)["data"]["text/plain"] == str(number + 1)
        with Channel(s.socket) as c:
            assert listed(c, 0) == (list(range(len(points))), len(points))
    assert [line.split()[2] for line in runs.read_text().splitlines() if " begin " in line] == ids
