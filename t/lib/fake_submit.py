#!/usr/bin/env python3
"""SparkSubmit without Spark, for drivers that t/lib/fake_yarn.py starts: as driver.command it submits if it is given
properties, and is t/lib/scripted_driver.py else."""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripted_driver.py")


def properties(path):
    """What Java would read there."""
    with open(path) as f:           # any of its ends of lines is one to Java, too
        lines = [re.fullmatch(r"((?:\\.|[^\\=])*)=(.*)", line.rstrip("\n")).groups() for line in f]
    controls = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
    return dict((re.sub(r"\\(.)", lambda c: controls.get(c[1], c[1]), text) for text in line) for line in lines)


def tickets():
    """What is in the cache of tickets, if there is one."""
    if "KRB5CCNAME" not in os.environ:
        return None
    with open(os.environ["KRB5CCNAME"]) as f:
        return f.read()


def main(arguments):
    if not arguments:
        os.execv("/usr/bin/python3", ["python3", SCRIPT])
    said = {}
    while arguments[0].startswith("--"):
        name, value, *arguments = arguments
        said[name] = value
    what = {"properties": properties(said["--properties-file"]), "class": said["--class"], "arguments": arguments,
            "user": said.get("--proxy-user"), "tickets": tickets()}
    url = what["properties"]["spark.hadoop.fake.rm"] + "/submit"
    print("a line of the submitter's", os.getpid(), file=sys.stderr, flush=True)
    if "spark.app.hang" in what["properties"]:
        time.sleep(3600)
    try:
        with urllib.request.urlopen(url, json.dumps(what).encode()) as answer:
            application = json.load(answer)["id"]
    except urllib.error.HTTPError as why:
        print(f'Exception in thread "main" org.apache.spark.SparkException: {why.read().decode()}', file=sys.stderr)
        print("\tat org.apache.spark.deploy.SparkSubmit", file=sys.stderr)
        return 1
    if "spark.app.slow" in what["properties"]:
        time.sleep(3600)
    print(f"26/01/01 00:00:00 INFO YarnClientImpl: Submitted application {application}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
