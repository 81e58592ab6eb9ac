"""Contexts as modules ask for them: early answers, keys, replacement, records and logs; across the launcher's death, too."""

import os
import signal
import tempfile
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server, wait_until


def scripted(**launcher):
    return Server(scripted=True, start=False, launcher=launcher)


@pytest.fixture
def server():
    with scripted() as s:
        s.start_launcher()
        yield s


def again(s):
    s.launcher.kill()
    s.launcher.wait()
    s.start_launcher()


def state(c, name, wanted, seconds=20):
    """The record of a context, once its state is the wanted one."""
    return wait_until(f"{name} is {wanted}", lambda: (
        lambda r: r if r["state"] == wanted else None)(c.context(name)), seconds)


def refused(code, name, ask, *more, **named):
    with pytest.raises(Refused) as why:
        ask(*more, **named)
    assert (why.value.code, why.value.name) == (code, name), why.value
    return why.value


def test_early_answers_before_the_context_runs(server):
    with Channel(server.socket) as c:
        record = c.create("c", settings={"script.start": "slow:700"}, early=True)
        assert record["state"] == "STARTED"
        assert c.context("c")["id"] == record["id"]          # it is durable
        refused("context-exists", "c", c.create, "c", early=True)
        assert state(c, "c", "RUNNING")["id"] == record["id"]
        # the same id again, later and without "early": what became of it
        meta = {"id": record["id"], "name": "c"}
        assert c.ask("context-create", dict(meta, early=True))[0]["record"]["state"] == "RUNNING"
        assert c.ask("context-create", meta)[0]["record"]["state"] == "RUNNING"
        # one that fails is told by its record
        c.create("f", settings={"script.start": "exit:3"}, early=True)
        assert "code 3" in state(c, "f", "ERROR")["reason"]


def test_get_and_log_tell_of_the_newest_also_after_its_end(server):
    with Channel(server.socket) as c:
        refused("no-such-context", "c", c.context, "c")
        refused("no-such-context", "c", c.ask, "context-log", {"name": "c"})
        first = c.create("c")
        meta, text = c.ask("context-log", {"name": "c"})
        assert meta == {"live": True, "size": len(text)}
        c.ask("context-delete", {"name": "c"})
        assert c.context("c")["id"] == first["id"] and c.context("c")["state"] == "FINISHED"
        with pytest.raises(Refused):
            c.create("c", settings={"script.start": "exit:3"})
        assert c.context("c")["state"] == "ERROR"
        meta, text = c.ask("context-log", {"name": "c"})
        assert b"dies before its context runs" in text and meta == {"live": False, "size": len(text)}
        record = c.context("c")
        again(server)
    with Channel(server.socket) as c:
        assert c.context("c") == record and b"dies before" in c.ask("context-log", {"name": "c"})[1]


def test_a_snapshot_tells_of_the_context_that_runs_before_older_ones_of_its_name(server):
    """So that nobody sees an older one by that name while it is loaded."""
    with Channel(server.socket) as c:
        c.create("c")
        c.ask("context-delete", {"name": "c"})
        c.create("c")
        stream = c.send("snapshot", {"jobs": 10})
        c.wait(stream)
        told = [m["record"]["state"] for m, _ in c.records[stream] if m["kind"] == "context" and m["record"]["name"] == "c"]
        assert told == ["RUNNING", "FINISHED"]


def test_a_key_stands_for_one_context(server):
    key = {"id": str(uuid.uuid4()), "name": "k", "again": True, "settings": {"a": "1", "b": "2"}, "user": "u"}
    other = dict(key, settings={"b": "2", "a": "1"})
    long = b"x = " + b"1" * 100000
    with Channel(server.socket) as c:
        record = c.ask("context-create", key, b'{"y": 1}')[0]["record"]
        for meta in key, other:
            assert c.ask("context-create", meta, b'{"y": 1}')[0]["record"] == record
        wrong = [(dict(key, name="z"), b'{"y": 1}'), (dict(key, settings={}), b'{"y": 1}'), (key, b'{"y": 2}'), (key, b""),
                 (key, long), (dict(key, proxyUser="p"), b'{"y": 1}')]
        for meta, body in wrong:
            refused("key-reused", key["id"], c.ask, "context-create", meta, body)
        c.ask("context-delete", {"name": "k"})
        again(server)
    with Channel(server.socket) as c:
        assert c.ask("context-create", other, b'{"y": 1}')[0]["record"]["state"] == "FINISHED"
        for meta, body in wrong:
            refused("key-reused", key["id"], c.ask, "context-create", meta, body)
        meta = dict(key, id=str(uuid.uuid4()), settings={"script.start": "slow:1000"})
        streams = [c.send("context-create", meta, b'{"x": "' + b"1" * 100000 + b'"}') for _ in range(2)]
        wait_until("it is begun", lambda: c.context("k")["id"] == meta["id"])
        clash = c.send("context-create", meta, b"{}")
        refused("key-reused", meta["id"], c.wait, clash)
        assert c.wait(streams[0])[0]["record"] == c.wait(streams[1])[0]["record"]


def told(c, context="c"):
    """What the driver of a context was told in link-context."""
    return c.result("context", context)


