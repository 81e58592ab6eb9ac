# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Statements of a scripted driver: a verb and, behind a blank, what it is to
do it with.

    sleep <ms>      can be cancelled
    hang            ends never, not even when it is cancelled
    big <bytes>     an output of so many characters
    size            how many bytes of code there are, whatever is in them
    runs            how many statements this driver has begun
    set <word>      kept as an interpreter keeps what was defined
    get             the word that was set; an error if there is none
    fail            an error, of a statement as of Livy: its state is FINISHED
    broken          an error of the interpreter: its state is ERROR
    say <words>     writes them to the driver's log
    exit <code>     the process ends in the middle of the statement; what is
                    behind the code it writes to the driver's log
    what else       is its own output

A statement that begins while another one runs breaks the driver.
"""

import json
import os
import sys
import threading
import time

RUNNING = threading.Lock()
KEPT = {"runs": 0}


def run(job):
    """Livy's output of a statement, as JSON in bytes."""
    if not RUNNING.acquire(blocking=False):
        os._exit(99)
    try:
        KEPT["runs"] += 1
        code = job.body.decode()
        verb, _, rest = code.partition(" ")
        return json.dumps(VERBS.get(verb, lambda _, __: plain(job, code))(job, rest)).encode()
    finally:
        RUNNING.release()


def plain(job, text):
    return {"status": "ok", "execution_count": job.statement, "data": {"text/plain": text}}


def failed(job, name, value):
    return {"status": "error", "execution_count": job.statement, "ename": name, "evalue": value,
            "traceback": ["at line 1\n"]}


def do_sleep(job, rest):
    job.pause(int(rest))
    return plain(job, "slept")


def do_hang(_, __):
    while True:
        time.sleep(3600)


def do_set(job, rest):
    KEPT["word"] = rest
    return plain(job, "")


def do_get(job, _):
    if "word" in KEPT:
        return plain(job, KEPT["word"])
    return failed(job, "NameError", "nothing was set")


def do_broken(_, __):
    raise RuntimeError("the interpreter is broken")


def do_say(job, rest):
    print(rest, file=sys.stderr, flush=True)
    return plain(job, "")


def do_exit(job, rest):
    code, _, words = rest.partition(" ")
    if words:
        do_say(job, words)
    os._exit(int(code))


VERBS = {
    "sleep": do_sleep, "hang": do_hang, "set": do_set, "get": do_get,
    "broken": do_broken, "say": do_say, "exit": do_exit,
    "big": lambda job, rest: plain(job, "x" * int(rest)),
    "size": lambda job, _: plain(job, str(len(job.body))),
    "runs": lambda job, _: plain(job, str(KEPT["runs"])),
    "fail": lambda job, _: failed(job, "Failure", "it fails"),
}


def complete(meta, code):
    """The answer to link-complete, as bytes; None: there is none.

    What begins with "silent" has none, "nonsense" one that is no list.
    """
    text = code.decode()[:meta["cursor"]]
    if text == "silent":
        return None
    if text == "nonsense":
        return b'{"a": 1}'
    return json.dumps([f"{text}.{name}" for name in (meta["kind"], "one")]).encode()
