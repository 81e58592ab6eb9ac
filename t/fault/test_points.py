"""Fault points: in the test build only, and each strikes as it was armed."""

import os
import subprocess
import time

import faults
import pytest
from sparkjob_server import BUILD, LAUNCHER, MODULE, ROOT, wait_until

FAULTS = os.path.realpath(BUILD + "/faults")

PROGRAM = """
#include <stdio.h>
#include <sparkjob_fault.h>
int main(void)
{
    int  i;

    for (i = 0; i < 3; i++) {
        SPARKJOB_FAULT("a.b");
        printf("%d\\n", SPARKJOB_FAILS("c.d"));
        (void) fflush(stdout);
    }

    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("points")
    (folder / "p.c").write_text(PROGRAM)
    for name, options in ("with", ["-DSPARKJOB_FAULTS"]), ("without", []):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/driver-launcher/include", *options,
                        "-o", folder / name, folder / "p.c"], check=True)
    return folder


def start(program, name, path):
    return subprocess.Popen([program / name], env={"SPARKJOB_FAULT_FILE": str(path)}, stdout=subprocess.PIPE, text=True)


def test_no_trace_in_the_product():
    names = [*faults.points("driver-launcher/src"), *faults.points("ngx_http_sparkjob_module"), "SPARKJOB_FAULT_FILE"]
    assert len(names) > 50
    for path in LAUNCHER, MODULE:
        if not path or os.path.realpath(os.path.dirname(path)) == FAULTS:     # coverage counts what faults reach, too
            continue
        with open(path, "rb") as f:
            data = f.read()
        assert [name for name in names if b"\0" + name.encode() + b"\0" in data] == []


def test_a_point_fails_once_after_so_many_passes(program, tmp_path):
    f = faults.Faults(tmp_path / "f")
    slot = f.arm("c.d", "fail", 1)
    p = start(program, "with", tmp_path / "f")
    assert p.communicate()[0] == "0\n1\n0\n" and f.struck(slot) == p.pid
    assert f.disarm() == [("c.d", 3, p.pid)] and f.disarm() == []


def test_a_point_kills_stops_and_delays(program, tmp_path):
    f = faults.Faults(tmp_path / "f")
    f.arm("a.b", "kill", 2)
    p = start(program, "with", tmp_path / "f")
    assert p.communicate()[0] == "0\n0\n" and p.returncode == -9
    f.disarm()

    slot = f.arm("a.b", "stop")
    p = start(program, "with", tmp_path / "f")
    wait_until("it struck", lambda: f.struck(slot), 10)
    _, status = os.waitpid(p.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(p.pid, 18)
    assert p.communicate()[0] == "0\n0\n0\n" and p.wait() == 0
    f.disarm()

    f.arm("a.b", "delay", 0, 300)
    began = time.monotonic()
    assert start(program, "with", tmp_path / "f").communicate()[0] == "0\n0\n0\n"
    assert time.monotonic() - began > 0.3


def test_nothing_is_struck_without_the_define(program, tmp_path):
    f = faults.Faults(tmp_path / "f")
    slot = f.arm("c.d", "fail")
    assert start(program, "without", tmp_path / "f").communicate()[0] == "0\n0\n0\n" and not f.struck(slot)
