"""Launcher, worker and scripted drivers killed, reloaded, away: what was acknowledged stays, what waits gets its answer."""

import concurrent.futures
import os
import signal
import time

from sparkjob_server import EXAMPLES, PATIENCE, Server, alive, wait_until


def scripted(**more):
    s = Server(scripted=True, **more)
    return s


def prepared(s):
    s.upload("examples", EXAMPLES)
    s.context("c")


def run_later(pool, server, main_class, body):
    future = pool.submit(server.run, main_class, body)
    time.sleep(0.5)
    return future


def test_launcher_killed_drivers_are_adopted_and_waiting_clients_answered():
    with scripted() as s, concurrent.futures.ThreadPoolExecutor(2) as pool:
        prepared(s)
        drivers = s.drivers()
        running = run_later(pool, s, "sleep", '{"ms": 3000}')
        s.launcher.kill()
        s.launcher.wait()
        assert s.get("/contexts")[1] == ["c"]               # reads go on
        s.start_launcher()
        status, body = running.result()
        assert status == 200 and "result" in body, body
        assert s.drivers() == drivers
        assert s.run("noop")[0] == 200
        assert s.job(body["jobId"])["status"] == "FINISHED"


def test_job_that_ends_while_the_launcher_is_away_is_not_lost():
    with scripted() as s:
        prepared(s)
        job_id = s.run("sleep", '{"ms": 1000}', sync=False)[1]["jobId"]
        s.launcher.kill()
        s.launcher.wait()
        time.sleep(1.5)
        s.start_launcher()
        assert s.wait_job(job_id, 20)["status"] == "FINISHED"


def test_driver_that_died_while_the_launcher_was_away():
    with scripted() as s:
        prepared(s)
        job_id = s.run("sleep", '{"ms": 60000}', sync=False)[1]["jobId"]
        s.launcher.kill()
        s.launcher.wait()
        os.kill(s.drivers()[0], signal.SIGKILL)
        s.start_launcher()
        assert s.wait_job(job_id, 20)["status"] == "ERROR"
        wait_until("its context has ended", lambda: s.get("/contexts/c")[1]["state"] == "ERROR")
        s.context("c")


def test_at_exit_leave_keeps_drivers_for_the_next_launcher():
    with scripted(launcher={"at_exit": "leave"}) as s:
        prepared(s)
        drivers = s.drivers()
        job_id = s.run("sleep", '{"ms": 2000}', sync=False)[1]["jobId"]
        s.launcher.terminate()
        assert s.launcher.wait(60 * PATIENCE) == 0
        assert s.drivers() == drivers
        s.overrides["at_exit"] = "stop"
        s.start_launcher()
        assert s.wait_job(job_id, 20)["status"] == "FINISHED"
        assert s.drivers() == drivers


def test_launcher_absent_is_503_with_retry_after_and_comes_back():
    with scripted(workers=1, location="sparkjob_launcher_timeout 500ms;") as s:
        prepared(s)
        s.launcher.kill()
        s.launcher.wait()
        status, headers, body = s.request("POST", "/jobs?cp=examples&mainClass=noop&context=c", b"")
        assert status == 503 and "Retry-After" in headers and b'"status"' in body
        s.start_launcher()
        wait_until("jobs run again", lambda: s.run("noop")[0] == 200, 20)


def test_submission_waits_for_a_launcher_that_restarts():
    with scripted(location="sparkjob_launcher_timeout 20s;") as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        prepared(s)
        s.launcher.kill()
        s.launcher.wait()
        waiting = run_later(pool, s, "noop", "")
        s.start_launcher()
        assert waiting.result()[0] == 200


def test_driver_that_breaks_the_protocol_loses_its_context():
    with scripted() as s:
        prepared(s)
        job_id = s.run("nonsense", sync=False)[1]["jobId"]
        assert s.wait_job(job_id, 20)["status"] == "ERROR"
        context = wait_until("the context has ended", lambda: (
            lambda c: c if c["state"] == "ERROR" else None)(s.get("/contexts/c")[1]))
        assert "broke the protocol" in context["reason"], context
        wait_until("its driver is gone", lambda: not s.drivers())
        s.context("c")
        assert s.run("noop")[0] == 200


def test_worker_killed_the_zone_stays_right():
    with scripted() as s:
        prepared(s)
        job_id = s.run("noop")[1]["jobId"]
        for _ in range(3):
            os.kill(s.worker_pids()[0], signal.SIGKILL)
            time.sleep(0.3)
            assert s.job(job_id)["status"] == "FINISHED"
            assert s.run("noop")[0] == 200
        s.expected.append(r"worker process \d+ exited on signal 9")


def test_reload_keeps_parked_requests_and_the_zone():
    with scripted() as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
        prepared(s)
        parked = run_later(pool, s, "sleep", '{"ms": 3000}')
        old = s.worker_pids()
        s.nginx.send_signal(signal.SIGHUP)
        wait_until("new workers", lambda: set(s.worker_pids()) - set(old))
        assert s.get("/contexts")[1] == ["c"]
        assert s.run("noop")[0] == 200
        assert parked.result()[0] == 200
        wait_until("the old workers left", lambda: not any(alive(p) for p in old), 20)


def test_driver_that_never_calls_back_is_ended_in_time():
    with scripted(launcher={"driver": {"start_timeout": 1}}) as s:
        status, body = s.post("/contexts/slow?script.start=hang")
        assert status == 500 and body["status"] == "CONTEXT INIT ERROR"
        assert "back within" in body["result"]["message"] or "within 1 s" in body["result"]["message"]
        wait_until("no driver is left", lambda: not s.drivers())
        assert s.post("/contexts/slow?script.start=hang")[1]["status"] == "CONTEXT INIT ERROR"  # the name is free


def test_context_that_does_not_stop_is_killed():
    with scripted(launcher={"driver": {"stop_timeout": 1}}) as s:
        s.context("h", **{"script.stop": "hang"})
        assert s.delete("/contexts/h")[0] == 200
        assert s.get("/contexts/h")[1]["state"] == "KILLED"
        wait_until("its driver is gone", lambda: not s.drivers())


def test_job_that_ignores_a_kill_is_named_honestly():
    with scripted(launcher={"driver": {"kill_timeout": 1}}) as s:
        prepared(s)
        job_id = s.run("hang", sync=False)[1]["jobId"]
        assert s.delete(f"/jobs/{job_id}") == (200, {"status": "KILLED"})
        assert "not stopped" in s.job(job_id)["result"]["message"]


def test_a_second_launcher_on_the_same_data_is_refused():
    with scripted() as s:
        first = s.launcher
        s.start_launcher()
        assert s.launcher.wait(60 * PATIENCE) != 0
        assert "in use" in s.read("launcher.log") + s.read("launcher.out") or "lock" in s.read("launcher.log") + s.read("launcher.out")
        s.launcher = first
        assert s.get("/healthz")[0] == 200


def test_history_survives_a_restart():
    with scripted() as s:
        prepared(s)
        ids = [s.run("noop")[1]["jobId"] for _ in range(5)]
        failed = s.run("throw")[1]["jobId"]
        s.launcher.terminate()
        assert s.launcher.wait(120) == 0
        assert not s.drivers()
        s.start_launcher()
        wait_until("healthy", lambda: s.get("/healthz")[0] == 200)
        assert [j["jobId"] for j in s.get("/jobs")[1]] == [failed] + ids[::-1]
        assert s.job(ids[0])["result"] is True and s.job(failed)["status"] == "ERROR"
        assert list(s.get("/binaries")[1]) == ["examples"]
