"""A ResourceManager's REST without YARN: it answers as a test wants, and keeps what it was asked.

    with FakeYarn() as rm:
        rm.conf                         # a Hadoop configuration folder that names it
        rm.apps["application_1_0001"] = {"tags": "sparkjob-...", "state": "RUNNING"}
        rm.asked                        # [("GET", "scheduler"), ...]

Its proxy answers below /proxy/<application>/ with a page whose links begin so, as Spark's do; at "moved" it leads to another one.

What t/lib/fake_submit.py submits is an application, too: a scripted driver, in a folder with its id as name.
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/ws/v1/cluster/"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripted_driver.py")


def queue(name, state="RUNNING", inner=(), **more):
    """A queue of the capacity scheduler as its REST shows it."""
    return {"queueName": name, "state": state, **({"queues": {"queue": list(inner)}} if inner else {}), **more}


class FakeYarn:
    def __init__(self, queues=None, largest=(8192, 4), nodes=((6144, 4), (4096, 2, "gpu")), kind="capacityScheduler"):
        """largest: MiB and cores of a container at most; nodes: MiB, cores and labels of each."""
        self.queues = queues or [queue("default"), queue("a", inner=[queue("b"), queue("c", "STOPPED")])]
        self.largest, self.nodes, self.kind = largest, nodes, kind
        self.apps = {}              # id: tags and state
        self.submitted = {}         # id: what was submitted, and its process
        self.refuse = None          # why the next submissions are refused
        self.kills = True           # whether it does as it is told
        self.runs = True            # there is room for what is submitted
        self.status = {}            # path: what it answers in place of 200
        self.asked = []
        self.folder = tempfile.mkdtemp(prefix="sparkjob-yarn-")
        self.conf = self.folder + "/conf"
        os.mkdir(self.conf)

        class Handler(BaseHTTPRequestHandler):
            do_GET = do_PUT = do_POST = lambda handler: self.handle(handler)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.write_conf(f"""<property><!-- <name>no</name> --><name>test.host</name><value>127.0.0.1</value></property>
<property><name>yarn.resourcemanager.webapp.address</name>
<value> ${{test.host}}:{self.server.server_address[1]}
</value></property>""")

    def write_conf(self, properties):
        with open(self.conf + "/yarn-site.xml", "w") as f:
            f.write(f'<?xml version="1.0"?>\n<configuration>{properties}</configuration>\n')

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        for one in self.submitted.values():
            if "process" in one:
                one["process"].kill()
                one["process"].wait()
        shutil.rmtree(self.folder)

    def handle(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = url.path.removeprefix(PREFIX)
        self.asked.append((handler.command, path))
        if path.startswith("/proxy/"):
            self.proxy(handler, path)
            return
        status = self.status.get(path, 200)
        if path == "/submit":
            status = 500 if self.refuse else 200
        answer = self.answer(handler.command, path, urllib.parse.parse_qs(url.query), body) if status == 200 else {}
        text = self.refuse.encode() if status == 500 and self.refuse else json.dumps(answer).encode()
        handler.send_response(status if answer is not None else 404)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def proxy(self, handler, path):
        root = "/".join(path.split("/")[:3])
        page = f"""<a href="{root}/stages/?id=1">s</a> setUIRoot('{root}') <p title="{path} {handler.headers['Cookie']}">""".encode()
        moved = path == root + "/moved"
        handler.send_response(302 if moved else 200)
        if moved:
            handler.send_header("Location", f"{self.url}{root}/jobs/?a=b")
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(page)))
        handler.end_headers()
        handler.wfile.write(page)

    def answer(self, method, path, query, body):
        if path == "scheduler":
            memory, cores = self.largest
            return {"scheduler": {"schedulerInfo": {"type": self.kind, "queues": {"queue": self.queues},
                                                    "maximumAllocation": {"memory": memory, "vCores": cores}}}}
        if path == "nodes":
            # half of each is in use
            return {"nodes": {"node": [
                {"usedMemoryMB": memory // 2, "availMemoryMB": memory - memory // 2,
                 "usedVirtualCores": cores // 2, "availableVirtualCores": cores - cores // 2, **({"nodeLabels": labels} if labels else {})}
                for memory, cores, *labels in self.nodes]}}
        if path == "/submit":
            return {"id": self.submit(json.loads(body))}
        if path == "apps":
            self.look()
            tag, states = query["applicationTags"][0], query["states"][0].split(",")
            found = [{"id": i, **app} for i, app in self.apps.items() if tag in app["tags"].split(",") and app["state"] in states]
            return {"apps": {"app": found} if found else None}
        if path.startswith("apps/") and method == "PUT":
            return self.kill(path.split("/")[1], json.loads(body)["state"])
        if path.startswith("apps/"):
            self.look()
            app = self.apps.get(path.split("/")[1])
            return app and {"app": app}
        return None

    def submit(self, what):
        application = f"application_9_{len(self.submitted) + 1:04}"
        folder = f"{self.folder}/{application}"
        os.mkdir(folder)
        files = {os.path.basename(f): f.removeprefix("file:") for f in what["properties"]["spark.yarn.dist.files"].split(",")}
        with open(files[what["arguments"][-1]]) as f:
            what["start"] = f.read()
        what["mode"] = os.stat(files[what["arguments"][-1]]).st_mode & 0o777
        self.submitted[application] = what
        self.apps[application] = {"tags": what["properties"]["spark.yarn.tags"], "state": "RUNNING" if self.runs else "ACCEPTED",
                                  "diagnostics": ""}
        if not self.runs:
            return application
        with open(folder + "/stderr", "wb") as err:
            what["process"] = subprocess.Popen(["/usr/bin/python3", SCRIPT], cwd=folder, stdin=subprocess.DEVNULL, stdout=err,
                                               stderr=err, env={"PATH": os.environ["PATH"], "SPARKJOB_START": what["start"]})
        return application

    def look(self):
        """What has become of the processes that were submitted."""
        for application, what in self.submitted.items():
            if "process" not in what:
                continue
            code, app = what["process"].poll(), self.apps[application]
            if code is not None and app["state"] == "RUNNING":
                app.update({"state": "FINISHED"} if code == 0 else {"state": "FAILED", "diagnostics": f"exitCode: {code}"})

    def kill(self, application, state):
        app = self.apps[application]
        if self.kills:
            app["state"] = state
            if "process" in self.submitted.get(application, {}):
                self.submitted[application]["process"].kill()
        return {"state": app["state"]}
