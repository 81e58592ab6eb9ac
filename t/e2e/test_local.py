"""The job API and the REST API on real Spark, local[2]: what a user of spark-jobserver does."""

import concurrent.futures
import json
import re

import pytest
from sparkjob_server import EXAMPLES, scalac, wait_until

TEXT = 'input.string = "a b c a b see"'
COUNTED = {"a": 2, "b": 2, "c": 1, "see": 1}


def test_binaries_are_listed_with_type_and_time(server):
    status, body = server.get("/binaries")
    assert status == 200 and body["examples"]["binary-type"] == "Jar"
    assert server.get("/binaries/examples")[1]["app-name"] == "examples"


@pytest.mark.parametrize("main_class", ["spark.jobserver.WordCountExample", "spark.jobserver.WordCountExampleNewApi"])
def test_word_count_in_both_apis(server, main_class):
    status, body = server.run(main_class, TEXT)
    assert status == 200 and body["result"] == COUNTED


def test_old_parameters_app_name_and_class_path(server):
    status, body = server.post("/jobs?appName=examples&classPath=spark.jobserver.WordCountExample&context=c&sync=true", TEXT)
    assert status == 200 and body["result"] == COUNTED


def test_async_job_is_followed_to_its_result(server):
    status, body = server.run("spark.jobserver.WordCountExample", TEXT, sync=False)
    assert status == 202 and body["status"] == "STARTED" and body["duration"] == "Job not done yet"
    assert body["context"] == "c" and body["classPath"] == "spark.jobserver.WordCountExample"
    job = server.wait_job(body["jobId"])
    assert job["status"] == "FINISHED" and job["result"] == COUNTED
    assert job["jobId"] in [j["jobId"] for j in server.get("/jobs?limit=5")[1]]
    assert "result" not in server.get("/jobs?limit=1")[1][0]


def test_trace_of_a_sync_job(server):
    url = "/jobs?cp=examples&mainClass=spark.jobserver.WordCountExample&context=c&sync=true"
    assert re.fullmatch(r"driver;dur=[\d.]+", server.request("POST", url, TEXT.encode())[1]["Server-Timing"])
    _, headers, _ = server.request("POST", url + "&trace=true", TEXT.encode())
    times = {name: float(value) for name, value in re.findall(r"([\w-]+);dur=([\d.]+)", headers["Server-Timing"])}
    driver, total = times.pop("driver"), times.pop("total")
    assert list(times) == ["worker", "channel", "launcher", "link", "thread", "prepare", "job", "result", "link-back",
                           "commit", "channel-back", "answer"]
    assert all(times[hop] > 0 for hop in ("link", "thread", "prepare", "job", "link-back", "commit")), headers
    assert sum(times.values()) == pytest.approx(total, abs=.001) and times["job"] >= driver - .002, headers


def test_config_of_a_sync_job_is_kept_and_holds_only_what_was_posted(server):
    _, body = server.run("spark.jobserver.WordCountExample", TEXT)
    assert server.get(f"/jobs/{body['jobId']}/config") == (200, {"input": {"string": "a b c a b see"}})


def test_invalid_input_is_400_also_when_async(server):
    for sync in (True, False):
        status, body = server.run("spark.jobserver.WordCountExample", "", sync=sync)
        assert status == 400 and body["status"] == "VALIDATION FAILED", body
        assert "No input.string config param" in body["result"]["message"]


def test_job_that_throws_is_200_with_error_and_stack(server):
    status, body = server.run("spark.jobserver.ThrowingJob")
    assert status == 200 and body["status"] == "ERROR"
    assert set(body["result"]) == {"message", "errorClass", "stack"} and "\n\tat " in body["result"]["stack"]
    assert server.job(body["jobId"])["status"] == "ERROR"


def test_unknown_class_and_wrong_type(server):
    assert server.run("no.such.Job")[0] == 404
    assert server.run("java.lang.String")[0] in (400, 404)
    status, body = server.run("scala.collection.immutable.Nil$")
    assert status in (400, 404) and body["status"] == "ERROR"


@pytest.mark.parametrize("body, word", [
    ("a = ", None), ("{", None), ('include file("/etc/passwd")', "include"), ("x = ${HOME}", "HOME"),
    ("input.string = ${spark.master}", "spark.master"), ("\0\1", None)])
