"""The short form of `make soak`: nothing grows with jobs, binaries' versions and restarts."""

import os

import pytest
from soak_rounds import FIGURES, Soak

pytestmark = pytest.mark.alone
SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")


@pytest.mark.skipif(SANITIZED, reason="sanitizers change what memory is used")
def test_nothing_grows():
    soak = Soak(900, restarts=1, versions=42, rounds=6)
    soak.run()
    assert not soak.failed(), soak.growth()


def test_what_grows_is_found():
    for grows, _, limit in FIGURES:
        soak = Soak(0)
        for n in range(9):
            soak.looks.append({name: n * limit if name == grows else 5 for name, _, _ in FIGURES})
        assert soak.failed() == [grows]
