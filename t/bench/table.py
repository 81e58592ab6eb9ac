"""The table that `make bench` prints while it measures, and the same as data."""

COLUMNS = (("line", -18), ("ours", 12), ("reference", 12), ("unit", -11), ("ratio", 7), ("spread", 15), ("goal", 19), ("", -5))


class Table:
    def __init__(self, peers):
        self.peers = list(peers)
        self.columns = COLUMNS + tuple(c for name in self.peers for c in ((name, 12), ("ours/" + name, 11), ("goal", 9), ("", -5)))

    def head(self, host, run):
        print(f"{host['cpus']} CPUs ({host['cpu']}), {host['memory']} GiB, load {host['load'][0]:.1f}; {run.count} rounds, "
              f"median and spread of the ratio\n")
        print(self.line(name for name, _ in self.columns))
        print(self.line("-" * abs(width) for _, width in self.columns), flush=True)

    def line(self, texts):
        return "  ".join(f"{text:{'<' if width < 0 else '>'}{abs(width)}}" for text, (_, width) in zip(texts, self.columns)).rstrip()

    def row(self, seen):
        line = seen.line
        if seen.error:
            print(f"{line.name:18}  broken: {seen.error}", flush=True)
            return
        low, high = seen.spread()
        texts = [line.name, number(seen.ours()), number(seen.reference()), line.unit, ratio(seen.ratio()),
                 f"{ratio(low)} to {ratio(high)}", line.goal.text if line.goal else "", verdict(seen.room())]
        for name in self.peers:
            texts += self.peer(seen, name)
        print(self.line(texts), flush=True)

    def peer(self, seen, name):
        found = seen.peer(name)
        if found is None:
            return ["", "", "", ""]
        return [number(found[0]), ratio(found[1]), seen.line.peers[name].text, verdict(found[2])]

    def foot(self, seen):
        print()
        for line in seen:
            against = f", against {line.line.reference}" if line.line.reference else ""
            print(f"{line.line.name}: {line.line.work}{against}{'; ' + line.note if line.note else ''}")
        met = [line.met() for line in seen if not line.error]
        broken = sum(1 for line in seen if line.error)
        print(f"\n{met.count(True)} met, {met.count(False)} missed" + (f", {broken} broken" if broken else ""))

    def cells(self, seen):
        """A row as data."""
        line = seen.line
        cells = {"name": line.name, "work": line.work, "unit": line.unit, "against": line.reference}
        if seen.error:
            return {**cells, "error": seen.error}
        return {**cells, "ours": seen.ours(), "reference": seen.reference(), "ratio": seen.ratio(), "spread": seen.spread(),
                "goal": line.goal.text if line.goal else None, "room": seen.room(), "met": seen.met(), "note": seen.note,
                "rounds": seen.rounds,
                "peers": {name: dict(zip(("figure", "ratio", "room"), seen.peer(name)), goal=line.peers[name].text, rounds=rounds)
                          for name, rounds in seen.peers.items()}}


def verdict(room):
    return "" if room is None else "pass" if room >= 1 else "MISS"


def number(value):
    """Three digits that count, or all before the point."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def ratio(value):
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