def test_bad_or_prying_hocon_is_a_clear_400(server, body, word):
    status, answer = server.run("spark.jobserver.WordCountExample", body)
    assert status == 400 and answer["status"] == "ERROR"
    assert answer["result"].startswith("Cannot parse config: ") and (word is None or word in answer["result"])
    assert server.run("spark.jobserver.WordCountExample", TEXT)[0] == 200


def test_large_result_comes_whole_and_again_later(server):
    status, body = server.run("spark.jobserver.LargeResultJob", "bytes = 3000000")
    assert status == 200 and len(body["result"]) == 3000000
    assert server.job(body["jobId"])["result"] == body["result"]


def test_rdd_is_shared_between_jobs_of_a_context(server):
    first = server.run("spark.jobserver.SharedRddJob", "n = 100")[1]["result"]
    second = server.run("spark.jobserver.SharedRddJob", "n = 100")[1]["result"]
    assert (first["made"], second["made"]) == (True, False) and first["sum"] == second["sum"]


def test_kill_ends_a_job_and_frees_its_slot(server):
    job_id = server.run("spark.jobserver.SleepJob", "ms = 60000", sync=False)[1]["jobId"]
    assert server.delete(f"/jobs/{job_id}") == (200, {"status": "KILLED"})
    job = server.job(job_id)
    assert job["status"] == "KILLED" and "not stopped" not in job["result"]["message"]
    assert job["result"]["errorClass"] == "spark.jobserver.JobManagerActor$JobKilledException"
    assert server.delete(f"/jobs/{job_id}")[0] == 404


def test_slots_are_bounded_and_come_free(server):
    jobs = [server.run("spark.jobserver.SleepJob", "ms = 60000", sync=False)[1]["jobId"] for _ in range(8)]
    status, body = server.run("spark.jobserver.NoOpJob")
    assert (status, body["status"]) == (503, "NO SLOTS AVAILABLE")
    assert body["result"] == "Too many running jobs (8) for job context 'c'"
    for j in jobs:
        assert server.delete(f"/jobs/{j}")[0] == 200
    assert server.run("spark.jobserver.NoOpJob")[0] == 200


def test_eight_jobs_at_once(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: server.run("spark.jobserver.WordCountExample", f'input.string = "w{i} w{i}"'), range(8)))
    assert [b["result"] for _, b in answers] == [{f"w{i}": 2} for i in range(8)]


def test_ad_hoc_context_comes_and_goes(server):
    before = server.get("/contexts")[1]
    status, body = server.run("spark.jobserver.WordCountExample", TEXT + "\nspark.context-settings { spark.app.id-note = x }", context=None)
    assert status == 200 and body["result"] == COUNTED
    assert server.job(body["jobId"])["context"].endswith("-spark.jobserver.WordCountExample")
    wait_until("the ad hoc context is gone", lambda: server.get("/contexts")[1] == before)


def test_deleting_a_context_frees_its_name(server):
    server.context("again")
    assert server.post("/contexts/again")[0] == 400
    assert server.get("/contexts/again")[1]["state"] == "RUNNING"
    assert server.delete("/contexts/again") == (200, {"status": "SUCCESS", "result": "Context stopped"})
    assert server.get("/contexts/again")[1]["state"] == "FINISHED"
    assert server.delete("/contexts/again")[0] == 404
    server.context("again")
    server.delete("/contexts/again")


def test_binary_in_use_is_not_deleted(server):
    server.upload("other", EXAMPLES)
    job_id = server.run("spark.jobserver.SleepJob", "ms = 60000", sync=False, cp="other")[1]["jobId"]
    status, body = server.delete("/binaries/other")
    assert status == 403 and job_id in body["result"]
    server.delete(f"/jobs/{job_id}")
    assert server.delete("/binaries/other")[0] == 200
    assert server.run("spark.jobserver.NoOpJob", cp="other")[0] == 404


