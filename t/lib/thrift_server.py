"""Thrift servers in tests: ports for them, tokens, logins, and the Java program that is their client."""

import contextlib
import glob
import os
import re
import socket
import struct
import subprocess
import urllib.parse

from sparkjob_server import NGINX, PATIENCE, ROOT, SPARK_HOME, Whole, free_port, wait_until

JDBC = os.path.join(ROOT, "t", "clients", "Jdbc.java")
# what most of Hive's driver is in comes first: to look into all of Spark's jars for each class takes longer than a query
JARS = ("spark-hive-thriftserver*", "hive-*", "libthrift*", "libfb303*", "http*", "slf4j-api*", "jcl-over*", "commons-*", "hadoop-client-*",
        "guava*")


def ports():
    """The configuration's member `thrift`, with some ports."""
    first = free_port()
    return {"thrift": {"ports": f"{first}-{first + 9}"}}


def url(server, context):
    """The JDBC URL that the context's record has."""
    return server.get(f"/contexts/{context}")[1]["thriftServer"]["jdbcUrl"]


def address(jdbc):
    """(host, port) of a JDBC URL"""
    at = urllib.parse.urlsplit(jdbc[len("jdbc:"):])
    return at.hostname, at.port


def token(server, context, **more):
    """(user, token)"""
    query = "&".join(f"{k}={v}" for k, v in more.items())
    status, answer = server.post(f"/contexts/{context}/token?{query}")
    assert status == 201, answer
    return answer["user"], answer["token"]


def login(jdbc, user, password):
    """What the server says of user and password, by SASL's PLAIN as all clients do it; None: welcome."""
    with socket.create_connection(address(jdbc), timeout=60 * PATIENCE) as s, s.makefile("rb") as answer:
        for status, text in ((1, b"PLAIN"), (2, f"\0{user}\0{password}".encode())):
            s.sendall(struct.pack("!BI", status, len(text)) + text)
        status, size = struct.unpack("!BI", answer.read(5))
        text = answer.read(size).decode()
    return None if status == 5 else text


def command(url, user, password, what, sql="", options=()):
    jars = [jar for name in JARS for jar in glob.glob(f"{SPARK_HOME}/jars/{name}.jar")]
    return ["java", "-XX:TieredStopAtLevel=1", *options, "-cp", ":".join([*jars, SPARK_HOME + "/jars/*"]), JDBC, url, user, password, what, sql]


def jdbc(*args):
    """(exit code, lines)"""
    done = subprocess.run(command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=100 * PATIENCE, check=False)
    assert done.returncode == 0 or "failed: " in done.stdout, done.stderr
    return done.returncode, done.stdout.splitlines()


class Stream(Whole):
    """An nginx with conf/nginx-thrift.conf as it is, but for ports and files; and what Java needs to reach it by its names."""

    MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

    def __init__(self, ports, folder):
        """ports: of contexts, by the first word of their names in the configuration"""
        self.ports, self.dir, self.port, self.nginx = ports, folder, free_port(), None
        self.java = [f"-Djdk.net.hosts.file={folder}/hosts"]

    def url(self, name):
        return f"jdbc:hive2://{name}.sql.example.com:{self.port}/;ssl=true;sslTrustStore={self.dir}/trust.p12;trustStorePassword=changeit"

    def begin(self):
        certificate, key = self.dir + "/sql.pem", self.dir + "/sql.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sql.example.com", "-addext",
                        "subjectAltName=DNS:*.sql.example.com", "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "sql", "-file", certificate, "-keystore", self.dir + "/trust.p12",
                        "-storepass", "changeit"], check=True, stderr=subprocess.DEVNULL)
        with open(self.dir + "/hosts", "w", encoding="ascii") as f:
            f.writelines(f"127.0.0.1 {name}.sql.example.com\n" for name in [*self.ports, "other"])
        with open(ROOT + "/conf/nginx-thrift.conf", encoding="ascii") as f:
            conf = f.read().replace("listen 10000", f"listen 127.0.0.1:{self.port}")
        conf = conf.replace("/etc/sparkjob/sql.example.com.pem", certificate).replace("/etc/sparkjob/sql.example.com.key", key)
        for name, port in self.ports.items():
            conf, found = re.subn(rf"({name}\.sql\.example\.com\s+127\.0\.0\.1):\d+", rf"\1:{port}", conf)
            assert found == 1, name
        with open(self.dir + "/nginx.conf", "w", encoding="ascii") as f:
            f.write(f"load_module {self.MODULE};\npid {self.dir}/pid;\nevents {{}}\n{conf}")
        self.nginx = subprocess.Popen([NGINX, "-p", self.dir, "-e", self.dir + "/error.log", "-c", self.dir + "/nginx.conf", "-g",
                                       "daemon off;"])
        wait_until("it listens", self.listens)

    def listens(self):
        assert self.nginx.poll() is None, "nginx did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True

    def stop(self):
        if self.nginx:
            self.nginx.terminate()
            self.nginx.wait()
