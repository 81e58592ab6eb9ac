"""A ResourceManager's REST without YARN: it answers as a test wants, and keeps what it was asked.

    with FakeYarn() as rm:
        rm.conf                         # a Hadoop configuration folder that names it
        rm.apps["application_1_0001"] = {"tags": "sparkjob-...", "state": "RUNNING"}
        rm.asked                        # [("GET", "/ws/v1/cluster/scheduler"), ...]
"""

import json
import os
import shutil
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/ws/v1/cluster/"


def queue(name, state="RUNNING", inner=(), **more):
    """A queue of the capacity scheduler as its REST shows it."""
    return {"queueName": name, "state": state, **({"queues": {"queue": list(inner)}} if inner else {}), **more}


class FakeYarn:
    def __init__(self, queues=None, largest=(8192, 4), nodes=((6144, 4), (4096, 2)), kind="capacityScheduler"):
        """largest: MiB and cores of a container at most; nodes: MiB and cores of each."""
        self.queues = queues or [queue("default"), queue("a", inner=[queue("b"), queue("c", "STOPPED")])]
        self.largest, self.nodes, self.kind = largest, nodes, kind
        self.apps = {}              # id: tags and state
        self.kills = True           # whether it does as it is told
        self.status = {}            # path: what it answers in place of 200
        self.asked = []
        self.folder = tempfile.mkdtemp(prefix="sparkjob-yarn-")
        self.conf = self.folder + "/conf"
        os.mkdir(self.conf)

        class Handler(BaseHTTPRequestHandler):
            do_GET = do_PUT = lambda handler: self.handle(handler)

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
        shutil.rmtree(self.folder)

    def handle(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = url.path.removeprefix(PREFIX)
        self.asked.append((handler.command, path))
        status = self.status.get(path, 200)
        answer = self.answer(handler.command, path, urllib.parse.parse_qs(url.query), body) if status == 200 else {}
        text = json.dumps(answer).encode()
        handler.send_response(status if answer is not None else 404)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def answer(self, method, path, query, body):
        if path == "scheduler":
            memory, cores = self.largest
            return {"scheduler": {"schedulerInfo": {"type": self.kind, "queues": {"queue": self.queues},
                                                    "maximumAllocation": {"memory": memory, "vCores": cores}}}}
        if path == "nodes":
            # half of each is in use
            return {"nodes": {"node": [
                {"usedMemoryMB": memory // 2, "availMemoryMB": memory - memory // 2,
                 "usedVirtualCores": cores // 2, "availableVirtualCores": cores - cores // 2} for memory, cores in self.nodes]}}
        if path == "apps":
            tag, states = query["applicationTags"][0], query["states"][0].split(",")
            found = [{"id": i, **app} for i, app in self.apps.items() if tag in app["tags"].split(",") and app["state"] in states]
            return {"apps": {"app": found} if found else None}
        if path.startswith("apps/") and method == "PUT":
            app = self.apps[path.split("/")[1]]
            if self.kills:
                app["state"] = json.loads(body)["state"]
            return {"state": app["state"]}
        return None
