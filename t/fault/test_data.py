"""Data files: what is listed is there, what is deleted is gone, also across the launcher's death; nothing else is touched."""

import json
import os
import re
import time

import pytest
from sparkjob_channel import Channel, Refused
from sparkjob_server import Server


@pytest.fixture
def server():
    with Server(scripted=True, start=False) as s:
        s.start_launcher()
        yield s


def put(c, name, body=b"data"):
    return c.ask("data-put", {"name": name, "user": "u"}, body)[0]["file"]


def listed(c):
    return json.loads(c.ask("data-list")[1])


def content(path):
    with open(path, "rb") as f:
        return f.read()


def test_files_are_named_listed_and_deleted(server):
    with Channel(server.socket) as c:
        path = put(c, "my data", b"a\0b")
        assert os.path.dirname(path) == server.dir + "/data/data"
        assert re.fullmatch(r"my data-\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d\.\d{3}Z\.dat", os.path.basename(path))
        assert content(path) == b"a\0b" and os.stat(path).st_mode & 0o777 == 0o600
        large = put(c, "large", b"x" * 300000)
        assert content(large) == b"x" * 300000
        empty = put(c, "empty", b"")
        assert content(empty) == b""
        assert listed(c) == [path, large, empty]
        c.ask("data-delete", {"file": path})
        assert listed(c) == [large, empty] and not os.path.exists(path)
        c.ask("data-reset", {})
        assert listed(c) == [] and os.listdir(server.dir + "/data/data") == []


def test_many_at_once_have_names_of_their_own(server):
    with Channel(server.socket) as c:
        streams = [c.send("data-put", {"name": "n"}, str(i).encode()) for i in range(300)]
        paths = [c.wait(s)[0]["file"] for s in streams]
        assert len(set(paths)) == 300
        assert [content(p) for p in paths] == [str(i).encode() for i in range(300)]
        assert sorted(listed(c)) == sorted(paths)


def test_a_file_without_a_row_is_not_overwritten(server):
    with Channel(server.socket) as c:
        # the launcher looks for such files when it starts, before it stores any
        c.ask("data-delete", {"file": put(c, "first")})
        folder, taken, now = server.dir + "/data/data/", set(), 0
        while time.time() > now + 0.8:              # the names of the second that comes have to be taken in time
            now = time.time()
            for ms in range(1000):
                at = now + ms / 1000
                stamp = time.strftime("%Y-%m-%dT%H_%M_%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"
                taken.add(f"{folder}m-{stamp}.dat")
                with open(f"{folder}m-{stamp}.dat", "wb") as f:
                    f.write(b"mine")
        path = put(c, "m", b"new")
        assert path not in taken and content(path) == b"new" and listed(c) == [path]
        assert all(content(p) == b"mine" for p in taken)


def test_what_was_not_recorded_cannot_be_deleted(server):
    with Channel(server.socket) as c:
        path = put(c, "n")
        other = server.dir + "/data/data/other.dat"
        with open(other, "w") as f:
            f.write("mine")
        for name in (other, "/etc/passwd", path + "/", "/" + path, server.dir + "/data/data/../data/" + path.split("/")[-1],
                     path.split("/")[-1], "", server.dir + "/data/data/"):
            with pytest.raises(Refused) as why:
                c.ask("data-delete", {"file": name})
            assert (why.value.code, why.value.name) == ("no-such-data", name)
        assert os.path.exists(other) and os.path.exists(path)
        c.ask("data-delete", {"file": path})
        with pytest.raises(Refused):
            c.ask("data-delete", {"file": path})


@pytest.mark.parametrize("name, words", [
    ("", "empty"), ("a/b", "slash"), ("../a", "slash"), ("a\nb", "control"), ("a\x7f", "control"), ("x" * 227, "long"),
    ("\u00e4" * 114, "long")])
def test_bad_names_are_refused(server, name, words):
    with Channel(server.socket) as c:
        with pytest.raises(Refused) as why:
            put(c, name)
        assert why.value.code == "bad-request" and words in why.value.name
        assert content(put(c, "x" * 226)) == b"data"


def test_rows_survive_the_launcher(server):
    with Channel(server.socket) as c:
        paths = [put(c, f"n{i}") for i in range(3)]
        c.ask("data-delete", {"file": paths[1]})
    os.unlink(paths[2])                 # by somebody else: it is listed, and can be deleted
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    with Channel(server.socket) as c:
        assert listed(c) == [paths[0], paths[2]]
        c.ask("data-delete", {"file": paths[2]})
        c.ask("data-delete", {"file": paths[0]})
        assert listed(c) == []


def test_a_long_list_comes_as_a_descriptor(server):
    with Channel(server.socket) as c:
        streams = [c.send("data-put", {"name": "n" * 200}) for i in range(300)]
        for s in streams:
            c.wait(s)
        assert len(listed(c)) == 300


def test_jobs_are_told_the_folder(server):
    with Channel(server.socket) as c:
        c.create("c")
        told = c.result("context")
        assert told["data"] == server.dir + "/data/data"
