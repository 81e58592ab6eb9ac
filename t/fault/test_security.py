"""Who tries to get in, or to get at what is not theirs (docs/security.md says which promise is tested where).

Drivers are scripted where no JVM is needed; users are numbers, /etc/passwd stays as it is.
"""

import concurrent.futures
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import zipfile

import pytest
from sparkjob_channel import HEADER, TYPES, Channel
from sparkjob_server import LAUNCHER, ROOT, Server, alive, free_port, scalac, wait_until
from storage import Disk
from test_archive import Archives
from test_library_sets import Sets

SCRIPTED = ROOT + "/t/lib/scripted_driver.py"

STOP = HEADER.pack(0, TYPES["link-stop"], 0, 0, 0)

# keeps what the launcher told it, and goes on as the scripted driver
SPY = """
import os, sys
secret = sys.stdin.read()
open("spied", "w").write(secret)
r, w = os.pipe()
os.write(w, secret.encode())
os.close(w)
os.dup2(r, 0)
os.execv(sys.executable, [sys.executable, sys.argv[1]])
"""


def spied(s, context="c"):
    """The secret that the context's driver was given."""
    record = s.get(f"/contexts/{context}")[1]
    with open(f"{s.dir}/data/contexts/{record['id']}/spied") as f:
        return record["id"], f.read().strip()


def jar(s):
    """Scripted drivers want a binary and do not look at it."""
    code, body = s.json("POST", "/binaries/examples", b"PK\3\4examples", {"Content-Type": "application/java-archive"})
    assert code == 201, body


