"""What it costs, measured on this machine in one run: `make bench`.

Each ratio is taken against its reference in the same run, interleaved, median of ROUNDS rounds with the spread.
Absolute times are for the reader and decide nothing: machines differ.
"""

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from sparkjob_server import BUILD, EXAMPLES, Server, memory_kb, wait_until  # noqa: E402
from watchers import measure  # noqa: E402

import restart  # noqa: E402

ROUNDS = 5


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def wrk(url, seconds=2, connections=64):
    """Requests per second by wrk with one thread."""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, out
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def sync_noop(server, main_class="spark.jobserver.NoOpJob", cp="examples", context="c", count=500):
    """(client's times, times inside the job) in ms of warm sync no-op jobs on one connection"""
    c = http.client.HTTPConnection("127.0.0.1", server.port)
    client, inside = [], []
    for n in range(count + 100):
        began = time.perf_counter()
        c.request("POST", f"/jobs?cp={cp}&mainClass={main_class}&context={context}&sync=true", b"")
        r = c.getresponse()
        body = json.loads(r.read())
        took = (time.perf_counter() - began) * 1000
        assert r.status == 200 and "status" not in body, body
        if n >= 100:
            client.append(took)
            inside.append(float(re.search(r"dur=([\d.]+)", r.getheader("Server-Timing")).group(1)))
    return client, inside


def read_ratio(server, path):
    """Median, least and most of (requests/s of path) / (requests/s of `return 200` of the same size)"""
    server.plain_size = len(server.request("GET", path)[2])
    server.write_nginx_conf()
    old = server.worker_pids()
    server.nginx.send_signal(1)
    wait_until("nginx is reloaded", lambda: not set(old) & set(server.worker_pids()), 20)
    base = f"http://127.0.0.1:{server.port}"
    rounds = [(wrk(base + path), wrk(base + "/plain")) for _ in range(ROUNDS)]
    ratios = [a / b for a, b in rounds]
    return statistics.median(ratios), min(ratios), max(ratios), statistics.median(a for a, _ in rounds)


def main():
    with Server(workers=1, launcher={"log": {"level": "info"}}) as s:
        s.upload("examples", EXAMPLES)
        began = time.perf_counter()
        s.context("c")
        print(f"context creation            {time.perf_counter() - began:8.2f} s")
        client, inside = sync_noop(s)
        print(f"sync no-op, 500 warm   p50  {percentile(client, 0.5):8.2f} ms  inside the job {percentile(inside, 0.5):.3f} ms")
        print(f"                       p99  {percentile(client, 0.99):8.2f} ms  inside the job {percentile(inside, 0.99):.3f} ms")
        s.upload("python", BUILD + "/sparkjob-python-examples.whl", "application/python-wheel")
        s.context("p", **{"context-factory": "spark.jobserver.python.PythonSparkContextFactory"})
        client, inside = sync_noop(s, "example_jobs.word_count.NoOp", "python", "p")
        print(f"sync-python, the same  p50  {percentile(client, 0.5):8.2f} ms  p99 {percentile(client, 0.99):.2f} ms")
        s.delete("/contexts/p")
        job_id = s.run("spark.jobserver.NoOpJob")[1]["jobId"]
        for name, path in (("GET /jobs/<id>", f"/jobs/{job_id}"), ("GET /jobs?limit=50", "/jobs?limit=50"), ("GET /contexts", "/contexts")):
            ratio, low, high, rate = read_ratio(s, path)
            print(f"{name:27s} {ratio:8.2f} of `return 200` of that size ({low:.2f} to {high:.2f}), {rate:,.0f} requests/s")
        print(f"memory: worker {memory_kb(s.worker_pids()[0]) / 1024:.1f} MiB (own {memory_kb(s.worker_pids()[0], 'RssAnon') / 1024:.1f}), "
              f"launcher {memory_kb(s.launcher.pid) / 1024:.1f} MiB (own {memory_kb(s.launcher.pid, 'RssAnon') / 1024:.1f})")


def crowd(count=10000, seconds=10):
    """10,000 watchers of GET /events; the client takes more CPU than nginx, so how late it sees events is an upper bound."""
    seen = measure(count, seconds)
    assert seen["over"] == count and seen["events"] == count * seen["sent"] and not seen["disordered"], seen
    print(f"watchers: {count:,}, {seen['sent'] / seconds:.0f} events/s  p50 {seen['p50']:.1f} ms  p99 {seen['p99']:.1f} ms  "
          f"worker {seen['cpu'] / seconds * 100:.0f} % of a CPU, {seen['memory']:.1f} KiB each (at most {seen['peak']:.1f})")


if __name__ == "__main__":
    main()
    crowd()
    restart.report()
