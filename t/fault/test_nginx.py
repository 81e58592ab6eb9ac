"""nginx reloaded, upgraded, its workers killed, its zone of another size; all under a load whose every failure counts."""

import contextlib
import os
import re
import signal
import subprocess
import time

import faults
import pytest
from event_stream import EventStream
from fake_launcher import BINARY_GET, CONTEXT_GET, JOB_GET, SNAPSHOT, FakeLauncher, job_id
from sparkjob_server import BUILD, EXAMPLES, NGINX, Server, alive, children, wait_until
from steady_load import SteadyLoad

WORKER = "add_header X-Worker $pid always;"
KILLED = r"worker process \d+ exited on signal 9"


def prepared(s):
    s.upload("examples", EXAMPLES)
    s.context("c", **{"max-jobs-per-context": 500})
    s.context("parked")


def parked(s, ms):
    """A sync job that waits so long."""
    return subprocess.Popen(
        ["curl", "-sS", "-m", "300", "-d", '{"ms": %d}' % ms,
         f"http://127.0.0.1:{s.port}/jobs?cp=examples&mainClass=sleep&context=parked&sync=true&timeout=300"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def answered(process):
    out = process.communicate(timeout=300)[0]
    assert '"result"' in out, out


def reload(s, wait=True):
    old = s.worker_pids()
    s.nginx.send_signal(signal.SIGHUP)
    if wait:
        wait_until("new workers", lambda: len(set(s.worker_pids()) - set(old)) >= s.workers)
    return old


def connected(s):
    """Waits until all workers have a channel; what came before that only those tell the zone that were there."""
    wait_until("all workers have a channel", lambda: all(
        re.search(rf" {pid}#\d+: sparkjob_zone .* connected to", s.read("nginx/logs/error.log")) for pid in s.worker_pids()))


def heard(s, pid):
    """Waits until a worker has told the zone of all events so far: it has those before the answer to a later job."""
    wait_until("the worker has answered", lambda: s.request(
        "POST", "/jobs?cp=examples&mainClass=noop&context=parked&sync=true")[1].get("X-Worker") == str(pid))


def all_left(pids):
    wait_until("the old workers left", lambda: not any(alive(p) for p in pids), 30)


def test_twenty_reloads_under_load():
    with Server(scripted=True) as s:
        prepared(s)
        waits = parked(s, 8000)
        old = set()
        with SteadyLoad(s, "c") as load:
            for _ in range(20):
                old |= set(reload(s))
                time.sleep(0.1)
        load.check()
        answered(waits)
        all_left(old)


def test_watchers_of_a_worker_that_leaves_do_not_come_back_at_once():
    with Server(scripted=True) as s, contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(EventStream(s, "/events")) for _ in range(20)]
        old = reload(s)
        assert all(w.next() is None for w in watchers)
        retries = [w.retry for w in watchers]
        assert all(500 <= ms < 3500 for ms in retries) and len(set(retries)) > 10, retries
        all_left(old)


def test_zone_grows_and_shrinks_under_load():
    with Server(scripted=True) as s:
        prepared(s)
        waits = parked(s, 6000)
        old = set()
        sizes = ("64m", "256k", "1m", "128k", "32m")
        with SteadyLoad(s, "c", resets=len(sizes)) as load:
            for size in sizes:
                s.zone_size = size
                s.write_nginx_conf()
                old |= set(reload(s))
                time.sleep(0.5)
        load.check()
        answered(waits)
        all_left(old)


def test_workers_killed_under_load():
    with Server(scripted=True, location=WORKER) as s:
        prepared(s)
        s.expected += [KILLED, "shared memory zone .* was locked by"]
        with SteadyLoad(s, "c", broken=("read", "sync", "async", "watch")) as load:
            for _ in range(10):
                time.sleep(0.2)
                victim = s.worker_pids()[0]
                heard(s, victim)
                os.kill(victim, signal.SIGKILL)
                wait_until("a new worker", lambda: len(s.worker_pids()) == 2 and victim not in s.worker_pids())
                connected(s)
        load.resets = s.read("nginx/logs/error.log").count("loading it anew")       # it died while it wrote
        load.check()
        # two readers, three and two writers: that many may be on the killed worker
        assert sum(load.counts[k + " broken"] for k in ("read", "sync", "async")) <= 10 * 7, load.counts


class Daemon(Server):
    """With an nginx that is a daemon, as it has to be to be upgraded."""

    def start_nginx(self):
        self.write_nginx_conf()
        subprocess.run([NGINX, "-p", self.dir + "/nginx", "-e", self.dir + "/nginx/logs/error.log", "-c", self.dir + "/nginx.conf"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.dir + "/nginx.err", "ab"))
        self.nginx = Master(self.pid_in("nginx.pid"))

    def pid_in(self, name):
        return wait_until("a pid in " + name, lambda: int(self.read(name) or 0))


class Master:
    """A process that is not our child, with what Server asks of one."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None if alive(self.pid) else 0

    def wait(self, timeout):
        wait_until(f"nginx {self.pid} has ended", lambda: not alive(self.pid), timeout)
        return 0

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def upgrade(s):
    """USR2: the new master beside the old one, with workers that are healthy."""
    old = s.nginx
    old.send_signal(signal.SIGUSR2)
    new = Master(wait_until("the new master", lambda: (
        lambda pid: pid if pid not in (0, old.pid) else None)(int(s.read("nginx.pid") or 0))))
    wait_until("its workers", lambda: len(workers(new)) == s.workers)
    return old, new


def workers(master):
    return [p for p in children(master.pid) if alive(p) and "worker" in cmdline(p)]


def cmdline(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as f:
        return f.read()
    return ""


def test_binary_upgrade_under_load():
    with Daemon(scripted=True) as s:
        prepared(s)
        waits = parked(s, 5000)
        with SteadyLoad(s, "c", resets=2) as load:
            old, new = upgrade(s)
            time.sleep(0.5)
            old.send_signal(signal.SIGWINCH)
            time.sleep(0.5)
            old.send_signal(signal.SIGQUIT)
            s.nginx = new
            time.sleep(1)
        load.check()
        answered(waits)
        old.wait(300)


def test_binary_upgrade_taken_back_under_load():
    with Daemon(scripted=True) as s:
        prepared(s)
        waits = parked(s, 6000)
        with SteadyLoad(s, "c", resets=4) as load:
            old, new = upgrade(s)
            old.send_signal(signal.SIGWINCH)
            wait_until("some of the old workers left", lambda: len(workers(old)) < 2 + s.workers)
            time.sleep(0.5)
            old.send_signal(signal.SIGHUP)
            wait_until("the old master has workers again", lambda: len(workers(old)) >= s.workers)
            time.sleep(0.5)
            new.send_signal(signal.SIGQUIT)
            time.sleep(1)
        load.check()
        answered(waits)
        new.wait(300)
        assert s.get("/healthz")[0] == 200


@pytest.mark.skipif(os.environ.get("SPARKJOB_MODULE") == "", reason="this nginx has the module without fault points in it")
@pytest.mark.parametrize("points", (["zone.locked"], ["zone.put"], ["load.record"], ["event.dirty", "zone.rebuild", "load.end"]), ids="-".join)
def test_worker_dies_with_the_lock(points, tmp_path, monkeypatch):
    """Within a change of the zone, and within what makes it good again: the next one who comes makes it anew."""
    armed = faults.Faults(tmp_path / "faults")
    os.chmod(tmp_path, 0o755)
    monkeypatch.setenv("SPARKJOB_FAULT_FILE", str(tmp_path / "faults"))
    with Server(scripted=True, start=False, workers=3) as s:
        s.module = BUILD + "/faults/ngx_http_sparkjob_module.so"
        s.start_launcher()
        s.start_nginx()
        s.wait_ready()
        s.expected += [KILLED, "was locked by"]
        prepared(s)
        jobs = [s.run("noop", context="parked")[1]["jobId"] for _ in range(20)]
        with SteadyLoad(s, "c", broken=("read", "sync", "async", "watch"), resets=2) as load:
            slots = [armed.arm(point, "kill") for point in points]
            if points == ["load.record"]:
                s.launcher.kill()
                s.launcher.wait()
                s.start_launcher()
            wait_until(f"{points} were passed", lambda: all(map(armed.struck, slots)), 20)
            wait_until("all workers", lambda: len(s.worker_pids()) == 3)
            time.sleep(1)
        load.check()
        assert all(s.job(i)["status"] == "FINISHED" for i in jobs)
        assert s.get("/contexts")[1] == ["c", "parked"] and list(s.get("/binaries")[1]) == ["examples"]
        anew = s.read("nginx/logs/error.log").count("loading it anew")
        assert (anew > 0) == (points != ["zone.locked"]), anew


def test_what_a_zone_had_no_room_for_is_there_while_it_is_loaded_again():
    with Server(start=False, workers=1) as s, FakeLauncher(s.socket) as fake:
        for n in range(200):
            fake.put_binary(f"{n:0200}")
        contexts = [f"late{n}" for n in range(30)]
        for name in contexts:
            fake.put_context(name)
        s.zone_size = "128k"
        s.start_nginx()
        s.wait_ready()
        wait_until("the zone is full", lambda: "too small for the contexts" in s.read("nginx/logs/error.log"))
        assert {s.get(f"/contexts/{c}")[0] for c in contexts} == {200}
        fake.silent = (SNAPSHOT,)
        asked = fake.asked[SNAPSHOT]
        fake.remove("binary", f"{0:0200}")
        wait_until("another snapshot is asked for", lambda: fake.asked[SNAPSHOT] > asked, 10)
        assert {s.get(f"/contexts/{c}")[0] for c in contexts} == {200}


def test_a_zone_that_is_too_small_is_loaded_again_less_and_less_often():
    with Server(start=False, workers=1) as s, FakeLauncher(s.socket) as fake:
        for n in range(300):
            fake.put_binary(f"{n:0200}")
        s.zone_size = "128k"
        s.start_nginx()
        s.wait_ready()
        wait_until("the zone is full", lambda: "too small for the contexts" in s.read("nginx/logs/error.log"))
        asked = fake.asked[SNAPSHOT]
        start = time.monotonic()
        for n in range(50):
            fake.remove("binary", f"{n:0200}")
            time.sleep(0.1)
        # after 4 s, 12 s, 28 s; not every 2 s
        assert fake.asked[SNAPSHOT] - asked <= max(1, (time.monotonic() - start) / 3.5)


def test_what_another_nginx_was_told_first_is_not_denied():
    """Acknowledged by the other master's workers, in whose zone it is, before our own zone has heard of it."""
    with Server(start=False) as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        connected(s)
        wait_until("the zone is loaded", lambda: fake.asked[SNAPSHOT] and s.get("/contexts")[0] == 200)
        asked = fake.asked.copy()
        fake.publish = lambda *_: 0
        fake.put_job(job_id(1), payload="none")
        fake.put_context("c")
        fake.put_binary("b")
        for path in (f"/jobs/{job_id(1)}", "/contexts/c", "/binaries/b"):
            assert s.get(path)[0] == 200, path
        with EventStream(s, f"/jobs/{job_id(1)}/events") as events:
            assert events.next()[1]["jobId"] == job_id(1)
        for path in (f"/jobs/{job_id(2)}", f"/jobs/{job_id(2)}/events", "/contexts/d", "/binaries/d"):
            status, answer = s.get(path)
            assert status == 404 and path.split("/")[2] in answer["result"], (path, answer)
        assert {n: fake.asked[n] - asked[n] for n in (JOB_GET, CONTEXT_GET, BINARY_GET)} == {
            JOB_GET: 4, CONTEXT_GET: 2, BINARY_GET: 2}


def test_what_a_launcher_has_said_of_its_storage_is_not_the_next_ones():
    why = "no space " * 50
    with Server(start=False, workers=1) as s:
        with FakeLauncher(s.socket) as fake:
            s.start_nginx()
            s.wait_ready()
            fake.trouble = {"error": "no-space", "name": why}
            _, answer = wait_until("it is not well", lambda: (lambda a: a if a[0] == 507 else None)(s.get("/healthz")))
            assert answer == {"status": "Storage Failure", "result": why}
        wait_until("it is gone", lambda: s.get("/healthz")[0] == 500, every=0.01)
        with FakeLauncher(s.socket):
            assert wait_until("the next one is there", lambda: (lambda a: a if a[0] != 500 else None)(s.get("/healthz")), every=0.01)[0] == 200
