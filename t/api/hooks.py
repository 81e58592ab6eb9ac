"""Loaded by schemathesis: turns most of the made-up names into those of things that exist, so that requests get somewhere.

What is replaced is decided by what was made up, so a run can be repeated by its seed.
"""

import json
import os
import uuid
import zlib

import schemathesis

KNOWN = json.loads(os.environ["SPARKJOB_KNOWN"])
CLASSES = ("noop", "value", "cp", "throw", "invalid", "validatethrows", "notfound", "wrongtype", "loadfail",
           "badurl", "badconfig")
NAMES = {"/contexts/": "contexts", "/binaries/": "binaries", "/jars/": "binaries", "/data/": "data"}


MEDIA = ("application/java-archive", "application/python-egg", "application/python-wheel",
         "application/python-archive", "application/x-thrift", "text/x-python")


@schemathesis.serializer(*MEDIA)
def as_it_is(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


def pick(value, choices):
    """One of the choices, or for every fourth value None."""
    number = zlib.crc32(repr(value).encode())
    return choices[number // 4 % len(choices)] if number % 4 else None


def is_positive(case):
    return case.meta is None or case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    # a wait of no time ends with 202, whatever is wrong with the job
    if str(case.query.get("timeout", "")).isdigit():
        case.query["timeout"] = 30
    # the log of a context that lives goes on, too
    if case.path == "/contexts/{name}/log":
        case.query.pop("follow", None)
    if not is_positive(case):
        return
    if "id" in case.path_parameters:
        # a stream has no end while the job has none
        jobs = KNOWN["ended" if case.path.endswith(("/events", "/log")) else "jobs"]
        case.path_parameters["id"] = pick(case.path_parameters["id"], jobs) or str(uuid.uuid4())
    for prefix, kind in NAMES.items():
        if case.path.startswith(prefix) and "name" in case.path_parameters:
            name = case.path_parameters["name"]
            if (kind, case.method.upper()) == ("data", "DELETE"):
                kind = "files"
            case.path_parameters["name"] = pick(name, KNOWN[kind]) or name
    if case.path == "/sql" and "context" in case.query:
        case.query["context"] = pick(case.query["context"], KNOWN["contexts"]) or case.query["context"]
    if case.path == "/contexts/{name}/binaries":
        case.query["cp"] = pick(case.query.get("cp"), ["b", "b", "b,b2"]) or case.query.get("cp") or "nix"
    if case.path == "/jobs" and case.method.upper() == "POST":
        case.query["cp"] = pick(case.query.get("cp"), ["b", "b", "b,b2"]) or case.query.get("cp") or "nix"
        case.query["mainClass"] = pick(case.query.get("mainClass"), CLASSES) or "nix"
        if "context" in case.query:
            case.query["context"] = pick(case.query["context"], KNOWN["contexts"]) or case.query["context"]
