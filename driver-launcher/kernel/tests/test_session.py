"""A session as the kernel uses it, against a server that is but a table of answers."""

import pytest
from sparkjob_kernel import session as module
from sparkjob_kernel.server import ServerError
from sparkjob_kernel.session import Session, SessionOver

OK = {"status": "ok", "data": {"text/plain": "2"}}


class Config:
    heartbeat = 0
    session = {"driverMemory": "1g", "conf": {"a": "1"}}


class Fake:
    """answers: by method and path, what to answer one time after the other; the last one goes on."""

    def __init__(self, **answers):
        self.asked = []
        self.followed = []
        self.answers = {
            "POST /sessions": [{"id": 3, "name": None, "state": "starting"}],
            "GET /sessions/3": [{"id": 3, "name": "session-3", "state": "idle"}],
            "GET /sessions/work": [{"id": 3, "name": "work", "state": "idle"}],
            "POST /sessions/3/statements": [{"id": 0, "state": "waiting"}],
            "POST /sessions/3/statements/0/cancel": [{"msg": "canceled"}],
            "GET /sessions/3/log": [{"log": ["the end"]}],
            "DELETE /sessions/3": [{"msg": "deleted"}],
            **{name.replace("_", " ", 1): answer for name, answer in answers.items()}}
        self.events_of_jobs = []

    def livy(self, method, path, body=None):
        self.asked.append((method, path, body))
        answers = self.answers["%s %s" % (method, path.partition("?")[0])]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer, {"Sparkjob-Job": "j-1"}

    jobs = livy

    def events(self, path):
        self.followed.append(path)
        yield from self.events_of_jobs


def session(server, own=True):
    return Session(server, {"id": 3, "name": "session-3"}, own)


def statement(*states):
    return [{"state": state, "output": OK if state == "available" else None} for state in states]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(module, "_SOON", 3600)


def test_a_session_of_ones_own_has_what_was_configured():
    server = Fake()
    made = Session.create(server, Config, {"name": "work", "b": "2"})
    made.wait_ready(10)
    assert made.own and made.title == "3 (session-3)"
    assert server.asked[0] == ("POST", "/sessions", {"kind": "shared", "heartbeatTimeoutInSecond": 0, "driverMemory": "1g",
                                                     "conf": {"a": "1", "b": "2"}, "name": "work"})
    made.end()
    assert server.asked[-1][:2] == ("DELETE", "/sessions/3")


def test_a_context_of_others_is_not_ended():
    server = Fake()
    Session.attach(server, "work").end()
    assert [asked[0] for asked in server.asked] == ["GET"]


def test_a_session_that_dies_while_it_starts_says_why():
    server = Fake(**{"GET_/sessions/3": [{"id": 3, "state": "starting"}, {"id": 3, "state": "dead"}]})
    with pytest.raises(SessionOver, match="it is dead(.|\n)*the end"):
        session(server).wait_ready(10)


def test_a_session_that_does_not_start_in_time_is_ended():
    server = Fake(**{"GET_/sessions/3": [{"id": 3, "state": "starting"}]})
    with pytest.raises(SessionOver, match="still starting after 0 seconds"):
        session(server).wait_ready(0)
    assert server.asked[-1][0] == "DELETE"


def test_a_quick_statement_is_not_followed():
    server = Fake(**{"GET_/sessions/3/statements/0": statement("running", "available")})
    assert session(server).run("spark", "1 + 1", None) == OK and not server.followed


def test_events_tell_how_far_a_longer_one_is():
    server = Fake(**{"GET_/sessions/3/statements/0": statement(*["running"] * 8, "available")})
    server.events_of_jobs = [("job", {"status": "RUNNING"}), ("progress", {"tasks": 4}), ("job", {"status": "FINISHED"}),
                             ("progress", {"tasks": 5})]
    seen = []
    assert session(server).run("spark", "long", seen.append) == OK
    assert seen == [{"tasks": 4}] and server.followed == ["/jobs/j-1/events"]


def test_events_that_break_off_are_followed_again():
    server = Fake(**{"GET_/sessions/3/statements/0": statement(*["running"] * 9, "available")})

    def broken(path):
        server.followed.append(path)
        raise ServerError("broke off")

    server.events = broken
    assert session(server).run("spark", "long", None) == OK and len(server.followed) == 2


def test_an_interrupt_cancels_and_waits_for_the_end():
    server = Fake(**{"GET_/sessions/3/statements/0": [KeyboardInterrupt()] + statement("cancelling", "cancelled")})
    assert session(server).run("spark", "long", None) is None
    assert [asked[1] for asked in server.asked].count("/sessions/3/statements/0/cancel") == 1


def test_a_session_that_is_gone_is_over():
    gone = ServerError("Session '3' not found.", 404)
    server = Fake(**{"POST_/sessions/3/statements": [gone], "GET_/sessions/3": [gone]})
    with pytest.raises(SessionOver, match="The session 3 .session-3. is over"):
        session(server).run("spark", "1", None)
    session(Fake(**{"DELETE_/sessions/3": [gone]})).end()


def test_a_statement_that_was_cancelled_with_its_session_says_so():
    server = Fake(**{"GET_/sessions/3/statements/0": statement("cancelled"), "GET_/sessions/3": [{"id": 3, "state": "shutting_down"}]})
    with pytest.raises(SessionOver, match="it is shutting_down"):
        session(server).run("spark", "long", None)


def test_a_statement_that_takes_its_session_along_says_so():
    failed = {"state": "available", "output": {"status": "error", "ename": "Error", "evalue": "x"}}
    server = Fake(**{"GET_/sessions/3/statements/0": [failed], "GET_/sessions/3": [{"id": 3, "state": "dead"}]})
    with pytest.raises(SessionOver, match="it is dead"):
        session(server).run("spark", "System.exit(1)", None)


def test_what_a_live_session_refuses_is_the_servers_word():
    server = Fake(**{"POST_/sessions/3/statements": [ServerError("too much (429)", 429)]})
    with pytest.raises(ServerError, match="too much"):
        session(server).run("spark", "1", None)


def test_binaries_are_waited_for():
    server = Fake(**{"POST_/contexts/session-3/binaries": [{"jobId": "b", "status": "STARTED"}],
                     "GET_/jobs/b": [{"jobId": "b", "status": "RUNNING"}, {"jobId": "b", "status": "FINISHED", "result": ["a.jar"]}]})
    assert session(server).add(["a"]) == ["a.jar"]
    server.answers["POST /contexts/session-3/binaries"] = [{"jobId": "b", "status": "ERROR", "result": {"message": "no disk"}}]
    with pytest.raises(ServerError, match="no disk"):
        session(server).add(["a"])
