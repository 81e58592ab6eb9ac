"""The launcher as a program: its options, its configuration read again while it runs, and what it says of itself."""

import json
import os
import signal
import stat
import subprocess

import pytest

from sparkjob_server import LAUNCHER, Server, wait_until


@pytest.fixture(scope="module")
def server():
    with Server(scripted=True, workers=1) as s:
        yield s


def launcher(*args):
    return subprocess.run([LAUNCHER, *args], capture_output=True, text=True, timeout=300)


def reload(s, **members):
    """Writes the configuration with these members, has it read again, and returns what the launcher logs meanwhile."""
    before = len(s.read("launcher.log"))
    text = members.pop("text", None) or json.dumps({**s.config(), **members})
    with open(s.dir + "/launcher.json", "w") as f:
        f.write(text)
    s.launcher.send_signal(signal.SIGHUP)
    wait_until("the configuration is read", lambda: " read again" in s.read("launcher.log")[before:]
               or "stays as it was" in s.read("launcher.log")[before:])
    return s.read("launcher.log")[before:]


def test_options_that_it_does_not_have_are_refused():
    for args in [(), ("-x",), ("-c",), ("-t",), ("nonsense", "-c", "x"), ("dump", "more", "-c", "x"), ("dump",)]:
        done = launcher(*args)
        assert done.returncode == 2 and "usage: sparkjob-launcher" in done.stderr, args
        assert done.stdout == "", args


def test_version():
    done = launcher("-V")
    assert done.returncode == 0 and done.stdout.startswith("sparkjob-launcher ") and "protocol 1" in done.stdout


def test_a_configuration_is_checked_without_starting(server, tmp_path):
    done = launcher("-t", "-c", server.dir + "/launcher.json")
    assert done.returncode == 0 and "is fine" in done.stdout, done

    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**server.config(), "max_contexts": 0, "more": 1}))
    done = launcher("-t", "-c", str(wrong))
    assert done.returncode == 1 and done.stdout == ""
    assert "max_contexts" in done.stderr and "more" in done.stderr and str(wrong) in done.stderr


def test_what_clusters_and_library_sets_name_has_to_be_there(server, tmp_path):
    """To be fine; a launcher that comes back without it goes on with all others."""
    gone = str(tmp_path / "gone")
    named = {"clusters": {"a": {"master": "yarn", "hadoop_conf": gone}, "b": {"master": "local", "library_set": "kept"}},
             "library_sets": {"c": {"spark_home": gone, "java": gone, "hadoop_conf": gone, "extra_jars": [gone, "binary:kept"]}}}
    file = tmp_path / "gone.json"
    file.write_text(json.dumps({**server.config(), **named}))
    done = launcher("-t", "-c", str(file))
    assert done.returncode == 1 and done.stdout == ""
    expected = [f'clusters.a.hadoop_conf: expected the path of a folder, got "{gone}"',
                f'library_sets.c.spark_home: expected the path of a folder that holds "jars", got "{gone}"',
                f'library_sets.c.java: expected the folder of a Java, or its program, got "{gone}"',
                f'library_sets.c.extra_jars: expected a jar, a folder of jars or "binary:" with a binary\'s name, got "{gone}"',
                f'library_sets.c.hadoop_conf: expected the path of a folder, got "{gone}"']
    assert sorted(done.stderr.splitlines()) == sorted(f"{file}: {line}" for line in expected)
    assert " read again" in reload(server, **named)
    wait_until("it says what is missing", lambda: all(line in server.read("launcher.log") for line in expected))
    assert " read again" in reload(server)


def test_dump_tells_what_the_launcher_has(server):
    server.context("seen")
    done = launcher("dump", "-c", server.dir + "/launcher.json")
    assert done.returncode == 0, done
    assert "seen" in json.dumps(json.loads(done.stdout))
    assert server.delete("/contexts/seen")[0] == 200


def test_dump_without_a_launcher(server, tmp_path):
    conf = tmp_path / "other.json"
    conf.write_text(json.dumps({**server.config(), "channel": {"socket": str(tmp_path / "nobody.sock")}}))
    done = launcher("dump", "-c", str(conf))
    assert done.returncode == 1 and "no launcher listens on" in done.stderr and "nobody.sock" in done.stderr, done


def test_a_second_launcher_does_not_start(server):
    done = launcher("-c", server.dir + "/launcher.json")
    assert done.returncode == 1
    assert "in use by another launcher" in server.read("launcher.log") + done.stderr
    assert server.get("/healthz")[0] == 200


def test_who_starts_it_is_told_why_it_does_not_run(tmp_path):
    """Though its log is a file."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sparkjob.db").write_bytes(b"no database " * 1000)
    (tmp_path / "launcher.json").write_text(json.dumps({
        "data_dir": "data", "channel": {"socket": "launcher.sock"}, "driver": {"command": ["/bin/true"]},
        "log": {"file": "launcher.log"}}))
    done = launcher("-c", str(tmp_path / "launcher.json"))
    assert done.returncode == 1 and "file is not a database" in done.stderr, done
    assert set(done.stderr.splitlines()) <= set((tmp_path / "launcher.log").read_text().splitlines())


def test_what_may_change_changes_when_the_configuration_is_read_again(server):
    server.context("first")
    log = reload(server, max_contexts=1, channel={**server.config()["channel"], "mode": "0660"})
    assert "cannot change" not in log
    assert stat.S_IMODE(os.stat(server.socket).st_mode) == 0o660
    status, answer = server.post("/contexts/second")
    assert status >= 400 and "1" in json.dumps(answer), answer

    reload(server)
    assert stat.S_IMODE(os.stat(server.socket).st_mode) == 0o666
    server.context("second")
    assert server.delete("/contexts/first")[0] == server.delete("/contexts/second")[0] == 200


def test_what_cannot_change_stays_and_is_told(server):
    log = reload(server, dao="memory", data_dir=server.dir + "/elsewhere",
                 channel={**server.config()["channel"], "socket": server.dir + "/other.sock"})
    for member in ("dao", "data_dir", "channel.socket"):
        assert f"{member} cannot change while the launcher runs" in log, log
    assert not os.path.exists(server.dir + "/elsewhere") and not os.path.exists(server.dir + "/other.sock")
    assert server.get("/healthz")[0] == 200
    reload(server)


def test_a_wrong_configuration_changes_nothing(server):
    log = reload(server, text='{"max_contexts": "many"}')
    assert "max_contexts" in log and "stays as it was" in log
    server.context("still")
    assert server.delete("/contexts/still")[0] == 200
    reload(server)


def test_a_log_that_was_moved_away_is_opened_anew(server):
    before = server.read("launcher.log")
    os.rename(server.dir + "/launcher.log", server.dir + "/launcher.log.1")
    server.launcher.send_signal(signal.SIGHUP)
    wait_until("there is a new log", lambda: os.path.exists(server.dir + "/launcher.log")
               and "read again" in server.read("launcher.log"))
    assert server.read("launcher.log.1").startswith(before)     # a ping may have come
    os.unlink(server.dir + "/launcher.log.1")
