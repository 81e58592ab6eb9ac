#!/usr/bin/env python3
# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A JVM without Java: what the launcher starts as `driver.java`.

Asked for an archive of classes it writes one, and a line to the file
SPARKJOB_ARCHIVE_LOG; the file SPARKJOB_ARCHIVE_HOW has "fail" or "hang" where
it shall do that instead.  Asked to look at a library set it says that all is well,
after a line to the file SPARKJOB_PROBE_LOG; the file SPARKJOB_PROBE_HOW has
"unusable", "silent" or "hang" for what else it may do.

Sent on an errand it writes all that it was told, and where, as a line of JSON to
the file SPARKJOB_ERRAND_LOG.  It has the ResourceManager of fake_yarn.py that is
the setting fake.rm kill an application, or tells tokens, which are what the
setting fake.tokens says, or that many letters; the file SPARKJOB_ERRAND_HOW has
"hang", "silent" or "refuse" for what else it may do.  As SparkSubmit it is
fake_submit.py, and anything else is a driver: scripted_driver.py.
"""

import json
import os
import stat
import sys
import time
import urllib.request

ARCHIVE = "-XX:ArchiveClassesAtExit="


PROBE = "sparkjob.driver.Probe"
ERRAND = "sparkjob.driver.Errand"
SUBMIT = "org.apache.spark.deploy.SparkSubmit"


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


def errand(report):
    path = os.path.join(os.path.dirname(report), "context.conf")
    with open(path) as file, open(os.environ["KRB5CCNAME"]) as tickets:
        text = file.read()
        seen = {"pid": os.getpid(), "folder": os.path.dirname(path), "text": text, "mode": stat.S_IMODE(os.stat(path).st_mode),
                "tickets": tickets.read(), "input": sys.stdin.read()}
    # as others see it
    for name in "cmdline", "environ":
        with open(f"/proc/self/{name}") as file:
            seen[name] = file.read()
    with open(os.environ["SPARKJOB_ERRAND_LOG"], "a") as file:
        print(json.dumps(seen), file=file)
    if how("ERRAND") == "hang":
        time.sleep(3600)
    if how("ERRAND") == "silent":
        print("Unrecognized option: --scripted")
        sys.exit(1)
    with open(report, "w") as file:
        json.dump({"message": "it does not let us"} if how("ERRAND") == "refuse" else done(json.loads(text)), file)


def done(words):
    settings = words["settings"]
    if "tokens" in words:
        tokens = settings["spark.hadoop.fake.tokens"]
        return {"tokens": "t" * int(tokens) if tokens.isdigit() else tokens}
    url = f"{settings['spark.hadoop.fake.rm']}/ws/v1/cluster/apps/{words['kill']}/state"
    with urllib.request.urlopen(urllib.request.Request(url, b'{"state": "KILLED"}', method="PUT")) as answer:
        return json.load(answer)


def run(script, arguments):
    path = os.path.join(os.path.dirname(__file__), script)
    os.execv(sys.executable, [sys.executable, path] + arguments)


def main():
    if PROBE in sys.argv:
        probe(sys.argv[sys.argv.index(PROBE) + 1])
        return
    if ERRAND in sys.argv:
        errand(sys.argv[sys.argv.index(ERRAND) + 1])
        return
    if SUBMIT in sys.argv:
        run("fake_submit.py", sys.argv[sys.argv.index(SUBMIT) + 1:])
    archives = [a[len(ARCHIVE):] for a in sys.argv if a.startswith(ARCHIVE)]
    if not archives:
        # the arguments stay, for who looks at the command line
        run("scripted_driver.py", sys.argv[1:])
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
