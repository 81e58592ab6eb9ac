"""A library set of a real Spark, over REST: looked at by a JVM, used by a context, changed, deleted."""

import contextlib
import glob
import http.server
import os
import re
import ssl
import subprocess
import threading
import zipfile

import pytest
from sparkjob_server import API_JAR, EXAMPLES, SPARK_HOME, Server
from test_local import COUNTED, TEXT

SCALA = re.search(r"_(2\.\d+)\.jar", API_JAR).group(1)

# by the Scala of this Spark: the other one, and a class of its library alone
OTHERS = {"2.12": ("2.13", "immutable", "ArraySeq"), "2.13": ("2.12", "mutable", "WrappedArray")}


def jar_of_the_other_scala(folder, package, name):
    """What the other compiler makes is told by what it refers to; so does this class of Java."""
    os.makedirs(f"{folder}/scala/collection/{package}")
    full = f"scala.collection.{package}"
    sources = {f"{folder}/scala/collection/{package}/{name}.java": f"package {full}; public class {name} {{ }}",
               f"{folder}/Job.java": f"public class Job {{ public Object runJob() {{ return new {full}.{name}(); }} }}"}
    for path, text in sources.items():
        with open(path, "w") as f:
            f.write(text)
    subprocess.run(["javac", "--release", "8", "-nowarn", "-d", folder, *sources], check=True, stderr=subprocess.DEVNULL)
    with zipfile.ZipFile(f"{folder}/job.jar", "w") as jar:
        jar.write(f"{folder}/Job.class", "Job.class")
    return f"{folder}/job.jar"


def test_life_of_a_library_set(tmp_path):
    other, package, name = OTHERS[SCALA]
    with zipfile.ZipFile(tmp_path / "extra.jar", "w") as jar:
        jar.writestr("some.txt", "text")
    with Server() as s:
        s.upload("examples", EXAMPLES)
        s.upload("other", jar_of_the_other_scala(str(tmp_path), package, name))
        mine = {"spark_home": SPARK_HOME, "extra_jars": ["binary:examples", str(tmp_path / "extra.jar")],
                "environment": {"WHICH": "first"}, "options": ["-Xmx640m"]}

        # it is looked at before it is kept; without a Hadoop client there is nothing to keep
        status, answer = s.json("POST", "/library-sets/mine", {**mine, "hadoop_jars": [str(tmp_path / "extra.jar")]})
        assert status == 400 and "hadoop-client-api" in answer["result"]["message"], answer
        (tmp_path / "notes.txt").write_text("no archive")
        status, answer = s.json("POST", "/library-sets/mine", {**mine, "extra_jars": [str(tmp_path / "notes.txt")]})
        assert status == 400 and answer["result"]["message"].startswith(
            f"notes.txt is no jar, or a damaged one: {tmp_path}/notes.txt: "), answer
        assert [f["jar"] for f in answer["result"]["findings"] if f["level"] == "error"] == ["notes.txt"], answer
        status, answer = s.json("POST", "/library-sets/mine?probe=file:" + str(tmp_path), mine)
        assert status == 201, answer
        found = answer["probe"]
        assert os.path.exists(f"{SPARK_HOME}/jars/spark-core_{SCALA}-{found['spark']}.jar")
        assert glob.glob(f"{SPARK_HOME}/jars/hadoop-client-api-{found['hadoop']}.jar")
        assert found["scala"].startswith(SCALA + ".") and "message" not in found
        assert any(f["text"].startswith(f"file:{tmp_path}: a folder with") for f in found["findings"]), found

        # a context has it; meanwhile it stays as it is
        s.context("c", **{"library-set": "mine"})
        with open(f"/proc/{s.drivers()[0]}/environ") as environment, open(f"/proc/{s.drivers()[0]}/cmdline") as line:
            assert "WHICH=first" in environment.read().split("\0")
            assert line.read().split("\0-cp\0")[1].split("\0")[0].endswith(":" + str(tmp_path / "extra.jar"))
        status, answer = s.run("spark.jobserver.WordCountExample", TEXT)
        assert status == 200 and answer["result"] == COUNTED
        status, answer = s.run("Job", cp="other")
        assert status == 400 and answer["status"] == "JOB LOADING FAILED", answer
        assert answer["result"]["message"] == (
            f"other was built for Scala {other}, and this context runs Scala {SCALA}: Job.class refers to "
            f"scala.collection.{package}.{name}. Build it for Scala {SCALA}, or use a context with a library set for Scala {other}")
        for method in "PUT", "DELETE":
            status, answer = s.json(method, "/library-sets/mine", mine if method == "PUT" else None)
            assert (status, answer["result"]) == (409, "library set mine is used by c")

        assert s.delete("/contexts/c")[0] == 200
        status, answer = s.json("PUT", "/library-sets/mine", {**mine, "environment": {"WHICH": "second"}})
        assert status == 200 and answer["probe"]["spark"] == found["spark"], answer
        s.context("c", **{"library-set": "mine"})
        with open(f"/proc/{s.drivers()[0]}/environ") as environment:
            assert "WHICH=second" in environment.read().split("\0")
        assert s.delete("/contexts/c")[0] == 200
        assert s.json("DELETE", "/library-sets/mine")[0] == 200
        assert s.json("GET", "/library-sets/mine")[0] == 404


