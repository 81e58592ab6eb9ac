import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

# whose tests share a server, or are the same users
TOGETHER = ("test_driver.py", "test_launcher.py", "test_link.py", "test_scaling.py", "test_security.py")


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures time or memory, or takes all of the machine: nothing may run beside it")


# before xdist's own, which reads the groups
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(item.path.name))
