"""Each kind of context and job on real Spark, local[2], by the examples."""

import json
import urllib.request

import pytest
from sparkjob_server import EXAMPLES, Server, scalac, wait_until

FACTORY = "spark.jobserver.context."
WORDS = 'input.string = "a b c a b see"'
COUNTED = {"a": 2, "b": 2, "c": 1, "see": 1}
CITIES = 'sql = "SELECT city, count(*) FROM addresses GROUP BY city ORDER BY city"'
COUNTED_CITIES = [["Purple City", 1], ["San Jose", 2]]


@pytest.fixture(scope="module")
def server():
    """A server whose contexts each test makes itself."""
    with Server() as s:
        s.upload("examples", EXAMPLES)
        yield s


@pytest.fixture
def context(server, request):
    """context(factory, **settings): makes a context that ends with the test, and returns its name."""
    made = []

    def make(factory, **settings):
        name = request.node.name.split("[")[0][:40] + str(len(made))
        server.context(name, **{"context-factory": FACTORY + factory, **settings})
        made.append(name)
        return name
    yield make
    for name in made:
        server.delete(f"/contexts/{name}")


def result(server, context, job, body="", **more):
    status, answer = server.run("spark.jobserver." + job, body, context=context, **more)
    assert status == 200 and "status" not in answer, answer
    return answer["result"]


def refusal(server, context, job, body=""):
    status, answer = server.run("spark.jobserver." + job, body, context=context)
    assert status == 400, answer
    return answer


def test_spark_context_jobs_of_both_apis_and_the_old_java_class(server, context):
    c = context("DefaultSparkContextFactory")
    for job in ("WordCountExample", "WordCountExampleNewApi", "OldJavaWordCountJob"):
        assert result(server, c, job, WORDS) == COUNTED
        assert "No input.string" in refusal(server, c, job)["result"]["message"]


def test_java_jobs_need_a_java_context_and_scala_jobs_a_scala_one(server, context):
    c = context("JavaSparkContextFactory")
    assert result(server, c, "JavaHelloWorldJob") == "Hi!"
    assert result(server, c, "JavaWordCountJob", WORDS) == COUNTED
    answer = refusal(server, c, "JavaWordCountJob")
    assert answer["status"] == "VALIDATION FAILED" and "No input.string config param" in answer["result"]["message"]
    wrong = {"status": "ERROR", "result": "Invalid job type for this context"}
    for job in ("WordCountExample", "JSessionTestJob", "OldJavaWordCountJob", "Address"):
        assert refusal(server, c, job, WORDS) == wrong
    scala = context("DefaultSparkContextFactory")
    for job in ("JavaWordCountJob", "SessionTestJob", "StreamingTestJob", "HelloJob"):
        assert refusal(server, scala, job, WORDS) == wrong


def test_session_jobs_with_hive_keep_tables_in_the_folder_of_the_context(server, context):
    c = context("SessionContextFactory")
    assert result(server, c, "SessionLoaderTestJob") == 3
    assert result(server, c, "SessionTestJob", CITIES) == COUNTED_CITIES
    assert result(server, c, "SessionTestJob", 'sql = "SET spark.sql.catalogImplementation"')[0][1] == "hive"
    where = result(server, c, "SessionTestJob", 'sql = "DESCRIBE DATABASE default"')
    location = dict(where)["Location"]
    assert location.startswith("file:" + server.dir + "/data/"), location
    assert "No sql config param" in refusal(server, c, "SessionTestJob")["result"]["message"]
    # an unknown table is the job's error and hurts nobody
    status, answer = server.run("spark.jobserver.SessionTestJob", 'sql = "SELECT * FROM nowhere"', context=c)
    assert status == 200 and "nowhere" in answer["result"]["message"]


VERSIONED = """
package mine
import com.typesafe.config.Config
import org.apache.spark.sql.{functions, SparkSession}
import org.scalactic._
import spark.jobserver.SparkSessionJob
import spark.jobserver.api.{JobEnvironment, ValidationProblem}
case class Item(n: Int) { def version = "%s" }
object Versioned extends SparkSessionJob {
  type JobData = Config
  type JobOutput = Seq[String]
  def validate(s: SparkSession, r: JobEnvironment, c: Config): JobData Or Every[ValidationProblem] = Good(c)
  def runJob(s: SparkSession, r: JobEnvironment, c: Config): JobOutput = {
    import s.implicits._
    val items = s.range(4).map(n => Item(n.toInt))
    val grouped = items.groupByKey(_.n %% 2).mapGroups((_, all) => all.map(_.version).next())
    val version = functions.udf((n: Long) => Item(n.toInt).version)
    s.udf.register("version_of", version)
    (items.collect().map(_.version) ++ items.map(_.version).collect() ++ grouped.collect() ++
      s.range(3).select(version($"id")).as[String].collect() ++
      s.sql("SELECT version_of(id) FROM range(3)").as[String].collect()).toSeq.distinct
  }
}
"""


