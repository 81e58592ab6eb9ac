# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""A web interface for t/lib/scripted_driver.py."""

import contextlib
import hashlib
import http.server
import json
import threading


class Ui(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; its redirects and headers are what those of a web interface may be."""

    HOSTILE = {"Set-Cookie": "a=b; Path=/", "Access-Control-Allow-Origin": "*", "Clear-Site-Data": '"*"',
               "Service-Worker-Allowed": "/", "X-Accel-Redirect": "/jobs", "WWW-Authenticate": "Basic realm=x",
               "Content-Security-Policy": "default-src *"}

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"method": self.command, "path": self.path, **({"sent": hashlib.sha256(sent).hexdigest()} if sent else {}),
                           "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        path = self.path.split("?")[0]
        self.send_response({"/": 302, "/local": 302, "/fails": 500}.get(path, 200))
        if path == "/":
            self.send_header("Location", f"http://{self.headers['Host']}/jobs/")
        if path == "/local":
            self.send_header("Location", "/stages/")
        for name, value in self.HOSTILE.items() if path == "/hostile" else ():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass

    @classmethod
    def url(cls, how):
        """What is told of the interface, which is made if there is to be one."""
        if how != "on":
            return how or "http://127.0.0.1:4040"
        return f"http://localhost:{cls.listen([0])}"

    @classmethod
    def listen(cls, ports):
        """Serves at the first of these ports that nobody has."""
        for port in ports:
            with contextlib.suppress(OSError):
                server = http.server.ThreadingHTTPServer(("127.0.0.1", port), cls)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                return server.server_port
        raise OSError("no port is free")
