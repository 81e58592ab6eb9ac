"""Drivers that are connected by TCP: jobs, broken links and other launchers are as by the Unix socket, and nobody gets in
who is no driver (docs/security.md says which promise is tested where)."""

import contextlib
import glob
import json
import os
import random
import re
import select
import socket
import ssl
import subprocess
import time

import driver_link
import pytest
from faults import Faults
from sparkjob_channel import HEADER, NAMES, TYPES, Channel, Refused
from sparkjob_server import BUILD, LAUNCHER, Server, free_port, memory_kb, wait_until

SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")
FAULTY = BUILD + "/faults/sparkjob-launcher"

# a driver that keeps what it was told, and leaves the link to the test
SILENT = "import os, sys, time\nopen('told.new', 'w').write(sys.stdin.read())\nos.rename('told.new', 'told')\ntime.sleep(600)"


def linked(tls="on", driver=None, **link):
    """A server whose drivers are connected by TCP; not started."""
    port = free_port()
    s = Server(scripted=True, start=False, launcher={"driver": {
        "link": {"listen": f"127.0.0.1:{port}", "tls": tls, "always": "on", **link}, **(driver or {})}})
    s.link = port
    return s


@contextlib.contextmanager
def started(*args, **more):
    """(server, channel)"""
    with linked(*args, **more) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            yield s, c


class Peer:
    """Somebody who has connected; tells what it gets and whether it is still wanted."""

    def __init__(self, s, tls=True, pin=None):
        self.sock = driver_link.connect(f"{'tls' if tls else 'tcp'}://127.0.0.1:{s.link}", pin)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, name, meta=None, payload=b"", stream=0):
        raw = json.dumps(meta).encode() if meta is not None else b""
        self.sock.sendall(HEADER.pack(len(raw) + len(payload), TYPES[name], 0, stream, len(raw)) + raw + payload)

    def hello(self, context, **meta):
        self.send("link-hello", {"protocol": 1, "context": context, "pid": 1, "jobs": [], **meta})

    def take(self, size):
        while len(self.data) < size:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.data += more
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def receive(self):
        """(name, metadata, payload) of the next frame; EOFError at the end"""
        length, kind, _, _, size = HEADER.unpack(self.take(HEADER.size))
        raw = self.take(length)
        return NAMES[kind], json.loads(raw[:size] or b"{}"), raw[size:]

    def rest(self):
        """Names of all frames until the launcher closes the connection."""
        names = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                names.append(self.receive()[0])
        return names


def told(s, c, context):
    """(id, secret, pin or None) of a context with a silent driver."""
    c.send("context-create", {"id": context, "name": "c" + context[:4], "user": "u", "settings": {}})
    path = f"{s.dir}/data/contexts/{context}/told"
    wait_until("its driver was told", lambda: os.path.exists(path))
    with open(path) as f:
        lines = f.read().split()
    return context, lines[0], lines[1] if len(lines) > 1 else None


def ran(c, main_class, body=b"", context="c"):
    """(record, payload) of a job that has ended."""
    job = c.submit(main_class, body=body, context=context, sync=True)["id"]
    return wait_until("the job has ended", lambda: (
        lambda j: j if j[0]["state"] in ("FINISHED", "ERROR", "KILLED") else None)(c.job(job)), 60)


def uuid():
    return "%08x-0000-4000-8000-000000000000" % random.getrandbits(32)


def works(s, name="w"):
    """A driver that means well gets in and runs a job."""
    with Channel(s.socket) as c:
        c.create(name)
        assert ran(c, "echo", b"hello", name)[1] == b'"hello"'


def gone(sock, seconds=200):
    """Whether the launcher closes a socket before the time is over."""
    end = time.monotonic() + seconds
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < end:
            ready, _, _ = select.select([sock], [], [], 0.2)
            if ready and not sock.recv(65536):
                return True
        return False
    return True


# what the configuration may say

