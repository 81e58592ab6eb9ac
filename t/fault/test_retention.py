"""What is over is listed by filters, and deleted in time with all that belongs to it; what is alive, and what others use, stays."""

import json
import os
import time
import uuid

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server, wait_until

LONG = json.dumps({"value": "x" * 100000}).encode()


@pytest.fixture
def server():
    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        yield s


def restart(server, **more):
    server.launcher.terminate()
    assert server.launcher.wait(120) == 0
    server.overrides.update(more)
    server.start_launcher()


def run(c, main_class="noop", body=b"", **more):
    """The record of a job that has ended."""
    job = c.submit(main_class, body, sync=True, **more)
    wait_until("it has ended", lambda: c.job(job["id"])[0]["end"])
    time.sleep(0.002)                           # lists go by the millisecond
    return c.job(job["id"])[0]


def page(c, limit=1000, **more):
    """(ids, cursor)"""
    stream = c.send("job-list", {"limit": limit, **more})
    meta, _ = c.wait(stream)
    return [m["record"]["id"] for m, _ in c.records.pop(stream, [])], meta.get("next")


def ids(c, **more):
    return page(c, **more)[0]


def files(server, folder):
    return sorted(os.path.relpath(os.path.join(path, name), server.dir + "/data/" + folder)
                  for path, _, names in os.walk(server.dir + "/data/" + folder) for name in names)


def log(c, job):
    meta, payload = c.ask("job-log", {"id": job["id"]})
    return meta["live"], payload


# lists


def test_pages_and_filters_together_give_every_job_once(server):
    with Channel(server.socket) as c:
        c.create("c")
        c.create("d")
        jobs = [run(c, ["noop", "throw"][i % 2], user="ab"[i % 3 == 0], context="cd"[i % 4 == 0]) for i in range(12)]
        newest = [job["id"] for job in reversed(jobs)]
        assert ids(c) == newest
        cursor, seen = None, []
        while True:
            some, cursor = page(c, 5, **({"before": cursor} if cursor else {}))
            seen += some
            if cursor is None:
                break
            assert len(some) == 5
        assert seen == newest
        for member, field, value in (("status", "state", "ERROR"), ("user", "user", "b"), ("class", "class", "throw"),
                                     ("context", "context", "d")):
            assert ids(c, **{member: value}) == [j["id"] for j in reversed(jobs) if j[field] == value] != []
            assert ids(c, **{member: "nothing"}) == []
        assert ids(c, status="FINISHED", user="b", context="d", **{"class": "noop"}) == \
            [j["id"] for j in reversed(jobs) if (j["state"], j["user"], j["context"]) == ("FINISHED", "b", "d")] != []
        first, last = jobs[3]["start"], jobs[7]["start"]
        assert ids(c, **{"from": first, "to": last}) == \
            [j["id"] for j in reversed(jobs) if first <= j["start"] <= last]
        # a cursor of a job that is gone is a place all the same
        gone = f"{jobs[6]['start']}.{uuid.uuid4()}"
        assert set(ids(c, before=gone)) >= {j["id"] for j in jobs[:6]}
        for bad in ("", "x", "1", "1.", "1.x", ".", "99999999999999999999." + newest[0]):
            with pytest.raises(Refused) as refused:
                page(c, before=bad)
            assert (refused.value.code, refused.value.name) == ("bad-request", "before")


# deletions


def test_a_purge_takes_all_that_belongs_to_its_jobs(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"max-jobs-per-context": "4"})
        large = run(c, "value", LONG)
        printed = run(c, "print")
        failed = run(c, "throw", user="b")
        running = c.submit("sleep", b'{"ms": 60000}')
        assert len(files(server, "results")) == 2 and log(c, printed) == (False, b"printed")
        folder = f"contexts/{printed['contextId']}/logs"
        assert files(server, folder) == [printed["id"] + ".log"]
        with pytest.raises(Refused) as refused:
            c.ask("job-purge", {})
        assert refused.value.code == "bad-request"
        assert c.ask("job-purge", {"before": large["end"] - 1})[0] == {"count": 0}
        now = int(time.time() * 1000) + 1000
        assert c.ask("job-purge", {"before": now, "state": "RUNNING"})[0]["count"] == 0
        assert c.ask("job-purge", {"before": now, "user": "b", "context": "c", "state": "ERROR"})[0]["count"] == 1
        with pytest.raises(Refused):
            c.job(failed["id"])
        assert c.ask("job-purge", {"before": now})[0]["count"] == 2
        assert ids(c) == [running["id"]]
        removed = [e["record"]["id"] for e in c.events if e["op"] == "remove" and e["kind"] == "job"]
        assert sorted(removed) == sorted([large["id"], printed["id"], failed["id"]]) and removed[0] == failed["id"]
        wait_until("their files are gone", lambda: not files(server, "results") and not files(server, folder))
        assert c.job(running["id"])[0]["state"] == "RUNNING"