def test_the_driver_is_told_proxy_user_and_logs(server):
    with Channel(server.socket) as c:
        record = c.create("c", settings={"script.start": "respawn"}, proxyUser="alice")
        meta = told(c)
        assert meta["proxyUser"] == "alice"
        assert meta["logs"] == f"{server.dir}/data/contexts/{record['id']}/logs"
        assert os.stat(meta["logs"]).st_mode & 0o777 == 0o700
        c.create("d")
        assert "proxyUser" not in told(c, "d")


def test_replace_makes_or_restarts(server):
    with Channel(server.socket) as c:
        first = c.create("c", message="context-replace")
        job = c.submit("sleep", b'{"ms": 60000}')
        second = c.create("c", message="context-replace", settings={"max-jobs-per-context": "3"})
        assert second["id"] != first["id"] and second["state"] == "RUNNING"
        assert c.job(job["id"])[0]["state"] == "KILLED"
        assert c.context("c")["id"] == second["id"]
        assert c.ask("context-create", {"id": first["id"], "name": "c"})[0]["record"]["state"] == "FINISHED"


def test_the_name_stays_taken_while_the_old_one_stops(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"script.stop": "slow:3000"})
        stream = c.send("context-replace", {"id": str(uuid.uuid4()), "name": "c"})
        refused("context-exists", "c", c.create, "c")
        refused("context-stopping", "c", c.submit, "noop")
        seen = set()
        while not c.answered(stream):
            try:
                c.create("c")
            except Refused as why:
                seen.add(why.code)
        assert seen == {"context-exists"}
        assert c.wait(stream)[0]["record"]["state"] == "RUNNING"


def test_several_replaces_are_served_in_order(server):
    with Channel(server.socket) as c:
        c.create("c")
        ids = [str(uuid.uuid4()) for _ in range(4)]
        streams = [c.send("context-replace", {"id": i, "name": "c", "settings": {"script.start": "slow:200"}}) for i in ids]
        records = [c.wait(s)[0]["record"] for s in streams]
        assert [r["id"] for r in records] == ids and {r["state"] for r in records} == {"RUNNING"}
        assert c.context("c")["id"] == ids[3]
        # one that fails does not keep the next from its turn
        bad = c.send("context-replace", {"id": str(uuid.uuid4()), "name": "c", "settings": {"script.start": "exit:3"}})
        good = c.send("context-replace", {"id": str(uuid.uuid4()), "name": "c"})
        refused("context-init-failed", "c", c.wait, bad)
        assert c.wait(good)[0]["record"]["state"] == "RUNNING"


def test_replace_survives_a_lost_channel_and_launcher(server):
    meta = {"id": str(uuid.uuid4()), "name": "c", "settings": {"script.start": "slow:300", "script.stop": "slow:500"}}
    with Channel(server.socket) as c:
        old = c.create("c", settings={"script.stop": "slow:500"})
        c.send("context-replace", meta)
        c.answered(0)
    with Channel(server.socket) as c:                        # sent again while the first is on its way
        assert c.ask("context-replace", meta)[0]["record"]["id"] == meta["id"]
        assert c.context("c")["id"] == meta["id"]
        meta["id"], last = str(uuid.uuid4()), meta["id"]
        c.send("context-replace", meta)
        wait_until("it was heard", lambda: c.context("c")["state"] == "STOPPING" or c.context("c")["id"] == meta["id"])
        again(server)
    with Channel(server.socket) as c:
        record = c.ask("context-replace", meta)[0]["record"]
        assert (record["id"], record["state"]) == (meta["id"], "RUNNING") and len({old["id"], last, meta["id"]}) == 3
        # once more: it was served
        assert c.ask("context-replace", meta)[0]["record"] == record


def test_the_limit_counts_what_is_to_come():
    with scripted(max_contexts=1) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c", settings={"script.stop": "slow:1000"})
            stream = c.send("context-replace", {"id": str(uuid.uuid4()), "name": "c"})
            while not c.answered(stream):
                refused("too-many-contexts", "1", c.create, "d")
            assert c.wait(stream)[0]["record"]["state"] == "RUNNING"
            refused("too-many-contexts", "1", c.create, "d", message="context-replace")


def test_one_that_could_not_be_kept_leaves_nobody_without_an_answer(server):
    with Channel(server.socket) as c, tempfile.TemporaryFile() as body:
        os.rename(server.dir + "/data/contexts", server.dir + "/data/away")
        meta = {"id": str(uuid.uuid4()), "name": "c"}
        body.truncate(150 << 20)
        # while its body is copied the job keeps the context in memory
        first = c.send("data-put", {"name": "x"}, body)
        create = c.send("context-create", meta)
        job = c.send("job-submit", {"id": str(uuid.uuid4()), "cp": [], "class": "noop", "context": "c"}, body)
        c.wait(first)
        refused("storage-failed", "", c.wait, create)
        again = c.send("context-create", meta)
        refused("unavailable", "the context of this id could not be kept", c.wait, again)
        refused("storage-failed", "", c.wait, job)
        os.rename(server.dir + "/data/away", server.dir + "/data/contexts")
        assert c.ask("context-create", meta)[0]["record"]["state"] == "RUNNING"


def test_an_ending_launcher_refuses_what_waits(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"script.stop": "slow:4000"})
        stream = c.send("context-replace", {"id": str(uuid.uuid4()), "name": "c"})
        state(c, "c", "STOPPING")
        server.launcher.send_signal(signal.SIGTERM)
        refused("unavailable", "the launcher is ending", c.wait, stream)
        assert server.launcher.wait(120) == 0
