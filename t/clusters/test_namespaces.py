"""Two hosts: the launcher and nginx in one network namespace, a real standalone master, its worker and so the drivers in
another one, which sees none of the launcher's files. The wire between both is a veth pair, which the tests cut."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import threading
import urllib.request

import pytest
from sparkjob_server import EXAMPLES, Server, alive, free_port, wait_until
from standalone import Standalone

NEAR, FAR = "198.18.7.1", "198.18.7.2"
CLONE_NEWNET = 0x40000000
WORD_COUNT = "spark.jobserver.WordCountExample"
LONG = "spark.jobserver.LongPiJob"


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


class Hosts:
    """Two namespaces, connected."""

    def __init__(self):
        self.near, self.far = f"sj{os.getpid()}n", f"sj{os.getpid()}f"

    def make(self):
        for name in (self.near, self.far):
            ip("netns", "add", name)
        ip("link", "add", "veth0", "netns", self.near, "type", "veth", "peer", "name", "veth0", "netns", self.far)
        for name, address in ((self.near, NEAR), (self.far, FAR)):
            ip("-n", name, "addr", "add", address + "/30", "dev", "veth0")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "veth0", "up")

    def remove(self):
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def wire(self, state):
        """up or down: the other host sees that nothing comes any longer."""
        ip("-n", self.near, "link", "set", "veth0", state)

    @contextlib.contextmanager
    def in_near(self):
        """This thread, and what it starts, is in the launcher's namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as old, open("/run/netns/" + self.near) as new:
            assert libc.setns(new.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(old.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def in_far(self, hidden):
        """What to put before commands of the other host, which has no such folder."""
        return ["ip", "netns", "exec", self.far, "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh"]


@pytest.fixture(scope="module")
def hosts():
    h = Hosts()
    try:
        try:
            h.make()
        except (subprocess.CalledProcessError, FileNotFoundError) as e:
            pytest.skip(f"no network namespaces can be made here: {getattr(e, 'stderr', e)}")
        with h.in_near():
            yield h
    finally:
        h.remove()


@pytest.fixture(scope="module")
def world(hosts, tmp_path_factory):
    """(server, cluster); the server's folder is not there on the other host."""
    server = Server(start=False)
    with Standalone(tmp_path_factory.mktemp("far"), FAR, hosts.in_far(server.dir)) as cluster:
        server.overrides = {
            "driver": {"link": {"listen": f"{NEAR}:{free_port()}"}, "options": ["-Xmx700m", "-XX:TieredStopAtLevel=1"],
                       "orphan_timeout": 3600, "ports": "20000-20400", "hang_timeout": 10, "stop_timeout": 20},
            "supervise": {"restarts": 1000},
            "context_settings": cluster.settings()}
        with server:
            server.start_launcher()
            server.start_nginx()
            server.wait_ready()
            server.upload("examples", EXAMPLES)
            try:
                yield server, cluster
            finally:
                hosts.wire("up")


def begin(server, seconds):
    """The id of a job that runs for so long."""
    code, body = server.run(LONG, f"stress.test.longpijob.duration = {seconds}", sync=False)
    assert code == 202, body
    wait_until("it runs", lambda: server.job(body["jobId"])["status"] == "RUNNING")
    return body["jobId"]


def crash(server, **driver):
    """The launcher is killed; the next one has these members of `driver`."""
    server.launcher.kill()
    server.launcher.wait()
    server.overrides["driver"].update(driver)


def start(server):
    server.start_launcher()
    server.wait_ready()


def state(server, name="c"):
    return server.get(f"/contexts/{name}")[1]["state"]


def told(pid):
    """What a driver was told when it was started, as text."""
    with open(f"/proc/{pid}/environ", "rb") as f:
        return next(v.split(b"=", 1)[1].decode() for v in f.read().split(b"\0") if v.startswith(b"SPARKJOB_START="))


def test_a_driver_on_another_host(hosts, world):
    """Files, results and logs go over the link; ports are the configuration's, and addresses those of the hosts."""
    server, cluster = world
    server.context("c")
    code, body = server.run(WORD_COUNT, "input.string = a b a")
    assert code == 200 and body["result"] == {"a": 2, "b": 1}, body
    wait_until("its log is here", lambda: b"runs as app-" in server.request("GET", "/contexts/c/log")[2])
    assert f" from {FAR}:" in server.read("launcher.log")
    listening = subprocess.run(["ip", "netns", "exec", hosts.far, "ss", "-Hltn"], capture_output=True, text=True).stdout
    assert f"{FAR}]:20000" in listening or f"{FAR}:20000" in listening, listening


def test_the_secret_is_nowhere_but_in_the_drivers_own_environment(world):
    server, cluster = world
    (driver,) = cluster.drivers()
    pids = cluster.pids(driver)
    secret = json.loads(told(pids[0]))["secret"].encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            with contextlib.suppress(OSError), open(f"/proc/{name}/{part}", "rb") as f:
                assert secret not in f.read() or (part == "environ" and int(name) in pids), (name, part)
    pages = [f"http://{FAR}:{cluster.ui}/", f"http://{FAR}:{cluster.ui}/json/", f"http://{FAR}:{cluster.worker_ui}/",
             f"http://{FAR}:{cluster.rest}/v1/submissions/status/{driver}",
             f"http://127.0.0.1:{server.port}/contexts/c/ui/environment/", f"http://127.0.0.1:{server.port}/contexts/c/log"]
    for page in pages:
        with urllib.request.urlopen(page, timeout=60) as answer:
            text = answer.read()
            assert text and secret not in text, page
    for text in (cluster.said(), server.read("launcher.log")):
        assert secret.decode() not in text


def test_the_wire_is_cut_and_mended(hosts, world):
    server, cluster = world
    drivers = cluster.drivers()
    job = begin(server, 5)
    before = server.read("launcher.log").count("its connection is closed")
    hosts.wire("down")
    wait_until("it is missed", lambda: server.read("launcher.log").count("its connection is closed") > before, 60)
    hosts.wire("up")
    assert server.wait_job(job)["status"] == "FINISHED"
    assert "has connected again" in server.read("launcher.log")
    assert cluster.drivers() == drivers and state(server) == "RUNNING"


def test_the_wire_is_cut_and_the_launcher_killed_meanwhile(hosts, world):
    """The driver is adopted again, by another launcher, and its jobs are whole."""
    server, cluster = world
    drivers = cluster.drivers()
    job = begin(server, 5)
    hosts.wire("down")
    crash(server)
    before = len(server.read("launcher.log"))
    start(server)
    wait_until("the cluster cannot be asked", lambda: "cannot be asked about driver" in server.read("launcher.log")[before:], 60)
    assert state(server) == "RUNNING" and server.job(job)["status"] == "RUNNING"
    hosts.wire("up")
    assert server.wait_job(job)["status"] == "FINISHED"
    assert cluster.drivers() == drivers
    code, body = server.run(WORD_COUNT, "input.string = x")
    assert code == 200 and body["result"] == {"x": 1}, body


def test_one_that_its_cluster_starts_again_ends_itself(world):
    """With all that the first one was told, and under the master's supervision."""
    server, cluster = world
    (first,) = cluster.drivers()
    (pid,) = cluster.pids(first)
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        words = f.read().decode().split("\0")
    options = [word for word in words if word.startswith("--add-opens")]
    answer = cluster.ask("create", None, {
        "action": "CreateSubmissionRequest", "clientSparkVersion": "3.5.9", "mainClass": "sparkjob.driver.Main", "appArgs": [],
        "appResource": "file:" + next(p for p in words[words.index("-cp") + 1].split(":") if "sparkjob-driver_" in p),
        "environmentVariables": {"SPARKJOB_START": told(pid)},
        "sparkProperties": {"spark.master": cluster.url, "spark.app.name": "again", "spark.submit.deployMode": "cluster",
                            "spark.driver.supervise": "true", "spark.driver.memory": "700m",
                            "spark.driver.extraClassPath": words[words.index("-cp") + 1],
                            "spark.driver.extraJavaOptions": " ".join(options)}})
    assert answer["success"], answer
    second = answer["submissionId"]
    wait_until("it has ended", lambda: cluster.driver_state(second) == "FINISHED", 60)
    assert "wrong secret or token" in server.read("launcher.log")
    assert cluster.drivers() == [first] and state(server) == "RUNNING"
    code, body = server.run(WORD_COUNT, "input.string = x")
    assert code == 200 and body["result"] == {"x": 1}, body


def test_one_that_is_deleted_ends_on_the_cluster(world):
    server, cluster = world
    (driver,) = cluster.drivers()
    code, body = server.delete("/contexts/c")
    assert code == 200, body
    wait_until("the cluster says so", lambda: cluster.driver_state(driver) == "FINISHED")
    assert not cluster.pids(driver)


def test_one_that_hangs_is_killed_though_its_launcher_is_killed_meanwhile(world):
    server, cluster = world
    server.context("c")
    (driver,) = cluster.drivers()
    (pid,) = cluster.pids(driver)
    os.kill(pid, signal.SIGSTOP)
    thread = threading.Thread(target=lambda: server.delete("/contexts/c"))
    thread.start()
    wait_until("it is to stop", lambda: state(server) == "STOPPING")
    crash(server)
    start(server)
    wait_until("the context has ended", lambda: state(server) == "KILLED", 120)
    wait_until("the cluster says so", lambda: cluster.driver_state(driver) == "KILLED")
    assert not alive(pid)
    thread.join()


def test_a_driver_that_was_given_up_is_fenced(hosts, world):
    """It lives on behind the cut, and its worker, which is held, cannot kill it: it ends by what the launcher tells it."""
    server, cluster = world
    server.context("c", supervise="true")
    (first,) = cluster.drivers()
    (pid,) = cluster.pids(first)
    hosts.wire("down")
    # the launcher gives it up sooner than it gives up the launcher
    crash(server, orphan_timeout=5)
    start(server)
    wait_until("it is given up", lambda: state(server) == "RESTARTING", 60)
    assert alive(pid)
    os.kill(cluster.worker.pid, signal.SIGSTOP)
    before = len(server.read("launcher.log"))
    try:
        hosts.wire("up")
        # it notices within 90 s that nobody is at the other end any longer
        wait_until("it was told that it is nobody's", lambda: re.search(
            rf"of {FAR}:\d+ is no driver of context", server.read("launcher.log")[before:]), 120)
        wait_until("the first one has ended", lambda: not alive(pid), 60)
    finally:
        os.kill(cluster.worker.pid, signal.SIGCONT)
    wait_until("another one runs", lambda: state(server) == "RUNNING", 120)
    code, body = server.run(WORD_COUNT, "input.string = x")
    assert code == 200 and body["result"] == {"x": 1}, body
    assert first not in cluster.drivers() and len(cluster.drivers()) == 1
    code, body = server.delete("/contexts/c")
    assert code == 200, body
    wait_until("nothing is left on the cluster", lambda: not cluster.drivers())
