"""A Kubernetes API server as far as Spark's client goes: it keeps what it is given, and records what it is asked.

    with KubernetesApi(folder) as k:
        k.url, k.ca, k.token                  # for spark.master, …authenticate.caCertFile, …oauthToken
        k.asked("POST", "/pods")              # bodies of such requests
        k.objects["pods"]["name"]             # what is there now
        k.state("name", "Running")            # what the cluster does, and those who watch are told

HTTPS, with a certificate of its own; a request without the token is refused. It starts nothing: pods stay Pending unless a
test says otherwise.
"""

import base64
import copy
import http.server
import json
import re
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid

OBJECT = re.compile(r"^/api/v1/namespaces/([^/]+)/(\w+)(?:/([^/]+))?$")
KINDS = {"pods": "Pod", "configmaps": "ConfigMap", "services": "Service", "secrets": "Secret",
         "persistentvolumeclaims": "PersistentVolumeClaim"}


def certificate(folder):
    """Paths of a certificate of 127.0.0.1, which is its own authority, and of its key."""
    cert, key = f"{folder}/api.crt", f"{folder}/api.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class Request:
    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query, self.headers, self.body = method, path, query, headers, body

    def __repr__(self):
        return f"{self.method} {self.path} {self.query}"


class KubernetesApi:
    def __init__(self, folder):
        self.ca, self.key = certificate(folder)
        self.token = "token-" + uuid.uuid4().hex
        self.requests, self.objects, self.watchers = [], {kind: {} for kind in KINDS}, []
        self.version = 0
        self.lock = threading.RLock()
        self.over = threading.Event()
        self.refuse = {}                  # {(method, kind): (status, message)}
        self.pause = 0                    # seconds before a connection is spoken to, which then is good for one request
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"api": self}))
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def asked(self, method, part=""):
        """Bodies of all requests of that method whose path has that part."""
        return [r.body for r in list(self.requests) if r.method == method and part in r.path]

    def text(self):
        """All that was put into anything but secrets, and all that a page about it could show."""
        with self.lock:
            return json.dumps([r.body for r in self.requests if r.body and "/secrets" not in r.path]
                              + [str(r) for r in self.requests])

    def state(self, pod, phase, waiting=None):
        """Has a pod be in that phase; `waiting` is (reason, message) of its container."""
        with self.lock:
            status = self.objects["pods"][pod]["status"]
            status["phase"] = phase
            status["containerStatuses"] = [{"name": "spark-kubernetes-driver", "image": "i", "imageID": "", "ready": False,
                                            "restartCount": 0,
                                            "state": {"waiting": {"reason": waiting[0], "message": waiting[1]}} if waiting else {}}]
            self.tell("MODIFIED", "pods", self.objects["pods"][pod])

    def put(self, namespace, kind, body):
        with self.lock:
            self.version += 1
            kept = copy.deepcopy(body)
            meta = kept.setdefault("metadata", {})
            if "generateName" in meta and "name" not in meta:
                meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
            meta.update(namespace=namespace, uid=str(uuid.uuid4()), resourceVersion=str(self.version),
                        creationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
            kept.update(apiVersion="v1", kind=KINDS[kind])
            if kind == "pods":
                kept["status"] = {"phase": "Pending"}
            self.objects[kind][meta["name"]] = kept
            self.tell("ADDED", kind, kept)
            return kept

    def delete(self, kind, name):
        with self.lock:
            gone = self.objects[kind].pop(name)
            self.tell("DELETED", kind, gone)
            return gone

    def tell(self, what, kind, body):
        line = json.dumps({"type": what, "object": body}).encode() + b"\n"
        for watcher in self.watchers:
            if watcher.kind == kind and watcher.matches(body):
                watcher.pending.append(line)


class Handler(http.server.BaseHTTPRequestHandler):
    api = None
    protocol_version = "HTTP/1.1"

    def setup(self):
        time.sleep(self.api.pause)
        super().setup()

    def handle_any(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        with self.api.lock:
            self.api.requests.append(Request(self.command, parts.path, query, dict(self.headers), body))
        if self.headers.get("Authorization") != "Bearer " + self.api.token:
            return self.status(401, "Unauthorized", "Unauthorized")
        found = OBJECT.match(parts.path)
        if not found or found.group(2) not in KINDS:
            return self.status(404, "NotFound", "the server could not find the requested resource")
        namespace, kind, name = found.groups()
        refused = self.api.refuse.get((self.command, kind))
        if refused:
            return self.status(refused[0], "Forbidden", refused[1])
        return getattr(self, "on_" + self.command)(namespace, kind, name, query, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if self.api.pause:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(raw)

    def status(self, code, reason, message):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" if code < 300 else "Failure",
                           "message": message, "reason": reason, "code": code})

    def on_POST(self, namespace, kind, _, __, body):
        if body["metadata"].get("name") in self.api.objects[kind]:
            return self.status(409, "AlreadyExists", f"{kind} \"{body['metadata']['name']}\" already exists")
        return self.answer(201, self.api.put(namespace, kind, body))

    def on_PATCH(self, namespace, kind, name, query, body):
        if name not in self.api.objects[kind] and query.get("force") != "true":
            return self.status(404, "NotFound", f'{kind} "{name}" not found')
        body["metadata"]["name"] = name
        return self.answer(200, self.api.put(namespace, kind, body))

    on_PUT = on_PATCH

    def on_GET(self, namespace, kind, name, query, _):
        self.kind, self.pending = kind, []
        self.labels = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if re.match(r"[^!]+=", part))
        self.only = name or dict(part.split("=", 1) for part in query.get("fieldSelector", "").split(",") if "=" in part).get("metadata.name")
        if query.get("watch") == "true":
            return self.watch()
        with self.api.lock:
            if name and name not in self.api.objects[kind]:
                return self.status(404, "NotFound", f'{kind} "{name}" not found')
            if name:
                return self.answer(200, self.api.objects[kind][name])
            items = [o for o in self.api.objects[kind].values() if self.matches(o)]
            return self.answer(200, {"kind": KINDS[kind] + "List", "apiVersion": "v1", "items": items,
                                     "metadata": {"resourceVersion": str(self.api.version)}})

    def matches(self, body):
        labels = body["metadata"].get("labels") or {}
        return (not self.only or body["metadata"]["name"] == self.only) and all(labels.get(k) == v for k, v in self.labels.items())

    def watch(self):
        """A WebSocket is not offered: then the client takes events as lines."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with self.api.lock:
            self.api.watchers.append(self)
        try:
            while not self.api.over.wait(0.05):
                while self.pending:
                    line = self.pending.pop(0)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
        except OSError:
            pass
        finally:
            with self.api.lock:
                self.api.watchers.remove(self)
            self.close_connection = True

    def on_DELETE(self, _, kind, name, query, __):
        self.only, self.labels = name, dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if "=" in part)
        with self.api.lock:
            gone = [n for n, o in self.api.objects[kind].items() if self.matches(o)]
            if name and not gone:
                return self.status(404, "NotFound", f'{kind} "{name}" not found')
            for n in gone:
                self.api.delete(kind, n)
        return self.status(200, "", "")


def decoded(secret):
    """The files of a secret as text."""
    return {name: base64.b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}
