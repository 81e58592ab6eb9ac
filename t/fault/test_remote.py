"""Drivers that a cluster starts on another host: submitted, adopted, fenced, killed, with files and logs over the link; the
cluster is t/lib/fake_standalone.py, and the wire between driver and launcher one that a test can cut."""

import contextlib
import hashlib
import json
import os
import select
import socket
import sqlite3
import threading
import time
import uuid

import driver_link
import pytest
from fake_standalone import FakeStandalone
from sparkjob_channel import HEADER, NAMES, TYPES, Channel, Refused
from sparkjob_server import PATIENCE, Server, alive, free_port, wait_until


class Wire:
    """What lies between drivers and the launcher: it can be cut, and loses what is on its way then."""

    def __init__(self, port):
        self.to, self.whole, self.passed, self.pairs = port, True, 0, []
        self.slow = 0       # seconds for each piece upwards
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.running = True
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        self.server.settimeout(0.1)
        while self.running:
            with contextlib.suppress(TimeoutError, OSError):
                driver = self.server.accept()[0]
                if not self.whole:
                    driver.close()
                    continue
                launcher = socket.create_connection(("127.0.0.1", self.to), 10)
                self.pairs.append((driver, launcher))
                for a, b, up in ((driver, launcher, True), (launcher, driver, False)):
                    threading.Thread(target=self.carry, args=(a, b, up), daemon=True).start()

    def carry(self, a, b, up):
        with contextlib.suppress(OSError, ValueError):
            while True:
                if not select.select([a], [], [], 0.2)[0]:
                    continue
                data = a.recv(16384)
                if not data or not self.whole:
                    break
                if up:
                    self.passed += len(data)
                    time.sleep(self.slow)
                b.sendall(data)
        for sock in (a, b):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.whole = False
        for pair in self.pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                # what nobody reads any longer makes who writes it stop
                sock.close()
        self.pairs = []

    def mend(self):
        self.whole = True

    def stop(self):
        self.running = False
        self.cut()
        self.thread.join()
        self.server.close()


class World:
    """A server, a cluster, and the wire between both."""

    def __init__(self, tmp_path, **driver):
        self.cluster = FakeStandalone(tmp_path)
        port = free_port()
        self.wire = Wire(port)
        self.server = Server(scripted=True, start=False, launcher={
            "driver": {"link": {"listen": f"127.0.0.1:{port}", "address": f"127.0.0.1:{self.wire.port}"}, **driver},
            "context_settings": {"spark.master": "spark://127.0.0.1:7077", "spark.submit.deployMode": "cluster",
                                 "spark.master.rest.port": str(self.cluster.port)}})
        self.channel = None

    def __enter__(self):
        self.cluster.__enter__()
        self.server.__enter__()
        self.start()
        return self

    def __exit__(self, *args):
        if self.channel is not None:
            self.channel.close()
        try:
            # stops the contexts, and with them the drivers
            self.server.__exit__(*args)
        finally:
            self.wire.stop()
            left = [d for d in self.cluster.drivers.values() if d.process is not None and d.process.poll() is None]
            self.cluster.__exit__(*args)
        assert args[0] is not None or not left, "the cluster runs drivers yet"

    def start(self):
        self.server.start_launcher()
        self.channel = Channel(self.server.socket)

    def crash(self):
        """The launcher is killed."""
        self.channel.close()
        self.server.launcher.kill()
        self.server.launcher.wait()

    def drivers(self):
        return list(self.cluster.drivers.values())

    def log(self):
        return self.server.read("launcher.log")

    def ended(self, job):
        """(record, payload) once it is final."""
        return wait_until("the job has ended", lambda: (
            lambda j: j if j[0]["state"] in ("FINISHED", "ERROR", "KILLED") else None)(self.channel.job(job)), 60)

    def run(self, main_class, body=b"", context="c"):
        return self.ended(self.channel.submit(main_class, body=body, context=context)["id"])

    def over(self, name="c"):
        return wait_until("the context has ended", lambda: (
            lambda c: c if c["state"] in ("FINISHED", "ERROR", "KILLED") else None)(self.channel.context(name)), 60)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as w:
        yield w


