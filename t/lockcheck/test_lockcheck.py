"""The lock check finds what it is for, and finds nothing in the module as it is."""

import contextlib
import http.client
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from sparkjob_server import BUILD, EXAMPLES, Server, wait_until  # noqa: E402
from steady_load import SteadyLoad  # noqa: E402

FAULTS = {
    1: "the zone is used without its lock",
    2: "the zone is used without its lock",
    3: "the zone is used without its lock",
    4: "a lock is taken while one is held",
    5: "a lock is given up that is not held",
    6: "something is logged under the lock",
    7: "memory is taken under the lock",
    8: "memory is taken under the lock",
    9: "text is formatted under the lock",
}


def checked(name):
    s = Server(scripted=True, start=False)
    s.module = f"{BUILD}/lockcheck/{name}.so"
    s.start_launcher()
    s.start_nginx()
    return s


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault):
    with checked(f"broken-{fault}") as s:
        s.wait_ready()
        s.expected.append(r"lock check: |exited with fatal code|exited on signal|exited with code 2|was locked by")

        def found():
            with contextlib.suppress(OSError, http.client.HTTPException):
                s.get("/binaries", timeout=60)
            return "[alert] lock check: " + FAULTS[fault] in s.read("nginx/logs/error.log")
        wait_until("the check has found it", found, 5)


def test_module_passes_under_load():
    with checked("module") as s:
        s.wait_ready()
        s.upload("examples", EXAMPLES)
        s.context("c", **{"max-jobs-per-context": 500})
        with SteadyLoad(s, "c", watchers=4) as load:
            for _ in range(3):
                old = s.worker_pids()
                s.nginx.send_signal(signal.SIGHUP)
                wait_until("new workers", lambda: len(set(s.worker_pids()) - set(old)) >= s.workers)
        load.check()
        assert s.read("nginx/logs/error.log").count("lock check: sparkjob_zone \"spark\" is guarded") == 2 + 3 * 2
