"""Load and its references: requests by wrk and by the clients in C beside this file, commits of SQLite alone."""

import json
import os
import re
import sqlite3
import subprocess
import time
import zipfile

from sparkjob_server import wait_until
from watchers import compiled


def wrk(url, seconds=2, connections=64):
    """Requests per second by wrk with one thread."""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def by_turns(ours, reference):
    """What both measure, each twice and neither always first: others on this machine come and go."""
    values = [ours(), reference(), reference(), ours()]
    return (values[0] + values[3]) / 2, (values[1] + values[2]) / 2


def call(server, method, path, count=1, connections=1, body="", port=None):
    """`count` times the same request, by t/bench/caller.c: {"seconds", and in ms for each "took", "inside" the job, the "rest"}"""
    out = subprocess.run([compiled("caller"), str(port or server.port), str(connections), str(count), method, path, body],
                         capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    seen = json.loads(out.stdout)
    assert seen["refused"] == 0, f"{method} {path}: {seen['refused']} of {count} refused"
    return {**seen, "rest": [took - inside for took, inside in zip(seen["took"], seen["inside"])]}


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


def plain_of_size(server, size):
    """Has nginx answer /plain with so many bytes."""
    server.plain_size = size
    server.write_nginx_conf()
    old = server.worker_pids()
    server.nginx.send_signal(1)
    wait_until("nginx is reloaded", lambda: not set(old) & set(server.worker_pids()), 20)
    server.wait_ready()


def small_binary(server, name="b"):
    """A jar for drivers that do not look into it."""
    with zipfile.ZipFile(server.dir + "/b.jar", "w") as jar:
        jar.writestr("b", "")
    server.upload(name, server.dir + "/b.jar")


class Commits:
    """SQLite alone, in a file beside the server's database: its schema, its settings, a row of a job as it is accepted."""

    ROW = {"id": None, "rev": 1, "class": "spark.jobserver.NoOpJob", "context": "c", "context_id": "0" * 36, "user": "",
           "cp": '[{"name":"b","type":"Jar","sha256":"' + "0" * 64 + '"}]', "state": "STARTED", "final": 0, "sync": 0,
           "start": 1700000000000, "end": 0, "run_micros": 0, "payload": "none", "size": 0, "config_file": 0, "body_file": 0, "code": -1}

    def __init__(self, server):
        self.path = server.dir + "/commits.db"
        with sqlite3.connect(f"file:{server.dir}/data/sparkjob.db?mode=ro", uri=True) as db:
            schema = [sql for sql, in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")]
        db.close()
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        for sql in schema:
            self.db.execute(sql)
        names = ", ".join(f'"{name}"' for name in self.ROW)
        self.insert = f"INSERT INTO jobs ({names}) VALUES ({', '.join(':' + name for name in self.ROW)})"
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()
        for end in ("", "-wal", "-shm"):
            if os.path.exists(self.path + end):
                os.unlink(self.path + end)

    def commit(self, rows=1):
        """Inserts so many rows in one transaction; returns the seconds that it took."""
        made = [{**self.ROW, "id": f"{n >> 16:08x}-{n & 0xffff:04x}-7000-8000-{n * 2654435761 & 0xffffffffffff:012x}"}
                for n in range(self.count, self.count + rows)]
        self.count += rows
        began = time.perf_counter()
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany(self.insert, made)
        self.db.execute("COMMIT")
        return time.perf_counter() - began

    def times(self, count):
        """Milliseconds that each of so many commits of one row takes."""
        return [self.commit() * 1000 for _ in range(count)]

    def rate(self, rows, seconds=1):
        """Rows a second in groups of so many."""
        took = count = 0
        while took < seconds:
            took += self.commit(rows)
            count += rows
        return count / took
