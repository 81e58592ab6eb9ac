"""A standalone master's REST server, and its worker, without Spark: what is submitted is recorded, and started as a
process of this host, t/lib/scripted_driver.py, in a folder of its own.

    with FakeStandalone(folder) as master:
        master.port, master.requests, master.drivers    # by id: Driver
        master.refuse = "no"                            # what the next submissions are answered with
"""

import contextlib
import http.server
import json
import os
import subprocess
import threading
import time

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripted_driver.py")


class Driver:
    """One that was submitted."""

    def __init__(self, master, identity, request):
        self.identity, self.request = identity, request
        self.start = json.loads(request["environmentVariables"]["SPARKJOB_START"])
        self.environment = dict(request["environmentVariables"])
        if master.patience is not None:
            self.environment["SPARKJOB_START"] = json.dumps({**self.start, "orphanTimeout": master.patience})
        self.folder = f"{master.folder}/{identity}"
        self.killed = self.forgotten = False
        os.makedirs(self.folder)
        self.process = self.run() if master.runs else None

    def run(self):
        """Starts it, as often as this is called: a cluster may do so."""
        with open(self.folder + "/stderr", "ab") as err:
            return subprocess.Popen(
                ["/usr/bin/python3", SCRIPT], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                env={"PATH": os.environ["PATH"], **self.environment})

    def said(self):
        with open(self.folder + "/stderr", errors="replace") as f:
            return f.read()

    def state(self):
        if self.process is None:
            return "KILLED" if self.killed else "SUBMITTED"
        code = self.process.poll()
        return "RUNNING" if code is None else "KILLED" if self.killed else "FINISHED" if code == 0 else "FAILED"


class FakeStandalone:

    def __init__(self, folder):
        self.folder, self.drivers, self.requests = str(folder), {}, []
        self.refuse = None      # a message: why nothing is started
        self.moved = None       # a URL: where all requests are sent on to
        self.runs = True        # workers have room
        self.deaf = False       # does not kill what it is told to
        self.delay = 0          # seconds before a submission is answered
        self.patience = None    # seconds that drivers look for a launcher, in place of what that says
        master = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                raw = b"" if master.moved else json.dumps(master.act(self.command, self.path, body)).encode()
                self.send_response(307 if master.moved else 200)
                if master.moved:
                    self.send_header("Location", master.moved + self.path)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(raw)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.away()
        for driver in self.drivers.values():
            if driver.process is not None and driver.process.poll() is None:
                driver.process.kill()
                driver.process.wait()

    def away(self):
        """Nobody answers any longer."""
        self.server.shutdown()
        self.server.server_close()

    def act(self, method, path, body):
        self.requests.append(f"{method} {path}")
        parts = path.strip("/").split("/")
        assert parts[:2] == ["v1", "submissions"], path
        if parts[2] == "create":
            return self.create(json.loads(body))
        driver = self.drivers.get(parts[3])
        if driver is not None and driver.forgotten:
            driver = None
        if parts[2] == "kill":
            return self.kill(parts[3], driver)
        answer = {"action": "SubmissionStatusResponse", "submissionId": parts[3], "success": driver is not None,
                  "serverSparkVersion": "0"}
        if driver is not None:
            answer["driverState"] = driver.state()
        return answer

    def create(self, request):
        answer = {"action": "CreateSubmissionResponse", "serverSparkVersion": "0", "success": self.refuse is None}
        if self.refuse is not None:
            return {**answer, "message": self.refuse}
        identity = "driver-20260101000000-%04d" % len(self.drivers)
        self.drivers[identity] = Driver(self, identity, request)
        time.sleep(self.delay)
        return {**answer, "message": "Driver successfully submitted as " + identity, "submissionId": identity}

    def kill(self, identity, driver):
        if driver is not None and not self.deaf:
            driver.killed = True
            if driver.process is not None:
                driver.process.kill()
                driver.process.wait()
        return {"action": "KillSubmissionResponse", "submissionId": identity, "success": driver is not None,
                "message": "Kill request submitted", "serverSparkVersion": "0"}
