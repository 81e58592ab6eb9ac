"""The Jupyter kernel, cell by cell, as a frontend has it: against a real server and real Spark."""

import os
import re
import subprocess
import sys
import threading
import time
import zipfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

from sparkjob_server import EXAMPLES, PATIENCE, ROOT, Server, free_port, wait_until  # noqa: E402

manager = pytest.importorskip("jupyter_client.manager")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = ROOT + "/docs/interactive.ipynb"


def environment(server, **more):
    return {**os.environ, "SPARKJOB_URL": f"http://127.0.0.1:{server.port}", "XDG_CONFIG_HOME": server.dir, **more}


class Kernel:
    """A kernel that was installed, and what its cells have shown."""

    def __init__(self, server, language="python", **more):
        self._manager = manager.KernelManager(kernel_name="sparkjob-" + language)
        self._manager.start_kernel(env=environment(server, **more))
        self.client = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60 * PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self._manager.shutdown_kernel()

    def run(self, code, seen=lambda message: None):
        """(the reply, what was shown: [(type, content)])"""
        shown = []

        def take(message):
            shown.append((message["msg_type"], message["content"]))
            seen(message)

        reply = self.client.execute_interactive(code, timeout=120 * PATIENCE, output_hook=take)["content"]
        return reply, [(kind, content) for kind, content in shown if kind not in ("status", "execute_input")]

    def text(self, code):
        """What a cell prints that shows nothing else; progress is left out."""
        reply, shown = self.run(code)
        assert reply["status"] == "ok", reply
        return "".join(content["text"] for kind, content in shown if kind == "stream")

    def data(self, code):
        reply, shown = self.run(code)
        assert reply["status"] == "ok", reply
        return next(content["data"] for kind, content in shown if kind == "execute_result")

    def error(self, code):
        reply, shown = self.run(code)
        assert reply["status"] == "error" and shown[-1][0] == "error", (reply, shown)
        assert {name: reply[name] for name in shown[-1][1]} == shown[-1][1]
        return reply

    def ask(self, message_id):
        """The reply to a request that was not to run a cell."""
        return self.client._recv_reply(message_id, timeout=60 * PATIENCE)["content"]

    def interrupt(self):
        self._manager.interrupt_kernel()

    def kill(self):
        """So that it cannot end its session."""
        self._manager.provisioner.process.kill()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository of Maven's with test.it:thing:1, whose jar has a file thing.txt."""
    folder = tmp_path_factory.mktemp("repository")
    place = folder / "test" / "it" / "thing" / "1"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "thing-1.jar", "w") as jar:
        jar.writestr("thing.txt", "a thing")
    (place / "thing-1.pom").write_text("<project><modelVersion>4.0.0</modelVersion><groupId>test.it</groupId>"
                                       "<artifactId>thing</artifactId><version>1</version></project>")
    return folder


@pytest.fixture(scope="module")
def server(repository):
    with Server(launcher={"outbound": {"files": [str(repository)]}}) as s:
        s.upload("examples", EXAMPLES)
        yield s


@pytest.fixture(scope="module")
def kernel(server):
    with Kernel(server) as kernel:
        yield kernel


def test_cells_of_three_languages_in_one_session(kernel, server):
    assert kernel.text("spark.range(3).createOrReplaceTempView('three'); 1 + 1") == "2\n"
    assert kernel.text("%%scala\nval rows = spark.table(\"three\").count()").endswith("rows: Long = 3\n")
    shown = kernel.data("%%sql\nSELECT id, '<' AS sign FROM three ORDER BY id DESC LIMIT 1")
    assert "<th>sign</th>" in shown["text/html"] and "<td>2</td><td>&lt;</td>" in shown["text/html"]
    assert shown["text/plain"] == "id  sign\n--  ----\n2   <\n1 row"
    assert len(server.get("/contexts")[1]) == 1


def test_errors_are_those_of_the_code(kernel):
    failed = kernel.error("def f():\n    return 1 / 0\nf()")
    assert failed["ename"] == "ZeroDivisionError" and failed["evalue"] == "division by zero"
    assert any("line 2, in f" in line for line in failed["traceback"])
    assert failed["traceback"][-1] == "ZeroDivisionError: division by zero"
    assert kernel.error("%%scala\nsys.error(\"broken\")")["traceback"][-1] == "Error: java.lang.RuntimeException: broken"
    assert "nosuch" in kernel.error("%%sql\nSELECT nosuch")["evalue"]
    assert "%%perl is no language" in kernel.error("%%perl\n1")["evalue"]


def test_json_tables_and_pictures(kernel):
    assert kernel.data("%json {'a': [1, 2]}")["application/json"] == {"a": [1, 2]}
    assert "<td>x</td>" in kernel.data("rows = [[1, 'x']]\n%table rows")["text/html"]
    # what %matplot asks of matplotlib's pyplot, which need not be installed for this
    picture = kernel.data("class plt:\n    def gcf(self): return self\n    def savefig(self, to, format): to.write(b'\\x89PNG')\n"
                          "%matplot plt()")
    assert picture["image/png"] == "iVBORw=="


