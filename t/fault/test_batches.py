"""Batches: each runs once, whatever dies when, and how it has ended is not lost; SparkSubmit is t/lib/scripted_submit.py."""

import contextlib
import ctypes
import errno
import glob
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
import uuid

import pytest
from fake_yarn import FakeYarn
from sparkjob_channel import Channel, Refused
from sparkjob_server import LAUNCHER, PATIENCE, ROOT, Server, alive, wait_until

COMMAND = ["/usr/bin/python3", ROOT + "/t/lib/scripted_submit.py"]


class Batches(Server):
    def __init__(self, **more):
        super().__init__(start=False, launcher={"driver": {"command": COMMAND, "stop_timeout": 2, "kill_timeout": 2},
                                                **more})
        self.run_log = self.dir + "/runs"
        open(self.run_log, "w").close()

    def config(self):
        config = super().config()
        config["driver"]["environment"]["SPARKJOB_RUN_LOG"] = self.run_log
        return config

    def again(self):
        """The launcher dies, and another one takes over."""
        self.launcher.kill()
        self.launcher.wait()
        self.start_launcher()

    def peak_memory(self):
        with open(f"/proc/{self.launcher.pid}/status") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM"))

    def runs(self, id):
        with open(self.run_log) as f:
            return f.read().split().count(id)

    def folder(self, id):
        return f"{self.dir}/data/contexts/{id}"


@pytest.fixture
def server():
    with Batches() as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
        yield s


def create(c, what, *args, id=None, user="u", body=None, type="application/json", meta=None, **more):
    """(its id, what is shown of it)"""
    id = id or str(uuid.uuid4())
    request = {"file": "app", "className": what, "args": list(args), **more}
    meta, payload = c.ask("batch-create", {"id": id, "user": user, "type": type, **(meta or {})},
                          json.dumps(request).encode() if body is None else body)
    shown = json.loads(payload)
    assert meta == {"batch": shown["id"], "state": shown["state"]}
    return id, shown


def get(c, batch, **more):
    return json.loads(c.ask("batch-get", {"batch": str(batch), **more})[1])


def log(c, batch, start=-1, size=-1):
    meta, payload = c.ask("batch-log", {"batch": str(batch), "from": start, "size": size})
    return meta, json.loads(payload)


def ended(c, batch, state):
    shown = wait_until(f"batch {batch} has ended", lambda: (lambda b: b["state"] in ("success", "dead", "killed") and b)(
        get(c, batch)))
    assert shown["state"] == state, shown
    return shown


def said(c, batch, text):
    wait_until(f"batch {batch} says {text!r}", lambda: any(text in line for line in log(c, batch)[1]))


def refused(c, **request):
    with pytest.raises(Refused) as why:
        c.ask("batch-create", {"id": str(uuid.uuid4()), "user": "u", "type": "application/json"},
              json.dumps(request).encode())
    assert why.value.code == "bad-batch"
    return why.value.name


