"""What jobs and contexts get from their driver, on real Spark: logs, progress, class paths, data files, results."""

import http.server
import os
import threading

import pytest
from sparkjob_server import EXAMPLES, Server, scalac, wait_until

JOBS = """
package mine
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import org.apache.spark.sql.SparkSession
import org.scalactic._
import spark.jobserver.{SparkJob => OldJob, SparkJobValid, SparkJobValidation}
import spark.jobserver.api._

trait Valid extends OldJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
}

object Talks extends Valid {
  def runJob(sc: SparkContext, config: Config): Any = {
    println("printed by the job")
    org.slf4j.LoggerFactory.getLogger("mine.Talks").info("logged by the job")
    sc.parallelize(1 to 2, 2).foreach(n => println("printed by task " + n))
    if (config.hasPath("ms")) Thread.sleep(config.getInt("ms"))
    println("the last words")
    1
  }
}

object Steps extends Valid {
  def runJob(sc: SparkContext, config: Config): Any =
    sc.parallelize(1 to 8, 8).map { n => Thread.sleep(1000); (n % 2, n) }.reduceByKey(_ + _).count()
}

object ReadsData extends SparkJob {
  type JobData = String
  type JobOutput = String
  def validate(sc: SparkContext, runtime: JobEnvironment, config: Config): String Or Every[ValidationProblem] =
    Good(config.getString("file"))
  def runJob(sc: SparkContext, runtime: JobEnvironment, file: String): String = {
    val source = scala.io.Source.fromFile(runtime.asInstanceOf[DataFileCache].getDataFile(file))
    try source.mkString finally source.close()
  }
}

object WhoAmI extends Valid {
  def runJob(sc: SparkContext, config: Config): Any =
    Seq(sc.sparkUser, org.apache.hadoop.security.UserGroupInformation.getCurrentUser.getShortUserName)
}

object Rows extends Valid {
  def runJob(sc: SparkContext, config: Config): Any = {
    Iterator.range(0, config.getInt("n")).map(i => Seq(i, "x" * 90))
  }
}

object Frame extends Valid {
  def runJob(sc: SparkContext, config: Config): Any =
    SparkSession.builder.config(sc.getConf).getOrCreate().range(config.getLong("n")).selectExpr(
      "id", "cast(id as string) as name", "named_struct('half', id / 2) as nested")
}
"""


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that files may be read from, with the jar `jobs.jar`."""
    path = tmp_path_factory.mktemp("open")
    scalac(str(path / "src"), JOBS, str(path / "jobs.jar"))
    return path


@pytest.fixture(scope="module")
def web(folder):
    """The folder by HTTP: the beginning of the URL."""
    with http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *args: Files(*args, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="module")
def server(folder, web):
    outbound = {"hosts": [web[len("http://"):]], "files": [str(folder)]}
    with Server(launcher={"outbound": outbound}) as s:
        s.upload("jobs", str(folder / "jobs.jar"))
        s.context("c")
        yield s


def text(server, path):
    status, headers, body = server.request("GET", path)
    assert status == 200 and headers["Content-Type"].startswith("text/plain"), body
    return body.decode()


def test_log_of_a_job_has_what_it_printed_and_logged(server):
    _, body = server.run("mine.Talks", cp="jobs")
    log = text(server, f"/jobs/{body['jobId']}/log")
    for words in ("printed by the job", "printed by task 1", "printed by task 2", "the last words"):
        assert words in log.splitlines()
    assert any(" INFO " in line and line.endswith("Talks: logged by the job") for line in log.splitlines())
    quiet = server.run("mine.WhoAmI", cp="jobs")[1]["jobId"]
    assert text(server, f"/jobs/{quiet}/log") == ""


def test_log_is_there_while_the_job_runs(server):
    job = server.run("mine.Talks", "ms = 8000", cp="jobs", sync=False)[1]["jobId"]
    wait_until("the first words are in the log", lambda: "printed by task 2" in text(server, f"/jobs/{job}/log"))
    assert server.job(job)["status"] == "RUNNING"
    server.wait_job(job)
    assert "the last words" in text(server, f"/jobs/{job}/log")


def test_progress_grows_and_ends_at_all(server):
    job = server.run("mine.Steps", cp="jobs", sync=False)[1]["jobId"]
    seen = []

    def over():
        report = server.job(job)
        if "progress" in report and report["progress"] not in seen:
            seen.append(report["progress"])
        return report["status"] == "FINISHED"

    wait_until("the job is over", over)
    done = [p["tasksDone"] for p in seen]
    assert done == sorted(done) and len(done) >= 3 and 0 <= done[0] < done[-1]
    last = seen[-1]
    assert last["tasks"] == last["tasksDone"] >= 10 and last["stages"] == last["stagesDone"] == 2
    assert last["tasksFailed"] == 0 and last["percent"] == 100
    assert "progress" not in server.job(server.run("mine.WhoAmI", cp="jobs")[1]["jobId"])


@pytest.mark.parametrize("body", [
    "cp = jobs, mainClass = mine.Talks", "cp = [jobs], classPath = mine.Talks", '{"appName": "jobs", "mainClass": "mine.Talks"}',
    "name = jobs\ncp = [${name}]\nmainClass = mine.Talks\ndependent-jar-uris = []"])
def test_the_body_names_the_job(server, body):
    status, answer = server.post("/jobs?context=c&sync=true&timeout=360", body)
    assert status == 200 and answer["result"] == 1, answer
    report = server.job(answer["jobId"])
    assert report["classPath"] == "mine.Talks"


def test_a_body_that_does_not_name_the_job_is_400(server):
    for body, words in (("", "appName or cp parameters should be configured"), ("cp = jobs", "mainClass parameter is missing"),
                        ("appName = jobs", "classPath parameter is missing"), ("cp { a = 1 }, mainClass = x", "cp has type")):
        status, answer = server.post("/jobs?context=c&sync=true", body)
        assert status == 400 and answer["result"].startswith("Cannot parse config: ") and words in answer["result"], answer
    status, answer = server.post("/jobs?context=c&sync=true", "cp = nothing, mainClass = x")
    assert status == 404 and answer["result"] == "appName nothing not found"


def test_dependent_jar_uris_in_the_body_come_first(server, folder, web):
    status, answer = server.run("mine.Talks", f'dependent-jar-uris = ["{web}/jobs.jar"]', cp="examples")
    assert status == 404  # there is no binary of that name here
    server.upload("examples", EXAMPLES)
    status, answer = server.run("mine.Talks", f'dependent-jar-uris = ["{web}/jobs.jar"]', cp="examples")
    assert status == 200 and answer["result"] == 1, answer


def test_classes_come_by_uri(server, folder, web):
    for uri in (f"{web}/jobs.jar", f"file:{folder}/jobs.jar", f"local:{folder}/jobs.jar"):
        status, answer = server.run("mine.Talks", cp=uri)
        assert status == 200 and answer["result"] == 1, answer


def test_a_uri_whose_content_changes_is_fetched_again(server, folder, web, tmp_path):
    for answer in (1, 2):
        scalac(str(tmp_path / str(answer)), JOBS.replace("    1\n", f"    {answer}\n"), str(folder / "changing.jar"))
        os.utime(folder / "changing.jar", (answer * 10000, answer * 10000))
        for uri in (f"{web}/changing.jar", f"file:{folder}/changing.jar"):
            assert server.run("mine.Talks", cp=uri)[1]["result"] == answer


def test_uris_that_cannot_be_used_are_clear_400s(server, folder, web):
    (folder / "notes.txt").write_text("no archive")
    port = web.rsplit(":", 1)[1]
    for uri, label, words in (
            ("nosuch://x/y.jar", "JOB LOADING FAILED: Malformed URL", "nosuch"),
            (f"http://127.0.0.2:{port}/jobs.jar", "JOB LOADING FAILED: Malformed URL", "outbound.hosts"),
            ("file:/etc/passwd", "JOB LOADING FAILED: Malformed URL", "outbound.files"),
            (f"{web}/none.jar", "JOB LOADING FAILED", "404"),
            (f"file:{folder}/notes.txt", "JOB LOADING FAILED", "notes.txt is no jar, or a damaged one: "),
            ("http://no.such.host.invalid/x.jar", "JOB LOADING FAILED", "no.such.host.invalid")):
        status, answer = server.run("mine.Talks", cp=uri)
        assert status == 400 and answer["status"] == label and words in answer["result"]["message"], answer
    assert server.run("mine.Talks", cp="jobs")[0] == 200


def test_maven_artifacts_come_with_what_they_depend_on(server, folder):
    repository = folder / "repository"
    for name, version, more in (("jobs", "1", "<dependencies><dependency><groupId>test.it</groupId><artifactId>b</artifactId>"
                                 "<version>2</version></dependency></dependencies>"), ("b", "2", "")):
        place = repository / "test" / "it" / name / version
        place.mkdir(parents=True)
        os.link(folder / "jobs.jar" if name == "jobs" else EXAMPLES, place / f"{name}-{version}.jar")
        (place / f"{name}-{version}.pom").write_text(
            f"<project><modelVersion>4.0.0</modelVersion><groupId>test.it</groupId><artifactId>{name}</artifactId>"
            f"<version>{version}</version>{more}</project>")
    server.context("maven", **{"spark.jars.repositories": f"file:{repository}"})
    assert server.run("mine.Talks", cp="test.it:jobs:1", context="maven")[1]["result"] == 1
    assert server.run("spark.jobserver.WordCountExample", "input.string = a", cp="test.it:jobs:1",
                      context="maven")[1]["result"] == {"a": 1}
    status, answer = server.run("mine.Talks", cp="test.it:none:1", context="maven")
    assert status == 400 and "test.it:none:1 cannot be had" in answer["result"]["message"], answer
    server.delete("/contexts/maven")


def test_class_path_of_a_context(server, folder, web):
    for name, settings in (("name", {"cp": "jobs"}), ("uri", {"dependent-jar-uris": f"{web}/jobs.jar"})):
        server.context(name, **settings)
        server.upload("examples", EXAMPLES)
        assert server.run("mine.Talks", cp="examples", context=name)[1]["result"] == 1
        server.delete(f"/contexts/{name}")
    status, answer = server.post("/contexts/bad?cp=nothing")
    assert status == 400 and answer["status"] == "CONTEXT INIT ERROR" and "nothing" in answer["result"]["message"], answer
    (folder / "notes.jar").write_text("no archive")
    status, answer = server.post(f"/contexts/bad?dependent-jar-uris=file:{folder}/notes.jar")
    assert status == 400 and answer["status"] == "CONTEXT INIT ERROR", answer
    assert answer["result"]["message"].startswith("notes.jar is no jar, or a damaged one: "), answer
    for settings in ("memory-per-node = banana", "spark.executor.memory = 1.5g", "num-cpu-cores = banana"):
        status, answer = server.post("/contexts/bad", "spark.context-settings { %s }" % settings)
        assert status == 400 and answer["result"]["message"].startswith(settings.split(" = ")[0] + " must be "), answer
    status, answer = server.post("/contexts/bad?dependent-jar-uris=file:/etc/passwd")
    assert status == 400 and answer["status"] == "CONTEXT INIT ERROR: Malformed URL", answer
    assert "outbound.files" in answer["result"]["message"]


def test_jobs_read_data_files_and_no_others(server, folder):
    _, answer = server.post("/data/mine", "what was uploaded")
    path = answer["result"]["filename"]
    assert server.run("mine.ReadsData", f'file = "{path}"', cp="jobs")[1]["result"] == "what was uploaded"
    name = os.path.basename(path)
    assert server.run("mine.ReadsData", f'file = "{name}"', cp="jobs")[1]["result"] == "what was uploaded"
    for other in ("/etc/passwd", "../launcher.json", f"{os.path.dirname(path)}/../sparkjob.db"):
        answer = server.run("mine.ReadsData", f'file = "{other}"', cp="jobs")[1]
        assert answer["status"] == "ERROR" and "data file" in answer["result"]["message"], answer


def test_context_and_jobs_act_for_the_proxy_user(server):
    server.context("alices", **{"spark.proxy.user": "alice"})
    assert server.run("mine.WhoAmI", cp="jobs", context="alices")[1]["result"] == ["alice", "alice"]
    server.delete("/contexts/alices")
    assert "alice" not in server.run("mine.WhoAmI", cp="jobs")[1]["result"]


def test_a_result_larger_than_the_heap_comes_whole(server):
    server.context("small", **{"launcher.spark.driver.memory": "500m"})
    body = "n = 3000000"
    status, headers, text = server.request(
        "POST", "/jobs?cp=jobs&mainClass=mine.Rows&context=small&sync=true&timeout=900", body.encode(), timeout=900)
    assert status == 200 and len(text) > 300_000_000, text[:500]
    assert text.rstrip().endswith(b',[2999999,"' + b"x" * 90 + b'"]]}')
    assert server.run("mine.Frame", "n = 3", cp="jobs", context="small")[1]["result"] == [
        {"id": n, "name": str(n), "nested": {"half": n / 2}} for n in range(3)]
    server.delete("/contexts/small")
