"""JDBC to a context, on real Spark; clients as people have them are in t/clients."""

import concurrent.futures
import os
import signal

import pytest
import thrift_server
from sparkjob_server import Server, wait_until


@pytest.fixture(scope="module")
def server():
    with Server(launcher=thrift_server.ports()) as s:
        s.context("j", **{"thrift-server": "true"})
        s.user, s.token = thrift_server.token(s, "j")
        yield s


def sql(server, query, context="j"):
    status, answer = server.post(f"/sql?context={context}&sync=true&timeout=600", query)
    assert status == 200 and "status" not in answer, answer
    return answer["result"]


def shown(server, context="j"):
    return server.get(f"/contexts/{context}")[1].get("thriftServer")


def test_jdbc_has_the_session_of_the_context(server):
    sql(server, "CREATE TEMP VIEW v AS SELECT 7 AS seven, 'x' AS x")
    answer = thrift_server.jdbc(thrift_server.url(server, "j"), server.user, server.token, "query",
                                "SELECT * FROM v; CREATE TEMP VIEW w AS SELECT seven + 1 AS eight FROM v;"
                                "CREATE GLOBAL TEMP VIEW g AS SELECT 9 AS nine; CREATE TABLE t USING parquet AS SELECT 10 AS ten")
    assert answer == (0, ["7\tx"])
    assert sql(server, "SELECT eight, nine, ten FROM w, global_temp.g, t") == [{"eight": 8, "nine": 9, "ten": 10}]
    wait_until("no session is open", lambda: shown(server)["sessions"] == 0)


def test_who_may_log_in_outlives_the_launcher(server):
    def check():
        url = thrift_server.url(server, "j")
        assert thrift_server.login(url, server.user, server.token) is None
        for wrong in (server.user, "wrong"), ("eve", server.token), (server.user, server.token[:-1] + "z"):
            assert "Error validating the login" in thrift_server.login(url, *wrong)
    check()
    before = shown(server)
    os.kill(server.launcher.pid, signal.SIGKILL)
    server.launcher.wait()
    url = thrift_server.url(server, "j")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        early = pool.submit(thrift_server.login, url, server.user, server.token)
        server.start_launcher()
        assert early.result() is None, "who comes while there is no launcher waits for the next one"
    wait_until("the driver is adopted", lambda: server.get("/healthz")[0] == 200 and shown(server) == before)
    check()
    log = server.read("launcher.log")
    assert "the token is not for this user and this context" in log and server.token not in log


def test_it_can_be_ended_and_begun(server):
    url = thrift_server.url(server, "j")
    assert server.delete("/contexts/j/thrift-server")[0] == 200
    assert shown(server) is None
    with pytest.raises(ConnectionRefusedError):
        thrift_server.login(url, server.user, server.token)
    status, record = server.json("PUT", "/contexts/j/thrift-server")
    assert status == 200 and record["thriftServer"] == shown(server), record
    assert thrift_server.login(record["thriftServer"]["jdbcUrl"], server.user, server.token) is None