def test_a_cluster_starts_the_driver(world):
    world.channel.create("c")
    (driver,) = world.drivers()
    assert world.run("echo", b"hello")[1] == b'"hello"'
    assert json.loads(world.run("pid")[1]) == driver.process.pid
    told = json.loads(world.run("context")[1])
    assert not {"work", "logs", "data"} & set(told), "there are no such folders"
    world.channel.ask("context-delete", {"name": "c", "user": "u"})
    assert world.channel.context("c")["state"] == "FINISHED"
    assert driver.process.wait() == 0
    assert not [r for r in world.cluster.requests if "/kill/" in r]


def test_only_its_own_port_is_the_interface_of_a_driver_on_this_host(tmp_path):
    with FakeStandalone(tmp_path) as cluster, Server(scripted=True, launcher={
            "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}},
            "context_settings": {"spark.master": "spark://127.0.0.1:7077", "spark.submit.deployMode": "cluster",
                                 "spark.master.rest.port": str(cluster.port)}}) as s:
        def shown(ui):
            s.context("u", **{"script.ui": ui})
            try:
                return s.get("/contexts/u/ui/jobs/")
            finally:
                s.delete("/contexts/u")
        status, page = shown("on")
        assert status == 200 and page["path"] == "/jobs/", page
        status, refused = shown(f"http://127.0.0.1:{s.port}")
        assert status == 404 and refused["result"].endswith(f"at port {s.port}, but does not listen there"), refused


def test_what_is_submitted(world):
    """All that Spark needs on another host with Java 17, and the secret nowhere but in the environment."""
    world.channel.create("c", settings={"launcher.spark.driver.memory": "700m", "launcher.spark.driver.extraJavaOptions":
                                        '-Da="b c"'})
    request = world.drivers()[0].request
    properties = request["sparkProperties"]
    assert request["mainClass"] == "sparkjob.driver.Main" and request["appArgs"] == []
    assert request["appResource"].startswith("file:/") and "sparkjob-driver_2.1" in request["appResource"]
    assert properties["spark.master"] == "spark://127.0.0.1:7077" and properties["spark.app.name"] == "c"
    assert properties["spark.driver.supervise"] == "false" and properties["spark.submit.deployMode"] == "cluster"
    assert properties["spark.driver.memory"] == "700m"
    options = properties["spark.driver.extraJavaOptions"]
    assert '"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"' in options and "-Xmx" not in options
    assert "lib_2.1" in properties["spark.driver.extraClassPath"]
    start = json.loads(request["environmentVariables"].pop("SPARKJOB_START"))
    assert start["generation"] == 1 and start["link"].startswith("tls://")
    for secret in (start["secret"], start["pin"]):
        assert secret not in json.dumps(request) and secret not in world.log()
    assert "SPARK_LOCAL_IP" not in request["environmentVariables"]


def test_the_launcher_is_killed_and_another_one_adopts_the_driver(world):
    world.channel.create("c")
    jobs = [world.channel.submit("sleep", body=b'{"ms": 3000}')["id"] for _ in range(3)]
    (driver,) = world.drivers()
    world.crash()
    world.start()
    assert [world.ended(job)[0]["state"] for job in jobs] == ["FINISHED"] * 3
    assert world.drivers() == [driver] and json.loads(world.run("pid")[1]) == driver.process.pid


def test_a_driver_that_died_while_no_launcher_ran_is_missed(world):
    world.channel.create("c")
    job = world.channel.submit("sleep", body=b'{"ms": 600000}')["id"]
    world.crash()
    driver = world.drivers()[0]
    driver.process.kill()
    driver.process.wait()
    world.start()
    record = world.over()
    assert record["state"] == "ERROR" and "FAILED" in record["reason"], record
    assert world.channel.job(job)[0]["state"] == "ERROR"


def test_a_driver_that_ends_is_told_of_by_its_cluster(world):
    world.channel.create("c")
    world.drivers()[0].process.kill()
    record = world.over()
    assert record["state"] == "ERROR" and "the cluster says of its driver driver-20260101000000-0000: FAILED" in record["reason"]


