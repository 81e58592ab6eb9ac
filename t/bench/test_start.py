"""How a driver's start is told: threads by their kinds."""

import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", "lib"), os.path.dirname(__file__)]

from start import Threads  # noqa: E402


class Nobody:
    def drivers(self):
        return []


def test_threads_of_one_kind_are_one_figure():
    threads = Threads(Nobody())
    threads.used = {"1": ("java", .1), "2": ("C2 CompilerThre", .5), "3": ("GC Thread#0", .1), "4": ("G1 Conc#0", .2), "5": ("netty-1", .3),
                    "6": ("java", .25)}
    assert threads.by_kind() == {"the JVM's start, main": .35, "C2, compiles": .5, "collector": .1 + .2, "others": .3}


def test_what_this_process_has_used_is_read():
    threads = Threads(Nobody())
    threads.look(os.getpid())
    assert threads.used[str(os.getpid())][1] >= 0 and len(threads.used[str(os.getpid())][0]) <= 15
