"""YARN and HDFS in secure mode, and a real KDC: contexts in client and in cluster mode, for their own principal and for another user,
that outlive their tickets and tokens; drivers that hang are killed."""

import glob
import json
import os
import re
import shutil
import signal
import threading
import time

import pytest
from kdc import Kdc, secure_hadoop
from sparkjob_server import SPARK_HOME, Server, free_port, scalac, wait_until
from test_kerberos import JOB, LIFE, LONG, owners
from test_yarn import ALIVE
from test_yarn_cluster import master

# seconds after which no token can be renewed any longer, whoever does that
WHOLE = 2 * LIFE

pytestmark = pytest.mark.skipif(not shutil.which("krb5kdc", path="/usr/sbin"), reason="Debian's krb5-kdc is not installed")


@pytest.fixture(scope="module")
def kdc():
    with Kdc(LIFE) as k:
        yield k


@pytest.fixture(scope="module")
def secure(kdc):
    whole = {"dfs.namenode.delegation.token.max-lifetime": WHOLE * 1000}
    with secure_hadoop(kdc, LIFE, memory=8192, cores=16, hdfs_site=whole) as h:
        yield h


def without_addresses(secure, folder):
    """The configuration folder without where the cluster is, and settings that say that."""
    where = {"fs.defaultFS": secure.hdfs, "yarn.resourcemanager.address": secure.at("resourcemanager")}
    shutil.copytree(secure.conf, folder)
    for name in "core-site.xml", "yarn-site.xml":
        with open(f"{folder}/{name}") as f:
            text = f.read()
        for known in (*where, "yarn.resourcemanager.hostname"):
            text = re.sub(rf"<property>\s*<name>{re.escape(known)}</name>.*?</property>", "", text, flags=re.S)
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)
    return {"spark.hadoop." + name: value for name, value in where.items()}


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
                "far": cluster("spark", deploy_mode="cluster"),
                "far-for-alice": cluster("jobserver", deploy_mode="cluster", hadoop_conf=str(folder / "conf"),
                                         settings={**settings, **without_addresses(secure, folder / "conf")})}
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


def create(server, cluster, user=None):
    began = time.monotonic()
    status, body = ask(server, "POST", f"/contexts/{cluster}?cluster={cluster}&launcher.spark.driver.memory=512m", user)
    name = f"{user}~{cluster}" if user else cluster
    assert status == 200, (body, server.request("GET", f"/contexts/{name}/log")[2].decode()[-6000:])
    print(f"{cluster}: runs after {time.monotonic() - began:.1f} s")
    return application(server, cluster, user)


def shows_its_ui(server, context, app):
    """Through YARN's proxy, which warns of it first."""
    base = f"/contexts/{context}/ui"
    status, _, body = server.request("GET", base + "/jobs/")
    assert status == 200 and f"setUIRoot('{base}')" in body.decode(), (status, body[:2000])
    status, _, body = server.request("GET", f"{base}/api/v1/applications/{app}/executors")
    assert status == 200 and "driver" in [e["id"] for e in json.loads(body)], (status, body[:2000])


def localized(secure, user):
    """Keytabs and tickets that applications of the user have got on nodes."""
    found = glob.glob(f"{secure.dir}/node0/local/usercache/{user}/**", recursive=True)
    assert any("sparkjob-start.json" in path for path in found), found
    return [path for path in found if "keytab" in path or "ticket" in path]


# cluster, for whom it acts, whose application it is, and whose name the driver's settings may have: in cluster mode it has the keytab
CONTEXTS = [("near", None, "spark", []), ("near-for-alice", "alice", "alice", []),
            ("far", None, "spark", ["spark.kerberos.keytab"]), ("far-for-alice", "alice", "alice", [])]


def test_contexts_outlive_their_tickets_and_leave_nothing(server, kdc, secure):
    """In client mode and in cluster mode, for their principal and for a user."""
    apps = []
    for cluster, user, owner, _ in CONTEXTS:
        apps.append(create(server, cluster, user))
        assert secure.application(apps[-1])["user"] == owner
    for cluster, app in (("near", apps[0]), ("far", apps[2])):
        shows_its_ui(server, cluster, app)
    # who acts for another user has tokens only
    assert localized(secure, "spark") and not localized(secure, "alice")
    long = max(LONG, WHOLE + LIFE / 3)
    began, rounds, end = kdc.tickets(kdc.principal("spark")), 0, time.monotonic() + long
    while True:
        for cluster, user, _, settings in CONTEXTS:
            assert owners(server, secure, cluster, user, settings) == [user or "spark"], cluster
        rounds += 1
        if time.monotonic() > end:
            break
        time.sleep(LIFE / 3)
    print(f"{rounds} rounds over {long:.0f} s, {kdc.tickets(kdc.principal('spark')) - began} new tickets")
    for (cluster, user, _, _), app in zip(CONTEXTS, apps):
        began = time.monotonic()
        assert ask(server, "DELETE", f"/contexts/{cluster}", user)[0] == 200
        over(secure, app)
        print(f"{cluster}: over after {time.monotonic() - began:.1f} s: {secure.application(app)['finalStatus']}")
    wait_until("their containers are gone", lambda: not secure.containers())


def held(server, secure, cluster, user=None):
    """The application of a context in cluster mode whose driver hangs."""
    app = create(server, cluster, user)
    os.kill(master(secure), signal.SIGSTOP)
    return app


@pytest.mark.parametrize("cluster, user", [("far", None), ("far-for-alice", "alice")])
def test_a_driver_that_hangs_is_killed(server, secure, cluster, user):
    app = held(server, secure, cluster, user)
    began = time.monotonic()
    status, body = ask(server, "DELETE", f"/contexts/{cluster}?force=true", user)
    print(f"{cluster}: {status} after {time.monotonic() - began:.1f} s")
    assert status == 200, body
    assert secure.application(app)["state"] == "KILLED"
    wait_until("its containers are gone", lambda: not secure.containers())


def test_the_next_launcher_goes_on_with_a_kill(server, secure):
    app = held(server, secure, "far")
    asked = threading.Thread(target=ask, args=(server, "DELETE", "/contexts/far?force=true"))
    asked.start()
    wait_until("it is to stop", lambda: server.get("/contexts/far")[1]["state"] == "STOPPING")
    server.launcher.kill()
    server.launcher.wait()
    assert secure.application(app)["state"] in ALIVE
    server.start_launcher()
    server.wait_ready()
    wait_until("it is killed", lambda: secure.application(app)["state"] == "KILLED", 120)
    asked.join()
    wait_until("its containers are gone", lambda: not secure.containers())


def test_a_driver_that_cannot_be_killed_is_told_of(server, kdc, secure):
    """Without a KDC nobody can ask for it."""
    app = held(server, secure, "far")
    kdc.end()
    began = time.monotonic()
    try:
        status, body = ask(server, "DELETE", "/contexts/far?force=true")
    finally:
        kdc.start()
    print(f"{status} after {time.monotonic() - began:.1f} s: {body}")
    assert status == 500 and body["status"] == "ERROR", body
    assert f"context far: its application {app} is still on the cluster" in body["result"], body
    assert "Cannot contact any KDC" in body["result"], body
    os.kill(master(secure), signal.SIGKILL)
    wait_until("it is over", lambda: secure.application(app)["state"] not in ALIVE, 60)
    wait_until("its containers are gone", lambda: not secure.containers())
