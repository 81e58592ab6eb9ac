"""The Spark UI of a real context below the API: its pages, links, scripts and its own REST API."""

import json
import re
import urllib.parse

from sparkjob_server import Server, wait_until

BASE = "/contexts/c/ui"
LINK = re.compile(r"""(?:href|src|action)=["']([^"'#?]+)""")
PAGES = ("jobs/", "stages/", "storage/", "environment/", "executors/")


def text(s, path, wanted=200):
    status, _, body = s.request("GET", path)
    assert status == wanted, (path, status, body[:500])
    return body.decode(errors="replace")


def test_pages_and_all_that_they_name_are_below_the_api(server):
    assert server.run("spark.jobserver.WordCountExample", 'input.string = "a b a"')[0] == 200
    status, headers, _ = server.request("GET", BASE + "/")
    assert status == 302 and urllib.parse.urlsplit(headers["Location"]).path == BASE + "/jobs/"

    seen, todo = set(), [f"{BASE}/{page}" for page in PAGES]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        page = text(server, path)
        assert len(page) > 100, path
        if "/static/" not in path:
            names = [urllib.parse.urljoin(path, name) for name in LINK.findall(page) if not name.startswith("data:")]
            outside = [name for name in names if not name.startswith(BASE + "/") and "spark.apache.org" not in name]
            assert not outside, (path, outside)
            todo += [name for name in names if name.startswith(BASE + "/static/") or name[len(BASE) + 1:] in PAGES]
    assert {f"{BASE}/{page}" for page in PAGES} <= seen and sum("/static/" in path for path in seen) > 10


def test_scripts_are_told_where_the_ui_is(server):
    page = text(server, BASE + "/executors/")
    assert f"setUIRoot('{BASE}')" in page
    assert "<script" in text(server, BASE + "/static/executorspage-template.html")
    applications = json.loads(text(server, BASE + "/api/v1/applications"))
    assert [a["id"] for a in applications] == [server.get("/contexts/c")[1]["applicationId"]]
    executors = json.loads(text(server, f"{BASE}/api/v1/applications/{applications[0]['id']}/allexecutors"))
    assert executors[0]["id"] == "driver"


def test_jobs_are_shown_and_not_killed(server):
    job = server.run("spark.jobserver.LongPiJob", "stress.test.longpijob.duration = 600", sync=False)[1]["jobId"]
    wait_until("the job's work is shown", lambda: "Active Jobs" in text(server, BASE + "/jobs/"))
    page = text(server, BASE + "/jobs/")
    assert "/kill/" not in page and "(kill)" not in page
    number = max(int(n) for n in re.findall(r"/jobs/job/\?id=(\d+)", page))
    assert job in text(server, f"{BASE}/jobs/job/?id={number}") or job in page
    refused = json.loads(text(server, f"{BASE}/jobs/job/kill/?id={number}", 403))
    assert "DELETE /jobs" in refused["result"]
    assert server.job(job)["status"] == "RUNNING"
    server.delete(f"/jobs/{job}")


def test_a_context_without_a_ui_says_so():
    with Server() as s:
        s.context("none", **{"spark.ui.enabled": "false"})
        refused = json.loads(text(s, "/contexts/none/ui/jobs/", 404))
        assert refused["result"] == "The context has no UI: its driver has none (spark.ui.enabled)"
