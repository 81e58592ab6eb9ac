"""The file in which fault points are armed (driver-launcher/include/sparkjob_fault.h).

    faults = Faults(path)                       # before the processes start that are to have SPARKJOB_FAULT_FILE=path
    slot = faults.arm("db.commit", "kill")      # the next process that passes it
    faults.struck(slot)                         # its pid, or 0
    faults.disarm()
"""

import glob
import mmap
import os
import re
import signal
import struct
import time

SLOT = struct.Struct("=48sIiII")
SLOTS = 128
ACTIONS = {"none": 0, "kill": 1, "stop": 2, "fail": 3, "delay": 4}
SIGNALS = {ACTIONS["kill"]: signal.SIGKILL, ACTIONS["stop"]: signal.SIGSTOP}
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Faults:
    """One who arms; `create` makes the file, else it is there."""

    def __init__(self, path, create=True):
        if create:
            with open(path, "wb") as f:
                f.write(bytes(SLOTS * SLOT.size))
            os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SLOTS * SLOT.size)

    def slot(self, i):
        """(point, action, passes, ms, struck)"""
        point, *rest = SLOT.unpack_from(self.map, i * SLOT.size)
        return (point.rstrip(b"\0").decode(), *rest)

    def arm(self, point, action, passes=0, ms=0):
        """Arms a point, after so many passes; returns its slot."""
        i = next(i for i in range(SLOTS) if not self.slot(i)[1])
        at = i * SLOT.size
        SLOT.pack_into(self.map, at, point.encode(), 0, passes, ms, 0)
        struct.pack_into("=I", self.map, at + 48, ACTIONS[action])
        return i

    def struck(self, i):
        return self.slot(i)[4]

    def passes(self, point):
        """Passes a point, as sparkjob_fault.h does: strikes this process, or returns whether to fail."""
        fails = False
        for i in range(SLOTS):
            at = i * SLOT.size
            _, action, passes, ms, _ = SLOT.unpack_from(self.map, at)
            if not action or self.slot(i)[0] != point:
                continue
            struct.pack_into("=i", self.map, at + 52, passes - 1)
            if passes == 0:
                struct.pack_into("=I", self.map, at + 60, os.getpid())
                fails |= action == ACTIONS["fail"]
                if action in SIGNALS:
                    os.kill(os.getpid(), SIGNALS[action])
                if action == ACTIONS["delay"]:
                    time.sleep(ms / 1000)
        return fails

    def disarm(self):
        """Frees all slots; returns what each armed fault did: (point, action's number, pid that it struck or 0)."""
        done = [(point, action, struck) for point, action, _, _, struck in map(self.slot, range(SLOTS)) if action]
        for i in range(SLOTS):
            struct.pack_into("=I", self.map, i * SLOT.size + 48, 0)
        return done


def points(folder):
    """The fault points in the sources of a folder, and whether they can fail: {name: bool}."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, folder, "*.c")) + glob.glob(os.path.join(ROOT, folder, "scripted_*.py"))):
        with open(path) as f:
            for how, names in re.findall(r'\b(SPARKJOB_FAULT|SPARKJOB_FAILS|(?:if )?fault)\(([^)]*"[^)]*)\)', f.read()):
                found.update({point: how in ("SPARKJOB_FAILS", "if fault") for point in re.findall(r'"([a-z.-]+)"', names)})
    return found