def test_one_that_is_supervised_is_submitted_again(world):
    world.channel.create("c", settings={"supervise": "true"})
    job = world.channel.submit("sleep", body=b'{"ms": 2000}')["id"]
    first = world.drivers()[0]
    first.process.kill()
    assert world.ended(job)[0]["state"] == "FINISHED"
    assert [d.start["generation"] for d in world.drivers()] == [1, 2]


def test_a_driver_may_ask_for_other_options(world):
    world.channel.create("c", settings={"script.start": "respawn"})
    assert len(world.drivers()) == 2
    options = world.drivers()[1].request["sparkProperties"]["spark.driver.extraJavaOptions"]
    assert '"-Dsparkjob.scripted=true"' in options


@pytest.mark.parametrize("force", [False, True])
def test_a_driver_that_is_cut_off_is_killed_by_its_cluster(world, force):
    world.channel.create("c")
    driver = world.drivers()[0]
    world.wire.cut()
    wait_until("it is missed", lambda: "the link is broken" in driver.said())
    world.channel.ask("context-delete", {"name": "c", "user": "u", "force": force})
    assert world.channel.context("c")["state"] == "KILLED"
    assert [r for r in world.cluster.requests if r.startswith("POST") and r.endswith("/kill/" + driver.identity)]
    assert not alive(driver.process.pid)


def test_a_driver_that_never_comes_is_killed(tmp_path):
    with World(tmp_path, start_timeout=2) as world:
        world.wire.cut()
        with pytest.raises(Refused) as refused:
            world.channel.create("c")
        assert "has not connected" in refused.value.error["message"]
        driver = world.drivers()[0]
        wait_until("it was killed", lambda: driver.killed)


def test_there_may_be_no_room_for_a_driver(tmp_path):
    """The cluster queues it: it is taken back when nobody waits for it any longer."""
    with World(tmp_path, start_timeout=2) as world:
        world.cluster.runs = False
        with pytest.raises(Refused):
            world.channel.create("c")
        wait_until("it was killed", lambda: world.drivers()[0].killed)


def sql(world, text):
    """The rows that it finds, and how many it has changed."""
    with contextlib.closing(sqlite3.connect(world.server.dir + "/data/sparkjob.db", timeout=60)) as db, db:
        cursor = db.execute(text)
        return cursor.fetchall(), cursor.rowcount


def kills(world, driver):
    return sum(r == f"POST /v1/submissions/kill/{driver.identity}" for r in world.cluster.requests)


def left_alive(world):
    """A driver that the cluster should have killed, but was deaf, when the launcher died."""
    world.wire.cut()
    world.cluster.deaf = True
    with pytest.raises(Refused):
        world.channel.create("c")
    driver = world.drivers()[0]
    wait_until("it is to be killed", lambda: kills(world, driver))
    world.crash()
    return driver


def test_the_next_launcher_goes_on_with_killing(tmp_path):
    """Its context is over, so nobody else would; but once it is over itself it is nobody's affair any longer."""
    with World(tmp_path, start_timeout=2) as world:
        driver = left_alive(world)
        world.cluster.deaf = False
        world.start()
        wait_until("it was killed", lambda: driver.killed)
        wait_until("the launcher knows", lambda: f"the cluster says of its driver {driver.identity}: KILLED" in world.log())
        wait_until("its row is gone", lambda: not sql(world, "SELECT 1 FROM kills")[0])
        before = kills(world, driver)
        world.crash()
        world.start()
        assert world.log().count("as another launcher had begun to") == 1 and kills(world, driver) == before


