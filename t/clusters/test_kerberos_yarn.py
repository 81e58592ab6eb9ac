"""YARN and HDFS in secure mode, and a real KDC: contexts in client and in cluster mode that outlive their tickets, and one for
another user."""

import os
import shutil
import time

import pytest
from kdc import Kdc, secure_hadoop
from sparkjob_server import SPARK_HOME, Server, free_port, scalac, wait_until
from test_kerberos import JOB, LIFE, LONG, owners
from test_yarn import ALIVE

pytestmark = pytest.mark.skipif(not shutil.which("krb5kdc", path="/usr/sbin"), reason="Debian's krb5-kdc is not installed")


@pytest.fixture(scope="module")
def kdc():
    with Kdc(LIFE) as k:
        yield k


@pytest.fixture(scope="module")
def secure(kdc):
    with secure_hadoop(kdc, LIFE, memory=8192, cores=16) as h:
        yield h


@pytest.fixture(scope="module")
def server(kdc, secure, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kerberos")
    scalac(str(folder / "src"), JOB, str(folder / "job.jar"))
    options = " ".join(kdc.options)
    settings = {"spark.executor.memory": "512m", "spark.yarn.am.memory": "512m", "spark.executor.instances": "1",
                "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*", "spark.executor.extraJavaOptions": options,
                "spark.yarn.am.extraJavaOptions": options}

    def cluster(name, **more):
        return {"master": "yarn", "hadoop_conf": secure.conf, "principal": kdc.principal(name), "keytab": keytabs[name],
                "settings": settings, **more}
    keytabs = {name: kdc.keytab(name) for name in ("spark", "jobserver")}
    clusters = {"near": cluster("spark", settings={**settings, "spark.driver.host": "127.0.0.1"}),
                "near-for-alice": cluster("jobserver", settings={**settings, "spark.driver.host": "127.0.0.1"}),
                "far": cluster("spark", deploy_mode="cluster")}
    acting = "location /as/ { sparkjob spark; sparkjob_user $http_x_user; sparkjob_proxy_user on; }"
    s = Server(launcher={"clusters": clusters, "driver": {
        "kerberos": {"renewal": LIFE // 3}, "link": {"listen": f"127.0.0.1:{free_port()}"},
        "options": ["-Xmx700m", "-XX:TieredStopAtLevel=1", *kdc.options]}}, locations=acting)
    s.environment = kdc.environment
    with s:
        s.upload("krb", str(folder / "job.jar"))
        yield s


def application(server, context, user=None):
    return server.json("GET", ("/as" if user else "") + f"/contexts/{context}", "", {"X-User": user} if user else {})[1]["applicationId"]


def over(secure, app):
    wait_until(f"{app} is over", lambda: secure.application(app)["state"] not in ALIVE, 60)


def ask(server, method, path, user=None):
    return server.json(method, ("/as" if user else "") + path, "", {"X-User": user} if user else {})


# cluster, for whom it acts, whose application it is, and whose name the driver's settings may have: in cluster mode it has the keytab
CONTEXTS = [("near", None, "spark", []), ("near-for-alice", "alice", "alice", []),
            ("far", None, "spark", ["spark.kerberos.keytab"])]


def test_contexts_outlive_their_tickets_and_leave_nothing(server, kdc, secure):
    """In client mode for its principal and for a user, in cluster mode for its principal."""
    for cluster, user, owner, _ in CONTEXTS:
        began = time.monotonic()
        status, body = ask(server, "POST", f"/contexts/{cluster}?cluster={cluster}&launcher.spark.driver.memory=512m", user)
        assert status == 200, (body, server.request("GET", f"/contexts/{cluster}/log")[2].decode()[-6000:])
        print(f"{cluster}: runs after {time.monotonic() - began:.1f} s")
        assert secure.application(application(server, cluster, user))["user"] == owner
    apps = [application(server, cluster, user) for cluster, user, _, _ in CONTEXTS]
    began, rounds, end = kdc.tickets(kdc.principal("spark")), 0, time.monotonic() + LONG
    while True:
        for cluster, user, _, settings in CONTEXTS:
            assert owners(server, secure, cluster, user, settings) == [user or "spark"], cluster
        rounds += 1
        if time.monotonic() > end:
            break
        time.sleep(LIFE / 3)
    print(f"{rounds} rounds over {LONG} s, {kdc.tickets(kdc.principal('spark')) - began} new tickets")
    for (cluster, user, _, _), app in zip(CONTEXTS, apps):
        began = time.monotonic()
        assert ask(server, "DELETE", f"/contexts/{cluster}", user)[0] == 200
        over(secure, app)
        print(f"{cluster}: over after {time.monotonic() - began:.1f} s: {secure.application(app)['finalStatus']}")
    wait_until("their containers are gone", lambda: not secure.containers())
