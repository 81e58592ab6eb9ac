"""Many watchers of GET /events at once, by t/bench/watchers.c."""

import json
import os
import subprocess
import time

from fake_launcher import FakeLauncher, job_id
from sparkjob_server import BUILD, ROOT, Server, cpu_seconds, memory_kb


def compiled(name="watchers", *libraries):
    """The path of a client of t/bench, compiled when its source is newer."""
    source, binary = f"{ROOT}/t/bench/{name}.c", f"{BUILD}/{name}"
    if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
        new = f"{binary}.{os.getpid()}"             # tests that run side by side may want it at the same time
        subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-Wall", "-Wextra", "-Werror", "-I" + ROOT + "/driver-launcher/include",
                        "-o", new, source, *libraries], check=True)
        os.replace(new, binary)
    return binary


def measure(count, seconds, rate=100, workers=1):
    """What so many watchers see of `rate` events a second, how late in ms, how many in order; what it costs
    the workers: CPU seconds, and KiB for each watcher, before the events and in the end."""
    with Server(start=False, workers=workers) as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        before = sum(memory_kb(p, "RssAnon") for p in s.worker_pids())
        client = subprocess.Popen([compiled(), str(s.port), str(count)], stdout=subprocess.PIPE, text=True)
        try:
            began = time.monotonic()
            assert client.stdout.readline() == "ready\n"
            connected = time.monotonic() - began
            memory = sum(memory_kb(p, "RssAnon") for p in s.worker_pids()) - before
            began, cpu = time.monotonic(), sum(map(cpu_seconds, s.worker_pids()))
            for n in range(seconds * rate):
                time.sleep(max(0, began + n / rate - time.monotonic()))
                fake.publish("put", "job", record(n, time.monotonic_ns()))
            fake.publish("put", "job", record(seconds * rate, 0))
            seen = json.loads(client.stdout.readline())
            cpu = sum(map(cpu_seconds, s.worker_pids())) - cpu
            assert client.wait(60) == 0
        finally:
            client.kill()
            client.wait()
            client.stdout.close()
        peak = sum(memory_kb(p, "RssAnon") for p in s.worker_pids()) - before
        return {**seen, "sent": seconds * rate, "connected": connected, "cpu": cpu, "memory": memory / count, "peak": peak / count}


def record(number, told):
    return {"id": job_id(number), "rev": 1, "state": "RUNNING", "class": str(told), "context": "c", "contextId": "", "user": "",
            "start": int(time.time() * 1000), "end": 0, "payload": "none"}
