"""sparkjob, the command, against a real server whose drivers are scripted: every command, its output and exit code."""

import contextlib
import json
import os
import pty
import re
import subprocess

import pytest

from sparkjob_server import BUILD, Server, wait_until

CLI = os.environ.get("SPARKJOB_CLI", os.path.join(BUILD, "sparkjob"))
ZIP = b"PK\x03\x04" + b"\0" * 100

OK, JOB_FAILED, WRONG_USE, REFUSED, FAILED, TIMED_OUT = range(6)


class Cli:
    """Runs the command against one server."""

    def __init__(self, url, folder):
        self.url, self.folder = url, str(folder)

    def __call__(self, *args, env=None, stdin=None):
        """(exit code, stdout, stderr)"""
        done = subprocess.run([CLI, *args], capture_output=True, text=True, input=stdin, timeout=60,
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


def test_a_full_disk_is_told(cli):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CLI, "--help"], stdout=full, stderr=subprocess.PIPE, env=cli.env(), check=False)
    assert done.returncode == FAILED and b"stdout cannot be written" in done.stderr