def test_a_row_that_is_older_than_its_contexts_end_is_of_no_use(world):
    """The launcher died between both, so that the driver is the context's yet; and of another one nobody was told the id."""
    world.channel.create("c")
    (driver,) = world.drivers()
    world.crash()
    (remote, context), = sql(world, "SELECT remote, id FROM contexts WHERE name = 'c'")[0]
    nobody = json.dumps({name: value for name, value in json.loads(remote).items() if name != "id"})
    for key, text in ((f"{context} 1", remote), (f"{uuid.uuid4()} 1", nobody)):
        assert sql(world, f"INSERT INTO kills (driver, time, remote) VALUES ('{key}', {int(time.time() * 1000)}, '{text}')")[1] == 1
    world.start()
    wait_until("the rows are gone", lambda: not sql(world, "SELECT 1 FROM kills")[0])
    assert json.loads(world.run("pid")[1]) == driver.process.pid and not kills(world, driver)


def test_a_cluster_that_does_not_come_back_is_not_asked_for_ever(tmp_path):
    with World(tmp_path, start_timeout=2) as world:
        driver = left_alive(world)
        assert sql(world, "UPDATE kills SET time = time - 8 * 86400000")[1] == 1
        before = kills(world, driver)
        world.start()
        assert f"driver {driver.identity} of " in world.log() and "is given up" in world.log()
        wait_until("its row is gone", lambda: not sql(world, "SELECT 1 FROM kills")[0])
        world.crash()
        world.start()
        assert kills(world, driver) == before and world.log().count("is given up") == 1
        world.wire.mend()
        assert driver.process.wait(600) == 0, "it was told to stop, being nobody's"


def test_a_context_that_was_to_stop_is_not_waited_for_any_longer(tmp_path):
    with World(tmp_path, stop_timeout=2) as world:
        world.channel.create("c")
        driver = world.drivers()[0]
        world.wire.cut()
        wait_until("it is missed", lambda: "no launcher" in driver.said())
        world.cluster.deaf = True
        world.channel.send("context-delete", {"name": "c", "user": "u"})
        wait_until("it is to be killed", lambda: kills(world, driver))
        wait_until("that is written down", lambda: sql(world, "SELECT 1 FROM contexts WHERE state = 'STOPPING'")[0])
        world.crash()
        world.cluster.deaf = False
        world.start()
        assert world.over()["state"] == "KILLED"
        wait_until("it was killed", lambda: driver.killed)


def test_a_cluster_that_refuses_says_why(world):
    world.cluster.refuse = "the workers have gone home"
    with pytest.raises(Refused) as refused:
        world.channel.create("c")
    assert "the workers have gone home" in refused.value.error["message"]


def test_a_submission_goes_to_no_other_server(world, tmp_path):
    """It has the secret in it."""
    with FakeStandalone(tmp_path) as other:
        world.cluster.moved = f"http://127.0.0.1:{other.port}"
        with pytest.raises(Refused):
            world.channel.create("c")
        assert other.requests == []


def test_a_cluster_that_is_not_there_is_named(world):
    world.cluster.away()
    with pytest.raises(Refused) as refused:
        world.channel.create("c")
    assert f"127.0.0.1:{world.cluster.port}" in refused.value.error["message"]


def test_only_some_masters_start_drivers(world):
    for master in ("local[2]", "spark://host", "spark:7077", "spark://host/path?:7077", "spark://user@host:7077", "spark://:7077"):
        with pytest.raises(Refused) as refused:
            world.channel.create("c", settings={"spark.master": master})
        assert refused.value.code in ("bad-config", "bad-request") and master in refused.value.name


def test_without_a_port_for_drivers_none_is_elsewhere():
    settings = {"spark.master": "spark://127.0.0.1:7077", "spark.submit.deployMode": "cluster"}
    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            with pytest.raises(Refused) as refused:
                c.create("c", settings=settings)
            assert refused.value.code == "bad-config" and "driver.link.listen" in refused.value.name


def test_nor_is_one_that_the_configuration_names():
    """A driver of this host would be no substitute."""
    settings = {"spark.master": "spark://127.0.0.1:7077", "spark.submit.deployMode": "cluster"}
    with Server(scripted=True, start=False, launcher={"contexts": {"c": settings}}) as s:
        s.start_launcher()
        wait_until("it fails", lambda: "drivers of clusters need driver.link.listen" in s.read("launcher.log"))
        assert "was started" not in s.read("launcher.log")


