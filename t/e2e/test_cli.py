"""sparkjob, the command, against a real server whose drivers are scripted: every command, its output and exit code."""

import contextlib
import http.server
import json
import os
import pty
import re
import subprocess
import threading

import pytest

from sparkjob_server import BUILD, Server, free_port, wait_until

CLI = os.environ.get("SPARKJOB_CLI", os.path.join(BUILD, "sparkjob"))
ZIP = b"PK\x03\x04" + b"\0" * 100

OK, JOB_FAILED, WRONG_USE, REFUSED, FAILED, TIMED_OUT = range(6)


class Cli:
    """Runs the command against one server."""

    def __init__(self, url, folder):
        self.url, self.folder = url, str(folder)

    def __call__(self, *args, env=None, stdin=None):
        """(exit code, stdout, stderr)"""
        done = subprocess.run([CLI, *args], capture_output=True, text=True, input=stdin, timeout=300,
                              cwd=self.folder, env=self.env(env))
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def env(self, more=None):
        return {"PATH": os.environ["PATH"], "HOME": self.folder, "SPARKJOB_URL": self.url, **(more or {})}

    def ok(self, *args, **more):
        code, out, err = self(*args, **more)
        assert code == OK, (args, code, out, err)
        return out

    def fails(self, code, *args, **more):
        """What stderr says, one sentence, of a command that ends with this code."""
        got, out, err = self(*args, **more)
        assert got == code, (args, got, out, err)
        assert err.startswith("sparkjob: "), err
        return err

    def json(self, *args, **more):
        return json.loads(self.ok("--json", *args, **more))

    def file(self, name, data=ZIP):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(scripted=True) as s:
        s.json("POST", "/binaries/b", ZIP, {"Content-Type": "application/java-archive"})
        s.context("c")
        yield s


@pytest.fixture
def cli(server, tmp_path):
    return Cli(f"http://127.0.0.1:{server.port}", tmp_path)


def test_help_and_wrong_use(cli):
    assert "context create NAME" in cli.ok("--help")
    assert "--hocon TEXT" in cli.ok("submit", "--help")
    assert cli.ok("-V").startswith("sparkjob ")
    assert cli()[0] == WRONG_USE
    assert 'no command "fly"' in cli.fails(WRONG_USE, "fly")
    assert "create, show, restart, delete, log" in cli.fails(WRONG_USE, "context")
    for group in (("context", "--help"), ("context", "-h"), ("-h", "context")):
        help = cli.ok(*group)
        assert "context create NAME" in help and "context log NAME" in help and "submit" not in help
    assert "one of its own" in cli.ok("submit", "--help")
    for command in ("jobs", "events", "purge"):
        assert re.search("-c, --context NAME +only those of this context", cli.ok(command, "--help"))
    assert "started at or before" in cli.ok("jobs", "--help")
    assert "Is a directory" in cli.fails(WRONG_USE, "upload", "n5", cli.folder, "--type", "jar")
    assert "Is a directory" in cli.fails(WRONG_USE, "data", "upload", "n5", cli.folder)
    assert "usage: sparkjob job ID" in cli.fails(WRONG_USE, "job")
    assert "usage: sparkjob job ID" in cli.fails(WRONG_USE, "job", "1", "2")
    assert "--frobnicate" in cli.fails(WRONG_USE, "jobs", "--frobnicate")
    cli.fails(WRONG_USE, "binaries", "--status", "RUNNING")
    cli.fails(WRONG_USE, "submit", "--sync", "--wait", "--cp", "b", "--class", "noop")
    assert "three" in cli.fails(WRONG_USE, "submit", "--sync", "--timeout", "three", "--cp", "b", "--class", "noop")
    cli.fails(WRONG_USE, "jobs", "--limit", "-1")
    cli.fails(WRONG_USE, "--url", "ftp://127.0.0.1/", "jobs")
    cli.fails(WRONG_USE, "--url", "http://127.0.0.1/?a=b", "jobs")


