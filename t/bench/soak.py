"""What grows with many jobs and many contexts: `make soak` (JOBS=100000 CONTEXTS=2 RESTARTS=20 VERSIONS=200).

Prints a line for each look, and in the end by how much each figure has grown after a warm-up of a third of the jobs;
exits with 1 when one has grown by more than its limit.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from soak_rounds import Soak  # noqa: E402


def number(name, default):
    return int(os.environ.get(name) or default)


def main():
    soak = Soak(number("JOBS", 100000), number("CONTEXTS", 2), number("RESTARTS", 20), number("VERSIONS", 200),
                tell=lambda line: print(line, flush=True))
    soak.run()
    print(f"{soak.rate:.0f} jobs a second, with restarts and looks")
    for name, (grown, limit) in soak.growth().items():
        print(f"{name:16s} {grown:+8d}, at most {limit}{'  TOO MUCH' if name in soak.failed() else ''}")
    return 1 if soak.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
