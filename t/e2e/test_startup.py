"""What makes drivers start faster changes nothing else: an archive of classes, spare drivers; real Spark."""

import glob
import json
import os
import re
import urllib.request

from sparkjob_server import EXAMPLES, Server, scalac, wait_until


def archives(server):
    return glob.glob(server.dir + "/data/archives/*.jsa")


def test_drivers_share_an_archive_of_classes(tmp_path):
    options = ["-Xmx1g", "-XX:TieredStopAtLevel=1", f"-Xlog:class+load:file={tmp_path}/%p"]
    with Server(launcher={"driver": {"archive": "on", "options": options}}) as s:
        s.upload("examples", EXAMPLES)
        path = wait_until("an archive is made", lambda: archives(s), 600)[0]
        wait_until("it is used", lambda: path in s.read("launcher.log"), 60)
        for factory in ("DefaultSparkContextFactory", "SessionContextFactory"):
            s.context("c", **{"context-factory": "spark.jobserver.context." + factory})
            with open(f"/proc/{s.drivers()[0]}/maps") as f:
                assert path in f.read()
            if factory == "DefaultSparkContextFactory":
                status, body = s.run("spark.jobserver.WordCountExample", 'input.string = "a b a"')
                assert (status, body["result"]) == (200, {"a": 2, "b": 1})
            else:
                status, body = s.run("spark.jobserver.SessionTestJob", 'sql = "select 40 + 2"')
                assert (status, body["result"]) == (200, [[42]])
            assert s.delete("/contexts/c")[0] == 200
        number = s.post("/livy/sessions", '{"kind": "spark"}')[1]["id"]
        wait_until("its interpreter is made", lambda: s.get(f"/livy/sessions/{number}")[1]["state"] == "idle", 300)
        with open(tmp_path / str(s.drivers()[0])) as f:
            assert " scala.tools.nsc.Global source: shared objects file (top)\n" in f.read()
        wait_until("what it was made in is gone", lambda: os.listdir(s.dir + "/data/archives") == [os.path.basename(path)], 60)