def test_no_server(cli):
    assert "no answer from http://127.0.0.1:1:" in cli.fails(FAILED, "--url", "http://127.0.0.1:1/", "jobs")


def test_binaries(cli):
    assert cli.ok("upload", "n1", cli.file("x.jar")) == "SUCCESS\n"
    assert cli.json("upload", "n 2/ü", cli.file("x.whl")) == {"status": "SUCCESS"}
    cli.ok("upload", "n3", cli.file("x.bin"), "--type", "egg")
    cli.ok("upload", "n4", "-", "--type", "jar", stdin=ZIP.decode("latin-1"))

    table = cli.ok("binaries").splitlines()
    assert table[0].split() == ["NAME", "TYPE", "UPLOADED"]
    rows = dict(re.split(" {2,}", line)[:2] for line in table[1:])
    assert {k: rows[k] for k in ("n1", "n 2/ü", "n3", "n4")} == {
        "n1": "Jar", "n 2/ü": "Wheel", "n3": "Egg", "n4": "Jar"}
    assert cli.json("binaries", "list")["n1"]["binary-type"] == "Jar"
    assert cli.json("binaries", "show", "n 2/ü")["app-name"] == "n 2/ü"
    assert re.search(r"type +Egg", cli.ok("binaries", "show", "n3"))

    assert "Can't find binary with name nix (404)" in cli.fails(REFUSED, "binaries", "show", "nix")
    assert "not of the right format (400)" in cli.fails(REFUSED, "upload", "n5", cli.file("no.jar", b"no zip"))
    assert "no type of a binary" in cli.fails(WRONG_USE, "upload", "n5", cli.file("x.txt"))
    assert "cannot be read" in cli.fails(WRONG_USE, "upload", "n5", "/nowhere/x.jar")
    for name in ("n1", "n 2/ü", "n3", "n4"):
        cli.ok("binaries", "delete", name)
    cli.fails(REFUSED, "binaries", "delete", "n1")


def test_contexts(cli):
    assert cli.ok("context", "create", "k", "--set", "max-jobs-per-context=3", "-s", "a.b=c=d") == \
        "Context initialized\n"
    assert "context k exists (400)" in cli.fails(REFUSED, "context", "create", "k")
    assert "k" in cli.ok("contexts").split()
    assert "k" in cli.json("contexts")
    assert re.search(r"state +RUNNING", cli.ok("context", "show", "k"))
    assert cli.json("context", "show", "k")["name"] == "k"
    assert cli.ok("context", "delete", "k", "--force") == "Context stopped\n"
    cli.fails(REFUSED, "context", "delete", "k")
    cli.fails(WRONG_USE, "context", "create", "k", "--set", "novalue")
    err = cli.fails(FAILED, "context", "create", "k", "--hocon", '{"spark.context-settings": {"script.start": "fail"}}')
    assert "CONTEXT INIT ERROR: the context does not start (org.apache.spark.SparkException) (500)" in err


def test_data(cli):
    path = cli.ok("data", "upload", "d 1", cli.file("d.txt", b"hello")).strip()
    assert "/d 1-" in path
    with open(path, "rb") as f:
        assert f.read() == b"hello"
    assert path in cli.ok("data").splitlines() and path in cli.json("data", "list")
    assert cli.ok("data", "delete", path) == "OK\n"
    assert "Unable to delete data file" in cli.fails(REFUSED, "data", "delete", path)
    cli.ok("data", "upload", "d2", "-", stdin="x")
    assert cli.ok("data", "reset") == "Data reset\n"
    assert cli.json("data") == []


