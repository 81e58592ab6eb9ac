"""Many watchers of all events. The client takes more CPU than nginx, so how late it sees events is an upper bound."""

from line import Line, measures, no_more
from watchers import measure

COUNT, SECONDS = 10000, 5


@measures(
    Line("watchers", "GET /events, 10,000 clients, 100 events/s, all delivered and in order; p99 of how late", "ms", None, no_more(250, "ms")),
    Line("watchers-memory", "memory of the worker for each of them, at most", "KiB", None, no_more(32, "KiB")))
def watchers(run):
    for _ in run.rounds():
        seen = measure(COUNT, SECONDS)
        assert seen["over"] == COUNT and seen["events"] == COUNT * seen["sent"] and not seen["disordered"], seen
        run.note("watchers", f"p50 {seen['p50']:.0f} ms, the worker uses {seen['cpu'] / SECONDS:.0%} of a CPU")
        run.note("watchers-memory", f"{seen['memory']:.1f} KiB at rest")
        yield "watchers", seen["p99"], None
        yield "watchers-memory", seen["peak"], None
