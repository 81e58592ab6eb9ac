"""A crowd of watchers: each gets every event, once, in order, for little memory."""

import os

import pytest
from watchers import measure

pytestmark = pytest.mark.alone
SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")


def test_1000_watchers_get_100_events_a_second():
    seen = measure(1000, seconds=3)
    print(f"\n1000 watchers: {seen}")
    assert seen["over"] == 1000 and seen["gone"] == 0
    assert seen["events"] == 1000 * seen["sent"] and seen["disordered"] == 0
    assert SANITIZED or seen["memory"] < 16 and seen["peak"] < 64