def test_dump(cli, server):
    path = cli.json("data", "upload", "d", "-", stdin="x")["result"]["filename"]
    job = cli.ok("submit", "--cp", "b", "--class", "sleep", "--context", "c", "-e", '{"ms": 3600000}').strip()
    server.run("noop", "", cp="b")
    all_of_it = cli.json("dump")
    assert [context["state"] for context in all_of_it["contexts"] if context["name"] == "c"] == ["RUNNING"]
    assert [j["status"] for j in all_of_it["jobs"] if j["jobId"] == job] == ["RUNNING"]
    assert all(j["status"] not in ("FINISHED", "ERROR", "KILLED") for j in all_of_it["jobs"])
    assert all_of_it["binaries"]["b"]["binary-type"] == "Jar"
    assert all_of_it["data"] == [path]
    text = cli.ok("dump")
    assert re.search(r"CONTEXTS: \d+\nNAME +STATE", text) and f"DATA: 1\nFILE\n{path}\n" in text and job in text
    cli.ok("kill", job)
    cli.ok("data", "delete", path)


def submit(cli, cls, body=None, *more):
    return ("submit", "--cp", "b", "--class", cls, "--context", "c") + (("-e", json.dumps(body)) if body else ()) + more


def test_submit_and_wait_on_the_server(cli):
    assert cli.ok(*submit(cli, "value", {"value": [1, 0.1, "a"]}, "--sync")) == '[1, 0.1, "a"]\n'
    assert cli.ok(*submit(cli, "value", {"value": 'a "b"\n\u00fc'}, "--sync")) == 'a "b"\n\u00fc\n'
    answer = cli.json(*submit(cli, "value", {"value": 1}, "--sync"))
    assert answer["result"] == 1 and answer["jobId"]
    err = cli.fails(JOB_FAILED, *submit(cli, "throw", {"message": "too\nbad"}, "--sync"))
    assert "ERROR: too bad (java.lang.RuntimeException)" in err
    err = cli.fails(TIMED_OUT, *submit(cli, "sleep", {"ms": 5000}, "--sync", "--timeout", "0"))
    assert "has no result yet" in err
    assert "VALIDATION FAILED" in cli.fails(REFUSED, *submit(cli, "invalid"))
    cli.fails(REFUSED, "submit", "--cp", "nix", "--class", "noop", "--context", "c")
    cli.fails(REFUSED, "submit")
    code, out, err = cli("--json", "submit")
    assert code == REFUSED and json.loads(out)["status"] == "ERROR"


def test_configuration_by_file_and_stdin(cli):
    path = cli.file("job.json", b'{"value": "from a file"}')
    assert cli.ok(*submit(cli, "value", None, "--config", path, "--sync")) == "from a file\n"
    assert cli.ok(*submit(cli, "value", None, "--config", "-", "--sync"), stdin='{"value": 2}') == "2\n"
    cli.fails(WRONG_USE, *submit(cli, "value", {"a": 1}, "--config", path))
    cli.fails(WRONG_USE, *submit(cli, "value", None, "--config", "/nowhere"))


def test_a_job_by_its_id(cli, server):
    job = cli.ok(*submit(cli, "value", {"value": {"a": "b"}})).strip()
    server.wait_job(job)
    assert cli.ok("result", job) == '{"a": "b"}\n'
    assert re.search(r"status +FINISHED", cli.ok("job", job))
    assert cli.json("job", job)["jobId"] == job
    assert json.loads(cli.ok("config", job)) == {"value": {"a": "b"}}

    job = cli.ok(*submit(cli, "sleep", {"ms": 60000})).strip()
    assert "is RUNNING" in cli.fails(TIMED_OUT, "result", job)
    assert cli.ok("kill", job) == "KILLED\n"
    assert "KILLED" in cli.fails(JOB_FAILED, "result", job)
    assert re.search(rf"^result +Job {job} killed \(spark.jobserver.\S+\)$", cli.ok("job", job), re.M)
    assert "(404)" in cli.fails(REFUSED, "kill", job)
    assert "No such job ID nix (404)" in cli.fails(REFUSED, "job", "nix")


def test_jobs(cli):
    for n in range(3):
        cli.ok(*submit(cli, "value", {"value": n}, "--sync"))
    table = cli.ok("jobs", "--limit", "2").splitlines()
    assert table[0].split()[:2] == ["ID", "STATUS"] and len(table) == 3
    assert len(cli.json("jobs", "--limit", "2", "--status", "FINISHED")) == 2
    assert cli.json("jobs", "--status", "RESTARTING") == []