def test_completion_and_what_is_complete(kernel):
    assert kernel.text("1") == "1\n"      # the session opens with the first cell
    found = kernel.ask(kernel.client.complete("x = spark.sq + 1", 12))
    assert "sql" in found["matches"] and (found["cursor_start"], found["cursor_end"]) == (10, 12)
    assert kernel.text("%%scala\n1")
    found = kernel.ask(kernel.client.complete("%%scala\nspark.sqlC"))
    assert found["matches"] == ["sqlContext"] and found["cursor_start"] == 14
    assert "%info" not in kernel.ask(kernel.client.complete("inf"))["matches"]
    assert kernel.ask(kernel.client.complete("%inf"))["matches"] == ["info"]
    assert kernel.ask(kernel.client.is_complete("for i in x:"))["status"] == "incomplete"
    assert kernel.ask(kernel.client.is_complete("%%scala\nval a = 1"))["status"] == "complete"


def test_progress_of_spark_work(kernel):
    reply, shown = kernel.run("import time\nsc.parallelize(range(4), 4).map(lambda n: time.sleep(1) or n).sum()")
    bars = [content for kind, content in shown if kind in ("display_data", "update_display_data")]
    assert bars and len({bar["transient"]["display_id"] for bar in bars}) == 1, shown
    assert [kind for kind, _ in shown if kind == "display_data"] == ["display_data"]
    assert "4 of 4 tasks" in bars[-1]["data"]["text/plain"] and 'max="4"' in bars[-1]["data"]["text/html"]
    assert ("stream", {"name": "stdout", "text": "6\n"}) in shown


def test_interrupt_cancels_the_statement(kernel, server):
    thread = threading.Thread(target=lambda: (wait_until("it runs", lambda: any(
        job["classPath"].startswith("statement.") for job in server.get("/jobs?status=RUNNING")[1])), kernel.interrupt()))
    thread.start()
    begin = time.monotonic()
    failed = kernel.error("import time\nwhile True: time.sleep(1)")
    thread.join()
    assert failed["ename"] == "KeyboardInterrupt" and time.monotonic() - begin < 100 * PATIENCE
    assert kernel.text("1 + 1") == "2\n"


def test_jars_and_artifacts_for_a_live_session(kernel, repository):
    example = "_root_.spark.jobserver.WordCountExample"
    assert "WordCountExample is not a member" in kernel.error("%%scala\n" + example)["evalue"]
    assert kernel.text("%jar examples") == "Added: examples\n"
    assert "WordCountExample" in kernel.text(f"%%scala\nsc.parallelize(1 to 2).map(_ => {example}.getClass.getName).first")
    assert kernel.text("type(sc._jvm.spark.jobserver.WordCountExample).__name__") == "'JavaClass'\n"
    there = "sc.parallelize(1 to 1).map(_ => Thread.currentThread.getContextClassLoader.getResource(\"thing.txt\") != null).first"
    assert "thing-1.jar" in kernel.text(f"%deps test.it:thing:1 repos=file:{repository}")
    assert kernel.text("%%scala\n" + there).endswith("Boolean = true\n")
    assert "test.it:none:1 cannot be had" in kernel.error(f"%deps test.it:none:1 repos=file:{repository}")["evalue"]
    assert "is not allowed" in kernel.error("%deps test.it:thing:1 repos=file:/nowhere")["evalue"]
    assert "nosuch not found" in kernel.error("%jar nosuch")["evalue"]
    assert "GROUP:ARTIFACT:VERSION" in kernel.error("%deps thing")["evalue"]


def test_attached_to_a_context_it_leaves_it_alone(server):
    server.context("demo")
    with Kernel(server, "scala", SPARKJOB_ATTACH="demo") as other:
        assert "Int = 2\n" in other.text("1 + 1")
        assert "own          no" in other.text("%info")
    assert "demo" in server.get("/contexts")[1]


def test_a_session_that_is_gone_is_not_replaced_by_itself(server):
    with Kernel(server) as other:
        assert other.text("%open name=lost\nx = 1\nx") == "1\n"
        server.delete("/contexts/lost")
        for _ in range(2):
            failed = other.error("x")
            assert failed["ename"] == "SessionOver" and "%open" in failed["evalue"]
        assert other.error("%attach nosuch")["ename"] == "ServerError"
        server.context("stays")
        assert other.text("%attach stays\n2 + 2") == "4\n"
        assert other.text("%open name=next\n3 + 3") == "6\n"
        assert {"stays", "next"} <= set(server.get("/contexts")[1])
    wait_until("the session that it made is ended", lambda: "next" not in server.get("/contexts")[1])
    assert "stays" in server.get("/contexts")[1]


@pytest.fixture
def scripted(tmp_path):
    """A server without Spark, whose statements are those of t/lib/scripted_interpreter.py; /guarded/ wants a password."""
    users = tmp_path / "users"
    users.write_text("ann:{PLAIN}secret\n")
    tmp_path.chmod(0o755)
    guarded = f'location /guarded/ {{ sparkjob_livy spark; auth_basic "spark"; auth_basic_user_file {users}; }}'
    with Server(scripted=True, locations=guarded) as s:
        yield s