def check_versions_in_a_session(server, context, tmp_path):
    """Of a newer jar also data sets and functions are the newer ones, in the same session."""
    jars = {}
    for version in ("one", "two"):
        jars[version] = str(tmp_path / f"{version}.jar")
        scalac(str(tmp_path / version), VERSIONED % version, jars[version])
    for version in ("one", "two", "one"):
        server.upload("versioned", jars[version])
        status, answer = server.run("mine.Versioned", cp="versioned", context=context)
        assert status == 200 and answer.get("result") == [version], answer


def test_a_newer_jar_in_the_same_session(server, context, tmp_path):
    check_versions_in_a_session(
        server, context("SessionContextFactory", **{"spark.session.hive.enabled": "false"}), tmp_path)


def test_hive_site_in_sparks_configuration_folder_counts(tmp_path):
    (tmp_path / "hive-site.xml").write_text(f"""<configuration>
        <property><name>javax.jdo.option.ConnectionURL</name>
            <value>jdbc:derby:;databaseName={tmp_path}/metastore;create=true</value></property>
        <property><name>hive.metastore.warehouse.dir</name><value>{tmp_path}/warehouse</value></property>
        </configuration>""")
    driver = {"environment": {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(tmp_path)}}
    with Server(launcher={"driver": driver}) as s:
        s.upload("examples", EXAMPLES)
        for name, job, body, expected in (("one", "SessionLoaderTestJob", "", 3), ("two", "SessionTestJob", CITIES, COUNTED_CITIES)):
            s.context(name, **{"context-factory": FACTORY + "SessionContextFactory"})
            assert result(s, name, job, body) == expected
            s.delete(f"/contexts/{name}")
    assert (tmp_path / "metastore").is_dir() and (tmp_path / "warehouse" / "addresses").is_dir()


def test_sessions_without_hive(server, context):
    c = context("SessionContextFactory", **{"spark.session.hive.enabled": "false"})
    assert result(server, c, "SessionLoaderTestJob", "temporary = true") == 3
    assert result(server, c, "SessionTestJob", CITIES) == COUNTED_CITIES
    assert result(server, c, "SessionTestJob", 'sql = "SET spark.sql.catalogImplementation"')[0][1] == "in-memory"


def test_java_session_jobs(server, context):
    c = context("JavaSessionContextFactory", **{"spark.session.hive.enabled": "false"})
    assert result(server, c, "JSessionTestJob", 'sql = "SELECT 1 AS one, \'x\' AS x"') == [[1, "x"]]
    answer = refusal(server, c, "JSessionTestJob")
    assert answer["status"] == "VALIDATION FAILED" and "No sql config param" in answer["result"]["message"]


def test_old_sql_names(server, context):
    c = context("SQLContextFactory")
    assert result(server, c, "SqlLoaderJob") == 3
    assert result(server, c, "SqlTestJob", CITIES) == COUNTED_CITIES
    assert result(server, c, "SessionTestJob", CITIES) == COUNTED_CITIES
    assert result(server, c, "SqlTestJob", 'sql = "SET spark.sql.catalogImplementation"')[0][1] == "in-memory"
    assert refusal(server, c, "HiveLoaderJob")["result"] == "Invalid job type for this context"


def test_old_hive_names(server, context):
    c = context("HiveContextFactory", **{"spark.session.hive.enabled": "false"})
    assert result(server, c, "HiveLoaderJob") == 3
    count = 'sql = "SELECT count(*) FROM hive_addresses"'
    assert result(server, c, "SqlTestJob", count) == [[3]]
    assert result(server, c, "SessionTestJob", count) == [[3]]
    assert result(server, c, "SessionTestJob", 'sql = "SET spark.sql.catalogImplementation"')[0][1] == "hive"


def stream(server, context, body=""):
    status, answer = server.run("spark.jobserver.StreamingTestJob", body, context=context, sync=False)
    assert status == 202, answer
    return answer["jobId"]


def spark_jobs(server, context):
    """How many Spark jobs the context's driver has begun, by its user interface."""
    report = server.get(f"/contexts/{context}")[1]
    url = f"{report['url']}/api/v1/applications/{report['applicationId']}/jobs"
    with urllib.request.urlopen(url) as answer:
        return len(json.load(answer))