def test_an_archive_that_does_not_fit_costs_time_only():
    with Server(launcher={"driver": {"options": ["-Xmx1g", "-XX:SharedArchiveFile=" + __file__]}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        assert s.run("spark.jobserver.NoOpJob")[0] == 200


LOOK = """
package org.apache.spark.look    // for what Spark keeps to itself

import java.io.File
import java.nio.file.{Files, Paths}
import scala.collection.JavaConverters._
import com.typesafe.config.Config
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.{SparkContext, SparkFiles}
import org.apache.spark.deploy.SparkHadoopUtil
import spark.jobserver.{SparkJob, SparkJobValid, SparkJobValidation}

/** What can be seen of the JVM that a context is in. */
object Look extends SparkJob {
  override def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid

  override def runJob(sc: SparkContext, config: Config): Any = {
    val temporary = File.createTempFile("look", "")
    val files = Map(
      "work" -> new File(".").getCanonicalPath,
      "absolute" -> new File("x").getAbsolutePath,
      "path" -> Paths.get("x").toAbsolutePath.toString,
      "process" -> Files.readSymbolicLink(Paths.get("/proc/self/cwd")).toString,
      "temporary" -> temporary.getCanonicalFile.getParent)
    temporary.delete()
    Map(
      "properties" -> sys.props.toMap,
      "settings" -> sc.getConf.getAll.toMap,
      "hadoop" -> Seq("look.a", "hadoop.tmp.dir").map(name => name -> sc.hadoopConfiguration.get(name)).toMap,
      "hadoop-of-all" -> SparkHadoopUtil.get.conf.get("look.a"),
      "files" -> files,
      "tmp" -> new File(sys.props("java.io.tmpdir")).list.toSeq
        .filterNot(_.startsWith("liblz4")),     // unpacked there once in the life of a JVM
      "user" -> UserGroupInformation.getCurrentUser.toString,
      "secrets" -> UserGroupInformation.getCurrentUser.getCredentials.getAllSecretKeys.asScala.map(_.toString).toSeq.sorted,
      "jobs" -> sc.parallelize(1 to 4).map(x => TaskIds.of(x)).collect().toSeq,
      "rdd" -> sc.parallelize(1 to 2).id,
      "files-root" -> SparkFiles.getRootDirectory)
  }
}

object TaskIds {
  def of(n: Int): Int = org.apache.spark.TaskContext.get.stageId * 100 + n
}
"""

# what is another one in each context, or server: ids, folders, ports, times
OTHER = [r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", r"local-\d+", r"sparkjob-\w{8}", r"\b\d{13}\b", r":\d{4,5}\b"]
OF_THE_PROCESS = ("spark.app.startTime", "spark.app.submitTime", "spark.driver.port", "spark.app.initial", "PID")


def looked(value):
    """What a job saw, without what is another one in each context."""
    if isinstance(value, dict):
        return {key: looked(inner) for key, inner in value.items() if key not in OF_THE_PROCESS}
    if isinstance(value, list):
        return [looked(inner) for inner in value]
    if isinstance(value, str):
        for other in OTHER:
            value = re.sub(other, "*", value)
    return value


def test_a_context_on_a_spare_driver_is_as_any_other(tmp_path):
    scalac(str(tmp_path / "look"), LOOK, str(tmp_path / "look.jar"))
    seen, logs = {}, {}
    for spares in (0, 1):
        with Server(launcher={"driver": {"spares": spares}}) as s:
            s.upload("look", str(tmp_path / "look.jar"))
            s.upload("examples", EXAMPLES)
            waits = lambda n, s=s: wait_until("a spare waits", lambda: s.read("launcher.log").count("is ready after") >= n, 600)
            if spares:
                waits(1)
                spare = s.drivers()[0]
            s.context("c", 'spark.context-settings { spark.ui.enabled = true, hadoop.look.a = "b", spark.local.dir = "%s" }' % tmp_path)
            if spares:
                assert spare in s.drivers()
            status, body = s.run("org.apache.spark.look.Look", cp="look")
            assert status == 200, body
            seen[spares] = body["result"]
            status, body = s.run("spark.jobserver.WordCountExample", 'input.string = "a b a"')
            assert (status, body["result"]) == (200, {"a": 2, "b": 1})
            url = s.get("/contexts/c")[1]["url"]
            with urllib.request.urlopen(url + "/api/v1/applications") as answer:
                applications = json.load(answer)
            assert [a["name"] for a in applications] == ["c"]
            work = seen[spares]["files"]["work"]
            assert seen[spares]["files"]["absolute"] == work + "/x" and seen[spares]["files"]["path"] == work + "/x"
            assert seen[spares]["files"]["process"] == work and seen[spares]["properties"]["user.dir"] == work
            assert seen[spares]["files"]["temporary"] == work + "/tmp" == seen[spares]["properties"]["java.io.tmpdir"]
            assert seen[spares]["files-root"].startswith(str(tmp_path))
            logs[spares] = [looked(line[24:]) for line in s.read(work[len(s.dir) + 1:] + "/driver.log").splitlines()[:4]]
            if spares:
                waits(2)                    # another one has come
                second = set(s.drivers()) - {spare}
                s.context("d", **{"context-factory": "spark.jobserver.context.SessionContextFactory"})
                assert second & set(s.drivers())
                status, body = s.run("spark.jobserver.SessionTestJob", 'sql = "select 40 + 2"', context="d")
                assert (status, body["result"]) == (200, [[42]])
            assert s.delete("/contexts/c")[0] == 200
    for part in seen[0]:
        cold, warm = looked(seen[0][part]), looked(seen[1][part])
        if isinstance(cold, dict):
            differ = {key: (cold.get(key), warm.get(key)) for key in {*cold, *warm} if cold.get(key) != warm.get(key)}
            assert not differ, (part, differ)
        assert cold == warm, part
    assert logs[0] == logs[1]