@pytest.fixture
def login(tmp_path):
    """Members of a cluster with a keytab, whose drivers are started there."""
    keytab = tmp_path / "keytab"
    keytab.write_bytes(b"\5\2")
    keytab.chmod(0o600)
    return {"deploy_mode": "cluster", "principal": "me@REALM", "keytab": str(keytab)}


def test_a_keytab_reaches_no_driver_of_a_master_or_of_kubernetes(login):
    """A context without a login that its cluster promises would fail at its first file."""
    masters = {"alone": "spark://127.0.0.1:7077", "pods": "k8s://https://127.0.0.1:6443"}
    image = {"spark.kubernetes.container.image": "i"}
    with Server(scripted=True, start=False, launcher={
            "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}},
            "clusters": {name: {"master": master, "settings": image, **login} for name, master in masters.items()}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            for name, master in masters.items():
                with pytest.raises(Refused) as refused:
                    c.create("c", settings={"cluster": name})
                assert refused.value.name == (f"cluster: {name} has a keytab, and drivers that {master} starts cannot log in by it: "
                                              "take client mode")


def test_where_contexts_run_may_be_the_clusters_affair_alone():
    """Neither the launcher nor a driver is sent to hosts that a client names."""
    settings = {"spark.master": "local[2]"}
    with Server(scripted=True, start=False, launcher={
            "only_clusters": "on", "clusters": {"near": {"master": "local[3]"}}, "context_settings": settings,
            "contexts": {"own": {"spark.master": "local[4]"}}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            for name, value in (("spark.master", "spark://10.1.2.3:7077"), ("spark.submit.deployMode", "cluster"),
                                ("spark.master.rest.port", "80")):
                for more in ({}, {"cluster": "near"}):
                    with pytest.raises(Refused) as refused:
                        c.create("c", settings={name: value, **more})
                    assert refused.value.code == "bad-request" and "only_clusters" in refused.value.name
            c.create("c")
            c.create("d", settings={"cluster": "near"})
            told = {}
            for name in ("c", "d", "own"):
                wait_until("it runs", lambda name=name: c.context(name)["state"] == "RUNNING")
                told[name] = c.result("context", context=name)
            assert {"spark.master", "spark.submit.deployMode"} <= set(told["c"]["fixed"]) & set(told["d"]["fixed"])
            assert told["own"]["query"] == {"spark.master": "local[4]"}


# links that break

def test_a_result_that_is_on_its_way_when_the_link_is_cut(world):
    world.channel.create("c")
    world.wire.slow = 0.02
    before = world.wire.passed
    job = world.channel.submit("big", body=b'{"bytes": 5000000}')["id"]
    wait_until("some of it has gone", lambda: world.wire.passed > before + 200000)
    world.wire.cut()
    world.wire.slow = 0
    wait_until("it is missed", lambda: "no launcher" in world.drivers()[0].said())
    assert world.channel.job(job)[0]["state"] in ("STARTED", "RUNNING")
    world.wire.mend()
    assert world.ended(job)[0]["state"] == "FINISHED"
    assert len(world.channel.ask("job-result", {"id": job})[1]) == 5000002


def test_cut_and_killed_at_once(world):
    """Nobody is at either end of the link for a while; the job goes on, and its end is told."""
    world.channel.create("c")
    job = world.channel.submit("sleep", body=b'{"ms": 1000}')["id"]
    world.wire.cut()
    world.crash()
    driver = world.drivers()[0]
    wait_until("it is missed", lambda: "no launcher" in driver.said())
    world.start()
    wait_until("the cluster was asked", lambda: f"GET /v1/submissions/status/{driver.identity}" in world.cluster.requests)
    world.wire.mend()
    assert world.ended(job)[0]["state"] == "FINISHED"
    assert world.drivers() == [driver]


def test_a_driver_that_is_cut_off_for_too_long_is_replaced_and_fenced(tmp_path):
    """It does not know that it was given up, and the cluster forgets it: at most one acts for the context."""
    with World(tmp_path, orphan_timeout=2) as world:
        world.cluster.patience = 3600
        world.channel.create("c", settings={"supervise": "true"})
        first = world.drivers()[0]
        first.forgotten = True
        world.wire.cut()
        wait_until("another one was submitted", lambda: len(world.drivers()) == 2, 60)
        second = world.drivers()[1]
        assert second.start["generation"] == 2
        world.wire.mend()
        wait_until("the context runs", lambda: world.channel.context("c")["state"] == "RUNNING")
        assert json.loads(world.run("pid")[1]) == second.process.pid
        assert first.process.wait(600) == 0, "it was told to stop, and did not give up by itself"
        assert "another generation" in world.log()


class Impostor:
    """One that says hello."""

    def __init__(self, world, start, **more):
        self.sock = driver_link.connect(start["link"], start["pin"])
        meta = {"protocol": 1, "context": start["context"], "pid": 1, "jobs": [], "generation": start["generation"],
                "instance": str(uuid.uuid4()), **more}
        raw = json.dumps(meta).encode()
        self.sock.sendall(HEADER.pack(len(raw), TYPES["link-hello"], 0, 0, len(raw)) + raw)

    def told(self):
        """The names of all that it is sent until the connection ends."""
        data, names = b"", []
        with contextlib.suppress(ConnectionError, EOFError):
            while more := self.sock.recv(65536):
                data += more
        while len(data) >= HEADER.size:
            length, kind, _, _, _ = HEADER.unpack(data[:HEADER.size])
            names.append(NAMES[kind])
            data = data[HEADER.size + length:]
        self.sock.close()
        return names


def test_a_cluster_that_starts_it_once_more_gets_two_of_which_one_ends(world):
    """The second one knows all that the first one was told."""
    world.channel.create("c")
    driver = world.drivers()[0]
    second = driver.run()
    assert second.wait(60 * PATIENCE) == 0, "it was told to stop"
    assert json.loads(world.run("pid")[1]) == driver.process.pid


def test_neither_an_old_nor_a_new_number_gets_in(world):
    world.channel.create("c")
    start = world.drivers()[0].start
    for generation in (0, 2, 1 << 40):
        assert Impostor(world, dict(start, generation=generation), secret=start["secret"]).told() == ["link-stop"]
    assert "another generation" in world.log()
    assert world.run("noop")[1] == b"true"


# files

def put(world, name, data, kind="Python"):
    return world.channel.ask("binary-put", {"name": name, "type": kind, "user": "u"}, data)


def test_binaries_are_fetched_by_their_hash(world):
    world.channel.create("c")
    for size in (10, 70000, 3000000):
        data = b"#" + os.urandom(size).hex().encode()
        put(world, f"b{size}", data)
        sha256 = hashlib.sha256(data).hexdigest()
        assert json.loads(world.run("fetch", json.dumps({"sha256": sha256, "type": "Python"}).encode())[1]) == sha256


def test_data_files_are_fetched_by_their_path(world):
    world.channel.create("c")
    for data in (b"", b"x" * 200000):
        path = world.channel.ask("data-put", {"name": "in put", "user": "u"}, data)[0]["file"]
        for name in (path, os.path.basename(path)):
            assert json.loads(world.run("fetch", json.dumps({"data": name}).encode())[1]) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("what", [
    {"sha256": "0" * 64, "type": "Jar"}, {"sha256": "../launcher", "type": "Jar"}, {"sha256": "0" * 64, "type": "../x"},
    {"sha256": "A" * 64, "type": "Jar"}, {"data": "/etc/passwd"}, {"data": "../link.key"}, {"data": ".."}, {"data": ""},
    {"data": "no such"}, {}])
def test_nothing_else_is_fetched(world, what):
    world.channel.create("c")
    assert "the launcher has no" in json.loads(world.run("fetch", json.dumps(what).encode())[1])
    assert world.run("noop")[1] == b"true"


# logs

def log_of(world, job):
    return world.channel.ask("job-log", {"id": job})[1].decode()


def test_what_jobs_print_comes_over_the_link(world):
    world.channel.create("c")
    text = "one\n" * 50000
    record, _ = world.run("print", json.dumps({"text": text}).encode())
    wait_until("all of it is there", lambda: log_of(world, record["id"]) == text)
    log = world.channel.ask("context-log", {"name": "c"})[1].decode()
    assert log == f"driver {world.drivers()[0].process.pid} begins\n"


def test_a_log_that_was_cut_is_whole_in_the_end(world):
    """What was lost is sent again, and what was not is not there twice."""
    world.channel.create("c")
    world.run("noop")
    world.wire.cut()
    driver = world.drivers()[0]
    wait_until("it is missed", lambda: "no launcher" in driver.said())
    text = "".join(f"{n}\n" for n in range(30000))
    world.wire.mend()
    job = world.channel.submit("print", body=json.dumps({"text": text}).encode())["id"]
    world.ended(job)
    world.wire.cut()
    world.wire.mend()
    wait_until("all of it is there", lambda: log_of(world, job) == text)


def test_the_log_of_the_next_driver_is_behind_that_of_the_first(world):
    world.channel.create("c", settings={"supervise": "true"})
    first = world.drivers()[0]
    first.process.kill()
    wait_until("it runs again", lambda: len(world.drivers()) == 2 and world.channel.context("c")["state"] == "RUNNING")
    pids = [d.process.pid for d in world.drivers()]
    wait_until("both have said it", lambda: world.channel.ask("context-log", {"name": "c"})[1].decode()
               == "".join(f"driver {pid} begins\n" for pid in pids))


def test_a_log_is_bounded(world):
    world.channel.create("c")
    context = world.drivers()[0].start["context"]
    log = f"{world.server.dir}/data/contexts/{context}/driver.log"
    before = wait_until("what it says itself is there", lambda: os.path.exists(log) and os.path.getsize(log))
    for at in (1 << 26, (1 << 26) - 1, 1 << 60):
        body = json.dumps({"id": context, "at": at, "text": "xy"}).encode()
        assert world.run("log", body)[1] == b"true"
    assert os.path.getsize(log) == before


def test_pieces_that_come_too_fast_are_told_of(world):
    """Else the driver would take what comes after them for the whole, and they would be a hole."""
    world.channel.create("c")
    record, lost = world.run("pieces", b'{"pieces": 5000}')
    assert record["state"] == "FINISHED", lost
    text, lost = log_of(world, record["id"]), set(json.loads(lost))
    assert all(text[at] == "x" for at in range(len(text)) if at not in lost)
    assert len(text) == 5000 or set(range(len(text), 5000)) <= lost


def test_a_driver_has_logs_of_its_jobs_only(world):
    """Whatever it says, it does not fill the folder with others."""
    world.channel.create("c")
    world.channel.create("d")
    other = world.channel.submit("sleep", body=b'{"ms": 600000}', context="d")["id"]
    ended, _ = world.run("print", b'{"text": "ab"}')
    wait_until("it is there", lambda: log_of(world, ended["id"]) == "ab")
    for name in (str(uuid.uuid4()), other, ended["id"]):
        world.run("log", json.dumps({"id": name, "at": 2, "text": "more"}).encode())
    wait_until("the end of one that is over is kept", lambda: log_of(world, ended["id"]) == "abmore")
    logs = [name for _, _, files in os.walk(f"{world.server.dir}/data/contexts") for name in files if name != "driver.log"]
    assert logs == [ended["id"] + ".log"], logs


@pytest.mark.parametrize("meta", [{"id": "../driver", "at": 0}, {"id": "x", "at": 0}, {"id": str(uuid.uuid4()), "at": -1},
                                  {"id": str(uuid.uuid4()), "at": (1 << 63) - 1}])
def test_what_is_no_log_breaks_the_protocol(world, meta):
    world.channel.create("c")
    world.channel.submit("log", body=json.dumps({**meta, "text": "x", "ms": 600000}).encode())
    assert world.over()["reason"] == "its driver broke the protocol"
    folder = f"{world.server.dir}/data/contexts"
    assert not [name for _, _, files in os.walk(folder) for name in files if name in ("driver.log.log", "x.log")]
