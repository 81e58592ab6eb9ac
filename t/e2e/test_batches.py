"""Batches with real Spark: Python that comes with the request, jars by name, by upload and by URI, failures, a kill, a launcher that dies."""

import contextlib
import functools
import http.server
import json
import os
import signal
import subprocess
import threading
import zipfile

import pytest
from sparkjob_server import SPARK_HOME, Server, alive, wait_until

PROGRAM = b"""
import os, sys, time
from pyspark import SparkContext

print("SUM", SparkContext.getOrCreate().parallelize(range(int(sys.argv[1]))).sum(), flush=True)
if sys.argv[2] == "sleep":
    print("PID", os.getpid(), flush=True)
    time.sleep(600)
sys.exit(int(sys.argv[2]))
"""

# a program as spark-submit runs them, and a class of another jar that it wants
JAVA = {"Count": """
import org.apache.spark.SparkContext;

public class Count {
    public static void main(String[] args) {
        SparkContext sc = SparkContext.getOrCreate();
        System.out.println(Words.of(sc.range(0, Long.parseLong(args[0]), 1, 2).count(), sc.appName()));
        sc.stop();
    }
}
""", "Words": """
public class Words {
    public static String of(long n, String name) {
        return "COUNT " + n + " " + name;
    }
}
"""}

SMALL = {"driverMemory": "512m", "conf": {"spark.ui.enabled": "false"}}


@pytest.fixture(scope="module")
def jars(tmp_path_factory):
    """A folder with count.jar and words.jar."""
    folder = str(tmp_path_factory.mktemp("jars"))
    for name, text in JAVA.items():
        with open(f"{folder}/{name}.java", "w") as f:
            f.write(text)
    subprocess.run(["javac", "-cp", SPARK_HOME + "/jars/*", "-d", folder] + [f"{folder}/{name}.java" for name in JAVA], check=True)
    for name in JAVA:
        with zipfile.ZipFile(f"{folder}/{name.lower()}.jar", "w") as z:
            z.write(f"{folder}/{name}.class", f"{name}.class")
    return folder


@pytest.fixture(scope="module")
def web(jars):
    """The port of a web server that has them."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=jars)) as h:
        threading.Thread(target=h.serve_forever, daemon=True).start()
        yield h.server_port
        h.shutdown()


@pytest.fixture(scope="module")
def server(jars, web):
    with Server(launcher={"outbound": {"files": [jars], "hosts": [f"127.0.0.1:{web}"]}}) as s:
        yield s


def batch(s, **request):
    status, made = s.json("POST", "/livy/batches", {**SMALL, **request})
    assert status == 201 and made["state"] in ("starting", "running"), made
    return made["id"]


def uploaded(s, file, content, /, **request):
    """The batch of a file that comes with the request."""
    body = b"\r\n".join((b'--xX\r\nContent-Disposition: form-data; name="request"\r\n', json.dumps({"file": file, **SMALL, **request}).encode(),
                         b'--xX\r\nContent-Disposition: form-data; name="x"; filename="%s"\r\n' % file.encode(), content, b"--xX--\r\n"))
    status, made = s.json("POST", "/livy/batches", body, {"Content-Type": "multipart/form-data; boundary=xX"})
    assert status == 201, made
    return made["id"]


def log(s, id):
    return s.get(f"/livy/batches/{id}/log?from=0&size=-1")[1]["log"]


def says(s, id, text):
    """The line that begins so, once it is there."""
    def line():
        found = [line for line in log(s, id) if line.startswith(text)]
        state = s.get(f"/livy/batches/{id}/state")[1]["state"]
        assert found or state in ("starting", "running"), (state, log(s, id))
        return found and found[0]
    return wait_until(f"batch {id} says {text!r}", line, 90)


def ends(s, id, state):
    end = wait_until(f"batch {id} has ended", lambda: (lambda b: b["state"] in ("success", "dead", "killed") and b)(
        s.get(f"/livy/batches/{id}")[1]), 90)
    assert end["state"] == state, "\n".join(log(s, id))
    return end


def running(s):
    """The sessions of processes of all batches that run."""
    found = set()
    for pid in s.drivers():
        with contextlib.suppress(ProcessLookupError):
            found.add(os.getsid(pid))
    return found


def test_a_launcher_dies_beneath_batches(server):
    fails, lives, killed = (uploaded(server, "sum.py", PROGRAM, args=[100, what]) for what in (3, "sleep", "sleep"))
    pid, other = (int(says(server, id, "PID").split()[1]) for id in (lives, killed))
    # how those end that nobody looks at meanwhile is known all the same
    server.launcher.send_signal(signal.SIGKILL)
    server.launcher.wait()
    os.kill(other, signal.SIGKILL)
    wait_until("both have ended", lambda: len(running(server)) == 1, 90)
    server.start_launcher()
    server.wait_ready()
    for id, code in (fails, 3), (killed, 137):
        end = ends(server, id, "dead")
        assert end["id"] == id and end["log"][-1] == f"SparkSubmit exited with code {code}"
        assert "SUM 4950" in log(server, id) and log(server, id)[-1] == end["log"][-1]
    assert server.get(f"/livy/batches/{lives}/state") == (200, {"id": lives, "state": "running"})
    assert alive(pid)
    assert server.delete(f"/livy/batches/{lives}") == (200, {"msg": "deleted"})
    assert server.get(f"/livy/batches/{lives}") == (404, {"msg": f"Session '{lives}' not found."})
    wait_until("nothing of it runs", lambda: not alive(pid) and not server.drivers())
    # those that have failed are there yet, by their numbers
    assert [b["id"] for b in server.get("/livy/batches")[1]["sessions"]] == [fails, killed]


def test_jars_by_name_by_upload_and_by_uri(server, jars, web):
    server.upload("words", jars + "/words.jar")
    server.upload("count", jars + "/count.jar")
    with open(jars + "/count.jar", "rb") as f:
        count = f.read()
    wanted = {"className": "Count", "args": ["77"]}
    ids = [batch(server, file="count", jars=[f"file://{jars}/words.jar"], name="named", **wanted),
           uploaded(server, "count.jar", count, jars=["words"], name="sent", **wanted),
           batch(server, file=f"http://127.0.0.1:{web}/count.jar", jars=[f"http://127.0.0.1:{web}/words.jar"], name="fetched", **wanted)]
    for id, name in zip(ids, ("named", "sent", "fetched")):
        assert ends(server, name, "success")["id"] == id
        assert f"COUNT 77 {name}" in log(server, id), log(server, id)
    # they are found by their numbers, also by the next launcher
    server.launcher.send_signal(signal.SIGKILL)
    server.launcher.wait()
    server.start_launcher()
    server.wait_ready()
    for id in ids:
        assert server.get(f"/livy/batches/{id}/state") == (200, {"id": id, "state": "success"})
        assert "COUNT 77" in "\n".join(log(server, id))
