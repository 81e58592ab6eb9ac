"""The examples of docs/scaling.md: several hosts behind a front that knows contexts by their names, here on loopback."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest
from sparkjob_channel import Channel
from sparkjob_server import NGINX, OUR_FAULT, ROOT, Server, end_nginx, free_port, wait_until

JAR = {"Content-Type": "application/java-archive"}
NAMES = [f"c{n}" for n in range(12)]


def example(name, **replaced):
    """The text of a configuration of conf/, with other addresses."""
    with open(f"{ROOT}/conf/{name}") as f:
        text = f.read()
    for old, new in replaced.values():
        assert old in text, (name, old)
        text = text.replace(old, new)
    return text


class Host(Server):
    """One behind the front."""

    def __init__(self, letter):
        self.behind = free_port()
        text = example("nginx-behind-front.conf", listen=("10.0.0.11:8090", f"127.0.0.1:{self.behind}"), front=("10.0.0.10", "127.0.0.1"),
                       place=("location /a/", f"location /{letter}/"))
        super().__init__(scripted=True, workers=1, http=re.sub(r"sparkjob_zone .*;", "", text))


class Front:
    """An nginx without the module, before two hosts."""

    def __init__(self, a, b):
        self.dir, self.port = tempfile.mkdtemp(prefix="sparkjob-front-"), free_port()
        text = example("nginx-front.conf", listen=("listen 8090", f"listen 127.0.0.1:{self.port}"), a=("10.0.0.11:8090", f"127.0.0.1:{a.behind}"),
                       b=("10.0.0.12:8090", f"127.0.0.1:{b.behind}"))
        temp = "\n".join(f"{n}_temp_path {self.dir}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(self.dir + "/nginx.conf", "w") as f:
            f.write(f"""pid {self.dir}/pid; error_log {self.dir}/log info; events {{ }}
                        {"user root;" if os.getuid() == 0 else ""}
                        http {{ access_log off; {temp}
                        {text} }}""")

    def __enter__(self):
        self.nginx = subprocess.Popen([NGINX, "-p", self.dir, "-e", self.dir + "/log", "-c", self.dir + "/nginx.conf", "-g", "daemon off;"],
                                      stdin=subprocess.DEVNULL, stderr=open(self.dir + "/err", "ab"))
        wait_until("the front answers", self.healthy, 20)
        return self

    def healthy(self):
        with open(self.dir + "/err") as f:
            assert self.nginx.poll() is None, f.read()
        with contextlib.suppress(OSError):
            return self.ask("GET", "/healthz")[0] == 204

    def __exit__(self, kind, *_):
        end_nginx(self.nginx)
        code = self.nginx.wait(120)
        with open(self.dir + "/log", errors="replace") as f:
            wrong = [line for line in f if OUR_FAULT.search(line)]
        shutil.rmtree(self.dir)
        assert kind or (code == 0 and not wrong), (code, wrong)

    def ask(self, method, path, body=None, headers=None):
        """(status, body as JSON or None, headers)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as r:
                return r.status, parsed(r.read()), dict(r.headers)
        except urllib.error.HTTPError as e:
            with e:
                return e.code, parsed(e.read()), dict(e.headers)


def parsed(text):
    return json.loads(text) if text else None


@pytest.fixture(scope="module")
def hosts():
    with Host("a") as a, Host("b") as b, Front(a, b) as front:
        for place in ("/a", "/b"):
            assert front.ask("POST", place + "/binaries/j", b"PK\3\4scaling", JAR)[0] == 201
        yield front, a, b


def submit(front, context="", **headers):
    path = "/jobs?cp=j&mainClass=noop&sync=true" + (f"&context={context}" if context else "")
    status, body, _ = front.ask("POST", path, b"", headers)
    assert status == 200 and body["result"] is True, body
    return body["jobId"]


def names(server):
    return {name for name in server.get("/contexts")[1]}