LOOK = """
package mine
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.scalactic._
import spark.jobserver.api.{JobEnvironment, SparkJob, ValidationProblem}
import scala.collection.JavaConverters._
class Look extends SparkJob {
  type JobData = Config
  type JobOutput = Map[String, Any]
  def validate(sc: SparkContext, runtime: JobEnvironment, config: Config): Config Or Every[ValidationProblem] = Good(config)
  def runJob(sc: SparkContext, runtime: JobEnvironment, data: Config): Map[String, Any] = Map(
    "conf" -> sc.getConf.getAll.toMap, "hadoop" -> sc.hadoopConfiguration.get("mine.key"),
    "memory" -> Runtime.getRuntime.maxMemory, "env" -> System.getenv.asScala.toMap,
    "properties" -> System.getProperties.asScala.toMap, "config" -> data.root.render,
    "arguments" -> java.lang.management.ManagementFactory.getRuntimeMXBean.getInputArguments.asScala)
}
"""


@pytest.fixture(scope="module")
def look(server, tmp_path_factory):
    """A jar that a user built with nothing but the API jar: it tells what a job can see."""
    jar = str(tmp_path_factory.mktemp("look") / "look.jar")
    scalac(str(tmp_path_factory.mktemp("look-src")), LOOK, jar)
    server.upload("look", jar)


def test_context_settings_from_query_body_and_defaults(server, look):
    server.context("s", 'spark.context-settings { spark.a = body, launcher.spark.driver.memory = 700m, hadoop.mine.key = h }',
                   **{"spark.a": "query", "spark.b": "query", "num-cpu-cores": 2, "memory-per-node": "600m", "passthrough.spark.c": "p"})
    seen = server.run("mine.Look", context="s", cp="look")[1]["result"]
    conf = seen["conf"]
    assert (conf["spark.a"], conf["spark.b"], conf["spark.c"]) == ("body", "query", "p")
    assert (conf["spark.cores.max"], conf["spark.executor.memory"]) == ("2", "600m")
    assert conf["spark.app.name"] == "s" and conf["spark.master"] == "local[2]" and seen["hadoop"] == "h"
    assert 600 << 20 < seen["memory"] <= 700 << 20
    server.delete("/contexts/s")


def test_driver_memory_from_the_query(server, look):
    server.context("m", **{"launcher.spark.driver.memory": "650m"})
    assert 550 << 20 < server.run("mine.Look", context="m", cp="look")[1]["result"]["memory"] <= 650 << 20
    server.delete("/contexts/m")
    status, body = server.post("/contexts/m?launcher.spark.driver.memory=lots")
    assert status >= 400 and "launcher.spark.driver.memory" in json.dumps(body)


def test_job_sees_no_secret_and_no_server_setting(server, look):
    seen = json.dumps(server.run("mine.Look", "mine = 1", cp="look")[1]["result"])
    assert "SECRET" not in seen.upper().replace("SECRETARIAT", "") and "launcher.json" not in seen
    assert "data_dir" not in seen


VERSIONED = """
package mine
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import spark.jobserver._
case class Row(n: Int, version: String%s)
object Versioned extends SparkJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
  def runJob(sc: SparkContext, config: Config): Any = {
    if (config.hasPath("wait")) Thread.sleep(config.getInt("wait"))
    sc.parallelize(1 to 4, 2).map(n => Row(n, "%s"%s)).collect().map(_.version).distinct.toSeq
  }
}
"""


def check_versions_of_a_jar(server, tmp_path):
    """A newer jar is used by the next job in the same context, a running one keeps its own."""
    one, two = str(tmp_path / "one.jar"), str(tmp_path / "two.jar")
    scalac(str(tmp_path / "1"), VERSIONED % ("", "one", ""), one)
    scalac(str(tmp_path / "2"), VERSIONED % (", more: Long", "two", ", 7L"), two)
    server.upload("v", one)
    assert server.run("mine.Versioned", cp="v")[1]["result"] == ["one"]
    old = server.run("mine.Versioned", "wait = 3000", cp="v", sync=False)[1]["jobId"]
    server.upload("v", two)
    assert server.run("mine.Versioned", cp="v")[1]["result"] == ["two"]
    assert server.wait_job(old)["result"] == ["one"]


def test_newer_jar_is_used_by_the_next_job_in_the_same_context(server, tmp_path):
    check_versions_of_a_jar(server, tmp_path)