def hello(path, **meta):
    """Says hello as a driver; what the launcher sends back beside link-stop, and then closing the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(60)
        sock.connect(path)
        raw = json.dumps({"protocol": 1, "jobs": [], **meta}).encode()
        try:
            sock.sendall(HEADER.pack(len(raw), TYPES["link-hello"], 0, 0, len(raw)) + raw)
            answer = sock.recv(65536)
            return b"" if answer == STOP else answer
        except ConnectionError:
            return b""


# names

def test_source_of_python_takes_no_module_from_python():
    with Server(scripted=True) as s:
        for name in ("json", "os", "sys", "pyspark", "py4j", "sparkjobserver", "zoneinfo", "_thread", "abc"):
            code, body = s.json("POST", f"/binaries/{name}", b"x = 1", {"Content-Type": "text/x-python"})
            assert code == 400 and f'own modules, "{name}"' in str(body), body
        for name in ("jsons", "json_", "a", "zz", "report"):
            assert s.json("POST", f"/binaries/{name}", b"x = 1", {"Content-Type": "text/x-python"})[0] == 201
        # what is packed has folders of its own
        assert s.json("POST", "/binaries/json", b"PK\3\4x", {"Content-Type": "application/python-egg"})[0] == 201
        assert set(s.get("/binaries")[1]) == {"jsons", "json_", "a", "zz", "report", "json"}


# the driver's link

def test_secret_of_a_driver_is_told_to_nobody_else():
    with Server(scripted=True, launcher={"driver": {"command": [sys.executable, "-c", SPY, SCRIPTED]}}) as s:
        s.context("c")
        _, secret = spied(s)
        assert re.fullmatch("[0-9a-f]{64}", secret)

        pid, = s.drivers()
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                text = f.read()
            assert secret.encode() not in text and b"SECRET" not in text

        # not what was told, nor the token, nor their hashes where they would be of use
        with Channel(s.socket) as c:
            dump = str(c.ask("dump"))
            assert secret not in dump and "token" not in dump
        assert secret not in s.read("launcher.log")
        db = sqlite3.connect(f"{s.dir}/data/sparkjob.db")
        wait_until("the secret is used up", lambda: db.execute("SELECT secret FROM contexts").fetchall() == [("",)])
        assert secret not in str(db.execute("SELECT * FROM contexts").fetchall())
        db.close()


def test_secret_of_a_driver_is_good_once():
    with Server(scripted=True, launcher={"driver": {"command": [sys.executable, "-c", SPY, SCRIPTED]}}) as s:
        s.context("c")
        context, secret = spied(s)
        for meta in ({"secret": secret}, {"secret": ""}, {"token": secret}, {"token": ""}, {},
                     {"secret": "0" * 64}, {"token": "0" * 64}):
            assert hello(s.socket, context=context, pid=1, **meta) == b""
        assert s.get("/contexts/c")[1]["state"] == "RUNNING"
        assert "wrong secret or token" in s.read("launcher.log")
        assert hello(s.socket, context="no-such-context", pid=1, secret=secret) == b""
        assert s.delete("/contexts/c")[0] == 200
        assert hello(s.socket, context=context, pid=1, secret=secret) == b""


def with_scripts(folder, **scripts):
    """A copy of the scripted driver that any user can read, unlike a checkout maybe, and scripts beside it: where it is."""
    lib = folder + "/lib"
    os.makedirs(lib, exist_ok=True)
    for name in ("scripted_driver", "scripted_interpreter", "scripted_jobs", "scripted_link", "scripted_ui", "driver_link"):
        shutil.copyfile(f"{ROOT}/t/lib/{name}.py", f"{lib}/{name}.py")
    for name, text in scripts.items():
        with open(f"{lib}/{name}.py", "w") as f:
            f.write(text)
    return lib


# users of drivers

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can start processes of other users")
LAUNCHER_USER, ALICE, BOB = 64001, 64002, 64003


class Users(Server):
    """A launcher that was started as root and has become a user of its own; its drivers have others."""

    def __init__(self, launcher=None, **more):
        driver = {"run_as": str(ALICE), "run_as_users": [str(ALICE), str(BOB)], **(launcher or {}).get("driver", {})}
        super().__init__(launcher={"user": str(LAUNCHER_USER), **(launcher or {}), "driver": driver}, **more)
        if self.scripted:
            lib = with_scripts(self.dir)
            self.overrides["driver"].setdefault("command", ["/usr/bin/python3", lib + "/scripted_driver.py"])
        os.makedirs(self.dir + "/run")
        os.chown(self.dir + "/run", LAUNCHER_USER, LAUNCHER_USER)
        self.socket = self.dir + "/run/launcher.sock"
        self.overrides["channel"] = {"socket": self.socket, "mode": "0660"}
        # a launcher with rights cannot be traced, not even by the leak checker
        self.environment = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def status(pid, what):
    with open(f"/proc/{pid}/status") as f:
        return re.search(rf"^{what}:\s*(.*)$", f.read(), re.M).group(1).split()


def driver_of(s, context):
    """Its pid, and its folder."""
    return s.driver(context), f"{s.dir}/data/contexts/{s.get(f'/contexts/{context}')[1]['id']}"


def as_user(uid, code, gid=None, groups=()):
    """Runs Python as a user, without any right of root; its output."""
    def become():
        os.setgroups(list(groups))
        os.setgid(uid if gid is None else gid)
        os.setuid(uid)
    return subprocess.run(["/usr/bin/python3", "-c", code], preexec_fn=become, capture_output=True, text=True,
                          cwd="/", timeout=300)


@ROOT_ONLY
def test_launcher_keeps_four_rights_and_its_drivers_none():
    with Users(scripted=True) as s:
        s.context("a")
        s.context("b", **{"run-as": str(BOB)})
        kept = sum(1 << n for n in (0, 5, 6, 7))            # CHOWN, KILL, SETGID, SETUID
        for name, rights in (("CapPrm", kept), ("CapEff", kept), ("CapBnd", kept), ("CapInh", 0), ("CapAmb", 0)):
            assert int(status(s.launcher.pid, name)[0], 16) == rights, name
        assert status(s.launcher.pid, "Uid") == [str(LAUNCHER_USER)] * 4
        assert status(s.launcher.pid, "Groups") == [str(LAUNCHER_USER)]
        for context, user in (("a", ALICE), ("b", BOB)):
            pid, _ = driver_of(s, context)
            assert status(pid, "Uid") == [str(user)] * 4 and status(pid, "Gid") == [str(user)] * 4
            assert status(pid, "Groups") == [str(LAUNCHER_USER)]
            assert status(pid, "NoNewPrivs") == ["1"]
            for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                assert int(status(pid, name)[0], 16) == 0, name
        # it can end what is another user's
        assert s.delete("/contexts/a")[0] == 200 and s.delete("/contexts/b")[0] == 200
        wait_until("no driver is left", lambda: not s.drivers())


LOOK = """
import os, sys
found = []
def tries(path):
    for what in (os.listdir, lambda p: open(p).read(), lambda p: open(p + "/x", "w"), lambda p: open(p, "a")):
        try:
            what(path)
            found.append(path)
        except OSError:
            pass
for path in %r:
    tries(path)
