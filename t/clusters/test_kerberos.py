"""HDFS in secure mode and a real KDC: tickets of a minute, contexts that live for longer, and for other users."""

import json
import os
import shutil
import subprocess
import time
import urllib.parse

import pytest
from kdc import REALM, Kdc, secure_hadoop
from sparkjob_server import PATIENCE, Server, free_port, scalac, wait_until

LIFE = 60
# seconds that contexts go on: with 320 they outlive five tickets
LONG = int(os.environ.get("SPARKJOB_KERBEROS", 2 * LIFE))

JOB = """
package krb

import com.typesafe.config.Config
import org.apache.hadoop.fs.{FileSystem, Path}
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.SparkContext
import spark.jobserver.{SparkJob, SparkJobValid, SparkJobValidation}

/** Files by driver and executor, and whose they are. */
object Owner extends SparkJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
  def runJob(sc: SparkContext, config: Config): Any = {
    val path = new Path(config.getString("path"))
    val fs = path.getFileSystem(sc.hadoopConfiguration)
    fs.delete(path, true)
    sc.parallelize(1 to 3, 1).saveAsTextFile(path.toString)
    fs.create(new Path(path, "part-of-the-driver")).close()
    val owners = fs.listStatus(path).filter(_.getPath.getName.startsWith("part")).map(_.getOwner)
    Map("owners" -> owners.toSeq.distinct.sorted, "files" -> owners.size, "lines" -> sc.textFile(path.toString).count(),
      "keytab" -> sys.env.values.exists(_.contains("keytab")),
      "settings" -> sc.getConf.getAll.map(_._1).filter(_.contains("keytab")).toSeq)
  }
}
"""

pytestmark = pytest.mark.skipif(not (shutil.which("krb5kdc", path="/usr/sbin") and shutil.which("faketime")), reason="Debian's krb5-kdc or faketime is not installed")


@pytest.fixture(scope="module")
def kdc():
    with Kdc(LIFE) as k:
        yield k


@pytest.fixture(scope="module")
def secure(kdc):
    with secure_hadoop(kdc, LIFE, yarn=False) as h:
        yield h


@pytest.fixture(scope="module")
def broken(kdc):
    """Clusters that cannot log in, and what is said of each: name to (principal, keytab, words)."""
    good = kdc.keytab("good")
    stale = shutil.copy(good, kdc.dir + "/stale.keytab")
    kdc.admin(f"ktadd -k {good} {kdc.principal('good')}")
    gone, expired = kdc.keytab("gone"), kdc.keytab("expired")
    kdc.admin(f"delprinc -force {kdc.principal('gone')}")
    kdc.admin(f"modprinc -expire yesterday {kdc.principal('expired')}")
    with open(kdc.file, "a") as f:
        f.write(f"[realms]\n AWAY.TEST = {{\n  kdc = 127.0.0.1:{free_port()}\n }}\n")
    away = kdc.dir + "/away.keytab"
    subprocess.run(["ktutil"], input=f"addent -password -p me@AWAY.TEST -k 1 -e aes256-cts-hmac-sha1-96\nword\nwkt {away}\n",
                   text=True, check=True, env=kdc.env(), stdout=subprocess.DEVNULL)
    return {
        "other": (kdc.principal("other"), good, "Keytab contains no suitable keys for other@SPARKJOB.TEST"),
        "stale": (kdc.principal("good"), stale, "Password incorrect"),
        "gone": (kdc.principal("gone"), gone, "Client 'gone@SPARKJOB.TEST' not found in Kerberos database"),
        "expired": (kdc.principal("expired"), expired, "Client's entry in database has expired"),
        "late": (kdc.principal("late"), kdc.keytab("late"), "Clock skew too great"),
        "away": ("me@AWAY.TEST", away, "Cannot contact any KDC for realm 'AWAY.TEST'"),
    }