def javas():
    """Those of this machine that this Spark does not support: {major version: folder}."""
    found = {}
    supported = (8, 11, 17) if SCALA == "2.12" else (17, 21, 25)
    for path in glob.glob("/usr/lib/jvm/*/release"):
        with open(path) as f:
            version = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', f.read(), re.M)
        if version and int(version.group(1)) not in supported:
            found[int(version.group(1))] = os.path.dirname(path)
    return found


@pytest.mark.skipif(not javas(), reason="there is no Java that it does not support")
def test_a_java_that_this_spark_does_not_support_is_refused():
    major, folder = javas().popitem()
    with Server() as s:
        status, answer = s.json("POST", "/library-sets/new", {"java": folder})
        assert status == 400, answer
        assert re.fullmatch(rf"Spark \d[\d.]+ does not support Java {major}: it runs on Java [\d, ]+", answer["result"]["message"])
        assert answer["result"]["java"].startswith(f"{major}.")
        assert s.json("GET", "/library-sets/new")[0] == 404


def certificates(folder):
    """An authority, a certificate that it gave to 127.0.0.1, one that nobody gave, and a trust store that has the authority."""
    def run(*words):
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    address = ("-addext", "subjectAltName=IP:127.0.0.1")
    run(*new, "-x509", "-subj", "/CN=the authority", "-keyout", "ca.key", "-out", "ca.crt")
    run(*new, "-x509", "-subj", "/CN=a stranger", *address, "-keyout", "stranger.key", "-out", "stranger.crt")
    run(*new, "-subj", "/CN=a server", *address, "-keyout", "server.key", "-out", "server.csr")
    run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-copy_extensions", "copy", "-out", "server.crt")
    run("keytool", "-importcert", "-noprompt", "-alias", "own", "-file", "ca.crt", "-keystore", "trust.p12", "-storepass", "changeit")


@contextlib.contextmanager
def https(folder, name):
    """The URL of a server of that file, which shows that certificate."""
    def handler(*arguments):
        return http.server.SimpleHTTPRequestHandler(*arguments, directory=os.path.dirname(EXAMPLES))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}/{os.path.basename(EXAMPLES)}"
        server.shutdown()


def test_jobs_come_by_https_from_whom_the_sets_trust_store_trusts(tmp_path):
    certificates(tmp_path)
    options = [f"-Djavax.net.ssl.trustStore={tmp_path}/trust.p12", "-Djavax.net.ssl.trustStorePassword=changeit"]
    with https(tmp_path, "server") as known, https(tmp_path, "stranger") as stranger, Server(launcher={
            "library_sets": {"own": {"options": options}}, "outbound": {"hosts": ["127.0.0.1"]}}) as s:
        s.context("c", **{"library-set": "own"})
        status, answer = s.run("spark.jobserver.WordCountExample", TEXT, cp=known)
        assert status == 200 and answer["result"] == COUNTED, answer
        status, answer = s.run("spark.jobserver.WordCountExample", TEXT, cp=stranger)
        assert status == 400 and answer["status"] == "JOB LOADING FAILED", answer
        assert f'{stranger} cannot be fetched: the certificate "CN=a stranger", issued by "CN=a stranger", is not trusted: ' in (
            answer["result"]["message"]), answer
