"""How long contexts live: idle timeout, time to live, supervision; fixed ports of their drivers."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import time

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
    return wait_until(f"{name} is {wanted}", lambda: (
        lambda r: r if r["state"] == wanted else None)(c.context(name)), seconds)


def pid(c, context="c"):
    return c.result("pid", context)


def ended(c, job_id, seconds=20):
    """(record, payload) of a job, once it is final."""
    return wait_until("the job is final", lambda: (
        lambda j: j if j[0]["state"] in ("FINISHED", "ERROR", "KILLED") else None)(c.job(job_id)), seconds)


# idle timeout and time to live

def test_an_idle_context_stops_but_never_with_a_job(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"context-idle-timeout": "3"})
        job = c.submit("sleep", b'{"ms": 4500}')
        assert ended(c, job["id"])[0]["state"] == "FINISHED"
        assert c.context("c")["state"] == "RUNNING"
        assert state(c, "c", "FINISHED")["reason"] == "idle for 3 s"
        # each job begins the time anew
        c.create("d", settings={"context-idle-timeout": "3"})
        for _ in range(5):
            time.sleep(0.8)
            c.submit("noop", context="d", sync=True)
        assert c.context("d")["state"] == "RUNNING"
        state(c, "d", "FINISHED")


def test_time_to_live_ends_with_the_last_job(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"context-ttl": "3"})
        job = c.submit("sleep", b'{"ms": 4500}')
        assert ended(c, job["id"])[0]["state"] == "FINISHED"
        assert state(c, "c", "FINISHED")["reason"] == "its time to live of 3 s is over"
        began = time.monotonic()
        c.create("d", settings={"context-ttl": "1"})
        c.create("e")
        state(c, "d", "FINISHED")
        assert 0.5 < time.monotonic() - began and c.context("e")["state"] == "RUNNING"


def test_limits_hold_after_adoption(server):
    with Channel(server.socket) as c:
        c.create("ttl", settings={"context-ttl": "4"})
        c.create("busy", settings={"context-idle-timeout": "3", "context-ttl": "3"})
        job = c.submit("sleep", b'{"ms": 600000}', context="busy")
        c.create("idle", settings={"context-idle-timeout": "1"})        # last, since it must not stop before
        again(server)
    with Channel(server.socket) as c:
        assert state(c, "idle", "FINISHED")["reason"] == "idle for 1 s"
        assert state(c, "ttl", "FINISHED")["reason"] == "its time to live of 4 s is over"
        time.sleep(1)
        assert c.context("busy")["state"] == "RUNNING"
        c.ask("job-kill", {"id": job["id"]})
        state(c, "busy", "FINISHED")


def test_users_are_told_why():
    with Server(scripted=True) as s:
        s.context("c", **{"context-idle-timeout": "1"})
        wait_until("it has stopped", lambda: s.get("/contexts/c")[1]["state"] == "FINISHED")
        assert s.get("/contexts/c")[1]["reason"] == "idle for 1 s"


# supervision

def supervised(**launcher):
    return scripted(supervise={"restarts": 3, "period": 60}, **launcher)


def create(c, name="c", body=b"", **settings):
    return c.create(name, body, settings={"supervise": "true", **settings})


def lose(c, driver, name="c"):
    """Kills a driver and waits until the launcher has told so; the context may run again by then."""
    seen = len(c.events)
    os.kill(driver, signal.SIGKILL)
    wait_until(f"{name} restarts", lambda: c.context(name) and any(
        e["record"]["state"] == "RESTARTING" for e in c.events[seen:] if e["kind"] == "context"), 10, 0.005)


def test_a_lost_driver_is_replaced_and_its_jobs_run_again():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            record = create(c, body=b'{"x": "' + b"1" * 100000 + b'", "spark.context-settings.max-jobs-per-context": 2}')
            first = pid(c)
            running = c.submit("sleep", b'{"ms": 1500}')
            lose(c, first)
            assert state(c, "c", "RUNNING")["id"] == record["id"]
            assert pid(c) != first
            job, result = ended(c, running["id"])
            assert (job["state"], result) == ("FINISHED", b"true")
            assert [e["record"]["state"] for e in c.events if e["record"].get("id") == running["id"]][-3:] == [
                "RESTARTING", "RUNNING", "FINISHED"]
            told = c.result("context")
            assert told["query"] == {"supervise": "true"}
            # what its settings say still holds: the body was kept
            assert len([e for e in c.events if e["kind"] == "context"]) >= 3
            c.ask("context-delete", {"name": "c"})
            assert c.context("c")["state"] == "FINISHED"


def add(c, cp=(), body=b"", **more):
    job = c.submit("sparkjob.binaries", body, cp=list(cp), sync=True, **more)
    return ended(c, job["id"])[0]["state"]


def test_what_was_added_to_a_context_comes_to_its_next_drivers():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            for name in ("app", "other", "third"):
                c.ask("binary-put", {"name": name, "type": "Python", "user": "u"}, b"pass\n")
            create(c)
            assert "added" not in c.result("context")
            assert add(c, ["app", "g:a:1.0"], dependent=["third"]) == "FINISHED"
            assert add(c, ["g:a:1.0", "app"]) == "FINISHED"
            # no other job adds anything, and none that fails
            c.submit("noop", cp=["other"], sync=True)
            with pytest.raises(Refused):
                add(c, ["nix"])
            lose(c, pid(c))
            state(c, "c", "RUNNING")
            assert c.result("context")["added"] == ["third", "app", "g:a:1.0"]
            # named by the body, which only the driver reads
            assert add(c, body=b'{"mainClass": "sparkjob.binaries", "cp": ["other"]}') == "FINISHED"
        again(s)
        with Channel(s.socket) as c:
            lose(c, pid(c))
            state(c, "c", "RUNNING")
            assert c.result("context")["added"] == ["third", "app", "g:a:1.0", "other"]
            # a context of its name that comes later has nothing of it
            c.ask("context-delete", {"name": "c"})
            create(c)
            assert "added" not in c.result("context")


def test_what_was_added_is_there_when_both_die_at_once():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            driver = pid(c)
            assert add(c, ["g:a:1.0"]) == "FINISHED"
            s.launcher.kill()
            os.kill(driver, signal.SIGKILL)
            s.launcher.wait()
        s.start_launcher()
        with Channel(s.socket) as c:
            state(c, "c", "RUNNING")
            assert c.result("context")["added"] == ["g:a:1.0"]


def test_more_than_fits_is_not_kept_and_that_is_said():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            assert add(c, [f"g:a:{n}" for n in range(200)]) == "FINISHED"
            assert add(c, [f"g:b:{n}" for n in range(100)]) == "FINISHED"
            lose(c, pid(c))
            state(c, "c", "RUNNING")
            assert c.result("context")["added"] == [f"g:a:{n}" for n in range(200)]
        assert "will not have what job" in s.read("launcher.log")


def test_restarts_have_pauses_and_an_end():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            times = []
            for _ in range(3):
                driver = pid(c)
                began = time.monotonic()
                lose(c, driver)
                state(c, "c", "RUNNING")
                times.append(time.monotonic() - began)
            assert re.findall(r"another one is started in ([\d.]+) s", s.read("launcher.log")) == ["0", "1", "2"]
            assert times[1] > 0.95 and times[2] > 1.95, times
            job = c.submit("sleep", b'{"ms": 60000}')
            os.kill(s.drivers()[0], signal.SIGKILL)
            record = state(c, "c", "ERROR")
            assert record["reason"].startswith("given up after 3 restarts within 60 s: the driver was killed by signal 9")
            assert "given up" in json.loads(ended(c, job["id"])[1])["message"]
            wait_until("no driver is left", lambda: not s.drivers())


def test_a_restart_that_fails_is_tried_again(tmp_path):
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c, **{"script.restart": "exit:4"})
            os.kill(pid(c), signal.SIGKILL)
            record = state(c, "c", "ERROR")
            assert "given up after 3 restarts" in record["reason"] and "code 4" in record["reason"]


def test_no_restart_without_the_setting_nor_of_one_that_never_ran_nor_of_one_that_stops():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("plain")
            os.kill(pid(c, "plain"), signal.SIGKILL)
            state(c, "plain", "ERROR")
            with pytest.raises(Refused) as why:
                create(c, "never", **{"script.start": "exit:3"})
            assert why.value.code == "context-init-failed" and c.context("never")["state"] == "ERROR"
            create(c, "stop", **{"script.stop": "hang"})
            stream = c.send("context-delete", {"name": "stop"})
            os.kill(s.drivers()[0], signal.SIGKILL)
            c.wait(stream)
            assert c.context("stop")["state"] in ("FINISHED", "KILLED")


def test_one_that_restarts_can_be_deleted():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            lose(c, pid(c))
            state(c, "c", "RUNNING")
            lose(c, pid(c))                         # for a second
            state(c, "c", "RUNNING")
            lose(c, pid(c))                         # for two
            started = s.read("launcher.log").count(" was started")
            c.ask("context-delete", {"name": "c"})
            assert c.context("c")["state"] == "FINISHED" and c.context("c")["reason"] == "it was stopped"
            time.sleep(2.5)
            assert not s.drivers() and s.read("launcher.log").count(" was started") == started


def test_a_restart_survives_the_launcher():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            record = create(c)
            running = c.submit("sleep", b'{"ms": 5000}')
            lose(c, s.drivers()[0])
            state(c, "c", "RUNNING")
            wait_until("it runs again", lambda: c.job(running["id"])[0]["state"] == "RUNNING")
            lose(c, s.drivers()[0])                 # for a second
            again(s)
        with Channel(s.socket) as c:
            assert state(c, "c", "RUNNING")["id"] == record["id"]
            assert ended(c, running["id"])[0]["state"] == "FINISHED"
            # a driver that is lost while no launcher runs
            running = c.submit("sleep", b'{"ms": 1000}')
            s.launcher.kill()
            s.launcher.wait()
            os.kill(s.drivers()[0], signal.SIGKILL)
            time.sleep(0.3)
            s.start_launcher()
        with Channel(s.socket) as c:
            assert state(c, "c", "RUNNING")["id"] == record["id"]
            assert ended(c, running["id"])[0]["state"] == "FINISHED"


def test_a_launcher_that_died_before_it_kept_that_jobs_wait_runs_them_again():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            running = c.submit("sleep", b'{"ms": 3000, "pad": "' + b"x" * 100000 + b'"}')
            s.launcher.kill()
            s.launcher.wait()
            os.kill(s.drivers()[0], signal.SIGKILL)
            wait_until("the driver is gone", lambda: not s.drivers())
        with contextlib.closing(sqlite3.connect(s.dir + "/data/sparkjob.db")) as db, db:
            db.execute("UPDATE contexts SET state = 'RESTARTING', secret = '', token = ''")
            assert db.execute("SELECT state FROM jobs").fetchall() == [("RUNNING",)]
        s.start_launcher()
        with Channel(s.socket) as c:
            state(c, "c", "RUNNING")
            assert ended(c, running["id"])[0]["state"] == "FINISHED"


def test_one_that_stopped_while_no_launcher_ran_is_no_error(server):
    with Channel(server.socket) as c:
        c.create("c", settings={"script.stop": "hang"})
        c.send("context-delete", {"name": "c"})
        state(c, "c", "STOPPING")
        server.launcher.kill()
        server.launcher.wait()
        os.kill(server.drivers()[0], signal.SIGKILL)
        wait_until("the driver is gone", lambda: not server.drivers())
        server.start_launcher()
    with Channel(server.socket) as c:
        assert state(c, "c", "KILLED")["reason"] == "its driver has ended while no launcher ran"


def test_a_job_that_breaks_each_driver_does_so_only_so_often():
    with supervised() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            job = c.submit("nonsense")
            record = state(c, "c", "ERROR")
            assert record["reason"] == "given up after 3 restarts within 60 s: its driver broke the protocol"
            assert ended(c, job["id"])[0]["state"] == "ERROR"
            wait_until("no driver is left", lambda: not s.drivers())


# fixed ports

def free_range(n):
    """The first of n ports that nobody has, where the system hands out none by itself."""
    for first in range(20000 + os.getpid() % 1000 * 8, 32000, n):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + n):
                taken = stack.enter_context(socket.socket())
                taken.bind(("0.0.0.0", port))
            return first
    raise AssertionError("no ports are free")


def ports(c, context):
    told = c.result("context", context)["settings"]
    assert told["spark.port.maxRetries"] == "0"
    return int(told["spark.driver.port"]), int(told["spark.driver.blockManager.port"])


def test_each_driver_has_ports_of_its_own_until_its_end():
    first = free_range(6)
    with scripted(driver={"ports": f"{first}-{first + 5}"}) as s, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", first + 3))
        other.listen()
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("a")
            c.create("b", settings={"script.stop": "slow:500"})
            assert ports(c, "a") == (first, first + 1)
            assert ports(c, "b") == (first + 4, first + 5)       # the second pair is taken by somebody else
            with pytest.raises(Refused) as why:
                c.create("c")
            assert why.value.code == "context-init-failed" and why.value.name == "c"
            assert f"all ports of driver.ports, {first}-{first + 5}, are in use" in why.value.error["message"]
            assert "all ports" in c.context("c")["reason"]
            again(s)
        with Channel(s.socket) as c:
            with pytest.raises(Refused):
                c.create("c")
            assert ports(c, "b") == (first + 4, first + 5)
            c.ask("context-delete", {"name": "b"})
            c.create("c")
            assert ports(c, "c") == (first + 4, first + 5)


def test_a_restart_keeps_the_ports():
    first = free_range(2)
    with supervised(driver={"ports": f"{first}-{first + 1}"}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            create(c)
            lose(c, pid(c))
            state(c, "c", "RUNNING")
            assert ports(c, "c") == (first, first + 1)