def refused(tmp_path, **link):
    """What the launcher says against a configuration, at the start and with -t."""
    path = tmp_path / "l.json"
    path.write_text(json.dumps({"data_dir": str(tmp_path / "data"), "channel": {"socket": str(tmp_path / "s")},
                                "driver": {"command": ["/bin/true"], "link": link}}))
    said = []
    for more in ([], ["-t"]):
        done = subprocess.run([LAUNCHER, "-c", str(path), *more], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1, done
        said.append(done.stderr)
    assert not os.path.exists(tmp_path / "data")
    assert said[0].splitlines()[0] in said[1] + said[0]
    return said[1]


@pytest.mark.parametrize("listen", ["0.0.0.0:8079", "[::]:8079", "192.0.2.1:8079", "[2001:db8::1]:8079", "126.0.0.1:8079",
                                    "[::ffff:127.0.0.1]:8079"])
def test_other_hosts_may_reach_it_by_tls_only(tmp_path, listen):
    said = refused(tmp_path, listen=listen, tls="off", address="launcher:8079")
    assert f'driver.link.tls: expected "on", since other hosts may reach driver.link.listen, "{listen}"' in said


@pytest.mark.parametrize("address", ["launcher:8079", "localhost:8079", "192.0.2.1:8079", "0.0.0.0:8079", "[::]:8079"])
def test_drivers_are_sent_to_other_hosts_by_tls_only(tmp_path, address):
    said = refused(tmp_path, listen="127.0.0.1:8079", tls="off", address=address)
    assert f'driver.link.tls: expected "on", since driver.link.address, "{address}", is no loopback address' in said


@pytest.mark.parametrize("link, words", [
    ({"listen": "localhost:8079"}, "driver.link.listen: expected an address in numbers with a port"),
    ({"listen": "127.0.0.1"}, 'got "127.0.0.1"'),
    ({"listen": "127.0.0.1:0"}, "driver.link.listen: expected"),
    ({"listen": "127.0.0.1:65536"}, "driver.link.listen: expected"),
    ({"listen": "127.0.0.1:80x"}, "driver.link.listen: expected"),
    ({"listen": "::1:8079"}, "driver.link.listen: expected"),
    ({"listen": "0.0.0.0:8079"}, "driver.link.address: expected what drivers connect to"),
    ({"listen": "127.0.0.1:8079", "address": "not a name:8079"}, "driver.link.address: expected a name or an address"),
    ({"listen": "127.0.0.1:8079", "tls": "yes"}, 'driver.link.tls: expected "on" or "off"'),
    ({"listen": "127.0.0.1:8079", "key": "/k"}, "expected both certificate and key, or neither, got the key only"),
    ({"listen": "127.0.0.1:8079", "certificate": "/c", "key": "/k"}, '"/c": No such file or directory'),
    ({"always": "on"}, "driver.link.always: expected driver.link.listen beside it"),
    ({"address": "a:1"}, "driver.link.address: expected driver.link.listen beside it"),
    ({"listen": "127.0.0.1:8079", "strangers": 0}, "driver.link.strangers: expected a number of connections"),
])
def test_each_error_names_what_is_wrong(tmp_path, link, words):
    assert words in refused(tmp_path, **link)


def make_certificate(folder, name="own", key=None):
    """Paths of a certificate and its key, made by openssl."""
    paths = f"{folder}/{name}.crt", key or f"{folder}/{name}.key"
    new = ["-key", key] if key else ["-newkey", "rsa:2048", "-nodes", "-keyout", paths[1]]
    subprocess.run(["openssl", "req", "-x509", *new, "-out", paths[0], "-days", "2", "-subj", "/CN=" + name],
                   check=True, capture_output=True)
    return paths


def test_a_key_that_others_can_read_is_refused(tmp_path):
    certificate, key = make_certificate(tmp_path)
    for mode in (0o644, 0o640, 0o620):
        os.chmod(key, mode)
        said = refused(tmp_path, listen="127.0.0.1:8079", certificate=certificate, key=key)
        assert f'"{key}", which is not its owner\'s alone (mode {mode:o})' in said
    os.chmod(key, 0o600)
    if os.getuid() == 0:
        os.chown(key, 12345, -1)
        assert "belongs to user 12345" in refused(tmp_path, listen="127.0.0.1:8079", certificate=certificate, key=key)
    other = make_certificate(tmp_path, "other")[1]
    os.chmod(other, 0o600)
    assert f'"{other}": ' in refused(tmp_path, listen="127.0.0.1:8079", certificate=certificate, key=other)


def test_nobody_waits_for_a_key_or_a_certificate(tmp_path):
    """What is no regular file, and what wants a passphrase, is refused at once."""
    certificate, key = make_certificate(tmp_path)
    os.chmod(key, 0o600)
    fifo, locked = str(tmp_path / "fifo"), str(tmp_path / "locked.key")
    os.mkfifo(fifo, 0o600)
    for files in ({"certificate": fifo, "key": key}, {"certificate": certificate, "key": fifo}):
        assert f'"{fifo}", which is no regular file' in refused(tmp_path, listen="127.0.0.1:8079", **files)
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:word"], check=True)
    os.chmod(locked, 0o600)
    said = refused(tmp_path, listen="127.0.0.1:8079", certificate=certificate, key=locked)
    assert f'"{locked}", which has a passphrase' in said


def listening(pid):
    """How many TCP sockets a process listens on."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as f:
            inodes |= {line.split()[9] for line in f.readlines()[1:] if line.split()[3] == "0A"}
    links = [os.readlink(path) for path in glob.glob(f"/proc/{pid}/fd/*")]
    return len([link for link in links if re.sub(r"socket:\[(\d+)\]", r"\1", link) in inodes])


def test_without_a_word_about_it_there_is_no_tcp():
    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            assert listening(s.launcher.pid) == 0
    with linked() as s:
        s.start_launcher()
        with Channel(s.socket):
            assert listening(s.launcher.pid) == 1


# drivers

@pytest.mark.parametrize("tls", ["off", "on"])
def test_a_driver_works_as_by_the_unix_socket(tls):
    with started(tls) as (s, c):
        c.create("c")
        assert "from 127.0.0.1:" in s.read("launcher.log")
        assert ran(c, "echo", b"hello")[1] == b'"hello"'
        slow = c.submit("sleep", body=b'{"ms": 600000}', context="c")
        c.ask("job-kill", {"id": slow["id"], "user": "u"})
        assert c.job(slow["id"])[0]["state"] == "KILLED"
        c.ask("context-delete", {"name": "c", "user": "u"})
        wait_until("its driver has ended", lambda: not s.drivers())


@pytest.mark.parametrize("tls", ["off", "on"])
def test_a_driver_comes_back_to_another_launcher(tls):
    with linked(tls) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            pids = s.drivers()
            job = c.submit("sleep", body=b'{"ms": 2000}', context="c")["id"]
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        with Channel(s.socket) as c:
            wait_until("the job has ended", lambda: c.job(job)[0]["state"] == "FINISHED")
            assert s.drivers() == pids and c.job(job)[1] == b"true"
            assert "has connected again" in s.read("launcher.log")


def test_a_local_driver_has_the_unix_socket_unless_all_are_to_use_tcp():
    with started(always="off") as (s, c):
        c.create("c")
        (pid,) = s.drivers()
        with open(f"/proc/{pid}/environ") as f:
            assert "SPARKJOB_LINK" not in f.read()
        assert f"driver {pid} has connected, connection 2 from process {pid}" in s.read("launcher.log")


def test_the_key_is_made_once_and_nobody_elses(tmp_path):
    with linked() as s:
        keys = []
        for _ in range(2):
            s.start_launcher()
            works(s)
            with open(s.dir + "/data/link.key") as f:
                keys.append(f.read())
            assert os.stat(s.dir + "/data/link.key").st_mode & 0o777 == 0o600
            s.launcher.terminate()
            assert s.launcher.wait() == 0
        assert keys[0] == keys[1] and "PRIVATE KEY" in keys[0]
        secret = "".join(keys[0].splitlines()[1:-1])
        assert secret not in "".join((s.read("launcher.log") + s.read("launcher.out")).split())


def test_a_driver_comes_back_when_the_certificate_was_lost():
    """Its key is what the driver knows; only without the key there is another one."""
    with linked() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            pids = s.drivers()
        s.launcher.kill()
        s.launcher.wait()
        os.unlink(s.dir + "/data/link.crt")
        s.start_launcher()
        with Channel(s.socket) as c:
            assert ran(c, "echo", b"hello")[1] == b'"hello"'
            assert s.drivers() == pids
        assert "is lost and another one is made" not in s.read("launcher.log")
        s.launcher.terminate()
        assert s.launcher.wait() == 0
        os.unlink(s.dir + "/data/link.key")
        s.start_launcher()
        wait_until("it is said", lambda: "is lost and another one is made" in s.read("launcher.log"))
        works(s, "c2")


def test_a_certificate_of_ones_own_can_be_renewed_under_its_key(tmp_path):
    certificate, key = make_certificate(tmp_path)
    os.chmod(key, 0o600)
    with started(certificate=certificate, key=key) as (s, c):
        c.create("c")
        shown = []
        for name, keep in (("new", key), ("other", None)):
            new, its_key = make_certificate(tmp_path, name, keep)
            os.replace(new, certificate)
            os.replace(its_key, key) if keep is None else None
            os.chmod(key, 0o600)
            before = s.read("launcher.log").count("read again")
            s.launcher.send_signal(1)
            wait_until("the configuration is read again", lambda: s.read("launcher.log").count("read again") > before)
            with Peer(s) as p:
                shown.append(ssl.DER_cert_to_PEM_cert(p.sock.sock.getpeercert(True)))
                assert driver_link.pin_of(p.sock.sock.getpeercert(True))
        # the second one has another key, which the driver that runs does not know
        assert shown[0] == shown[1]
        assert "has another key, which no driver knows" in s.read("launcher.log")
        works(s)


def test_no_driver_is_sent_where_nobody_listens_yet():
    """The address is one for the next start: until then drivers connect as they did."""
    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        with Channel(s.socket):
            pass
        with open(s.dir + "/launcher.json", "w") as f:
            json.dump({**s.config(), "driver": {**s.config()["driver"], "link": {
                "listen": f"127.0.0.1:{free_port()}", "always": "on"}}}, f)
        s.launcher.send_signal(1)
        wait_until("the configuration is read again", lambda: "read again" in s.read("launcher.log"))
        assert "driver.link.listen cannot change while the launcher runs" in s.read("launcher.log")
        works(s)


# who is no driver

@pytest.fixture(scope="module")
def silent():
    """(server, channel) with drivers that leave the link to the test."""
    with linked(driver={"command": ["/usr/bin/python3", "-c", SILENT], "start_timeout": 600}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            yield s, c


def welcomed(s, c, context=None):
    """(peer, token) of a driver that has said hello."""
    context, secret, pin = told(s, c, context or uuid())
    peer = Peer(s, pin=pin)
    peer.hello(context, secret=secret)
    name, meta, _ = peer.receive()
    assert name == "link-context", name
    return peer, meta["token"]


def ready(peer, c, context):
    peer.send("link-ready", {"applicationId": "a", "maxJobs": 1})
    wait_until("it runs", lambda: c.context("c" + context[:4])["state"] == "RUNNING")


def test_the_secret_decides_and_is_good_once(silent):
    s, c = silent
    context, secret, pin = told(s, c, uuid())
    other, others_secret, _ = told(s, c, uuid())
    for what in ({"secret": "x"}, {"secret": ""}, {}, {"token": secret}, {"secret": others_secret}, {"secret": secret + "0"}):
        with Peer(s, pin=pin) as p:
            p.hello(context, **what)
            assert p.rest() == ["link-stop"], what
    with Peer(s, pin=pin) as p:
        p.hello(context, secret=secret)
        name, meta, _ = p.receive()
        assert name == "link-context"
        with Peer(s, pin=pin) as again:
            again.hello(context, secret=secret)
            assert again.rest() == ["link-stop"]
        # who has it already is not disturbed
        p.send("ping", stream=7)
        assert p.receive()[0] == "pong"
        token = meta["token"]
    for who, what in ((other, {"token": token}), (context, {"secret": secret}), (context, {"token": token[::-1]})):
        with Peer(s, pin=pin) as p:
            p.hello(who, **what)
            assert p.rest() == ["link-stop"], what
    with Peer(s, pin=pin) as p:
        p.hello(context, token=token)
        assert p.receive()[0] == "link-context"
    assert secret not in s.read("launcher.log") and token not in s.read("launcher.log")


def test_a_token_is_no_use_when_its_context_is_over(silent):
    s, c = silent
    context = uuid()
    peer, token = welcomed(s, c, context)
    with peer:
        ready(peer, c, context)
        c.send("context-delete", {"name": "c" + context[:4], "user": "u", "force": True})
        wait_until("it has ended", lambda: c.context("c" + context[:4])["state"] not in ("RUNNING", "STOPPING"))
    with Peer(s) as p:
        p.hello(context, token=token)
        assert p.rest() == ["link-stop"]


@pytest.mark.parametrize("message", ["hello", "dump", "ping", "snapshot", "job-submit", "binary-put", "link-ready", "link-result"])
def test_nothing_but_a_drivers_hello_comes_first(silent, message):
    s, _ = silent
    with Peer(s) as p:
        p.send(message, {"protocol": 1, "id": uuid()}, stream=1)
        assert p.rest() == []


@pytest.mark.parametrize("message", ["hello", "dump", "snapshot", "job-submit", "context-delete", "binary-put", "job-log"])
def test_a_driver_may_say_nothing_that_is_a_modules(silent, message):
    s, c = silent
    peer, _ = welcomed(s, c)
    with peer:
        peer.send(message, {"protocol": 1, "name": "x", "id": uuid()}, stream=1)
        assert peer.rest() == []
        assert f'may not send "{message}"' in s.read("launcher.log")


def test_no_room_is_made_for_what_a_stranger_announces(silent):
    s, _ = silent
    for header in (HEADER.pack(300000, TYPES["link-result"], 0, 0, 250000), HEADER.pack(1000, TYPES["link-hello"], 0, 0, 10),
                   HEADER.pack(1 << 31, TYPES["link-hello"], 0, 0, 1 << 31), b"\xff" * 16):
        with Peer(s) as p:
            p.sock.sendall(header)
            assert p.rest() == [], header
    assert "sent a driver's hello with a payload, which has none" in s.read("launcher.log")


def garbage():
    yield b"GET / HTTP/1.0\r\n\r\n"
    yield HEADER.pack(2, TYPES["link-hello"], 0, 0, 2) + b"{}"
    yield b"\x16\x03\x01\xff\xff" + os.urandom(4000)
    yield os.urandom(5000)
    yield b"\x15\x03\x03\x00\x02\x02\x28"
    yield b"\0" * 100


def test_what_is_no_tls_is_turned_away(silent):
    s, _ = silent
    for data in garbage():
        with socket.create_connection(("127.0.0.1", s.link), 10) as sock:
            sock.sendall(data)
            assert gone(sock), data[:20]


def test_older_tls_is_turned_away(silent):
    s, _ = silent
    context = driver_link.tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", s.link), 10) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(sock)


def client_hello():
    """The first bytes of a client of TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = driver_link.tls_context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_who_does_not_get_to_a_hello_is_let_go():
    """Whoever says nothing, half of a handshake, nothing behind it, or half a hello, at whatever pace."""
    with linked() as s:
        s.start_launcher()
        with Channel(s.socket):
            pass
        hello = client_hello()
        socks = [socket.create_connection(("127.0.0.1", s.link), 10) for _ in range(3)]
        socks[1].sendall(hello[:len(hello) // 2])
        socks[2].sendall(hello)
        peers = [Peer(s), Peer(s)]
        peers[1].sock.sendall(HEADER.pack(2000, TYPES["link-hello"], 0, 0, 2000) + b"{")
        works(s)
        slow = socket.create_connection(("127.0.0.1", s.link), 10)
        end, lost = time.monotonic() + 300, False
        for byte in hello + b"\0" * 10000:
            try:
                slow.sendall(bytes([byte]))
            except ConnectionError:
                lost = True
                break
            assert time.monotonic() < end, "who trickles is not let go"
            time.sleep(0.1)
        assert lost
        assert all(gone(sock) for sock in socks)
        for peer in peers:
            assert peer.rest() == []
            peer.sock.close()
        for sock in [*socks, slow]:
            sock.close()
        assert s.read("launcher.log").count("has not said hello for 10 s") >= 6
        works(s, "w2")


def test_a_crowd_of_strangers_keeps_no_driver_out():
    with linked(strangers=8) as s:
        s.start_launcher()
        with Channel(s.socket):
            pass
        socks = [socket.create_connection(("127.0.0.1", s.link), 10) for _ in range(60)]
        works(s)
        # the oldest had to go: at most so many are left, and a channel was never in question
        wait_until("they are few", lambda: sum(not gone(sock, 0.01) for sock in socks) <= 8, every=0.01)
        assert s.read("launcher.log").count("too many have not said hello") >= 52
        for sock in socks:
            sock.close()


# payloads that are too large for a frame

def left(s):
    return os.listdir(s.dir + "/data/tmp")


@pytest.mark.parametrize("tls", ["off", "on"])
def test_large_bodies_and_results_go_in_pieces(tls):
    """Job configurations down, rendered ones and results up, errors that are too long to be kept."""
    with started(tls) as (s, c):
        c.create("c")
        value = "".join(random.choices("abcdefgh", k=3_000_001))
        body = json.dumps({"value": value}).encode()
        record, _ = ran(c, "value", body)
        assert json.loads(c.ask("job-result", {"id": record["id"]})[1]) == value
        assert json.loads(c.ask("job-config", {"id": record["id"]})[1])["value"] == value
        for size in (65537, 65535, 131072, 1):
            record, _ = ran(c, "big", json.dumps({"bytes": size}).encode())
            assert len(json.loads(c.ask("job-result", {"id": record["id"]})[1])) == size
        assert b"too long to be kept" in ran(c, "throw", json.dumps({"message": "m" * 100000}).encode())[1]
        wait_until("nothing is left", lambda: not left(s))
        # neither are bodies: the driver could not delete them
        wait_until("no bodies are left", lambda: not glob.glob(s.dir + "/data/contexts/*/in/*"))


def test_a_context_with_a_large_configuration():
    with started() as (s, c):
        c.create("c", json.dumps({"pad": "p" * 200000, "spark.context-settings": {"max-jobs-per-context": 3}}).encode())
        assert c.context("c")["maxJobs"] == 3


def test_bodies_are_there_for_another_driver():
    """Who is supervised gets another driver, and that one the same bodies."""
    with started() as (s, c):
        c.create("c", json.dumps({"pad": "p" * 100000}).encode(), settings={"supervise": "true"})
        job = c.submit("sleep", body=json.dumps({"ms": 3000, "pad": "p" * 100000}).encode())["id"]
        (first,) = s.drivers()
        os.kill(first, 9)
        wait_until("another one has run it", lambda: c.job(job)[0]["state"] == "FINISHED", 60)
        assert s.drivers() != [first]


def test_a_result_whose_link_breaks_is_sent_again():
    with linked() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            job = c.submit("big", body=b'{"bytes": 30000000}')["id"]
            wait_until("some of it has come", lambda: left(s), every=0.005)
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        with Channel(s.socket) as c:
            wait_until("the job has ended", lambda: c.job(job)[0]["state"] == "FINISHED", 60)
            assert len(c.ask("job-result", {"id": job})[1]) == 30000002
            wait_until("nothing is left", lambda: not left(s))


def test_a_piece_that_cannot_be_written_is_sent_again(monkeypatch, tmp_path):
    """The disk fails once: the driver is sent away, comes back, and tells the result anew."""
    if not os.path.exists(FAULTY):
        pytest.skip("make faults")
    faults = Faults(tmp_path / "faults")
    monkeypatch.setenv("SPARKJOB_FAULT_FILE", str(tmp_path / "faults"))
    with linked() as s:
        s.launcher_file = FAULTY
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            slot = faults.arm("spool.write", "fail", 3)
            record, _ = ran(c, "big", b'{"bytes": 1000000}')
            assert record["state"] == "FINISHED" and faults.struck(slot)
            assert len(c.ask("job-result", {"id": record["id"]})[1]) == 1000002
            assert "since what it sends cannot be kept" in s.read("launcher.log")
            wait_until("nothing is left", lambda: not left(s))


def test_others_are_served_while_a_large_result_comes():
    """And the launcher's memory stays what it was."""
    with started() as (s, c):
        c.create("c")
        c.create("other")
        before = memory_kb(s.launcher.pid)
        job = c.submit("big", body=b'{"bytes": 100000000}')["id"]
        while c.job(job)[0]["state"] in ("STARTED", "RUNNING"):
            c.submit("noop", context="other", sync=True)
            assert SANITIZED or memory_kb(s.launcher.pid) - before < 40000
            time.sleep(0.02)
        assert c.job(job)[0]["state"] == "FINISHED"
        assert os.path.getsize(glob.glob(s.dir + f"/data/results/*/{job}")[0]) == 100000002


def test_a_result_that_is_longer_than_it_may_be_is_not_kept():
    with linked() as s:
        s.overrides["limits"] = {"result_bytes": 1000000}
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            assert b"at most 1000000 are kept" in ran(c, "big", b'{"bytes": 5000000}')[1]
            assert ran(c, "noop")[1] == b"true"
            wait_until("nothing is left", lambda: not left(s))


def test_a_configuration_that_is_longer_than_that_is_not_kept_either():
    """Nobody is shown a part of one."""
    with linked() as s:
        s.overrides["limits"] = {"result_bytes": 65536}
        s.start_launcher()
        with Channel(s.socket) as c:
            c.create("c")
            record, _ = ran(c, "noop", json.dumps({"pad": "p" * 300000}).encode())
            assert record["state"] == "FINISHED"
            with pytest.raises(Refused) as why:
                c.ask("job-config", {"id": record["id"]})
            assert (why.value.code, why.value.name) == ("no-config", f"No configuration of job {record['id']} is kept")
            wait_until("nothing is left", lambda: not left(s))


@pytest.mark.parametrize("message, more", [
    ("link-progress", {"stages": 1, "stagesDone": 0, "tasks": 1, "tasksDone": 0, "tasksFailed": 0}),
    ("link-refused", {"code": "bad-config"}), ("link-result", {"state": "ERROR"}), ("link-result", {})])
def test_a_payload_that_nobody_needs_is_removed(silent, message, more):
    """That of a message that has none, or has another one beside it, or breaks the protocol."""
    s, c = silent
    context = uuid()
    peer, _ = welcomed(s, c, context)
    with peer:
        ready(peer, c, context)
        c.send("job-submit", {"id": uuid(), "cp": [], "class": "x", "sync": True, "user": "u", "context": "c" + context[:4]})
        name, meta, _ = peer.receive()
        assert name == "link-run"
        peer.send("link-piece", payload=b"x" * 100)
        peer.send(message, {"id": meta["id"], "spooled": 100, **more}, b"{}")
        if more:
            peer.send("ping", stream=7)
            while peer.receive()[0] != "pong":
                pass
        else:
            peer.rest()
        wait_until("nothing is left", lambda: not left(s))


@pytest.mark.parametrize("tell", [{"spooled": 70001}, {"spooled": 0}, {"spooled": -1}, {"spooled": "x"},
                                  {"file": "/etc/passwd"}])
def test_what_has_not_come_is_no_payload(silent, tell):
    s, c = silent
    context = uuid()
    peer, _ = welcomed(s, c, context)
    with peer:
        ready(peer, c, context)
        stream = c.send("job-submit", {"id": uuid(), "cp": [], "class": "x", "sync": True, "user": "u",
                                       "context": "c" + context[:4]})
        name, meta, _ = peer.receive()
        assert name == "link-run"
        peer.send("link-started", {"id": meta["id"]}, b"{}")
        peer.send("link-piece", payload=b"x" * 65536)
        peer.send("link-piece", payload=b"x" * 4464)
        peer.send("link-result", {"id": meta["id"], "state": "FINISHED", "start": 1, "end": 2, "runMicros": 1, "size": 70000,
                                  **tell})
        job = c.wait(stream)[0]["record"]["id"]
        wait_until("it has failed", lambda: c.job(job)[0]["state"] == "ERROR")
    wait_until("nothing is left", lambda: not left(s))