def test_results_come_as_the_server_wrote_them(cli):
    """Numbers beyond what C has, and a result that looks like a report."""
    assert cli.ok(*submit(cli, "value", {"value": 10 ** 40}, "--sync")) == "1" + "0" * 40 + "\n"
    tricky = {"result": "}", "a\"result\":": ["\\"]}
    assert json.loads(cli.ok(*submit(cli, "value", {"value": tricky}, "--sync"))) == tricky
    assert len(cli.ok(*submit(cli, "big", {"bytes": 3_000_000}, "--sync"))) == 3_000_001


@pytest.fixture
def closed(tmp_path):
    """A server that wants TLS and a password; (cli, file of its certificate)."""
    port = free_port()
    pem, key, users = (str(tmp_path / name) for name in ("server.pem", "server.key", "users"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", key, "-out", pem, "-days", "2"],
                   check=True, capture_output=True)
    with open(users, "w") as f:
        f.write("ann:{PLAIN}secret\n")
    http_lines = f"""
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {key};
        location / {{ sparkjob spark; auth_basic "x"; auth_basic_user_file {users}; sparkjob_user $remote_user; }}
    }}"""
    os.chmod(tmp_path, 0o755)
    with Server(scripted=True, http=http_lines) as s:
        s.expected.append("SSL alert number")           # a client that does not trust the certificate
        s.json("POST", "/binaries/b", ZIP, {"Content-Type": "application/java-archive"})
        yield Cli(f"https://localhost:{port}/", tmp_path), pem


def test_tls_and_passwords(closed):
    cli, pem = closed
    ann = {"SPARKJOB_USER": "ann:secret"}
    assert "certificate" in cli.fails(FAILED, "contexts", env=ann)
    cli.fails(WRONG_USE, "contexts", "--cacert", "/nowhere", env=ann)
    assert cli.json("contexts", "--insecure", env=ann) == []
    assert cli.json("contexts", "--cacert", pem, env=ann) == []
    assert cli.json("contexts", "-k", "-u", "ann:secret") == []
    assert "requires authentication" in cli.fails(REFUSED, "contexts", "-k")
    assert "authentication is invalid" in cli.fails(REFUSED, "contexts", "-k", env={"SPARKJOB_USER": "ann"})
    netrc = cli.file("my.netrc", b"machine localhost login ann password secret\n")
    assert cli.json("contexts", "-k", "--netrc-file", netrc) == []
    os.rename(netrc, os.path.join(cli.folder, ".netrc"))
    assert cli.json("contexts", "-k") == []
    assert cli.ok("submit", "-k", "--cp", "b", "--class", "user", "--sync", "--timeout", "60") == "ann\n"


def test_a_password_is_not_in_the_list_of_processes(cli):
    with subprocess.Popen([CLI, "--user", "ann:secret", *submit(cli, "sleep", {"ms": 3600000}, "--sync")],
                          env=cli.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        def line():
            with open(f"/proc/{process.pid}/cmdline", "rb") as f:
                return f.read()
        wait_until("the password is gone", lambda: b"secret" not in line() and b"***" in line(), 5)
        process.terminate()


def test_a_full_disk_is_told(cli):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CLI, "--help"], stdout=full, stderr=subprocess.PIPE, env=cli.env(), check=False)
    assert done.returncode == WRONG_USE and b"stdout cannot be written" in done.stderr


def test_wait_and_follow(cli, server):
    assert cli.ok(*submit(cli, "value", {"value": "quick"}, "--wait")) == "quick\n"
    assert cli.ok(*submit(cli, "sleep", {"ms": 500}, "--wait")) == "true\n"
    assert "too bad" in cli.fails(JOB_FAILED, *submit(cli, "throw", {"message": "too bad"}, "--wait"))
    assert "not ended within 1 s" in cli.fails(TIMED_OUT, *submit(cli, "sleep", {"ms": 60000}, "--wait", "-t", "1"))
    assert cli.json(*submit(cli, "value", {"value": 1}, "--wait"))["status"] == "FINISHED"


