"""Big things: memory must not grow with them."""

import asyncio
import hashlib
import http.client
import os
import time

import pytest
from sparkjob_server import Server, memory_kb, wait_until

pytestmark = pytest.mark.alone
SANITIZED = "asan" in os.environ.get("SPARKJOB_LAUNCHER", "")
MB = 1 << 20


@pytest.fixture()
def server():
    with Server(scripted=True, workers=1) as s:
        yield s


def growth_kb(pids, before):
    return {p: memory_kb(p, "VmHWM") - before[p] for p in pids}


@pytest.mark.skipif(SANITIZED, reason="sanitizers change what memory is used")
def test_300_mb_jar_up_and_200_mb_result_down_within_4_mb(server):
    small = b"PK\3\4" + b"x" * 100000
    headers = {"Content-Type": "application/java-archive"}
    assert server.json("POST", "/binaries/warm", small, headers)[0] == 201
    server.context("c")
    server.run("big", '{"bytes": 100000}', cp="warm")
    pids = [server.worker_pids()[0], server.launcher.pid]
    before = {p: memory_kb(p, "VmHWM") for p in pids}

    path = server.dir + "/big.jar"
    block = os.urandom(MB)
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        for n in range(300):
            part = (b"PK\3\4" + block[4:]) if n == 0 else block
            f.write(part)
            digest.update(part)
    with open(path, "rb") as f:
        status, body = server.json("POST", "/binaries/big", f, {**headers, "Content-Length": str(300 * MB)})
    assert status == 201, body
    stored = server.dir + "/data/binaries/" + digest.hexdigest() + ".jar"
    assert os.path.getsize(stored) == 300 * MB
    os.unlink(path)

    status, body = server.run("big", '{"bytes": %d}' % (200 * MB), cp="warm", sync=False)
    assert status == 202
    wait_until("the big job is finished", lambda: b'"status":"FINISHED"' in head(server, f"/jobs/{body['jobId']}", 2000), 60)
    assert size(server, f"/jobs/{body['jobId']}") > 200 * MB
    assert all(kb < 4096 for kb in growth_kb(pids, before).values()), growth_kb(pids, before)


def head(server, path, count):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request("GET", path)
    data = c.getresponse().read(count)
    c.close()
    return data


def size(server, path):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request("GET", path)
    response, total = c.getresponse(), 0
    while data := response.read(MB):
        total += len(data)
    c.close()
    return total


def test_the_same_bytes_are_stored_once(server):
    for name in ("a", "b"):
        assert server.json("POST", f"/binaries/{name}", b"PK\3\4same", {"Content-Type": "application/java-archive"})[0] == 201
    folder = server.dir + "/data/binaries"
    assert len(os.listdir(folder)) == 1
    assert server.delete("/binaries/a")[0] == 200
    time.sleep(0.3)
    assert len(os.listdir(folder)) == 1
    assert server.delete("/binaries/b")[0] == 200
    wait_until("the file that nobody names is gone", lambda: not os.listdir(folder), 5)


def test_10000_parked_requests_are_all_answered():
    count = 2000 if SANITIZED else 10000
    with Server(scripted=True, workers=2, launcher={"max_jobs_per_context": count + 10}) as s:
        assert s.json("POST", "/binaries/j", b"PK\3\4parked", {"Content-Type": "application/java-archive"})[0] == 201
        s.context("c")
        before = sum(memory_kb(p) for p in s.worker_pids())

        async def one(limit):
            async with limit:
                reader, writer = await asyncio.open_connection("127.0.0.1", s.port)
                writer.write(b"POST /jobs?cp=j&mainClass=sleep&context=c&sync=true&timeout=300 HTTP/1.1\r\nHost: x\r\n"
                             b"Connection: close\r\nContent-Length: 12\r\n\r\n" + b'{"ms":20000}')
                await writer.drain()
            answer = await reader.read()
            writer.close()
            return answer

        async def everything():
            limit = asyncio.Semaphore(200)
            tasks = [asyncio.create_task(one(limit)) for _ in range(count)]
            await asyncio.sleep(12)
            began = time.monotonic()
            await asyncio.to_thread(lambda: s.get("/healthz"))
            quick = time.monotonic() - began
            parked = sum(memory_kb(p) for p in s.worker_pids()) - before
            return await asyncio.gather(*tasks), quick, parked

        answers, quick, parked = asyncio.run(everything())
        bad = [a[:200] for a in answers if not a.startswith(b"HTTP/1.1 200") or b'"result"' not in a]
        assert not bad, (len(bad), bad[:3])
        print(f"\n{count} parked: {parked / count:.1f} KiB each, another request took {quick * 1000:.0f} ms meanwhile")
        assert SANITIZED or parked / count < 20
