import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from sparkjob_server import EXAMPLES, Server  # noqa: E402


@pytest.fixture(scope="module")
def server():
    """A server on real Spark, Livy's dialect below /livy."""
    with Server() as s:
        s.upload("examples", EXAMPLES)
        yield s
