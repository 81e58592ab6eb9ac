"""What a context shows of its cluster: told by its driver, in reports and events, kept, and not trusted."""

import json

import pytest
from event_stream import EventStream
from sparkjob_server import Server, wait_until

LOG = {"stdout": "http://worker:8081/log"}
TOLD = {"trackingUrl": "http://rm:8088/proxy/application_1_1/", "executors": 2, "cores": 4,
        "logs": {"driver": {"stdout": "https://node/d"}, "executors": {"1": LOG, "2": LOG}}}


@pytest.fixture(scope="module")
def server():
    with Server(scripted=True) as s:
        empty = b"PK\x03\x04" + bytes(18)
        assert s.json("POST", "/binaries/b", empty, {"Content-Type": "application/java-archive"})[0] == 201
        s.context("c", **{"script.status": json.dumps(TOLD)})
        yield s


def shown(server, name="c"):
    report = server.get(f"/contexts/{name}")[1]
    return {m: report[m] for m in TOLD if m in report}


def event_of(events, **wanted):
    """The next one of the context that has these members."""
    return next(data for kind, data in iter(events.next, None) if kind == "context" and data.items() >= wanted.items())


def tell(server, what, context="c"):
    assert server.run("status", json.dumps(what), context=context, cp="b")[0] == 200


def test_what_the_driver_says_when_ready_and_later_is_shown_and_kept(server):
    assert shown(server) == TOLD
    less = {**TOLD, "executors": 1, "cores": 2}
    with EventStream(server, "/events") as events:
        assert event_of(events, cores=4)["trackingUrl"] == TOLD["trackingUrl"]      # a watcher begins with it
        tell(server, less)
        assert event_of(events, cores=2)["logs"] == TOLD["logs"]
    assert shown(server) == less
    # an nginx and a launcher that were started anew know it, too
    server.nginx_restart()
    assert shown(server) == less
    server.launcher.kill()
    server.launcher.wait()
    server.start_launcher()
    wait_until("the launcher is back", lambda: server.get("/healthz")[0] == 200)
    assert server.run("noop", cp="b")[0] == 200 and shown(server) == less


def test_links_stay_when_the_context_is_over_and_nothing_is_in_use(server):
    server.context("over", **{"script.status": json.dumps(TOLD)})
    server.delete("/contexts/over")
    links = {name: TOLD[name] for name in ("trackingUrl", "logs")}
    assert server.get("/contexts/over")[1]["state"] == "FINISHED" and shown(server, "over") == links
    server.nginx_restart()
    assert shown(server, "over") == links


def test_only_links_and_counts_are_shown(server):
    server.context("bad")
    assert shown(server, "bad") == {}
    tell(server, {"trackingUrl": "javascript:alert(1)", "executors": -1, "cores": "4", "other": 1,
                  "logs": {"driver": {"stdout": "file:///etc/passwd", "stderr": "http://x/" + "y" * 2000, "ok": "http://x/"},
                           "executors": {"1": "http://x/", "2": [], "3": LOG}}}, "bad")
    assert wait_until("it is told", lambda: shown(server, "bad")) == {
        "logs": {"driver": {"ok": "http://x/"}, "executors": {"3": LOG}}}
    tell(server, {"executors": 100, "logs": {"executors": {str(n): LOG for n in range(100)}}}, "bad")
    assert wait_until("it is told", lambda: shown(server, "bad").get("executors")) == 100
    assert len(shown(server, "bad")["logs"]["executors"]) == 16
    tell(server, {}, "bad")
    wait_until("nothing is shown", lambda: shown(server, "bad") == {})
    assert server.run("noop", context="bad", cp="b")[0] == 200
    server.delete("/contexts/bad")


def test_much_that_is_told_leaves_out_the_logs(server):
    server.context("big")
    long = {n: "http://" + "x" * 1000 for n in ("a", "b", "c", "d")}
    tell(server, {"cores": 7, "logs": {"executors": {str(n): long for n in range(10)}}}, "big")
    assert wait_until("it is told", lambda: shown(server, "big")) == {"cores": 7}
    server.delete("/contexts/big")