def test_a_context_is_on_one_host_and_its_jobs_go_there(hosts):
    front, a, b = hosts
    for name in NAMES + ["etl-1", "etl-2"]:
        assert front.ask("POST", "/contexts/" + name)[0] == 200
    on_a, on_b = names(a), names(b)
    assert on_a | on_b >= set(NAMES) and not on_a & on_b
    assert {"etl-1", "etl-2"} <= on_a                                       # as the map says
    assert on_b and on_a & set(NAMES)                                       # the others are spread
    for name in NAMES:
        job = submit(front, name)
        where, other = (a, b) if name in on_a else (b, a)
        assert where.get(f"/jobs/{job}")[0] == 200 and other.get(f"/jobs/{job}")[0] == 404
        assert front.ask("GET", f"/contexts/{name}")[1]["name"] == name
        assert [j["jobId"] for j in front.ask("GET", f"/jobs?context={name}")[1]] == [job]
        for path, headers in ((f"/jobs/{job}", {}), (f"/jobs/{job}?context={name}", {}), (f"/jobs/{job}", {"X-Sparkjob-Context": name})):
            status, body, _ = front.ask("GET", path, headers=headers)
            assert status == 200 and body["context"] == name, (path, body)
    for name in sorted(on_a | on_b):
        assert front.ask("DELETE", "/contexts/" + name)[0] == 200


def test_what_is_of_all_hosts_is_asked_of_each(hosts):
    front, a, b = hosts
    for method, path in (("GET", "/jobs"), ("GET", "/contexts"), ("GET", "/binaries"), ("POST", "/binaries/x"), ("DELETE", "/binaries/x"), ("GET", "/events"),
                         ("GET", "/data"), ("PUT", "/contexts?reset=reboot"), ("DELETE", "/jobs?before=2020-01-01T00:00:00Z"), ("POST", "/jars/x")):
        status, body, headers = front.ask(method, path)
        assert status == 421 and "below /a/ and /b/" in body["result"] and headers["Content-Type"] == "application/json", (path, body)
    for place, host in (("/a", a), ("/b", b)):
        assert front.ask("GET", place + "/binaries")[1] == host.get("/binaries")[1]
        jobs = [submit(front) for _ in range(2)]                            # without a context, for a link to a second page
        status, body, headers = front.ask("GET", place + "/jobs?limit=1")
        assert status == 200 and len(body) <= 1
        if "Link" in headers:
            following = re.match(r"<(.*)>", headers["Link"]).group(1)
            assert following.startswith(place + "/jobs?") and front.ask("GET", following)[0] == 200
        assert all(front.ask("GET", f"/jobs/{job}")[0] == 200 for job in jobs)


def test_jobs_without_a_context_are_spread_and_a_key_finds_its_host(hosts):
    front, a, b = hosts
    jobs = [submit(front) for _ in range(12)]
    assert any(a.get(f"/jobs/{job}")[0] == 200 for job in jobs) and any(b.get(f"/jobs/{job}")[0] == 200 for job in jobs)
    for key in "abcdef":
        assert submit(front, **{"Idempotency-Key": key}) == submit(front, **{"Idempotency-Key": key})
    status, body, _ = front.ask("GET", "/jobs/01234567-89ab-7def-8123-456789abcdef")
    assert status == 404 and body["status"] == "ERROR"
    assert front.ask("POST", "/contexts/slow")[0] == 200
    status, body, _ = front.ask("POST", "/jobs?cp=j&mainClass=sleep&context=slow", b'{"ms": 60000}')
    assert status == 202
    assert front.ask("DELETE", f"/jobs/{body['jobId']}")[0] == 200          # asked of both, too
    assert front.ask("DELETE", "/contexts/slow")[0] == 200


def test_who_the_user_is_the_front_says(hosts):
    front, a, b = hosts
    job = submit(front, **{"X-Sparkjob-User": "mallory"})
    host = a if a.get(f"/jobs/{job}")[0] == 200 else b
    with Channel(host.socket) as c:
        assert c.job(job)[0]["user"] == ""


def test_a_host_that_is_away_takes_its_own_along_only(hosts):
    front, a, b = hosts
    for name in NAMES:
        assert front.ask("POST", "/contexts/" + name)[0] == 200
    on_a, on_b = names(a), names(b)
    jobs = {name: submit(front, name) for name in NAMES}
    end_nginx(a.nginx)
    a.nginx.wait(120)
    try:
        for name in NAMES:
            status = front.ask("GET", f"/jobs/{jobs[name]}", headers={"X-Sparkjob-Context": name})[0]
            assert status == (200 if name in on_b else 503)
            status, body, headers = front.ask("GET", f"/jobs/{jobs[name]}")  # without its context nobody knows
            assert status == 503 and "does not answer" in body["result"] and headers["Retry-After"] == "5"
        for name in sorted(on_b):
            submit(front, name)
    finally:
        a.start_nginx()
        a.wait_ready()
    for name in NAMES:
        assert front.ask("GET", f"/jobs/{jobs[name]}")[0] == 200
        assert front.ask("DELETE", "/contexts/" + name)[0] == 200