def test_streams_are_counted_killed_and_begun_again(server, context):
    c = context("StreamingContextFactory", **{"streaming.batch_interval": "100", "spark.ui.enabled": "true"})
    assert result(server, c, "StreamingTestJob", "batches = 2") >= 6
    job_id = stream(server, c)
    before = spark_jobs(server, c)
    wait_until("the stream runs", lambda: spark_jobs(server, c) > before)
    assert server.delete(f"/jobs/{job_id}") == (200, {"status": "KILLED"})
    assert "not stopped" not in server.job(job_id)["result"]["message"] and server.job(job_id)["status"] == "KILLED"
    at_end = None

    def ended():
        nonlocal at_end
        before, at_end = at_end, spark_jobs(server, c)
        return before == at_end
    wait_until("the stream does not go on", ended, 10, 1)
    assert result(server, c, "StreamingTestJob", "batches = 2") >= 6
    assert "batches must be above 0" in refusal(server, c, "StreamingTestJob", "batches = 0")["result"]["message"]
    assert refusal(server, c, "WordCountExample", WORDS)["result"] == "Invalid job type for this context"


def test_a_stream_ends_in_order_with_its_context(server, context):
    c = context("StreamingContextFactory", **{"streaming.batch_interval": "100", "spark.ui.enabled": "true"})
    job_id = stream(server, c)
    wait_until("the stream runs", lambda: spark_jobs(server, c))
    assert server.delete(f"/contexts/{c}")[0] == 200
    job = server.job(job_id)
    assert job["status"] == "FINISHED" and job["result"] >= 3, job
    assert server.get(f"/contexts/{c}")[1]["state"] == "FINISHED"


def test_java_streams(server, context):
    c = context("JavaStreamingContextFactory", **{"streaming.batch_interval": "100"})
    assert result(server, c, "JStreamingTestJob", "ms = 4000") == 5
    assert result(server, c, "JStreamingTestJob", "ms = 4000") == 5


def test_a_failed_stream_ends_its_context_unless_told_otherwise(server, context):
    c = context("StreamingContextFactory", **{"streaming.batch_interval": "100"})
    status, answer = server.run("spark.jobserver.StreamingTestJob", "fail = true", context=c)
    assert status == 200 and answer["status"] == "ERROR" and "as asked" in answer["result"]["stack"]
    wait_until("the context ends", lambda: server.get(f"/contexts/{c}")[1]["state"] == "KILLED")
    assert "stop-context-on-job-error" in server.get(f"/contexts/{c}")[1]["reason"]

    c = context("StreamingContextFactory", **{"streaming.batch_interval": "100", "stop-context-on-job-error": "false"})
    assert server.run("spark.jobserver.StreamingTestJob", "fail = true", context=c)[1]["status"] == "ERROR"
    assert result(server, c, "StreamingTestJob", "batches = 2") >= 6


def test_stop_context_on_job_error(server, context):
    c = context("DefaultSparkContextFactory", **{"stop-context-on-job-error": "true"})
    refusal(server, c, "WordCountExample")
    assert result(server, c, "NoOpJob") == 1
    assert server.run("spark.jobserver.ThrowingJob", context=c)[1]["status"] == "ERROR"
    wait_until("the context ends", lambda: server.get(f"/contexts/{c}")[1]["state"] == "KILLED")


def test_named_objects_of_all_types(server, context):
    c = context("DefaultSparkContextFactory")
    answer = result(server, c, "NamedObjectsTestJob")
    assert answer == {"rdd": 5050.0, "frame": 45, "broadcast": [1, 2, 3], "names": ["broadcast1", "df1", "rdd1"]}
    assert result(server, c, "NamedObjectsTestJob") == answer
    assert result(server, c, "NamedObjectsTestJob", "delete = [rdd1, never]") == {"names": ["broadcast1", "df1"]}
    assert result(server, c, "NamedObjectsTestJob") == answer


def test_a_context_factory_of_ones_own(server, context):
    own = {"context-factory": "spark.jobserver.GreetingContextFactory"}
    for name in ("cp", "dependent-jar-uris"):
        c = context("", **own, **{name: "examples"})
        assert result(server, c, "HelloJob") == "Hello, World"
        assert refusal(server, c, "NoOpJob")["result"] == "Invalid job type for this context"
    c = context("", **own, cp="examples", greeting="Moin")
    assert result(server, c, "HelloJob", "name = you") == "Moin, you"
    query = "context-factory=spark.jobserver.GreetingContextFactory"
    status, answer = server.post(f"/contexts/bad?{query}&cp=nowhere")
    assert status == 400 and "there is no binary nowhere" in answer["result"]["message"], answer
    # whatever a user's factory throws is told
    status, answer = server.post(f"/contexts/bad?{query}&cp=examples&spark.memory.fraction=x")
    assert status == 500 and "Illegal value for config key spark.memory.fraction" in answer["result"]["message"], answer


def test_unknown_context_factories_are_named(server):
    for factory, words in (("no.such.Factory", "no.such.Factory is not known here"),
                           ("java.lang.String", "java.lang.String is no "),
                           ("spark.jobserver.context.ScalaContextFactory", "ScalaContextFactory")):
        status, answer = server.post(f"/contexts/bad?context-factory={factory}")
        assert status == 400 and words in answer["result"]["message"], answer