def test_a_statement_outlives_launcher_and_nginx(scripted):
    with Kernel(scripted) as kernel:
        kernel.text("set kept")

        def restart():
            scripted.launcher.kill()
            scripted.launcher.wait()
            scripted.start_launcher()
            scripted.nginx_restart()

        thread = threading.Timer(0.5, restart)
        thread.start()
        assert kernel.text("sleep 3000") == "slept\n"
        thread.join()
        assert kernel.text("get") == "kept\n"
        kernel.error("exit 3")
        wait_until("the kernel says that its session is over", lambda: kernel.error("get")["ename"] == "SessionOver")
        assert "it is dead" in kernel.error("get")["evalue"]


def test_users_are_asked_who_they_are(scripted):
    url = f"http://127.0.0.1:{scripted.port}/guarded"
    for user, words in ((None, "(401"), ("ann:wrong", "(401"), ("ann:secret", None)):
        more = {"SPARKJOB_LIVY_URL": url, "HOME": scripted.dir, **({"SPARKJOB_USER": user} if user else {})}
        with Kernel(scripted, "sql", **more) as kernel:
            if words:
                assert words in kernel.error("get")["evalue"]
            else:
                assert kernel.text("hello") == "hello\n"


@pytest.fixture
def secure(tmp_path):
    """(a server without Spark; its URL by TLS, with a certificate of its own): below /ann/ for a password, below /token/ for a token."""
    certificate, key, users, port = tmp_path / "own.crt", tmp_path / "own.key", tmp_path / "users", free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=own", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    users.write_text("ann:{PLAIN}secret\n")
    for file, mode in (tmp_path, 0o755), (users, 0o644), (key, 0o600):
        file.chmod(mode)
    asked = {"ann": f"auth_basic spark; auth_basic_user_file {users};", "token": 'if ($http_authorization != "Bearer t-1") { return 401; }'}
    locations = "".join(f"location /{name}/ {{ sparkjob spark; {lines} }} location /{name}/livy/ {{ sparkjob_livy spark; {lines} }}"
                        for name, lines in asked.items())
    with Server(scripted=True, http=f"""server {{
            listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {locations} }}""") as s:
        s.certificate = str(certificate)
        s.expected = ["tlsv1 alert unknown ca"]     # so clients say that they do not trust it
        yield s, f"https://localhost:{port}"


@pytest.mark.parametrize("place, more, words", [
    ("ann", {}, "CERTIFICATE_VERIFY_FAILED"),
    ("ann", {"SPARKJOB_CACERT": "own"}, None),
    ("ann", {"SPARKJOB_INSECURE": "true"}, None),
    ("token", {"SPARKJOB_CACERT": "own"}, "(401"),
    ("token", {"SPARKJOB_CACERT": "own", "SPARKJOB_TOKEN": "t-1"}, None),
])
def test_by_tls_with_a_token_or_as_netrc_says(secure, place, more, words):
    """Authorities of the environment, which are for other servers, do not matter where some were configured."""
    server, url = secure
    with open(server.dir + "/.netrc", "w", encoding="ascii") as netrc:
        netrc.write("machine localhost login ann password secret\n")
    os.chmod(netrc.name, 0o600)
    more = {name: value.replace("own", server.certificate) for name, value in more.items()}
    with Kernel(server, SPARKJOB_URL=f"{url}/{place}", HOME=server.dir, REQUESTS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt",
                **more) as kernel:
        if words:
            assert words in kernel.error("hello")["evalue"]
        else:
            # so long that its events are followed
            assert kernel.text("sleep 1000") == "slept\n"


def test_the_heartbeat_goes_on_until_the_kernel_is_dead(scripted):
    with Kernel(scripted, SPARKJOB_HEARTBEAT="8") as kernel:
        kernel.text("%open name=beats\nset kept")
        assert scripted.get("/livy/sessions/beats")[1]["heartbeatTimeoutInSecond"] == 8
        time.sleep(20)
        assert kernel.text("get") == "kept\n"
        kernel.kill()
        wait_until("its session is over", lambda: "beats" not in scripted.get("/contexts")[1])


def outputs(notebook):
    """What its cells show, without what differs from run to run, or between versions of Scala."""
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or output.get("evalue") or data.get("text/plain")
            if output.output_type != "display_data":    # of progress, which may be too quick to be seen
                shown.append((cell.source, output.output_type, re.sub("(?m)^(val|defined) ", "", text), data.get("text/html")))
    return shown


def test_the_notebook_of_the_docs(server):
    """SPARKJOB_NOTEBOOK=write keeps what it has shown."""
    kept = nbformat.read(NOTEBOOK, 4)
    ran = nbformat.read(NOTEBOOK, 4)
    nbclient.NotebookClient(ran, timeout=120 * PATIENCE, startup_timeout=60 * PATIENCE, record_timing=False).execute(
        env=environment(server))
    if os.environ.get("SPARKJOB_NOTEBOOK") == "write":
        nbformat.write(ran, NOTEBOOK)
        kept = ran
    assert outputs(kept) and outputs(ran) == outputs(kept)
