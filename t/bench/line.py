"""What a line of the benchmark is: the work, its reference, the goal, and what was seen of them.

A file `line_<what>.py` has one function for each group of kindred lines, which share a server:

    @measures(Line("read-job", "GET /jobs/<id>", "requests/s", "`return 200`", at_least(0.90)))
    def reads(run):
        for _ in run.rounds():
            yield "read-job", ours, reference          # once in each round, for each line that run.wants(name)

A figure without a reference (memory, say) is yielded with None in its place; its goal is an amount.
"""

import statistics

from sparkjob_server import Server

Server.jvm = []         # what is measured starts as its users start it


class Goal:
    """text: as in the table; room(ours, reference): by which factor it is met, below 1 when it is not."""

    def __init__(self, text, room):
        self.text, self.room = text, room


def at_least(ratio, amount=None):
    """The ratio, or else the amount itself."""
    def room(ours, reference):
        return max(ours / reference / ratio, ours / amount if amount else 0)
    return Goal(f"≥ {ratio:.2f}" + (f" or {amount:,}" if amount else ""), room)


def at_most(ratio, plus=0, unit=""):
    """The ratio; `plus` is an amount that the reference is granted on top."""
    return Goal(f"≤ {ratio:.3g}" + (f" × + {plus:g} {unit}" if plus else " ×"),
                lambda ours, reference: (ratio * reference + plus) / max(ours, 1e-9))


def no_less(amount, unit):
    return Goal(f"≥ {amount:,} {unit}", lambda ours, _: ours / amount)


def no_more(amount, unit):
    return Goal(f"≤ {amount:,} {unit}", lambda ours, _: amount / max(ours, 1e-9))


class Line:
    def __init__(self, name, work, unit, reference, goal=None, peers=None):
        """peers: {"sjs" or "livy": goal against it}, for the lines that only peers are measured by."""
        self.name, self.work, self.unit, self.reference, self.goal, self.peers = name, work, unit, reference, goal, peers or {}


class Seen:
    """What was seen of a line: a round has (ours, reference), and what peers needed for the same."""

    def __init__(self, line):
        self.line, self.rounds, self.peers, self.error = line, [], {}, None

    def add(self, ours, reference=None, **peers):
        self.rounds.append((ours, reference))
        for name, value in peers.items():
            self.peers.setdefault(name, []).append((ours, value))

    def ours(self):
        return middle(a for a, _ in self.rounds)

    def reference(self):
        return middle(b for _, b in self.rounds)

    def ratio(self):
        return middle(a / b for a, b in self.compared())

    def spread(self):
        """Least and most of the ratio, or of the figure itself where there is no reference."""
        seen = [a / b for a, b in self.compared()] or [a for a, _ in self.rounds]
        return min(seen), max(seen)

    def compared(self):
        return [(a, b) for a, b in self.rounds if b]

    def room(self):
        return middle(self.rooms())

    def rooms(self):
        return [self.line.goal.room(a, b) for a, b in self.rounds] if self.line.goal else []

    def peer(self, name):
        """(its figure, the ratio of ours to it, by which factor the goal is met), or None"""
        rounds = self.peers.get(name)
        if not rounds:
            return None
        goal = self.line.peers.get(name)
        return (middle(b for _, b in rounds), middle(a / b for a, b in rounds),
                goal and middle(goal.room(a, b) for a, b in rounds))

    def met(self):
        """Whether all goals are met; None: there is none."""
        rooms = [self.room()] + [seen[2] for seen in map(self.peer, self.peers)]
        rooms = [room for room in rooms if room is not None]
        return all(room >= 1 for room in rooms) if rooms else None


def middle(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


GROUPS = []


def measures(*lines):
    """Marks a function that yields rounds of these lines."""
    def mark(function):
        GROUPS.append((lines, function))
        return function
    return mark
