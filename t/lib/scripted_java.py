#!/usr/bin/env python3
# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A JVM without Java: what the launcher starts as `driver.java`.

Asked for an archive of classes it writes one, and a line to the file
SPARKJOB_ARCHIVE_LOG; the file SPARKJOB_ARCHIVE_HOW has "fail" or "hang" where
it shall do that instead.  Anything else is a driver: scripted_driver.py.
"""

import os
import sys
import time

ARCHIVE = "-XX:ArchiveClassesAtExit="


def how():
    try:
        with open(os.environ["SPARKJOB_ARCHIVE_HOW"]) as file:
            return file.read()
    except OSError:
        return ""


def main():
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