@pytest.fixture(scope="module")
def server(kdc, secure, broken, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kerberos")
    scalac(str(folder / "src"), JOB, str(folder / "job.jar"))

    def cluster(principal, keytab, master="local-cluster[1,1,1024]", conf=secure.conf):
        return {"master": master, "hadoop_conf": conf, "principal": principal, "keytab": keytab,
                "settings": {"spark.executor.memory": "1g", "spark.driver.host": "127.0.0.1",
                             "spark.executor.extraJavaOptions": " ".join(kdc.options)}}
    spark, jobserver = kdc.keytab("spark"), kdc.keytab("jobserver")
    clusters = {
        "spark": cluster(kdc.principal("spark"), spark),
        "jobserver": cluster(kdc.principal("jobserver"), jobserver),
        "local": cluster(kdc.principal("jobserver"), jobserver, "local[1]"),
        "may-not": cluster(kdc.principal("spark"), spark, "local[1]"),
        "plain": cluster(kdc.principal("spark"), spark, "local[1]", str(folder)),
    }
    for name, (principal, keytab, _) in broken.items():
        clusters[name] = cluster(principal, keytab)
    # what is below /as/ acts for whom the header names
    acting = "location /as/ { sparkjob spark; sparkjob_user $http_x_user; sparkjob_proxy_user on; }"
    # one principal lives ten minutes ago
    kinit = str(folder / "kinit")
    with open(kinit, "w") as f:
        f.write('#!/bin/sh\ncase $* in *late@*) exec faketime -f -10m kinit "$@" ;; esac\nexec kinit "$@"\n')
    os.chmod(kinit, 0o755)
    s = Server(launcher={"clusters": clusters, "driver": {"kerberos": {"kinit": kinit, "renewal": LIFE // 3}}}, locations=acting)
    s.environment = kdc.environment
    with s:
        s.upload("krb", str(folder / "job.jar"))
        yield s


def written(server, secure, context, user=None):
    """What a job of the context says, which has written files."""
    query = urllib.parse.urlencode({"cp": "krb", "mainClass": "krb.Owner", "context": context, "sync": "true", "timeout": 600})
    _, body = server.json("POST", ("/as" if user else "") + "/jobs?" + query,
                          f'path = "{secure.hdfs}/of-{user}-{context}"', {"X-User": user} if user else {})
    return body


def owners(server, secure, context, user=None, settings=()):
    """Whose these files are; no setting but these says where a keytab is."""
    body = written(server, secure, context, user)
    found = body["result"]
    assert "files" in found, body
    assert (found["files"], found["lines"], found["keytab"], found["settings"]) == (2, 3, False, [*settings]), found
    return found["owners"]


def test_who_may_not_act_for_a_user_is_told(server):
    status, body = server.json("POST", "/as/contexts/x?cluster=may-not", "", {"X-User": "alice"})
    assert status == 400 and body["result"]["message"] == (
        "Kerberos: spark@SPARKJOB.TEST cannot act for alice: User: spark@SPARKJOB.TEST is not allowed to impersonate alice"), body
    status, body = server.json("POST", "/as/contexts/x?cluster=local", "", {"X-User": "carol"})
    assert status == 400 and "jobserver@SPARKJOB.TEST is not allowed to impersonate carol" in json.dumps(body), body


def test_a_login_that_cannot_be_is_named_at_once(server, broken):
    """Before a driver is started for it."""
    for name, (principal, keytab, words) in broken.items():
        began = time.monotonic()
        status, body = server.post(f"/contexts/bad?cluster={name}")
        print(f"{name}: {time.monotonic() - began:.2f} s: {body['result']['message']}")
        assert status == 500 and f"Kerberos: there is no ticket for {principal}: {words}" in body["result"]["message"], body
        assert keytab not in json.dumps(body)
        assert time.monotonic() - began < 5 * PATIENCE
    wait_until("there is no driver", lambda: not server.drivers())


def test_a_hadoop_without_kerberos_is_named(server):
    status, body = server.post("/contexts/bad?cluster=plain")
    assert status == 400 and "hadoop.security.authentication = simple" in body["result"]["message"], body


def test_contexts_outlive_their_tickets(server, kdc, secure):
    """One that acts for its principal, and two for a user: one with an executor of its own, one without."""
    alice = {"X-User": "alice"}
    server.context("own", cluster="spark")
    for cluster in ("jobserver", "local"):
        status, body = server.json("POST", f"/as/contexts/{cluster}?cluster={cluster}", "", alice)
        assert status == 200, body
    began, end = kdc.tickets(kdc.principal("spark")), time.monotonic() + LONG
    while True:
        assert owners(server, secure, "own") == ["spark"]
        assert owners(server, secure, "jobserver", "alice") == ["alice"]
        assert owners(server, secure, "local", "alice") == ["alice"]
        if time.monotonic() > end:
            break
        time.sleep(LIFE / 3)
    wait_until("there were new tickets", lambda: kdc.tickets(kdc.principal("spark")) > began + LONG // LIFE, LIFE * PATIENCE)


def test_a_kdc_that_is_away_is_told_and_may_come_back(server, kdc, secure):
    """Contexts of the test before go on until their tickets have run out, and again when there are others."""
    contexts = (("own", None, "has expired"), ("local", "alice", f"Login failure for user: jobserver@{REALM}"))
    said = {}
    kdc.end()
    time.sleep(LIFE + 5)
    for context, user, _ in contexts:
        began = time.monotonic()
        said[context] = json.dumps(written(server, secure, context, user))
        print(f"{context}: {time.monotonic() - began:.1f} s: {said[context][:600]}")
    kdc.start()
    began = time.monotonic()
    for context, user, _ in contexts:
        wait_until("a job runs again", lambda: "files" in written(server, secure, context, user)["result"], 2 * LIFE)
        print(f"{context} runs again after {time.monotonic() - began:.1f} s")
    for context, _, words in contexts:
        assert words in said[context]