print(found)
"""


@ROOT_ONLY
def test_folder_of_a_context_is_closed_to_other_contexts():
    with Users(scripted=True) as s:
        s.context("a", '{"x": 1}')
        s.context("b", **{"run-as": str(BOB)})
        _, alices = driver_of(s, "a")
        _, bobs = driver_of(s, "b")
        closed = [s.dir + "/data", s.dir + "/data/sparkjob.db", s.dir + "/data/results", s.dir + "/data/tmp",
                  s.dir + "/data/contexts", s.dir + "/data/binaries", s.dir + "/data/data", s.dir + "/launcher.log",
                  alices, alices + "/driver.log", alices + "/in", alices + "/out", alices + "/logs", alices + "/tmp"]
        for uid, groups in ((BOB, [LAUNCHER_USER]), (64009, [])):
            seen = as_user(uid, LOOK % closed, groups=groups)
            assert seen.stdout.strip() == "[]", seen
        seen = as_user(ALICE, LOOK % [alices + "/driver.log"], groups=[LAUNCHER_USER])
        assert "driver.log" in seen.stdout, seen
        for folder, uid in ((alices, ALICE), (bobs, BOB)):
            for path in [folder] + glob.glob(folder + "/*"):
                sb = os.lstat(path)
                assert sb.st_uid == uid and sb.st_mode & 0o077 == 0, path


@ROOT_ONLY
def test_keytab_is_not_for_drivers():
    """kinit has the launcher's rights, and the tickets become the driver's."""
    with Users(scripted=True, start=False) as s:
        keytab, kinit = s.dir + "/run/keytab", s.dir + "/kinit"
        with open(keytab, "wb") as f:
            f.write(b"\5\2")
        os.chown(keytab, LAUNCHER_USER, LAUNCHER_USER)
        os.chmod(keytab, 0o600)
        with open(kinit, "w") as f:
            f.write('#!/bin/sh\nread x <"$3"; id -u >"$5"\n')
        os.chmod(kinit, 0o755)
        login = {"principal": "me@REALM", "keytab": keytab}
        s.overrides["clusters"] = {"c": {"master": "local", **login},
                                   "far": {"master": "yarn", "deploy_mode": "cluster", "rest": "http://127.0.0.1:1", **login}}
        s.overrides["driver"]["link"] = {"listen": f"127.0.0.1:{free_port()}"}
        s.overrides["driver"]["kerberos"] = {"kinit": kinit, "renewal": 1}
        s.start_launcher()
        s.start_nginx()
        s.wait_ready()
        # where Spark itself would read it, as the driver's user
        status_, body = s.post("/contexts/x?cluster=far")
        assert status_ == 400 and ("cluster: in cluster mode far would have its keytab or tickets read by the users of drivers (driver.run_as): "
                                   "take client mode") in str(body), body
        s.context("c", cluster="c")
        _, folder = driver_of(s, "c")
        tickets = folder + "/ticket"
        for _ in range(2):
            first = os.stat(tickets)
            assert (first.st_uid, first.st_mode & 0o777) == (ALICE, 0o600)
            with open(tickets) as f:
                assert f.read() == f"{LAUNCHER_USER}\n"
            wait_until("they are replaced", lambda: os.stat(tickets).st_ino != first.st_ino)
        for uid in (ALICE, BOB):
            seen = as_user(uid, LOOK % [keytab, folder + "/ticket"], groups=[LAUNCHER_USER])
            assert (keytab in seen.stdout, tickets in seen.stdout) == (False, uid == ALICE), seen


BIG = '{"bytes": 300000}'


@ROOT_ONLY
def test_jobs_of_other_users_have_bodies_results_and_logs():
    with Users(scripted=True) as s:
        jar(s)
        s.context("c", '{"pad": "%s"}' % ("x" * 100000))                # long, as a file
        _, folder = driver_of(s, "c")
        status_, body = s.run("big", BIG)
        assert status_ == 200 and body["result"] == "x" * 300000
        assert s.get(f"/jobs/{body['jobId']}")[1]["result"] == "x" * 300000
        kept = f"{s.dir}/data/results/{body['jobId'][-2:]}/{body['jobId']}"
        assert os.stat(kept).st_uid == LAUNCHER_USER and os.stat(kept).st_mode & 0o077 == 0
        long = '{"value": "%s"}' % ("y" * 200000)
        status_, body = s.run("value", long)
        assert status_ == 200 and body["result"] == "y" * 200000
        wait_until("its configuration is gone", lambda: not glob.glob(folder + "/in/" + body["jobId"] + "*"))
        status_, body = s.run("print", '{"text": "said"}')
        assert s.request("GET", f"/jobs/{body['jobId']}/log")[2] == b"said"
        assert s.request("GET", "/contexts/c/log")[0] == 200
        assert s.delete("/contexts/c")[0] == 200
        wait_until("its folder is swept", lambda: sorted(os.listdir(folder)) == ["driver.log", "logs"])
        # ad hoc contexts have no settings, so the user is the default one; their folders go at once
        code, body = s.run("context", context=None)
        assert code == 200
        folder = body["result"]["work"]
        wait_until("the folder is gone", lambda: not os.path.exists(folder))
        assert " failed: " not in s.read("launcher.log")


@ROOT_ONLY
def test_no_spare_is_started_that_no_context_could_get():
    with Users(scripted=True, launcher={"driver": {"spares": 1}}) as s:
        assert "no spare driver is started, since" in s.read("launcher.log")
        s.context("c")
        assert s.drivers() == [driver_of(s, "c")[0]]


@ROOT_ONLY
def test_result_of_another_user_waits_for_a_disk_that_is_full():
    """What was copied in vain has to be there for the next try."""
    with Users(start=False, scripted=True) as s:
        disk = Disk(s)
        os.chmod(s.dir, 0o755)
        os.chown(disk.path, LAUNCHER_USER, LAUNCHER_USER)
        s.start_launcher()
        s.start_nginx()
        s.wait_ready()
        jar(s)
        s.context("c")
        disk.fails("rename", "results/*", "full", times=2)
        status_, body = s.run("big", BIG)
        assert status_ == 200 and body["result"] == "x" * 300000, body
        assert s.read("launcher.log").count("No space left on device") == 2
        _, folder = driver_of(s, "c")
        assert not os.listdir(folder + "/out") and not os.listdir(s.dir + "/data/tmp")


@ROOT_ONLY
def test_setting_run_as_names_only_users_that_are_listed():
    with Users(scripted=True) as s:
        for name in ("0", "root", "64009", "nobody", ""):
            code, body = s.post(f"/contexts/c?run-as={name}")
            assert code == 400 and "driver.run_as_users" in str(body), body
        assert s.get("/contexts")[1] == []


def test_without_a_list_nobody_is_named():
    with Server(scripted=True) as s:
        code, body = s.post(f"/contexts/c?run-as={os.getuid()}")
        assert code == 400 and "driver.run_as_users" in str(body), body


@ROOT_ONLY
def test_user_of_drivers_is_a_driver_and_nothing_else():
    with Users(scripted=True, launcher={"driver": {"command": [sys.executable, "-c", SPY, SCRIPTED]}}) as s:
        s.context("c")
        context, secret = spied(s)
        ask = """
