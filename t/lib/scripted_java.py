#!/usr/bin/env python3
# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A JVM without Java: what the launcher starts as `driver.java`.

Asked for an archive of classes it writes one, and a line to the file
SPARKJOB_ARCHIVE_LOG; the file SPARKJOB_ARCHIVE_HOW has "fail" or "hang" where
it shall do that instead.  Asked to look at a library set it says that all is well,
after a line to the file SPARKJOB_PROBE_LOG; the file SPARKJOB_PROBE_HOW has
"unusable", "silent" or "hang" for what else it may do.  Anything else is a
driver: scripted_driver.py.
"""

import json
import os
import sys
import time

ARCHIVE = "-XX:ArchiveClassesAtExit="


PROBE = "sparkjob.driver.Probe"


def how(what="ARCHIVE"):
    try:
        with open(os.environ[f"SPARKJOB_{what}_HOW"]) as file:
            return file.read()
    except (KeyError, OSError):
        return ""


def probe(report):
    with open(os.environ["SPARKJOB_PROBE_LOG"], "a") as file:
        file.write(f"{os.getpid()}\n")
    if how("PROBE") == "hang":
        time.sleep(3600)
    if how("PROBE") == "silent":
        print("Unrecognized option: --scripted")
        sys.exit(1)
    found = {"spark": "scripted", "findings": [], "uri": sys.stdin.read()}
    if how("PROBE") == "unusable":
        found["message"] = "it is broken"
        found["findings"] = [{"level": "error", "jar": "broken.jar",
                              "text": "it is broken"}]
    with open(report, "w") as file:
        json.dump(found, file)


def main():
    if PROBE in sys.argv:
        probe(sys.argv[sys.argv.index(PROBE) + 1])
        return
    archives = [a[len(ARCHIVE):] for a in sys.argv if a.startswith(ARCHIVE)]
    if not archives:
        path = os.path.join(os.path.dirname(__file__), "scripted_driver.py")
        # the arguments stay, for who looks at the command line
        os.execv(sys.executable, [sys.executable, path] + sys.argv[1:])
    with open(os.environ["SPARKJOB_ARCHIVE_LOG"], "a") as file:
        file.write(f"{os.getpid()} {os.nice(0)}\n")
    if how() == "hang":
        time.sleep(3600)
    if how() == "fail":
        print("there are no classes")
        sys.exit(1)
    with open(archives[0], "w") as file:
        file.write("classes " * 1000)


main()
