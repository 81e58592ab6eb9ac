"""Who tries to get in, or to get at what is not theirs (docs/security.md says which promise is tested where).

Drivers are scripted where no JVM is needed; users are numbers, /etc/passwd stays as it is.
"""

import glob
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
from sparkjob_channel import HEADER, TYPES, Channel, Refused
from sparkjob_server import LAUNCHER, ROOT, Server, alive, wait_until

SCRIPTED = ROOT + "/t/lib/scripted_driver.py"

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


def hello(path, **meta):
    """Says hello as a driver; what the launcher sends back, b"" if it closes the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(path)
        raw = json.dumps({"protocol": 1, "jobs": [], **meta}).encode()
        try:
            sock.sendall(HEADER.pack(len(raw), TYPES["link-hello"], 0, 0, len(raw)) + raw)
            return sock.recv(65536)
        except ConnectionError:
            return b""


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