import os, socket, struct
s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(%r)
raw = %r
s.sendall(struct.pack("!IHHII", len(raw), %d, 0, 1, len(raw)) + raw)
try:
    print(len(s.recv(1000)))
except ConnectionError:
    print(0)
"""
        module = json.dumps({"protocol": 1, "pid": 1, "worker": 0}).encode()
        again = json.dumps({"protocol": 1, "context": context, "pid": 1, "secret": secret, "jobs": []}).encode()
        hello_, link = TYPES["hello"], TYPES["link-hello"]
        for uid, groups, raw, kind in ((ALICE, [LAUNCHER_USER], module, hello_), (ALICE, [LAUNCHER_USER], again, link),
                                       (BOB, [LAUNCHER_USER], module, hello_), (BOB, [LAUNCHER_USER], again, link)):
            seen = as_user(uid, ask % (s.socket, raw, kind), groups=groups)
            said = seen.stdout.strip()
            assert said in ("0", str(len(STOP))) or "BrokenPipe" in seen.stderr or "Reset" in seen.stderr, (uid, seen)
        seen = as_user(BOB, ask % (s.socket, module, hello_))
        assert "PermissionError" in seen.stderr, seen               # the socket's mode
        log = s.read("launcher.log")
        assert 'may not send "hello"' in log and "wrong secret or token" in log and "may not connect" in log


@ROOT_ONLY
def test_token_of_a_driver_is_of_no_use_to_another_user():
    """Bob has spied on Alice's driver before it said hello."""
    command = "import os, time\nopen('heard', 'w').write(input())\nos.chmod('heard', 0o644)\nos.rename('heard', 'spied')\ntime.sleep(60)"
    with Users(scripted=True, launcher={"driver": {"command": ["/usr/bin/python3", "-c", command]}}) as s:
        assert s.post("/contexts/a?async=true")[0] == 202
        assert s.post(f"/contexts/b?async=true&run-as={BOB}")[0] == 202
        wait_until("both have their secrets", lambda: len(glob.glob(s.dir + "/data/contexts/*/spied")) == 2)
        context, secret = spied(s, "a")
        ask = """
import json, socket, struct
s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(%r)
raw = json.dumps({"protocol": 1, "context": %r, "pid": 1, "secret": %r, "jobs": []}).encode()
s.sendall(struct.pack("!IHHII", len(raw), %d, 0, 0, len(raw)) + raw)
print(len(s.recv(1000)))
""" % (s.socket, context, secret, TYPES["link-hello"])
        assert as_user(BOB, ask, groups=[LAUNCHER_USER]).stdout.strip() == str(len(STOP))
        assert "another user" in s.read("launcher.log")
        assert int(as_user(ALICE, ask, groups=[LAUNCHER_USER]).stdout) > 100
        s.delete("/contexts/a?force=true")
        s.delete("/contexts/b?force=true")


THIEF = """
import os
from scripted_driver import Driver
from scripted_jobs import JOBS, now

def steal(job, config):
    # what the launcher is to take for the result lies behind a link
    folder = job.driver.work
    os.rename(folder + "/out", folder + "/gone")
    os.symlink(config["folder"], folder + "/out")
    name = folder + "/out/" + config["name"]
    job.driver.link.send("link-result", {"id": job.id, "state": "FINISHED", "start": now(), "end": now(),
                                         "runMicros": 1, "size": 1, "file": name})
    job.pause(60000)

JOBS["steal"] = steal
Driver().run()
"""


@ROOT_ONLY
def test_links_in_a_context_lead_the_launcher_nowhere():
    with Users(scripted=True) as s:
        s.overrides["driver"]["command"] = ["/usr/bin/python3", with_scripts(s.dir, thief=THIEF) + "/thief.py"]
        s.launcher.terminate()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        jar(s)
        os.makedirs(s.dir + "/private", 0o700)
        os.chown(s.dir + "/private", LAUNCHER_USER, LAUNCHER_USER)
        with open(s.dir + "/private/key", "w") as f:
            f.write("private")
        os.chown(s.dir + "/private/key", LAUNCHER_USER, LAUNCHER_USER)
        os.chmod(s.dir + "/private/key", 0o600)
        for number, (folder, name) in enumerate((("/private", "key"), ("/data", "sparkjob.db"))):
            s.context(f"c{number}")
            code, body = s.run("steal", json.dumps({"folder": s.dir + folder, "name": name}), context=f"c{number}")
            assert code == 200 and body["status"] == "ERROR", body
            assert os.path.exists(s.dir + folder + "/" + name)
            assert "Permission denied" in s.read("launcher.log")
            s.delete(f"/contexts/c{number}")
        # nor does what is swept: the folder that it leads to is as it was
        wait_until("all are swept", lambda: not glob.glob(s.dir + "/data/contexts/*/out"))
        assert os.listdir(s.dir + "/private") == ["key"] and os.path.exists(s.dir + "/data/sparkjob.db")