def test_logs(cli, server):
    code, out, err = cli(*submit(cli, "print", {"text": "one\ntwo\n"}, "--follow"))
    assert (code, out, err) == (OK, "null\n", "one\ntwo\n")
    job = cli.json("jobs", "--limit", "1", "--class", "print")[0]["jobId"]
    assert cli.ok("log", job) == "one\ntwo\n" == cli.ok("log", job, "-f")
    assert cli.ok("log", job, "--tail", "1") == "two\n"
    assert cli.ok("log", cli.ok(*submit(cli, "noop")).strip()) == ""
    assert "(400)" in cli.fails(REFUSED, "log", job, "--tail", "some")
    cli.fails(REFUSED, "log", "nix")
    cli.ok("context", "log", "c")
    cli.fails(REFUSED, "context", "log", "nix")


def test_purge(cli, server):
    job = cli.ok(*submit(cli, "value", {"value": 1})).strip()
    server.wait_job(job)
    assert cli.ok("purge", "--before", "2020-01-01T00:00:00Z") == "0 jobs deleted\n"
    assert "purge wants --before" in cli.fails(WRONG_USE, "purge")
    assert "(400)" in cli.fails(REFUSED, "purge", "--before", "yesterday")
    assert re.fullmatch(r"\d+ jobs? deleted\n", cli.ok("purge", "--before", "9999999999999", "--context", "c"))
    cli.fails(REFUSED, "job", job)


def test_contexts_early_by_key_and_in_the_place_of_another(cli, server):
    assert cli.ok("context", "create", "k1", "--async", "--idempotency-key", "x") == "Context initialization started\n"
    assert cli.ok("context", "create", "k1", "--async", "--idempotency-key", "x") == "Context initialization started\n"
    first = cli.json("context", "show", "k1")["id"]
    assert cli.ok("context", "restart", "k1", "-s", "max-jobs-per-context=2") == "Context initialized\n"
    assert cli.json("context", "show", "k1")["id"] != first
    assert "Idempotency-Key 'x'" in cli.fails(REFUSED, "context", "create", "k2", "--idempotency-key", "x")
    cli.ok("context", "delete", "k1")


def test_jobs_early_and_by_key(cli, server):
    one = cli.ok(*submit(cli, "value", {"value": 1}, "--idempotency-key", "y"))
    assert one == cli.ok(*submit(cli, "value", {"value": 1}, "--idempotency-key", "y"))
    cli.fails(REFUSED, *submit(cli, "value", {"value": 2}, "--idempotency-key", "y"))
    refused = cli.ok(*submit(cli, "notfound", None, "--async")).strip()
    server.wait_job(refused)
    cli.fails(JOB_FAILED, "result", refused)
    cli.fails(REFUSED, *submit(cli, "noop", None, "--callback", "gopher://x"))


