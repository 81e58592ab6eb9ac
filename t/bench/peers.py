"""Other servers that run Spark jobs, by the same client as ours: what spark-jobserver and Livy document of their APIs."""

import glob
import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse

from sparkjob_server import memory_kb

HERE = os.path.dirname(os.path.abspath(__file__))


class Http:
    """One connection to a server, which is kept as long as the server wants."""

    def __init__(self, url, timeout=300):
        self.url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("it is no http:// URL")
        self.host, self.port, self.prefix = parts.hostname, parts.port or 80, parts.path
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, path, body=b"", kind="text/plain", wanted=(200, 201, 202)):
        """The answer's JSON, None when it has none."""
        self.connection.request(method, self.prefix + path, body, {"Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status in wanted, f"{method} {self.url}{path}: {answer.status} {text[:300]}"
        return json.loads(text) if text[:1] in b"{[" and text else None

    def reached(self):
        """That something speaks HTTP there, whatever it says."""
        self.connection.request("GET", self.prefix + "/")
        self.connection.getresponse().read()
        self.close()

    def timed(self, *request):
        """(milliseconds, answer)"""
        began = time.perf_counter()
        answer = self.ask(*request)
        return (time.perf_counter() - began) * 1000, answer

    def rate(self, path, seconds):
        """GET requests a second, 64 connections."""
        return self.wrk(path, seconds, 64)[0]

    def wrk(self, path, seconds, connections, *options):
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30", *options, self.url + path],
                             capture_output=True, text=True, check=True).stdout
        assert options or "Non-2xx" not in out, out
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), out

    def memory(self):
        """MiB of the process that listens, where that is on this host; else None."""
        pid = listener(self.port) if self.host in ("127.0.0.1", "localhost") else None
        return pid and memory_kb(pid) / 1024

    def close(self):
        self.connection.close()


class Jobserver(Http):
    """spark-jobserver, or ours."""

    def upload(self, name, jar):
        with open(jar, "rb") as f:
            self.ask("POST", f"/binaries/{name}", f.read(), "application/java-archive")

    def context(self, name):
        """Seconds until it is there."""
        return self.timed("POST", f"/contexts/{name}?num-cpu-cores=2&memory-per-node=1g")[0] / 1000

    def stop(self, name):
        self.ask("DELETE", f"/contexts/{name}")

    def run(self, main_class, app, context, body=b""):
        """(milliseconds, result) of a sync job"""
        took, answer = self.timed("POST", self.job(main_class, app, context) + "&sync=true", body)
        return took, answer["result"]

    def job(self, main_class, app, context):
        return f"/jobs?appName={app}&classPath={main_class}&context={context}"

    def accepted(self, main_class, app, context, seconds):
        """Jobs accepted a second, 64 connections."""
        out = self.wrk(self.job(main_class, app, context), seconds, 64, "-s", HERE + "/submit.lua")[1]
        count, took = re.search(r"accepted (\d+) in (\d+)", out).groups()
        return int(count) / int(took) * 1e6


class Livy(Http):
    """Livy's interactive sessions."""

    def session(self, kind="spark"):
        """(seconds until it is idle, its id)"""
        began = time.perf_counter()
        number = self.ask("POST", "/sessions", json.dumps({"kind": kind}).encode(), "application/json")["id"]
        while (state := self.ask("GET", f"/sessions/{number}")["state"]) != "idle":
            assert state in ("not_started", "starting"), f"the session is {state}"
            time.sleep(0.01)
        return time.perf_counter() - began, number

    def statement(self, number, code):
        """(milliseconds until it is available, its text)"""
        began = time.perf_counter()
        path = f"/sessions/{number}/statements"
        answer = self.ask("POST", path, json.dumps({"code": code}).encode(), "application/json")
        path += f"/{answer['id']}"
        while answer["state"] != "available":
            assert answer["state"] in ("waiting", "running"), f"the statement is {answer['state']}"
            time.sleep(0.001)
            answer = self.ask("GET", path)
        took = (time.perf_counter() - began) * 1000
        assert answer["output"]["status"] == "ok", answer
        return took, answer["output"]["data"]["text/plain"]

    def stop(self, number):
        self.ask("DELETE", f"/sessions/{number}")


def listener(port):
    """The pid of the process that listens at a TCP port of this host; of several the first."""
    wanted = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    wanted.add(f"socket:[{fields[9]}]")
    for path in sorted(glob.glob("/proc/[0-9]*/fd/*"), key=lambda path: int(path.split("/")[2])):
        try:
            if os.readlink(path) in wanted:
                return int(path.split("/")[2])
        except OSError:
            continue
    return None
