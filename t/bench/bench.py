"""What it costs, measured on this machine in one run: `make bench`.

Each figure is taken with its reference in the same rounds, one after the other; what counts is their ratio, its median and
its spread. Absolute figures are for the reader: machines differ. The README says how to run it and how to read it.
"""

import argparse
import glob
import http.client
import importlib
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from line import GROUPS, Seen  # noqa: E402
from machine import machine  # noqa: E402
from peers import Http  # noqa: E402
from picture import picture  # noqa: E402
from sparkjob_server import BUILD  # noqa: E402
from table import Table  # noqa: E402

ORDER = ("read-job", "read-jobs", "read-contexts", "read-sessions", "sync-noop", "sync-noop-p99", "sync-count", "sync-python", "async-accept", "async-done",
         "context-cold", "context-spare", "statement-scala", "statement-python", "session-spare",
         "upload", "upload-memory", "download", "parked", "parked-p99", "watchers", "watchers-memory",
         "history", "history-list", "history-submit", "restart", "footprint-launcher", "footprint-worker",
         "job-driver", "job-launcher", "job-worker",
         "growth-read", "growth-list", "growth-context", "growth-sync", "growth-accept")
QUICK = ("read-job", "read-jobs", "read-contexts", "async-accept", "sync-noop", "sync-noop-p99", "sync-count")


class Run:
    """What a group of lines has to know."""

    def __init__(self, names, rounds, quick, peers):
        self.names, self.count, self.quick, self.peers = names, rounds, quick, peers
        self.notes, self.skipped = {}, set()

    def wants(self, *names):
        return not self.names.isdisjoint(names)

    def rounds(self):
        return range(self.count)

    def scaled(self, number, quick):
        """How much of something: less of it in `make bench-quick`."""
        return quick if self.quick else number

    def note(self, name, text):
        """What a reader of this line should know; the last one counts."""
        self.notes[name] = text

    def skip(self, name, why):
        """What cannot be measured here is no line that is broken."""
        if self.wants(name):
            print(f"{name:18}  left out: {why}", flush=True)
            self.skipped.add(name)


def options(words=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", default="", help="only these, by name, with commas between them")
    parser.add_argument("--rounds", type=number, help="5, or 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer lines, shorter, for a first look")
    parser.add_argument("--out", default=BUILD + "/bench", help="where bench.json and bench.svg go")
    parser.add_argument("--sjs", type=peer, default=os.environ.get("PEER_SJS_URL"), help="PEER_SJS_URL: a running spark-jobserver")
    parser.add_argument("--livy", type=peer, default=os.environ.get("PEER_LIVY_URL"), help="PEER_LIVY_URL: a running Livy")
    return parser.parse_args(words)


def number(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds, which is 1 at least")
    return int(text)


def peer(url):
    """The URL of a peer that answers at all; none where it is empty."""
    try:
        url and Http(url, timeout=10).reached()
    except (OSError, ValueError, http.client.HTTPException) as e:
        raise argparse.ArgumentTypeError(f"no peer answers at {url!r}: {e}") from e
    return url


def groups():
    """All that can be measured, in the order of the table: [(lines, function)]"""
    for path in sorted(glob.glob(HERE + "/line_*.py")):
        importlib.import_module(os.path.basename(path)[:-3])

    def place(group):
        return min(ORDER.index(line.name) if line.name in ORDER else len(ORDER) for line in group[0])
    return sorted(GROUPS, key=place)


def chosen(args, peers):
    """The names of the lines to measure."""
    lines = [line for lines, _ in groups() for line in lines]
    names = {line.name for line in lines}
    possible = {line.name for line in lines if not line.peers or set(line.peers) & set(peers)}
    if not args.lines:
        return possible & set(QUICK) if args.quick else possible
    wanted = {name.strip() for name in args.lines.split(",")}
    if unknown := wanted - names:
        sys.exit(f"no such line: {', '.join(map(repr, sorted(unknown)))}; there are: {', '.join(sorted(names))}")
    if alone := wanted - possible:
        sys.exit(f"these lines need a peer, PEER_SJS_URL or PEER_LIVY_URL: {', '.join(sorted(alone))}")
    return wanted


def measure(run, lines, function, table):
    """Has one group measured; what breaks it is told, and the others go on."""
    seen = {line.name: Seen(line) for line in lines if run.wants(line.name)}
    began, loads = time.monotonic(), [os.getloadavg()[0]]
    try:
        for name, ours, reference, *peers in function(run):
            if name in seen:
                seen[name].add(ours, reference, **(peers[0] if peers else {}))
        for line in seen.values():
            line.error = None if line.rounds else "nothing was measured"
    except Exception as e:
        traceback.print_exc()
        for line in seen.values():
            line.error = f"{type(e).__name__}: {e}"
    loads.append(os.getloadavg()[0])
    seen = {name: line for name, line in seen.items() if name not in run.skipped}
    for name, line in seen.items():
        line.note, line.seconds, line.loads = run.notes.get(name, ""), time.monotonic() - began, loads
        table.row(line)
    return list(seen.values())


def report(seen, table, host):
    return {"machine": host, "lines": [{**table.cells(line), "seconds": round(line.seconds, 1), "load": line.loads} for line in seen]}


def main():
    args = options()
    peers = {name: url for name, url in (("sjs", args.sjs), ("livy", args.livy)) if url}
    run = Run(chosen(args, peers), args.rounds or (3 if args.quick else 5), args.quick, peers)
    host, table, seen = machine(), Table(peers), []
    os.makedirs(args.out, exist_ok=True)
    table.head(host, run)
    for lines, function in groups():
        if run.wants(*(line.name for line in lines)):
            seen += measure(run, lines, function, table)
    table.foot(seen)
    with open(args.out + "/bench.json", "w") as f:
        json.dump(report(seen, table, machine(host)), f, indent=1, ensure_ascii=False)
    with open(args.out + "/bench.svg", "w") as f:
        f.write(picture(seen, host))
    print(f"{args.out}/bench.json, {args.out}/bench.svg")
    return 1 if any(line.error for line in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