@ROOT_ONLY
def test_drivers_of_other_users_are_adopted_and_started_again():
    with Users(scripted=True) as s:
        jar(s)
        s.context("c", supervise="true", **{"run-as": str(BOB)})
        pid, folder = driver_of(s, "c")
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        wait_until("it is back", lambda: "has connected again" in s.read("launcher.log"))
        status_, body = s.run("big", BIG)
        assert status_ == 200 and body["result"] == "x" * 300000
        assert driver_of(s, "c")[0] == pid
        os.kill(pid, 9)
        wait_until("there is another", lambda: s.drivers() not in ([], [pid]))
        wait_until("it runs", lambda: s.get("/contexts/c")[1]["state"] == "RUNNING")
        assert status(driver_of(s, "c")[0], "Uid") == [str(BOB)] * 4
        assert s.run("noop")[0] == 200


@ROOT_ONLY
def test_a_backup_follows_no_link_of_a_driver():
    with Users(scripted=True) as s:
        s.context("c")
        _, folder = driver_of(s, "c")
        os.makedirs(s.dir + "/private")
        open(s.dir + "/private/key", "w").close()
        seen = as_user(ALICE, "import os; os.rename(%r, %r); os.symlink(%r, %r)"
                       % (folder + "/logs", folder + "/old", s.dir + "/private", folder + "/logs"),
                       groups=[LAUNCHER_USER])
        assert not seen.stderr, seen
        subprocess.run([LAUNCHER, "backup", s.dir + "/backup", "-c", s.dir + "/launcher.json"], check=True, stdout=subprocess.DEVNULL)
        copied = [name for _, _, names in os.walk(s.dir + "/backup") for name in names]
        assert "driver.log" in copied and "key" not in copied


@ROOT_ONLY
def test_a_backup_without_rights_says_what_it_cannot_read():
    with Users(scripted=True) as s:
        s.context("c")
        s.context("d")
        shutil.copy(LAUNCHER, s.dir + "/launcher")      # a checkout may lie where other users cannot read
        os.mkdir(s.dir + "/backup")
        os.chown(s.dir + "/backup", LAUNCHER_USER, LAUNCHER_USER)
        done = subprocess.run([s.dir + "/launcher", "backup", s.dir + "/backup", "-c", s.dir + "/launcher.json"],
                              user=LAUNCHER_USER, group=LAUNCHER_USER, extra_groups=[], capture_output=True, text=True)
        assert done.returncode == 1 and "the logs of 2 contexts are other users'" in done.stderr, done
        assert os.path.exists(s.dir + "/backup/sparkjob.db")


@ROOT_ONLY
def test_what_drivers_of_other_users_leave_behind_is_found():
    with Users(scripted=True) as s:
        jar(s)
        s.context("c")
        pid, folder = driver_of(s, "c")
        orphan = s.run("spawn")[1]["result"]
        assert status(orphan, "Uid") == [str(ALICE)] * 4
        s.launcher.kill()
        s.launcher.wait()
        os.kill(pid, 9)
        s.start_launcher()
        s.wait_ready()
        wait_until("the orphan is gone", lambda: not alive(orphan), 5)
        wait_until("the folder is swept", lambda: set(os.listdir(folder)) <= {"driver.log", "logs"})
        # and what a launcher left that died before it had swept
        s.launcher.kill()
        s.launcher.wait()
        os.makedirs(folder + "/tmp")
        os.chown(folder + "/tmp", ALICE, ALICE)
        s.start_launcher()
        s.wait_ready()
        wait_until("the folder is swept", lambda: set(os.listdir(folder)) <= {"driver.log", "logs"})


@ROOT_ONLY
@pytest.mark.skipif("SPARKJOB_LONG" not in os.environ, reason="retention is looked at every minute: SPARKJOB_LONG=1")
def test_folder_of_another_user_is_removed_with_its_context():
    with Users(scripted=True, launcher={"retention": {"jobs": 1, "contexts": 1}}) as s:
        s.context("c")
        _, folder = driver_of(s, "c")
        os.makedirs(folder + "/tmp/a/b")
        for path in (folder + "/tmp/a", folder + "/tmp/a/b", folder + "/left"):
            open(path, "w").close() if path.endswith("left") else None
            os.chown(path, ALICE, ALICE)
        assert s.delete("/contexts/c")[0] == 200
        wait_until("the folder is gone", lambda: not os.path.exists(folder), 90)


