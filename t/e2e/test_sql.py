"""SQL without a driver program, on real Spark, local[2]."""

import contextlib
import hashlib
import json
import urllib.error
import urllib.request

import pytest
from sparkjob_server import EXAMPLES, Server, wait_until

FACTORY = "spark.jobserver.context."


@pytest.fixture(scope="module")
def server():
    with Server() as s:
        s.upload("examples", EXAMPLES)
        yield s


def ask(server, query, method="POST", path="/sql", headers=(), **parameters):
    """(status, headers, body)"""
    url = f"http://127.0.0.1:{server.port}{path}?" + "&".join(f"{k}={v}" for k, v in parameters.items())
    request = urllib.request.Request(url, query and query.encode(), dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def rows(server, query, context="sql"):
    status, _, body = ask(server, query, context=context, sync="true", timeout=600)
    assert status == 200, body
    return json.loads(body)["result"]


def test_sql_beside_jobs_of_a_session(server):
    server.context("sql", **{"context-factory": FACTORY + "SessionContextFactory"})
    server.run("spark.jobserver.SessionLoaderTestJob", context="sql")
    query = "SELECT city, count(*) AS n FROM addresses GROUP BY city ORDER BY city"
    assert rows(server, query) == [{"city": "Purple City", "n": 1}, {"city": "San Jose", "n": 2}]
    status, headers, body = ask(server, query, context="sql", sync="true", format="csv", timeout=600)
    assert (status, body) == (200, b"city,n\nPurple City,1\nSan Jose,2\n")
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    job = server.get(f"/jobs/{headers['Sparkjob-Job']}")[1]
    assert job["result"] == {"location": f"/jobs/{job['jobId']}/result", "contentType": "text/csv"}
    # asynchronous, and with Arrow
    status, _, body = ask(server, query, context="sql", headers={"Accept": "application/vnd.apache.arrow.stream"})
    assert status == 202, body
    job = json.loads(body)["jobId"]
    wait_until("it has ended", lambda: server.get(f"/jobs/{job}")[1]["status"] == "FINISHED")
    status, headers, body = ask(server, None, "GET", f"/jobs/{job}/result")
    assert headers["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert body.startswith(b"\xff\xff\xff\xff") and body.endswith(b"\xff\xff\xff\xff\0\0\0\0"), body
    # what cannot be analysed is refused, also where nobody waits for the end
    status, _, body = ask(server, "SELECT * FROM nowhere", context="sql")
    assert status == 400 and "nowhere" in json.loads(body)["result"]["message"], body
    status, _, body = ask(server, "SELECT assert_true(city = 'x') FROM addresses", context="sql", sync="true", timeout=600)
    assert status == 200 and json.loads(body)["status"] == "ERROR", body
    # a kill ends its Spark work
    status, _, body = ask(server, "SELECT count(*) FROM range(1000000) a JOIN range(1000000) b ON a.id + b.id = 3", context="sql")
    job = json.loads(body)["jobId"]
    wait_until("its Spark work has begun", lambda: "progress" in server.get(f"/jobs/{job}")[1])
    assert server.delete(f"/jobs/{job}")[1]["status"] == "KILLED"
    assert rows(server, "SELECT 1 AS one") == [{"one": 1}]
    server.delete("/contexts/sql")


def test_sql_in_contexts_without_a_session(server):
    for name, factory in ("plain", "DefaultSparkContextFactory"), ("stream", "StreamingContextFactory"):
        server.context(name, **{"context-factory": FACTORY + factory})
        rows(server, "CREATE TEMP VIEW v AS SELECT 1 AS one", name)
        assert rows(server, "SELECT * FROM v", name) == [{"one": 1}]
        server.delete(f"/contexts/{name}")


HASHED = "SELECT id, concat_ws('', transform(sequence(1, 8), n -> sha2(concat(id, '.', n), 512))) AS x FROM range(0, %d, 1, %d)"


def hashed(row):
    return "".join(hashlib.sha512(f"{row}.{n}".encode()).hexdigest() for n in range(1, 9))


def kept(folder):
    """How many bytes executors keep of results."""
    size = 0
    for file in folder.glob("blockmgr-*/*/rdd_*"):
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


def test_a_result_larger_than_the_heap(server, tmp_path):
    """300 MB that nothing makes smaller, all of one partition, from a driver with a heap of 480 MB."""
    # most of it is SHA-512, for which only the other compiler uses the instructions of the CPU
    server.context("small", **{"spark.driver.memory": "480m", "spark.local.dir": str(tmp_path),
                               "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=4"})
    csv, objects = hashlib.md5(b"id,x\n"), hashlib.md5()
    for row in range(300000):
        x = hashed(row)
        csv.update(f"{row},{x}\n".encode())
        objects.update(b",\n" if row else b"[")
        objects.update(f'{{"id":{row},"x":"{x}"}}'.encode())
    objects.update(b"]")
    for format, digest in ("csv", csv.hexdigest()), ("json", objects.hexdigest()):
        status, _, body = ask(server, HASHED % (300000, 1), context="small", sync="true", format=format, timeout=600)
        if format == "json":
            body = body.split(b'"result":', 1)[1]
            body = body.rstrip()[:-1].rstrip()
        assert status == 200 and hashlib.md5(body).hexdigest() == digest, (status, len(body), body[:300], body[-100:])
    status, _, body = ask(server, HASHED % (300000, 1), context="small", sync="true", format="arrow", timeout=600)
    assert status == 200 and len(body) > 307000000 and body.endswith(b"\xff\xff\xff\xff\0\0\0\0"), (status, len(body), body[:300])
    assert body.count(hashed(299999).encode()) == 1 and body.count(hashed(0).encode()) == 1
    wait_until("nothing of it is kept", lambda: kept(tmp_path) == 0)
    # a kill in the middle frees what is kept, and the context goes on
    status, _, body = ask(server, HASHED % (100000000, 1), context="small", format="csv")
    job = json.loads(body)["jobId"]
    wait_until("much of it is kept", lambda: kept(tmp_path) > 50 << 20)
    assert server.delete(f"/jobs/{job}")[1]["status"] == "KILLED"
    wait_until("nothing of it is kept", lambda: kept(tmp_path) == 0)
    assert rows(server, "SELECT count(*) AS n FROM range(10)", "small") == [{"n": 10}]
    server.delete("/contexts/small")