def test_what_happens_on_the_server(cli, server):
    with subprocess.Popen([CLI, "--json", "events", "--context", "c", "--kind", "job,context"], env=cli.env(),
                          stdout=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["event"] == "context"      # it is connected
        job = cli.ok(*submit(cli, "sleep", {"ms": 2000})).strip()
        seen = []
        for line in process.stdout:
            told = json.loads(line)
            seen += [told["data"]["status"]] if told["data"].get("jobId") == job else []
            if seen and seen[-1] == "FINISHED":
                break
        process.terminate()
    assert seen in (["RUNNING", "FINISHED"], ["STARTED", "RUNNING", "FINISHED"])


# streams, from a server that breaks off where the test wants it to

JOB = "2b0f1e5c-6f0e-4c62-9f0c-0d6a2f8f1a11"


def report(status, **more):
    return {"jobId": JOB, "startTime": "2026-01-31T09:30:00.000Z", "classPath": "a.B", "context": "c",
            "contextId": "", "duration": "1.0 secs", "status": status, **more}


def event(number, name, data):
    return f"id: 1-{number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


class Breaks(http.server.BaseHTTPRequestHandler):
    """Answers by the server's `script`: path without query: list of answers, one for each time it is asked. An answer is
    (status, list of chunks, whether the connection is cut instead of ending well)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        answers = self.server.script[path]
        status, chunks, cut = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked.append((self.path, self.headers.get("Last-Event-ID")))
        self.send_response(status)
        if status == 204:
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if callable(chunk):
                chunk()
            elif chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def fake(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaks)
    server.script, server.asked = {}, []
    server.cli = Cli(f"http://127.0.0.1:{server.server_port}", tmp_path)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def running_job(fake):
    """The events and the log of a job break once, each in the middle."""
    broken = event(2, "progress", {"jobId": JOB, "stages": 1, "stagesDone": 0, "tasks": 4, "tasksDone": 2,
                                   "tasksFailed": 0, "percent": 50})
    fake.script = {
        f"/jobs/{JOB}/events": [
            (200, [b": hello\n\n", event(1, "job", report("RUNNING")), broken, event(3, "job", report("FINI"))[:40]],
             True),
            (503, [b'{"status":"ERROR","result":"away"}'], False),
            (200, [event(4, "job", report("FINISHED"))], False)],
        f"/jobs/{JOB}/log": [(200, [b"line 1\nli"], True), (200, [b"ne 2\n"], False), (200, [], False)],
        f"/jobs/{JOB}": [(200, [json.dumps(report("FINISHED", result=[1, 2]), separators=(",", ":")).encode()], False)],
    }


def test_follow_goes_on_where_it_broke(fake):
    running_job(fake)
    code, out, err = fake.cli("follow", JOB)
    assert (code, out, err) == (OK, "[1,2]\n", "line 1\nline 2\n")
    events = [last for path, last in fake.asked if path.endswith("/events")]
    assert events == [None, "1-2", "1-2"]
    logs = [path.partition("?")[2] for path, _ in fake.asked if "/log" in path]
    # a third time only if the job's end was told later
    assert len(logs) >= 2 and logs[:3] == ["follow=true&offset=0", "follow=true&offset=9", "follow=true&offset=14"][:len(logs)]


def test_follow_of_a_job_whose_end_was_told(fake):
    """204: there is nothing to come back for."""
    running_job(fake)
    fake.script[f"/jobs/{JOB}/events"] = [(200, [event(1, "job", report("RUNNING"))], True), (204, [], False)]
    assert fake.cli.ok("follow", JOB) == "[1,2]\n"
    assert len([path for path, _ in fake.asked if path.endswith("/events")]) == 2


def test_follow_of_a_job_that_fails(fake):
    running_job(fake)
    error = {"message": "no", "errorClass": "x.Y", "stack": "s"}
    fake.script[f"/jobs/{JOB}/events"] = [(200, [event(1, "job", report("ERROR", result=error))], False)]
    fake.script[f"/jobs/{JOB}"] = [(200, [json.dumps(report("ERROR", result=error), separators=(",", ":")).encode()],
                                    False)]
    code, out, err = fake.cli("--json", "follow", JOB)
    assert code == JOB_FAILED and json.loads(out)["result"] == error
    assert "ERROR: no (x.Y)" in err


def test_follow_waits_no_longer_than_it_is_told(fake):
    running_job(fake)
    fake.script[f"/jobs/{JOB}/events"] = [(200, [event(1, "job", report("RUNNING"))], True)]
    fake.script[f"/jobs/{JOB}/log"] = [(200, [], False)]
    assert "has not ended within 1 s" in fake.cli.fails(TIMED_OUT, "follow", JOB, "--timeout", "1")


def test_follow_of_no_job(fake):
    fake.script = dict.fromkeys((f"/jobs/{JOB}/events", f"/jobs/{JOB}/log"), [
        (404, [b'{"status":"ERROR","result":"No such job ID x"}'], False)])
    assert "No such job ID x (404)" in fake.cli.fails(REFUSED, "follow", JOB)
    fake.cli.fails(REFUSED, "log", JOB, "--follow")


def test_the_bar_is_drawn_on_a_terminal_only(fake):
    """And takes itself away for the lines of the log."""
    running_job(fake)
    fake.script[f"/jobs/{JOB}/log"] = [(200, [b"a line\n"], False)]
    leader, follower = pty.openpty()
    done = subprocess.run([CLI, "follow", JOB], stdout=subprocess.PIPE, stderr=follower, env=fake.cli.env(),
                          timeout=300, check=False)
    os.close(follower)
    seen = b""
    with contextlib.suppress(OSError):
        while True:
            seen += os.read(leader, 65536)
    os.close(leader)
    assert done.returncode == OK and done.stdout == b"[1,2]\n"
    assert b"[###############---------------]  50%  2 of 4 tasks" in seen
    assert b"a line" in seen


def test_events(fake):
    first = [event(1, "context", {"name": "c", "state": "RUNNING"}), event(2, "job", report("RUNNING"))]
    second = [event(3, "remove", {"jobId": JOB}), lambda: threading.Event().wait(7)]
    fake.script = {"/events": [(200, first, True), (200, second, False)]}
    out = fake.cli.ok("events", "--context", "c d", "--kind", "job", "--owner", "u", "--timeout", "5")
    assert out.splitlines()[:3] == ["context  c RUNNING", f"job      {JOB} RUNNING a.B c", f"remove   {JOB}"]
    assert fake.asked == [("/events?context=c%20d&user=u&kind=job", None),
                          ("/events?context=c%20d&user=u&kind=job", "1-2")]


def test_what_an_event_says_cannot_steer_the_terminal(fake):
    said = event(1, "context", {"name": "c\x1b[2J", "state": "ERROR", "reason": "one\ntwo\x7f"})
    fake.script = {"/events": [(200, [said, lambda: threading.Event().wait(7)], False)]}
    assert fake.cli.ok("events", "--timeout", "5") == "context  c [2J ERROR one two \n"


def test_events_as_json(fake):
    fake.script = {"/events": [(200, [event(1, "job", report("RUNNING")), lambda: threading.Event().wait(7)], False)]}
    told = json.loads(fake.cli.ok("--json", "events", "--timeout", "5"))
    assert told == {"event": "job", "id": "1-1", "data": report("RUNNING")}


def test_log(fake):
    fake.script = {f"/jobs/{JOB}/log": [(200, [b"a\nb\n"], False)],
                   "/contexts/k%201/log": [(200, [b"x\n"], True), (200, [b"y\n"], False)]}
    assert fake.cli.ok("log", JOB, "--tail", "2") == "a\nb\n"
    assert fake.cli.ok("context", "log", "k 1", "-f") == "x\ny\n"
    assert [path for path, _ in fake.asked] == [
        f"/jobs/{JOB}/log?tail=2", "/contexts/k%201/log?follow=true", "/contexts/k%201/log?follow=true&offset=2"]
    fake.script = {f"/jobs/{JOB}/log": [(200, [b"a\nb\n"], True)]}
    assert "no answer" in fake.cli.fails(FAILED, "log", JOB)


def test_pages(fake):
    """All pages are read, and no more than are wanted."""
    def page(*numbers):
        return json.dumps([report("FINISHED", n=n) for n in numbers]).encode()

    class Paged(Breaks):
        def do_GET(self):
            number = int(self.path.rpartition("cursor=")[2]) if "cursor=" in self.path else 1
            self.server.asked.append(self.path)
            body = page(number, number + 1)
            self.send_response(200)
            if number < 5:
                self.send_header("Link", f'</spark/jobs?limit=2&status=A%26B&cursor={number + 2}>; rel="next"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    fake.RequestHandlerClass = Paged
    assert [job["n"] for job in fake.cli.json("jobs", "--all", "--status", "A&B")] == [1, 2, 3, 4, 5, 6]
    assert fake.asked[1] == "/jobs?limit=2&status=A%26B&cursor=3"
    assert [job["n"] for job in fake.cli.json("jobs", "--limit", "3")] == [1, 2, 3]
    assert len(fake.asked) == 5
