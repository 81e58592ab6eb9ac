"""That what is asked of peers fits their APIs: ours in the place of a spark-jobserver, and a recorder that answers as Livy documents."""

import http.server
import json
import os
import re
import sys
import threading
import zipfile

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", "lib"), os.path.dirname(__file__)]

from peers import Jobserver, Livy, listener  # noqa: E402
from sparkjob_server import Server, memory_kb  # noqa: E402


def test_a_jobserver_is_asked_for_binaries_contexts_and_jobs(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.jar", "w") as jar:
        jar.writestr("b", "")
    with Server(scripted=True, workers=1, launcher={"max_queued_jobs": 100000}) as s:
        peer = Jobserver(f"http://127.0.0.1:{s.port}/")
        peer.upload("app", tmp_path / "b.jar")
        assert peer.context("c") > 0
        took, result = peer.run("echo", "app", "c", b"words")
        assert took > 0 and result == "words"
        assert peer.rate("/contexts", 1) > 0
        assert peer.accepted("noop", "app", "c", 1) > 0 and len(s.get("/jobs?limit=10")[1]) == 10
        assert peer.accepted("noop", "none", "c", 1) == 0                       # 404s are not accepted
        assert peer.memory() == pytest.approx(memory_kb(listener(s.port)) / 1024, rel=0.5)
        peer.stop("c")
        assert s.get("/contexts")[1] == []
        with pytest.raises(AssertionError, match="404"):
            peer.stop("c")
        peer.close()


class Recorder(http.server.BaseHTTPRequestHandler):
    """Livy's REST API: a session is starting at first, a statement waits and runs before it is available."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, json.loads(body) if body else None))
        if self.command == "DELETE":
            return self.reply(200, {"msg": "deleted"})
        if re.fullmatch("/sessions(/3)?", self.path):
            turn = self.server.turn("sessions")
            return self.reply(201 if self.command == "POST" else 200, {"id": 3, "kind": "spark", "state": turn, "log": []})
        turn = self.server.turn("statements")
        output = {"status": "ok", "execution_count": 0, "data": {"text/plain": "res0: Int = 2"}} if turn == "available" else None
        return self.reply(201 if self.command == "POST" else 200, {"id": 5, "state": turn, "output": output, "progress": 0.0})

    do_GET = do_POST = do_DELETE = answer

    def reply(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Recording(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, **states):
        super().__init__(("127.0.0.1", 0), Recorder)
        self.states = {"sessions": ["starting", "starting", "idle"], "statements": ["waiting", "running", "available"], **states}
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def turn(self, what):
        """The next state; the last one stays."""
        return self.states[what].pop(0) if len(self.states[what]) > 1 else self.states[what][0]

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_livy_is_asked_for_sessions_and_statements():
    with Recording() as server:
        peer = Livy(f"http://127.0.0.1:{server.server_port}")
        took, session = peer.session()
        assert took > 0 and session == 3
        took, text = peer.statement(session, "1+1")
        assert took > 0 and text == "res0: Int = 2"
        peer.stop(session)
        peer.close()
        assert server.seen == [
            ("POST", "/sessions", {"kind": "spark"}), ("GET", "/sessions/3", None), ("GET", "/sessions/3", None),
            ("POST", "/sessions/3/statements", {"code": "1+1"}), ("GET", "/sessions/3/statements/5", None),
            ("GET", "/sessions/3/statements/5", None), ("DELETE", "/sessions/3", None)]


@pytest.mark.parametrize("states, words", [({"sessions": ["starting", "dead"]}, "session is dead"),
                                           ({"statements": ["running", "error"]}, "statement is error")])
def test_what_does_not_become_ready_is_told(states, words):
    with Recording(**states) as server:
        peer = Livy(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(AssertionError, match=words):
            peer.statement(peer.session()[1], "1+1")
        peer.close()