def refused_configuration(tmp_path, **members):
    config = {"data_dir": str(tmp_path / "data"), "channel": {"socket": str(tmp_path / "s")},
              "driver": {"command": ["/bin/true"]}}
    for name, value in members.items():
        config[name] = {**config[name], **value} if isinstance(config.get(name), dict) else value
    (tmp_path / "l.json").write_text(json.dumps(config))
    done = subprocess.run([LAUNCHER, "-t", "-c", str(tmp_path / "l.json")], capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stderr


def test_users_that_cannot_be_are_refused_with_the_configuration(tmp_path):
    assert "user: expected a user that exists" in refused_configuration(tmp_path, user="no-such-user")
    assert "user: expected a user that is not root" in refused_configuration(tmp_path, user="root")
    assert "run_as: expected a user that is not root" in refused_configuration(tmp_path, driver={"run_as": "0"})
    for member, value in (("run_as", "nobody"), ("run_as_users", ["daemon", "nobody"])):
        said = refused_configuration(tmp_path, driver={member: value}, channel={"users": ["nobody"], "mode": "0660"})
        assert f'{member}: expected a user that is none of channel.users, got "nobody"' in said and "daemon" not in said
    said = refused_configuration(tmp_path, driver={"run_as_users": ["nobody", "none-such"]})
    assert "run_as_users" in said and '"none-such"' in said and "channel.mode" in said
    said = refused_configuration(tmp_path, user="nobody", driver={"run_as_users": ["nobody"]}, channel={"mode": "0660"})
    assert 'run_as_users: expected users other than the launcher\'s own, got "nobody"' in said
    assert "context_settings" in refused_configuration(tmp_path, context_settings={"run-as": "nobody"})
    assert "contexts.c" in refused_configuration(tmp_path, contexts={"c": {"run-as": "nobody"}})


@ROOT_ONLY
def test_root_itself_starts_no_drivers_of_other_users(tmp_path):
    (tmp_path / "l.json").write_text(json.dumps({
        "data_dir": str(tmp_path / "data"), "channel": {"socket": str(tmp_path / "s"), "mode": "0660"},
        "driver": {"command": ["/bin/true"], "run_as": "nobody"}}))
    done = subprocess.run([LAUNCHER, "-c", str(tmp_path / "l.json")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and 'set "user"' in done.stderr, done


# limits of drivers

PROBE = """
import os, subprocess
from scripted_driver import Driver
from scripted_jobs import JOBS

def limits(job, config):
    return open("/proc/self/limits").read()

def memory(job, config):
    kept = []
    try:
        for _ in range(config["mib"]):
            kept.append(bytearray(1 << 20))
    except MemoryError:
        pass
    return len(kept)

def processes(job, config):
    made = []
    try:
        for _ in range(config["count"]):
            made.append(subprocess.Popen(["/bin/sleep", "60"]))
    except OSError as err:
        return [len(made), err.errno]
    finally:
        for p in made:
            p.kill()
            p.wait()
    return [len(made), 0]

def stray(job, config):
    # leaves session, group and parent
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            os.execv("/bin/sleep", ["sleep", "600"])
        os._exit(0)
    os.waitpid(middle, 0)
    return True

for name in ("limits", "memory", "processes", "stray"):
    JOBS[name] = globals()[name]
Driver().run()
"""


def probe(kind, **driver):
    """A server whose drivers look at their limits."""
    s = kind(scripted=True, launcher={"driver": driver}, start=False)
    s.overrides["driver"]["command"] = ["/usr/bin/python3", with_scripts(s.dir, probe=PROBE) + "/probe.py"]
    s.start_at_once = True
    return s


@ROOT_ONLY
def test_limits_of_a_driver():
    limits = {"memory": 300, "processes": 20, "files": 100, "file_size": 8, "cpu": 77}
    with probe(Users, limits=limits) as s:
        jar(s)
        s.context("c")
        said = s.run("limits")[1]["result"]
        for name, value in (("Max data size", 300 << 20), ("Max processes", 20), ("Max open files", 100),
                            ("Max file size", 8 << 20), ("Max cpu time", 77)):
            assert re.search(rf"^{name}\s+{value}\s+{value}\s", said, re.M), (name, said)
        assert 100 < s.run("memory", '{"mib": 1000}')[1]["result"] < 300
        made, why = s.run("processes", '{"count": 100}')[1]["result"]
        assert 1 < made < 20 and why == 11                          # EAGAIN
        # others have the same limits, and all of theirs
        s.context("b", **{"run-as": str(BOB)})
        assert s.run("processes", '{"count": 10}', context="b")[1]["result"] == [10, 0]
        assert s.run("noop")[0] == 200


def test_without_limits_a_driver_has_the_launchers():
    with probe(Server) as s:
        jar(s)
        s.context("c")
        with open(f"/proc/{s.launcher.pid}/limits") as f:
            assert s.run("limits")[1]["result"] == f.read()


def cgroup(controllers=""):
    """A new group, of a hierarchy of cgroup v2 that has these controllers; or the test is left out."""
    with open("/proc/mounts") as f:
        places = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    for place in places:
        with contextlib.suppress(OSError):
            with open(place + "/cgroup.controllers") as f:
                if not set(controllers.split()) <= set(f.read().split()):
                    continue
            folder = f"{place}/sparkjob-test-{os.getpid()}"
            os.mkdir(folder)
            if controllers:
                for where in (place, folder):
                    with open(where + "/cgroup.subtree_control", "w") as f:
                        f.write(" ".join("+" + c for c in controllers.split()))
            return folder
    pytest.skip(f"no cgroup v2 with {controllers or 'write access'}")


def group_of(pid):
    with open(f"/proc/{pid}/cgroup") as f:
        return re.search(r"^0::(.*)$", f.read(), re.M).group(1)


@ROOT_ONLY
def test_group_of_a_context_has_all_of_its_processes():
    folder = cgroup()
    try:
        with probe(Server, cgroup=folder) as s:
            jar(s)
            s.context("c")
            pid, _ = driver_of(s, "c")
            context = s.get("/contexts/c")[1]["id"]
            assert group_of(pid).endswith("/" + os.path.basename(folder) + "/" + context)
            assert s.run("stray")[1]["result"] is True
            with open(f"{folder}/{context}/cgroup.procs") as f:
                pids = [int(p) for p in f]
            assert len(pids) == 2
            # the next launcher knows the group as well
            s.launcher.kill()
            s.launcher.wait()
            s.start_launcher()
            s.wait_ready()
            wait_until("the driver is back", lambda: "connected again" in s.read("launcher.log"))
            assert all(alive(p) for p in pids)
            assert s.delete("/contexts/c")[0] == 200
            wait_until("nobody is left", lambda: not any(alive(p) for p in pids), 10)
            wait_until("the group is gone", lambda: not os.path.exists(f"{folder}/{context}"), 10)
    finally:
        os.rmdir(folder)


class UsersSets(Users):
    """Library sets of drivers that have users of their own; their JVM is t/lib/scripted_java.py."""

    used = Archives.used

    def __init__(self):
        super().__init__(start=False, launcher={"library_sets": {"fixed": {"options": ["-Dfixed=1"]}}})
        for folder in ("home/lib_2.12", "spark/jars"):
            os.makedirs(f"{self.dir}/{folder}")
        for path in ("home/sparkjob-driver_2.12.jar", "spark/jars/scala-library-2.12.18.jar", "made", "probes"):
            with open(f"{self.dir}/{path}", "w"):
                os.chmod(f"{self.dir}/{path}", 0o666)
        lib = with_scripts(self.dir)
        shutil.copy(f"{ROOT}/t/lib/scripted_java.py", lib)
        self.overrides["driver"] |= {
            "archive": "on", "java": lib + "/scripted_java.py", "home": self.dir + "/home", "spark_home": self.dir + "/spark",
            "environment": {"SPARKJOB_ARCHIVE_LOG": self.dir + "/made", "SPARKJOB_PROBE_LOG": self.dir + "/probes"}}
        self.start_at_once = True


@ROOT_ONLY
def test_no_archive_is_made_of_what_users_may_choose_where_drivers_have_users():
    """The maker is the launcher's own user, and a set that was made by request names jars and options."""
    with UsersSets() as s:
        assert s.json("POST", "/library-sets/other", {"options": ["-Dother=1"]})[0] == 201
        assert s.used(**{"library-set": "other"}) is None
        # its turn would have come before that of the one that begins to be used now
        path = wait_until("the set of the configuration has one", lambda: s.used(**{"library-set": "fixed"}), 60)
        assert os.path.dirname(path) == s.dir + "/data/archives"
        assert s.used(**{"library-set": "other"}) is None
        assert len(s.read("made").splitlines()) == 2, "one of the default set, one of the configuration's"


@ROOT_ONLY
def test_group_of_a_look_at_a_library_set():
    folder = cgroup()
    try:
        with Sets("hang", cgroup=folder) as s, concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(s.make)
            pid = wait_until("a JVM looks at it", s.probes)[0]
            group = group_of(pid)
            assert os.path.dirname(group).endswith("/" + os.path.basename(folder))
            # a driver that ends has groups of nobody removed
            s.context("c")
            assert s.delete("/contexts/c")[0] == 200
            assert alive(pid) and os.path.basename(group) in os.listdir(s.dir + "/data/contexts")
            os.kill(pid, signal.SIGKILL)
            assert answer.result(300)[0] == 400
            wait_until("no group is left", lambda: not glob.glob(folder + "/*-*-*"), 10)
    finally:
        os.rmdir(folder)


@ROOT_ONLY
def test_group_without_a_controller_starts_no_driver_without_its_limit():
    folder = cgroup()
    try:
        if os.path.exists(folder + "/../memory.max"):
            pytest.skip("memory can be limited here")
        with probe(Server, cgroup=folder, limits={"memory": 300}) as s:
            code, body = s.post("/contexts/c")
            assert code == 500 and "could not be started" in str(body), body
            assert "memory.max" in s.read("launcher.log")
            wait_until("no group is left", lambda: not glob.glob(folder + "/*-*-*"), 10)
    finally:
        os.rmdir(folder)


@ROOT_ONLY
def test_group_limits_all_processes_of_a_context_together():
    folder = cgroup("memory pids")
    try:
        with probe(Server, cgroup=folder, limits={"memory": 300, "processes": 20}) as s:
            jar(s)
            s.context("c")
            context = s.get("/contexts/c")[1]["id"]
            for name, value in (("memory.max", 300 << 20), ("pids.max", 20)):
                with open(f"{folder}/{context}/{name}") as f:
                    assert int(f.read()) == value
            assert s.run("processes", '{"count": 100}')[1]["result"][0] < 20
            code, body = s.run("memory", '{"mib": 1000}')
            assert code == 200 and body["status"] == "ERROR" and "signal 9" in str(body), body
            wait_until("its context has ended", lambda: s.get("/contexts/c")[1]["state"] == "ERROR")
    finally:
        os.rmdir(folder)


# the systemd unit

ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
def test_unit_is_hardened(tmp_path):
    unit = tmp_path / "sparkjob-launcher.service"
    with open(ROOT + "/conf/systemd/sparkjob-launcher.service") as f:
        text = f.read().replace("/usr/sbin/sparkjob-launcher", LAUNCHER)
    # the second with the drop-in for drivers of other users
    with open(ROOT + "/conf/systemd/run-as.conf") as f:
        both = text.replace("[Install]", f.read() + "\n[Install]")
    for lines, worst in ((text, 30), (both, 40)):
        unit.write_text(lines)
        done = subprocess.run([ANALYZE, "security", "--offline=true", f"--threshold={worst}", "--no-pager", str(unit)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        done = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if "sparkjob-launcher" in line and "bind-address" not in line]
        assert not any("Unknown" in line or "Failed to parse" in line or "invalid" in line.lower() for line in said), said


# hostile jars, on real Spark

HOSTILE = """
package hostile
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import spark.jobserver._
trait Plain extends SparkJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
}
object Look extends Plain {
  private def text(file: String) = new String(java.nio.file.Files.readAllBytes(java.nio.file.Paths.get(file)), "ISO-8859-1")
  def runJob(sc: SparkContext, config: Config): Any = {
    val told = sys.env.toString + sys.props.toString + sc.getConf.toDebugString + text("/proc/self/environ") +
      text("/proc/self/cmdline")
    Seq(System.in.read(), told.contains("SECRET"), "[0-9a-f]{64}".r.findFirstIn(told).isDefined)
  }
}
object Halt extends Plain {
  def runJob(sc: SparkContext, config: Config): Any = Runtime.getRuntime.halt(7)
}
object Begin extends Plain {
  while (System.currentTimeMillis() > 0) Thread.sleep(100)
  def runJob(sc: SparkContext, config: Config): Any = 1
}
object Exit extends Plain {
  System.exit(5)
  def runJob(sc: SparkContext, config: Config): Any = 1
}
"""


def packed(path, base, entries):
    """A copy of an archive with more in it."""
    shutil.copy(base, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as z:
        for name, content in entries:
            z.writestr(name, content)
    return str(path)


@pytest.mark.alone
def test_hostile_jars_hurt_their_own_context_only(tmp_path):
    plain = str(tmp_path / "hostile.jar")
    scalac(str(tmp_path / "src"), HOSTILE, plain)
    many = packed(tmp_path / "many.jar", plain, ((f"n/{i}", b"") for i in range(200000)))
    slip = packed(tmp_path / "slip.egg", plain, [("../../../slipped", b"x"), ("/slipped", b"x"), ("m/__init__.py", b"")])
    with Server(launcher={"driver": {"options": ["-Xmx512m"], "kill_timeout": 2}}) as s:
        for name, path, kind in (("plain", plain, "java-archive"), ("many", many, "java-archive"),
                                 ("slip", slip, "python-egg")):
            s.upload(name, path, "application/" + kind)
        s.context("quiet")
        assert s.run("hostile.Look", context="quiet", cp="plain")[1]["result"] == [-1, False, False]
        assert s.run("hostile.Look", context="quiet", cp="many")[1]["result"] == [-1, False, False]

        # an initializer that does not end: its job is killed, others go on
        job = s.run("hostile.Begin", context="quiet", cp="plain", sync=False, timeout=1)[1]["jobId"]
        assert s.run("hostile.Look", context="quiet", cp="many")[0] == 200
        s.delete(f"/jobs/{job}")
        assert s.run("hostile.Look", context="quiet", cp="many")[0] == 200

        # what ends its JVM ends nothing else
        for main_class, words in (("hostile.Halt", "code 7"), ("hostile.Exit", "code 5")):
            s.context("hurt")
            code, body = s.run(main_class, context="hurt", cp="plain")
            assert code == 200 and body["status"] == "ERROR" and words in str(body), body
            wait_until("its context has ended", lambda: s.get("/contexts/hurt")[1]["state"] == "ERROR", 60)
        assert s.run("hostile.Look", context="quiet", cp="plain")[1]["result"] == [-1, False, False]
    assert not glob.glob("/slipped") and not glob.glob(str(tmp_path / "slipped"))
