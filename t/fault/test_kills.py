"""Drivers that a cluster is to kill, while the launcher that tells it to dies or its disk fails, at each step of that: the test
build, with t/lib/fake_standalone.py for a cluster."""

import contextlib
import os
import subprocess

import pytest
from faults import Faults, points
from sparkjob_channel import Refused
from sparkjob_server import BUILD, PATIENCE, ROOT, alive, wait_until
from test_remote import World, sql

POINTS = {point: fails for point, fails in points("driver-launcher/src").items() if point.startswith("remote.")}
STEPS = [(point, action) for point, fails in sorted(POINTS.items()) for action in ["kill"] + ["fail"] * fails]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not os.path.exists(BUILD + "/faults/sparkjob-launcher"):
        subprocess.run(["make", "-s", "faults"], cwd=ROOT, check=True)
    w = World(tmp_path_factory.mktemp("kills"), start_timeout=2, orphan_timeout=4)
    w.cluster.patience = 3600       # they are not to end by themselves
    w.server.launcher_file = BUILD + "/faults/sparkjob-launcher"
    w.faults = Faults(w.server.dir + "/faults")
    w.server.environment = {"SPARKJOB_FAULT_FILE": w.server.dir + "/faults"}
    with w:
        yield w


def test_there_are_steps():
    assert {point.split(".")[1] for point in POINTS} == {"row", "kept", "kill", "killed", "forget", "forgotten"}


@pytest.mark.parametrize("point, action", STEPS)
def test_a_driver_that_is_to_be_killed_is(world, point, action):
    """It has not come in time, so that its context is over before it is."""
    world.wire.cut()
    slot = world.faults.arm(point, action)
    with contextlib.suppress(Refused, EOFError, OSError):
        world.channel.create("c")
    wait_until("the fault has struck", lambda: world.faults.struck(slot))
    if action == "kill":
        assert world.server.launcher.wait(60 * PATIENCE) == -9
        world.channel.close()
        world.start()
    world.faults.disarm()
    driver = world.drivers()[-1]
    wait_until("it was killed", lambda: driver.killed and not alive(driver.process.pid), 60)
    wait_until("no row of it is left", lambda: not sql(world, "SELECT 1 FROM kills")[0], 60)
    record = wait_until("its context has ended", lambda: (lambda c: c if c["state"] in ("ERROR", "KILLED") else None)(
        world.channel.context("c")), 60)
    assert record["reason"], record
    assert len({d.process.pid for d in world.drivers() if alive(d.process.pid)}) == 0
    world.wire.mend()
