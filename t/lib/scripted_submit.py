#!/usr/bin/env python3
"""SparkSubmit without Spark, as driver.command: --class says what it does, the words behind the file are for that.

    echo      prints what it was asked for, one JSON object
    exit n    prints a line on both streams, and ends with that code
    sleep     until it is ended
    deaf      the same, but a SIGTERM does not end it
    lines n   prints so many lines
    leave     starts a process, prints its pid, and sleeps
    forge pid says that it is waited for by a process of a session of its own, but in the group `pid`, and kills who does
    cluster   says what SparkSubmit says of an application on YARN, and sleeps until there is the file of that name
"""

import json
import os
import signal
import subprocess
import sys
import time

from fake_submit import properties


def main(words):
    options = {}
    while words and words[0].startswith("--"):
        options[words[0]] = words[1]
        words = words[2:]
    file, args = words[0], words[1:]
    what = options.get("--class")
    if run_log := os.environ.get("SPARKJOB_RUN_LOG"):
        with open(run_log, "a") as f:
            f.write(f"{os.environ['SPARKJOB_CONTEXT']}\n")
    if what == "echo":
        with open(file.split("#")[0], "rb") as f:
            content = f.read()
        print(json.dumps({"options": options, "file": file, "args": args, "content": content.decode(),
                          "properties": properties(options["--properties-file"]), "user": os.getuid(),
                          "folder": os.getcwd(), "environment": dict(os.environ)}))
    elif what == "exit":
        print("on its output")
        print("on its errors", file=sys.stderr)
        return int(args[0])
    elif what == "lines":
        for i in range(int(args[0])):
            print(f"line {i}")
    elif what == "leave":
        left = subprocess.Popen(["/bin/sleep", "1000"])
        print("left", left.pid, flush=True)
        time.sleep(1000)
    elif what == "forge":
        other = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
        with open(f"/proc/{other.pid}/stat") as f:
            ticks = f.read().rsplit(")", 1)[1].split()[19]
        with open("/proc/sys/kernel/random/boot_id") as f:
            boot = f.read().strip()
        with open("sparkjob-batch.process", "w") as f:
            f.write(f"{other.pid} {args[0]} {ticks} {boot}")
        os.kill(os.getppid(), signal.SIGKILL)
    elif what == "cluster":
        print("INFO YarnClientImpl: Submitted application application_1700000000000_0001", flush=True)
        print("INFO Client: Application report for application_1700000000000_0001 (state: ACCEPTED)")
        print("\t tracking URL: http://rm.example.org:8088/proxy/application_1700000000000_0001/", flush=True)
        print("INFO Client: Application report for application_1700000000000_0001 (state: RUNNING)", flush=True)
        while not os.path.exists(args[0]):
            time.sleep(0.05)
        print("\t final status: KILLED", flush=True)
        return 1
    else:
        if what == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("sleeps", flush=True)
        time.sleep(1000)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