def test_a_job_that_dies_with_its_driver_leaves_no_configuration(server):
    with Channel(server.socket) as c:
        for name in "abcdef":
            c.create(name)
            job = c.submit("exit", b'{"code": 1, "pad": "' + b"x" * 3000000 + b'"}', context=name)
            wait_until("it has ended", lambda: c.job(job["id"])[0]["end"])
        assert c.ask("job-purge", {"before": int(time.time() * 1000) + 1000})[0]["count"] == 6
        wait_until("its file is gone", lambda: not files(server, "results"), 5)


def test_many_are_purged_in_parts(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"max-queued-jobs": "1000"})
        for _ in range(3):
            streams = [c.send("job-submit", {"id": str(uuid.uuid4()), "cp": [], "class": "noop", "context": "c",
                                             "sync": True, "user": "u"}) for _ in range(300)]
            for stream in streams:
                c.wait(stream)
        wait_until("all have ended", lambda: not ids(c, status="STARTED") and not ids(c, status="RUNNING"))
        assert len(ids(c)) == 900
        assert c.ask("job-purge", {"before": int(time.time() * 1000) + 1000})[0]["count"] == 900
        assert ids(c) == [] and len([e for e in c.events if e["op"] == "remove"]) == 900


def test_retention_takes_jobs_then_contexts_but_nothing_alive(server):
    with Channel(server.socket) as c:
        for name in ("c", "d", "e"):
            c.create(name)
        run(c, "value", LONG)
        run(c, "print", context="d")
        for name in ("c", "d"):
            c.ask("context-delete", {"name": name})
        adhoc = run(c, "print", b'{"text": "adhoc"}', context=None)
        silent = run(c, context=None)
        wait_until("the ad hoc contexts are over", lambda: all(
            c.context(job["context"])["state"] == "FINISHED" for job in (adhoc, silent)))
    # nothing goes before its time; of what nobody will ask for only what was printed is kept
    restart(server, at_exit="leave", retention={"jobs": 3600, "contexts": 3600})
    with Channel(server.socket) as c:
        assert len(ids(c)) == 4 and log(c, adhoc) == (False, b"adhoc") and log(c, silent) == (False, b"")
        assert files(server, f"contexts/{adhoc['contextId']}") == [f"logs/{adhoc['id']}.log"]
        assert not os.path.exists(f"{server.dir}/data/contexts/{silent['contextId']}")
        c.create("f")
    time.sleep(1.1)
    # the jobs are kept for ever, and so are their contexts
    restart(server, retention={"jobs": 0, "contexts": 1})
    with Channel(server.socket) as c:
        wait_until("a context without jobs is gone", lambda: missing(c, "e"))
        assert len(ids(c)) == 4 and c.context("c")["state"] == "FINISHED"
    restart(server, retention={"jobs": 1, "contexts": 1})
    with Channel(server.socket) as c:
        wait_until("all are gone", lambda: not ids(c) and all(missing(c, name) for name in "cd"))
        wait_until("their files, too", lambda: os.listdir(server.dir + "/data/contexts") == [c.context("f")["id"]])
        assert not files(server, "results") and c.context("f")["state"] == "RUNNING"
        c.ask("context-delete", {"name": "f"})


def missing(c, name):
    try:
        c.context(name)
    except Refused as refused:
        assert refused.code == "no-such-context"
        return True
    return False


def test_archives_without_a_row_are_swept_at_the_start(server):
    def put(c, name):
        c.ask("binary-put", {"name": name, "type": "Jar", "user": "u"}, b"PK\3\4" + name.encode())

    with Channel(server.socket) as c:
        put(c, "a")
        put(c, "b")
    kept = files(server, "binaries")
    assert len(kept) == 2
    for name in ("0" * 64 + ".jar", "1" * 64 + ".whl", "other"):
        with open(f"{server.dir}/data/binaries/{name}", "w") as f:
            f.write("PK")
    restart(server)
    with Channel(server.socket) as c:
        wait_until("what nobody has is gone", lambda: files(server, "binaries") == sorted(kept + ["other"]))
        put(c, "c")
        assert len(files(server, "binaries")) == 4


# logs


def test_a_log_can_be_followed_from_before_the_first_word(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"max-jobs-per-context": "1", "max-queued-jobs": "5"})
        blocking = c.submit("sleep", b'{"ms": 60000}')
        job = c.submit("print", b'{"text": "words"}')
        stream = c.send("job-log", {"id": job["id"]})
        while not c.fds:
            c.more()
        fd = os.dup(c.fds[0])
        assert c.wait(stream) == ({"live": True}, b"")
        c.ask("job-kill", {"id": blocking["id"]})
        wait_until("it has printed", lambda: os.pread(fd, 100, 0) == b"words")
        os.close(fd)
        with pytest.raises(Refused) as refused:
            log(c, {"id": str(uuid.uuid4())})
        assert refused.value.code == "no-such-job"


def test_a_log_that_is_no_file_is_not_read(server):
    with Channel(server.socket) as c:
        c.create("c")
        job = run(c)
        path = f"{server.dir}/data/contexts/{job['contextId']}/logs/{job['id']}.log"
        os.symlink("/etc/passwd", path)
        with pytest.raises(Refused) as refused:
            log(c, job)
        assert refused.value.code == "internal"
        os.unlink(path)
        os.mkfifo(path)
        with pytest.raises(Refused) as refused:
            log(c, job)
        assert refused.value.code == "internal"
