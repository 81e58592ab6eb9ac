"""Clients of JDBC and of its protocol against contexts on real Spark: beeline, PyHive, a plain Java program; directly, by TLS
and by HTTP through nginx."""

import base64
import os
import subprocess
import time

import pytest
import thrift_server
from sparkjob_server import EXAMPLES, PATIENCE, ROOT, SPARK_HOME, Server, wait_until

hive = pytest.importorskip("pyhive.hive")
THttpClient = pytest.importorskip("thrift.transport.THttpClient")

SLOW = "SELECT count(*) FROM range(1000000) a JOIN range(1000000) b ON a.id + b.id = 3"
MILLION = "SELECT id, concat('row ', id) AS text FROM range(1000000)"
FACTORY = "spark.jobserver.context.SessionContextFactory"
PASSWORDS = "ann:{PLAIN}secret\nbob:{PLAIN}secret\n"

# below /spark/ as people have it, with passwords and roles
LOCATIONS = """
        location /spark/ {{
            sparkjob spark; sparkjob_user $remote_user; sparkjob_thrift @sparkjob_thrift;
            auth_basic spark; auth_basic_user_file {0};
            sparkjob_allow read all; sparkjob_allow submit ann;
        }}
        location @sparkjob_thrift {{ include {1}/conf/nginx-thrift-http.conf; }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    passwords = tmp_path_factory.mktemp("jdbc") / "passwords"
    passwords.write_text(PASSWORDS)
    with Server(launcher=thrift_server.ports(), locations=LOCATIONS.format(passwords, ROOT)) as s:
        s.upload("examples", EXAMPLES)
        s.context("j", **{"thrift-server": "true", "context-factory": FACTORY})
        s.user, s.token = thrift_server.token(s, "j")
        s.url = thrift_server.url(s, "j")
        view(s, "j")
        yield s


@pytest.fixture(scope="module")
def by_http(server):
    """The URL of a context by HTTP, through nginx."""
    server.context("h", **{"thrift-server": "true", "thrift-server-transport": "http"})
    view(server, "h")
    return f"jdbc:hive2://127.0.0.1:{server.port}/;transportMode=http;httpPath=spark/contexts/h/jdbc"


def view(server, context):
    status, answer = server.post(f"/sql?context={context}&sync=true&timeout=600",
                                 f"CREATE OR REPLACE TEMP VIEW v AS SELECT 7 AS seven, '{context}' AS name")
    assert status == 200 and "status" not in answer, answer


def beeline(url, user, password, sql):
    done = subprocess.run([SPARK_HOME + "/bin/beeline", "--outputformat=csv2", "-u", url, "-n", user, "-p", password, "-e", sql],
                          capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
                          env={**os.environ, "SPARK_HOME": SPARK_HOME})
    return done.returncode, done.stdout, done.stderr


def java(url, user, password, what, sql=""):
    code, lines = thrift_server.jdbc(url, user, password, what, sql)
    assert code == 0, lines
    return lines


def java_fails(*args):
    code, lines = thrift_server.jdbc(*args)
    assert code == 1, lines
    return "\n".join(lines)


def connect(server, password):
    host, port = thrift_server.address(server.url)
    return hive.connect(host=host, port=port, username=server.user, password=password, auth="CUSTOM")


def test_beeline(server):
    code, out, err = beeline(server.url, server.user, server.token, "SELECT seven, name FROM v; SHOW TABLES;")
    assert code == 0 and "seven,name\n7,j\n" in out and ",v,true" in out, (out, err)
    code, out, err = beeline(server.url, server.user, server.token, "SELECT nothing FROM v")
    assert code != 0 and "nothing" in err, err
    code, out, err = beeline(server.url, server.user, "wrong", "SELECT 1")
    assert code != 0 and "Error validating the login" in err, err


def test_pyhive(server):
    with connect(server, server.token) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT seven + %s, %s FROM v", (1, "it's"))
        assert cursor.fetchall() == [(8, "it's")]
        assert [column[0] for column in cursor.description] == ["(seven + 1)", "it's"]
        cursor.execute("SHOW TABLES")
        assert ("", "v", True) in cursor.fetchall()
        cursor.execute(MILLION)
        count, total = 0, 0
        for number, text in cursor:
            count, total = count + 1, total + number
        assert (count, total, text) == (1000000, 499999500000, "row 999999")
        with pytest.raises(hive.OperationalError, match="nowhere"):
            cursor.execute("SELECT * FROM nowhere")
    with pytest.raises(Exception, match="Error validating the login"):
        connect(server, "wrong")


def test_pyhive_cancels(server):
    with connect(server, server.token) as connection, connection.cursor() as cursor:
        cursor.execute(SLOW, async_=True)
        wait_until("it runs", lambda: cursor.poll().operationState == 1)
        cursor.cancel()
        wait_until("it is cancelled", lambda: cursor.poll().operationState == 3)
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


def test_java(server):
    def run(what, sql=""):
        return java(server.url, server.user, server.token, what, sql)
    assert run("query", "SELECT *, current_user() FROM v") == [f"7\tj\t{server.user}"]
    assert run("prepared", "SELECT ? + seven, ? FROM v") == ["9\tit's"]
    lines = run("metadata")
    assert lines[0] == "Spark SQL" and "table v" in lines and "column seven INT" in lines, lines
    assert run("count", MILLION) == ["1000000 499999500000"]
    assert "Error validating the login" in java_fails(server.url, server.user, "wrong", "query", "SELECT 1")
    assert "Syntax error at or near 'SELEC'" in java_fails(server.url, server.user, server.token, "query", "SELEC 1")


def test_what_clients_make_is_there_for_compiled_jobs(server):
    java(server.url, server.user, server.token, "query",
         "CREATE TEMP VIEW made AS SELECT seven + 1 AS eight FROM v; CREATE TABLE kept USING parquet AS SELECT 9 AS nine")
    status, answer = server.run("spark.jobserver.SessionTestJob", 'sql = "SELECT eight, nine FROM made, kept"', context="j")
    assert status == 200 and answer["result"] == [[8, 9]], answer


def begin(server, url, token, what):
    client = subprocess.Popen(thrift_server.command(url, server.user, token, what, SLOW), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert client.stdout.readline() == "running\n"
    return client


def test_java_cancels(server):
    client = begin(server, server.url, server.token, "cancel")
    out, _ = client.communicate("\n", timeout=60 * PATIENCE)
    assert out.startswith("ended: ") and "cancel" in out.lower(), out


def test_a_context_is_killed_in_mid_query(server):
    server.context("k", **{"thrift-server": "true"})
    _, token = thrift_server.token(server, "k")
    client = begin(server, thrift_server.url(server, "k"), token, "wait")
    assert server.delete("/contexts/k?force=true")[0] == 200
    out, _ = client.communicate(timeout=60 * PATIENCE)
    assert out.startswith("ended: ") and len(out) > len("ended: \n"), out
    # and the other one goes on
    assert java(server.url, server.user, server.token, "query", "SELECT 1") == ["1"]


def test_by_http_users_are_those_of_nginx(server, by_http):
    assert java(by_http, "ann", "secret", "query", "SELECT name, current_user() FROM v") == ["h\tann"]
    assert java(by_http, "ann", "secret", "prepared", "SELECT ? + seven, ? FROM v") == ["9\tit's"]
    assert java(by_http, "ann", "secret", "count", MILLION) == ["1000000 499999500000"]
    assert "HTTP Response code: 401" in java_fails(by_http, "ann", "wrong", "query", "SELECT 1")
    assert "HTTP Response code: 403" in java_fails(by_http, "bob", "secret", "query", "SELECT 1")
    assert "HTTP Response code: 404" in java_fails(by_http.replace("/h/", "/none/"), "ann", "secret", "query", "SELECT 1")
    code, out, err = beeline(by_http, "ann", "secret", "SELECT name FROM v")
    assert code == 0 and "name\nh\n" in out, (out, err)


def test_pyhive_by_http(server, by_http):
    transport = THttpClient.THttpClient(f"http://127.0.0.1:{server.port}/spark/contexts/h/jdbc")
    transport.setCustomHeaders({"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()})
    with hive.connect(thrift_transport=transport, username="eve") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, current_user() FROM v")
        assert cursor.fetchall() == [("h", "ann")]


def test_by_http_clients_that_have_gone_are_forgotten(server):
    server.context("gone", **{"thrift-server": "true", "thrift-server-transport": "http",
                              "hadoop.hive.server2.idle.session.timeout": "15s", "hadoop.hive.server2.idle.operation.timeout": "15s",
                              "hadoop.hive.server2.session.check.interval": "3s"})
    transport = THttpClient.THttpClient(f"http://127.0.0.1:{server.port}/spark/contexts/gone/jdbc")
    transport.setCustomHeaders({"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()})
    connection = hive.connect(thrift_transport=transport, username="ann")

    def forgotten():
        time.sleep(20)      # what it asks is a sign of life
        try:
            connection.cursor().execute("SELECT 1")
        except hive.OperationalError as e:
            return "Invalid SessionHandle" in str(e)
    wait_until("it is forgotten", forgotten)
    wait_until("that is shown", lambda: server.get("/contexts/gone")[1]["thriftServer"]["sessions"] == 0)
    server.delete("/contexts/gone")


def test_by_http_nobody_else_may_ask_the_driver(server, by_http):
    """It listens where it is said, and asks whoever comes who that is."""
    at = thrift_server.url(server, "h")
    assert "HTTP Response code: 401" in java_fails(at, "ann", "secret", "query", "SELECT 1")
    _, token = thrift_server.token(server, "h")
    assert java(at, "anonymous", token, "query", "SELECT name FROM v") == ["h"]
    listening = subprocess.run(["ss", "-ltnH", "sport", "=", f":{thrift_server.address(at)[1]}"], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split()
    assert len(listening) == 5 and listening[3].rsplit(":", 1)[0] in ("127.0.0.1", "[::ffff:127.0.0.1]"), listening


@pytest.fixture
def names(server, tmp_path):
    """conf/nginx-thrift.conf as it is, but for ports and files; (its port, Java's options)"""
    ports = {}
    for context, name in ("first", "demo"), ("second", "etl"):
        server.context(context, **{"thrift-server": "true"})
        view(server, context)
        ports[name] = thrift_server.address(thrift_server.url(server, context))[1]
    with thrift_server.Stream(ports, str(tmp_path)) as stream:
        yield stream
    for context in "first", "second":
        server.delete(f"/contexts/{context}")


def test_one_port_with_tls_for_all_contexts(server, names):
    def ask(name, context):
        _, token = thrift_server.token(server, context)
        done = subprocess.run(thrift_server.command(names.url(name), server.user, token, "query", "SELECT name FROM v", names.java),
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        return done.stdout.strip()
    assert ask("demo", "first") == "first"
    assert ask("etl", "second") == "second"
    assert "Error validating the login" in ask("demo", "second")
    assert ask("other", "first").startswith("failed: Could not open client transport")
