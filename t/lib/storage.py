"""A disk that fails, for tests of the launcher (t/lib/storage_shim.c).

    disk = Disk(server)                      # before its launcher starts
    disk.fails("db-write", "sparkjob.db*", "full")
    ...
    disk.works()

Calls: create, open, write, sync, rename, link, unlink, mkdir, rmdir of files, and db-open, db-read, db-write, db-sync, db-truncate,
db-size, db-lock, db-shm-map, db-shm-lock, db-access, db-delete of SQLite. Patterns are of paths below the data folder. What: full,
error, busy, torn (half of one write is there, then as power), power (what was not synchronised is gone, and so is the launcher).
"""

import os

from sparkjob_server import BUILD

SHIM = os.path.join(BUILD, "storage_shim.so")


class Disk:
    def __init__(self, server):
        self.path = server.dir + "/disk"
        self.works()
        server.environment.update({
            "LD_PRELOAD": SHIM, "SPARKJOB_SHIM_ROOT": server.config()["data_dir"], "SPARKJOB_SHIM_FILE": self.path,
            # a launcher with AddressSanitizer, which wants to be the first library otherwise
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})

    def rules(self, *lines):
        """Replaces what is wrong with it; counting begins anew."""
        with open(self.path + ".new", "w") as f:
            f.writelines(line + "\n" for line in lines)
        os.rename(self.path + ".new", self.path)

    def fails(self, call, pattern="*", what="error", skip=0, times=1000000):
        self.rules(f"{call} {pattern} {what} {skip} {times}")

    def works(self):
        self.rules("works")

    def log(self):
        """What has happened: lines of `<call> <path>` since the last forget(), with "hit" before those that failed."""
        try:
            with open(self.path + ".log") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def forget(self):
        if os.path.exists(self.path + ".log"):
            os.unlink(self.path + ".log")

    def hits(self):
        return [line for line in self.log() if line.startswith("hit")]