def form(parts):
    """A body of multipart/form-data, of (name, file's name or None, bytes)."""
    body = b"".join(b'--xX\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name.encode(), b'; filename="%s"' % file.encode() if file else b"", data) for name, file, data in parts)
    return {"type": "multipart/form-data; boundary=xX", "body": body + b"--xX--\r\n"}


def multiplied(server, n):
    """Has n batches in all, each a copy of the only one, which has ended."""
    server.launcher.terminate()
    server.launcher.wait()
    with contextlib.closing(sqlite3.connect(server.dir + "/data/sparkjob.db")) as db:
        db.row_factory = sqlite3.Row
        row = {key: value for key, value in dict(db.execute("SELECT * FROM batches").fetchone()).items() if key != "seq"}
        for number in range(1, n):
            copy = dict(row, id=str(uuid.uuid4()), number=number)
            shutil.copytree(server.folder(row["id"]), server.folder(copy["id"]))
            db.execute("INSERT INTO batches (%s) VALUES (%s)" % (", ".join(f'"{key}"' for key in copy), ", ".join("?" * len(copy))),
                       list(copy.values()))
        db.execute("UPDATE numbers SET next = ? WHERE name = 'batch'", (n,))
        db.commit()
    server.start_launcher()


def test_a_page_is_bounded_and_has_the_end_of_each_log(server):
    with Channel(server.socket) as c:
        id, _ = create(c, "echo", "hello")
        ended(c, 0, "success")
        with open(server.folder(id) + "/driver.log", "w") as f:
            f.write("x" * 200000 + "\n" + "".join(f"line {n}\n" for n in range(12)))
    multiplied(server, 1002)
    with Channel(server.socket) as c:
        for size, shown in ((-1, 1000), (1001, 1000), (3, 3), (0, 0)):
            meta, payload = c.ask("batch-list", {"from": 1, "size": size})
            page = json.loads(payload)
            assert meta == {"from": 1, "total": 1002} and [b["id"] for b in page] == list(range(1, shown + 1))
            assert all(b["log"] == [f"line {n}" for n in range(2, 12)] for b in page)
        meta, payload = c.ask("batch-list", {"from": 1000, "size": -1})
        assert [b["id"] for b in json.loads(payload)] == [1000, 1001]
        assert c.ask("batch-get", {"batch": "7", "brief": True}) == ({"batch": 7, "state": "success"}, b"")


def test_a_batch_is_shown_as_livy_has_it(server):
    with Channel(server.socket) as c:
        id, shown = create(c, "echo", "a b", 7, name="first", driverMemory="512m", executorCores="2",
                           conf={"spark.x.y": 5, "hadoop.a": "b"}, numExecutors=3, queue="q", unknown={"a": 1})
        assert list(shown) == ["id", "name", "owner", "proxyUser", "state", "appId", "appInfo", "log"]
        assert (shown["id"], shown["name"], shown["owner"], shown["proxyUser"], shown["appId"]) == (0, "first", "u", None, None)
        assert shown["appInfo"] == {"driverLogUrl": None, "sparkUiUrl": None, "executorLogUrls": None}
        assert ended(c, 0, "success")["id"] == 0
        meta, lines = log(c, "first")
        assert meta == {"batch": 0, "from": 0, "total": 3} and (lines[0], lines[2]) == ("stdout: ", "\nstderr: ")
        echo = json.loads(lines[1])
        assert echo["args"] == ["a b", "7"] and echo["content"] == "pass\n" and echo["file"].endswith("/in/app.py")
        expected = {"spark.app.name": "first", "spark.driver.memory": "512m", "spark.executor.cores": "2", "spark.x.y": "5",
                    "spark.hadoop.a": "b", "spark.executor.instances": "3", "spark.yarn.queue": "q",
                    "spark.master": "local[2]"}
        assert {k: echo["properties"].get(k) for k in expected} == expected
        assert get(c, 0)["log"][0] == "stdout: " or get(c, 0)["log"]
        # what it needs no longer is gone, its log is not
        wait_until("its folder is swept", lambda: sorted(map(os.path.basename, glob.glob(server.folder(id) + "/*"))) == [
            "driver.log", "sparkjob-batch.plan", "sparkjob-batch.process", "sparkjob-batch.status", "sparkjob-batch.told"])


def test_failures_are_dead(server):
    with Channel(server.socket) as c:
        create(c, "exit", 3)
        shown = ended(c, 0, "dead")
        assert "SparkSubmit exited with code 3" in shown["log"]
        assert log(c, 0)[1] == ["stdout: ", "on its output", "on its errors", "\nstderr: ",
                                "SparkSubmit exited with code 3"] or sorted(log(c, 0)[1][1:3]) == [
            "on its errors", "on its output"]


def test_files_come_with_the_request(server):
    with Channel(server.socket) as c:
        big = os.urandom(300000).hex().encode()
        request = {"file": "job.py", "className": "echo", "pyFiles": ["app"], "files": ["data.txt#d"]}
        id, _ = create(c, "", **form([("request", None, json.dumps(request).encode()), ("x", "job.py", big),
                                      ("data.txt", None, b"\r\n--x\r\n")]))
        ended(c, 0, "success")
        echo = json.loads(log(c, 0)[1][1][:65536] if len(log(c, 0)[1][1]) < 65000 else "null") or {}
        with open(server.folder(id) + "/driver.log") as f:
            echo = json.loads(f.read())
        assert echo["content"].encode() == big
        assert echo["properties"]["spark.submit.pyFiles"].endswith("/in/app.py")
        assert echo["properties"]["spark.files"].endswith("/in/data.txt#d")


def test_a_short_form_has_its_files(server):
    with Channel(server.socket) as c:
        create(c, "", **form([("request", None, b'{"file": "job.py", "className": "echo"}'), ("x", "job.py", b"pass")]))
        ended(c, 0, "success")
        assert json.loads(log(c, 0)[1][1])["content"] == "pass"


@pytest.mark.parametrize("parts, words", [
    ([("x", None, b"1")], 'no part "request"'),
    ([("request", None, b'{"file": "app"}'), ("y", "z.py", b"1")], 'part "y" is no file that the request names'),
    ([("request", None, b'{"file": "nope.py"}')], 'no file "nope.py" in the request'),
    ([("request", None, b"nothing")], "no JSON: line 1, column ")])
def test_bad_forms_are_refused(server, parts, words):
    with Channel(server.socket) as c:
        with pytest.raises(Refused) as why:
            create(c, "", **form(parts))
        assert why.value.code == "bad-batch" and words in why.value.name
        assert json.loads(c.ask("batch-list", {"from": 0, "size": 9})[1]) == []


def test_what_breaks_our_rules_is_refused_by_name(server):
    with Channel(server.socket) as c:
        assert refused(c) == "requirement failed: File is required."
        assert "Local path /etc/passwd cannot be added" in refused(c, file="/etc/passwd")
        assert "Local path file:/etc/passwd cannot be added" in refused(c, file="file:/etc/passwd")
        assert "127.0.0.1:80 is not allowed" in refused(c, file="http://127.0.0.1/x.jar")
        assert "the scheme ftp is not served" in refused(c, file="ftp://h/x.jar")
        assert "spark.yarn.maxAppAttempts cannot be set" in refused(c, file="app", conf={"spark.yarn.maxAppAttempts": "3"})
        assert "there is no cluster" in refused(c, file="app", conf={"cluster": "nope"})
        assert "run-as" in refused(c, file="app", conf={"run-as": "root"})
        assert "driverMemory" in refused(c, file="app", driverMemory="much")
        assert "Invalid session name: 12" in refused(c, file="app", name="12")
        assert "jars[1]" in refused(c, file="app", jars=["app", 2])
        create(c, "sleep", name="taken")
        assert "Duplicate session name: taken" in refused(c, file="app", name="taken")
        c.ask("batch-delete", {"batch": "taken", "user": "u"})
        assert json.loads(c.ask("batch-list", {"from": 0, "size": 9})[1]) == []


def test_one_that_has_ended_leaves_its_name(server):
    """Who tries again, as Airflow does, takes the same name; it is the newest one's, and each has its number."""
    with Channel(server.socket) as c:
        create(c, "exit", 3, name="tries")
        ended(c, "tries", "dead")
        assert create(c, "sleep", name="tries")[1]["id"] == 1
        assert "Duplicate session name: tries" in refused(c, file="app", name="tries")
        server.again()
    with Channel(server.socket) as c:
        assert get(c, "tries")["id"] == 1 and get(c, 0)["state"] == "dead"
        c.ask("batch-delete", {"batch": "tries", "user": "u"})
        assert get(c, "tries")["id"] == 0


def test_spark_acts_for_whom_it_may(server):
    def proxy(meta, user="ann", **request):
        _, shown = create(c, "echo", user=user, meta=meta, **request)
        ended(c, shown["id"], "success")
        echo = json.loads(log(c, shown["id"])[1][1])
        assert echo["options"].get("--proxy-user") == shown["proxyUser"]
        return shown["proxyUser"]

    with Channel(server.socket) as c:
        assert proxy({}) is None
        assert proxy({}, proxyUser="ann") == "ann"
        assert proxy({"anybody": True}, proxyUser="bob") == "bob"
        assert proxy({"proxyUser": "eve"}, proxyUser="bob") == "eve"
        assert proxy({"proxyDefault": "ann"}) == "ann"
        with pytest.raises(Refused) as why:
            create(c, "echo", user="ann", proxyUser="bob")
        assert (why.value.code, why.value.name) == ("not-allowed", "User 'ann' not allowed to impersonate 'bob'.")


def test_too_many_at_once_are_refused():
    with Batches(batches={"max": 1}) as server:
        server.start_launcher()
        with Channel(server.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            create(c, "sleep")
            with pytest.raises(Refused) as why:
                create(c, "sleep")
            assert why.value.code == "too-many-contexts"
            c.ask("batch-delete", {"batch": "0", "user": "u"})
            create(c, "exit", 0)


def test_a_host_that_resolves_to_this_one_is_refused(server):
    with Channel(server.socket) as c:
        create(c, "echo", body=json.dumps({"file": "http://localhost:1/x.jar", "className": "echo"}).encode())
        assert any("localhost is not allowed: its address" in line for line in ended(c, 0, "dead")["log"])


def test_a_deleted_batch_ends_with_all_that_it_has_started(server):
    with Channel(server.socket) as c:
        id, _ = create(c, "leave")
        said(c, 0, "left ")
        left = int(log(c, 0)[1][1].split()[1])
        assert get(c, 0)["state"] == "running"
        c.ask("batch-delete", {"batch": "0", "user": "u"})
        with pytest.raises(Refused) as why:
            get(c, 0)
        assert why.value.code == "no-such-batch"
        wait_until("nothing of it runs", lambda: not alive(left) and not server.drivers())
        wait_until("its folder is gone", lambda: not os.path.exists(server.folder(id)))
        # one that does not care is killed
        create(c, "deaf")
        said(c, 1, "sleeps")
        c.ask("batch-delete", {"batch": "1", "user": "u"})
        wait_until("nothing of it runs", lambda: not server.drivers())
        # numbers are given once, also by the next launcher
        server.again()
    with Channel(server.socket) as c:
        assert create(c, "echo")[1]["id"] == 2


def test_a_batch_goes_on_without_the_launcher(server):
    with Channel(server.socket) as c:
        id, _ = create(c, "sleep")
        said(c, 0, "sleeps")
        gone, _ = create(c, "exit", 5)
        ended(c, 1, "dead")
    before = sorted(server.drivers())
    server.again()
    with Channel(server.socket) as c:
        assert get(c, 0)["state"] == "running" and get(c, 1)["state"] == "dead"
        assert sorted(server.drivers()) == before and server.runs(id) == 1 and server.runs(gone) == 1
        # how it ends while nobody looks is known all the same
        server.launcher.kill()
        server.launcher.wait()
        os.kill(max(before), signal.SIGKILL)            # SparkSubmit itself: it was started last
        wait_until("it has ended", lambda: not server.drivers())
        server.start_launcher()
    with Channel(server.socket) as c:
        assert any("killed by signal 9" in line for line in ended(c, 0, "dead")["log"])
        c.ask("batch-delete", {"batch": "0", "user": "u"})
    server.again()
    with Channel(server.socket) as c:
        assert [b["id"] for b in json.loads(c.ask("batch-list", {"from": 0, "size": 9})[1])] == [1]


def test_who_waits_is_killed(server):
    """Without anybody to tell how it ends a batch does not go on."""
    with Channel(server.socket) as c:
        create(c, "sleep")
        said(c, 0, "sleeps")
        os.kill(min(server.drivers()), signal.SIGKILL)
        assert any("nobody knows how" in line for line in ended(c, 0, "dead")["log"])
        wait_until("nothing of it runs", lambda: not server.drivers())


def no_pidfd():
    """From now on the kernel refuses pidfd_open() (434 on every machine) to this process and its children."""
    program = b"".join(struct.pack("HBBI", *step) for step in (
        (0x20, 0, 0, 0),                                # BPF_LD: the number of the call
        (0x15, 0, 1, 434),                              # BPF_JEQ
        (0x06, 0, 0, 0x00050000 | errno.EPERM),         # BPF_RET: SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7fff0000)))                      # SECCOMP_RET_ALLOW
    filter = ctypes.create_string_buffer(program)
    prog = struct.pack("HxxxxxxP", 4, ctypes.addressof(filter))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((38, 1, 0, 0, 0), (22, 2, prog, 0, 0)):    # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        if libc.prctl(*call) == -1:
            raise OSError(ctypes.get_errno(), "prctl")


def test_what_cannot_be_watched_does_not_run(tmp_path):
    folder = str(tmp_path)
    with open(folder + "/log", "wb") as said:
        waits = subprocess.Popen([LAUNCHER, "wait", folder, "/bin/sleep", "987654"], stdout=said, start_new_session=True,
                                 preexec_fn=no_pidfd)
        assert waits.wait(20 * PATIENCE) == -signal.SIGKILL     # as always in the end, with all that it has started
    with open(folder + "/sparkjob-batch.status") as f:
        end = json.load(f)
    assert os.waitstatus_to_exitcode(end["status"]) == 127 and end["why"] == "pidfd_open() failed: Operation not permitted"
    with open(folder + "/log") as f:
        assert f.read() == end["why"] + "\n"


@pytest.mark.parametrize("pause", [0, 0.003, 0.01, 0.03, 0.1])
def test_none_runs_twice_whenever_the_launcher_dies(server, pause):
    ids = [str(uuid.uuid4()) for _ in range(4)]
    with Channel(server.socket) as c:
        for id in ids:
            c.send("batch-create", {"id": id, "user": "u", "type": "application/json"},
                   json.dumps({"file": "app", "className": "exit", "args": ["0"]}).encode())
        time.sleep(pause)                               # whatever it is in the middle of then
        server.again()
    with Channel(server.socket) as c:                   # as a module does, which has had no answer
        for id in ids:
            create(c, "exit", "0", id=id)
        shown = json.loads(c.ask("batch-list", {"from": 0, "size": -1})[1])
        assert len(shown) == 4 and len({b["id"] for b in shown}) == 4
        for b in shown:
            ended(c, b["id"], "success")
    assert [server.runs(id) for id in ids] == [1] * 4


def test_what_spark_says_is_told(server):
    with Channel(server.socket) as c:
        create(c, "cluster", server.dir + "/end")
        shown = wait_until("its application is known", lambda: (lambda b: b["appInfo"]["sparkUiUrl"] and b)(get(c, 0)))
        assert shown["appId"] == "application_1700000000000_0001"
        assert shown["appInfo"]["sparkUiUrl"] == "http://rm.example.org:8088/proxy/application_1700000000000_0001/"
        open(server.dir + "/end", "w").close()
        assert ended(c, 0, "killed")["appId"] == "application_1700000000000_0001"


def test_an_application_ends_with_its_batch():
    """In cluster mode SparkSubmit is not the driver: what it has submitted is found by its tag, and killed."""
    with FakeYarn() as rm, Batches(clusters={"y": {"master": "yarn", "hadoop_conf": rm.conf, "deploy_mode": "cluster"}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            id, _ = create(c, "cluster", s.dir + "/end", conf={"cluster": "y"})
            wait_until("its application runs", lambda: get(c, 0)["state"] == "running")
            rm.apps["application_1700000000000_0001"] = {"tags": "sparkjob-" + id, "state": "RUNNING"}
            s.again()
        with Channel(s.socket) as c:
            assert get(c, 0)["appId"] == "application_1700000000000_0001"
            c.ask("batch-delete", {"batch": "0", "user": "u"})
            assert rm.apps["application_1700000000000_0001"]["state"] == "KILLED"
            with pytest.raises(Refused):
                get(c, 0)


def test_an_application_that_does_not_end_is_told_of():
    app = "application_1700000000000_0001"
    with FakeYarn() as rm, Batches(clusters={"y": {"master": "yarn", "hadoop_conf": rm.conf, "deploy_mode": "cluster"}}) as s:
        s.start_launcher()
        id, rm.kills = str(uuid.uuid4()), False
        rm.apps[app] = {"tags": "sparkjob-" + id, "state": "RUNNING"}
        with Channel(s.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            create(c, "exit", 3, id=id, conf={"cluster": "y"})
            ended(c, 0, "dead")
            why = next(line for line in log(c, 0)[1] if app in line)
            assert why.startswith(f"SparkSubmit exited with code 3; its application {app} is still on the cluster at {rm.url}"), why


def test_a_keytab_is_for_one_user(tmp_path):
    (tmp_path / "keytab").write_bytes(b"\x05\x02")
    (tmp_path / "keytab").chmod(0o600)
    cluster = {"master": "yarn", "principal": "spark@EXAMPLE.ORG", "keytab": str(tmp_path / "keytab")}
    with FakeYarn() as rm, Batches(clusters={"k": {**cluster, "hadoop_conf": rm.conf}}) as s:
        s.start_launcher()
        with Channel(s.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            conf = {"cluster": "k"}
            assert "act for spark@EXAMPLE.ORG alone" in refused(c, file="app", conf=conf, proxyUser="u")
            assert "cluster k says that" in refused(c, file="app", conf={**conf, "spark.kerberos.keytab": "x"})
            create(c, "echo", conf=conf)
            ended(c, 0, "success")
            echo = json.loads(log(c, 0)[1][1])
            assert echo["properties"]["spark.kerberos.keytab"] == cluster["keytab"]


def test_a_log_does_not_grow_without_end():
    with Batches(batches={"log_size": 1}) as server:
        server.start_launcher()
        with Channel(server.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            id, _ = create(c, "lines", 300000)
            ended(c, 0, "success")
            assert os.stat(server.folder(id) + "/driver.log").st_size <= 1 << 20
            meta, lines = log(c, 0)
            assert lines[-2] == "line 299999" and "bytes were left out" in lines[1] and meta["total"] == len(lines)
            meta, lines = log(c, 0, 5, 2)
            assert len(lines) == 2 and meta["from"] == 5
            assert log(c, 0, -1, 3)[1][1:] == ["line 299999", "\nstderr: "]


def test_a_log_that_is_too_long_for_one_answer_comes_in_several(server):
    with Channel(server.socket) as c:
        id, _ = create(c, "exit", 0)
        ended(c, 0, "success")
        said = [f"line {n} " + "x" * 100 for n in range(180000)]
        with open(server.folder(id) + "/driver.log", "w") as f:
            f.write("\n".join(said))
        got, answers = [], 0
        while True:
            meta, lines = log(c, 0, len(got))
            assert (meta["from"], meta["total"]) == (len(got), len(said) + 2)
            if not lines:
                break
            assert sum(map(len, lines)) < 9 << 20
            got, answers = got + lines, answers + 1
        assert got == ["stdout: ", *said, "\nstderr: "] and answers == 3


def test_a_log_that_was_replaced_costs_nothing(server):
    """Its user owns the file: a long one of nothing is neither read as a whole nor taken into memory."""
    with Channel(server.socket) as c:
        id, _ = create(c, "exit", 0)
        ended(c, 0, "success")
        os.truncate(server.folder(id) + "/driver.log", 3 << 30)
        before = server.peak_memory()
        meta, lines = log(c, 0)
        assert (meta["total"], len(lines)) == (3, 3)
        assert server.peak_memory() - before < 200 << 20


def test_a_name_is_given_once_to_those_who_ask_at_once(server):
    with Channel(server.socket) as c:
        asked = [c.send("batch-create", {"id": str(uuid.uuid4()), "user": "u", "type": "application/json"},
                        json.dumps({"file": "app", "className": "sleep", "name": "one"}).encode())
                 for _ in range(8)]
        whys = []
        for stream in asked:
            try:
                c.wait(stream)
            except Refused as why:
                whys.append(why.name)
        assert whys == ["Duplicate session name: one"] * 7
        c.ask("batch-delete", {"batch": "one", "user": "u"})


def test_a_key_is_that_of_one_body(server):
    with Channel(server.socket) as c:
        id, shown = create(c, "exit", 0, meta={"again": True})
        assert create(c, "exit", 0, id=id, meta={"again": True})[1]["id"] == shown["id"]
        with pytest.raises(Refused) as why:
            create(c, "exit", 1, id=id, meta={"again": True})
        assert (why.value.code, why.value.name) == ("key-reused", id)
    server.again()
    with Channel(server.socket) as c:
        assert create(c, "exit", 0, id=id, meta={"again": True})[1]["id"] == shown["id"]


def test_one_user_does_not_see_those_of_another(server):
    with Channel(server.socket) as c:
        create(c, "sleep", user="ann", name="hers")
        for name in ("0", "hers"):
            with pytest.raises(Refused) as why:
                get(c, name, owner="bob")
            assert why.value.code == "no-such-batch"
        assert json.loads(c.ask("batch-list", {"from": 0, "size": 9, "owner": "bob"})[1]) == []
        assert get(c, "hers", owner="ann")["owner"] == "ann"
        with pytest.raises(Refused):
            c.ask("batch-delete", {"batch": "0", "user": "bob", "owner": "bob"})
        assert get(c, 0)["state"] in ("starting", "running")


def test_ended_ones_are_forgotten():
    with Batches(livy={"retain": 1}) as server:
        server.start_launcher()
        with Channel(server.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            id, _ = create(c, "exit", 0)

            def gone():
                with contextlib.suppress(Refused):
                    return get(c, 0) is None
                return True
            wait_until("it is forgotten", gone)
            wait_until("its folder is, too", lambda: not os.path.exists(server.folder(id)))


def test_an_orderly_end_of_the_launcher_ends_them(server):
    with Channel(server.socket) as c:
        create(c, "sleep")
        said(c, 0, "sleeps")
    server.launcher.send_signal(signal.SIGTERM)
    assert server.launcher.wait(60 * PATIENCE) == 0 and not server.drivers()
    server.start_launcher()
    with Channel(server.socket) as c:
        assert get(c, 0)["state"] == "killed"


def test_a_batch_cannot_have_others_killed(server):
    """The files that tell of its process are its user's own."""
    victim = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    try:
        with Channel(server.socket) as c:
            create(c, "forge", victim.pid)
            ended(c, 0, "dead")
            c.ask("batch-delete", {"batch": "0"})
        assert victim.poll() is None and f"or group {victim.pid}, is another one's" in server.read("launcher.log")
    finally:
        for pid in [victim.pid, *server.drivers()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        victim.wait()


def test_none_begins_when_the_launcher_ends():
    with Batches(at_exit="stop") as s:
        s.overrides["driver"]["kill_timeout"] = 600
        s.start_launcher()
        with Channel(s.socket) as c:
            c.ask("binary-put", {"name": "app", "type": "Python", "user": "u"}, b"pass\n")
            id, _ = create(c, "deaf")
            said(c, 0, "sleeps")
            s.launcher.send_signal(signal.SIGTERM)
            wait_until("it ends", lambda: "the launcher ends" in s.read("launcher.log"))
            with pytest.raises(Refused) as why:
                create(c, "sleep")
            assert (why.value.code, why.value.name) == ("unavailable", "the launcher is ending")
            with open(s.folder(id) + "/sparkjob-batch.process") as f:
                os.kill(int(f.read().split()[0]), signal.SIGKILL)
            assert s.launcher.wait(600) == 0
