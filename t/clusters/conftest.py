import os
import sys

import pytest

for folder in ("e2e", "lib"):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", folder))

from hadoop import Hadoop  # noqa: E402


@pytest.fixture(scope="session")
def hadoop():
    """HDFS and YARN with two nodes, of which one has a label."""
    with Hadoop(nodes=2, labels=["fast"]) as h:
        yield h
