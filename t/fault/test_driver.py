"""Drivers that die, hang or never start: the right state, a reason that a user understands, nothing left.

Real Spark where the JVM matters; ASan runs of this folder use it too.
"""

import os
import signal

import pytest
from sparkjob_server import EXAMPLES, Server, scalac, wait_until


@pytest.fixture(scope="module")
def server():
    with Server(launcher={"driver": {"start_timeout": 300, "options": ["-Xmx512m"]}}) as s:
        s.upload("examples", EXAMPLES)
        yield s


def lost(server, context, words, main_class, body=""):
    """Runs a job that kills its driver; checks what the job, the context and the next context say."""
    server.context(context)
    status, answer = server.run(main_class, body, context=context)
    assert status == 200 and answer["status"] == "ERROR", answer
    assert answer["result"]["errorClass"] == "spark.jobserver.ContextTerminatedException"
    assert answer["result"]["message"].startswith("Unexpected termination of context ")
    assert words in answer["result"]["message"], answer["result"]["message"]
    assert server.job(answer["jobId"])["status"] == "ERROR"
    # its jobs end first
    wait_until("the context has ended", lambda: server.get(f"/contexts/{context}")[1]["endTime"] != "Empty")
    seen = server.get(f"/contexts/{context}")[1]
    assert seen["state"] == "ERROR" and words in seen["reason"], seen
    assert context not in server.get("/contexts")[1]
    assert server.run("spark.jobserver.NoOpJob", context=context)[0] == 404


def test_system_exit_in_a_job(server):
    lost(server, "exit", "exit", "spark.jobserver.ExitJob", "code = 3")


def test_out_of_memory(server):
    lost(server, "oom", "OutOfMemoryError", "spark.jobserver.MemoryEaterJob")


STOP = """
package mine
import com.typesafe.config.Config
import org.apache.spark.SparkContext
import spark.jobserver._
object Stop extends SparkJob {
  def validate(sc: SparkContext, config: Config): SparkJobValidation = SparkJobValid
  def runJob(sc: SparkContext, config: Config): Any = sc.stop()
}
"""


def test_job_that_stops_its_spark_context(server, tmp_path):
    scalac(str(tmp_path / "src"), STOP, str(tmp_path / "stop.jar"))
    server.upload("stop", str(tmp_path / "stop.jar"))
    server.context("stopped")
    status, body = server.run("mine.Stop", context="stopped", cp="stop")
    assert status == 200 and body["status"] == "ERROR" and "SparkContext was stopped" in body["result"]["message"]
    wait_until("the context has ended", lambda: server.get("/contexts/stopped")[1]["state"] == "ERROR", 15)
    assert "SparkContext was stopped" in server.get("/contexts/stopped")[1]["reason"]


def test_substitutions_cannot_fill_the_memory(server):
    server.context("bomb")
    steps = "\n".join(f"a{i} = " + f"${{a{i - 1}}}" * 4 for i in range(1, 16))
    status, body = server.run("spark.jobserver.NoOpJob", "a0 = xxxxxxxxxx\n" + steps, context="bomb")
    assert status == 400 and "16 MiB" in body["result"]
    assert server.run("spark.jobserver.NoOpJob", context="bomb")[0] == 200
    assert server.delete("/contexts/bomb")[0] == 200


def test_driver_killed_from_outside(server):
    server.context("killed")
    job_id = server.run("spark.jobserver.SleepJob", "ms = 60000", context="killed", sync=False)[1]["jobId"]
    os.kill(server.drivers()[0], signal.SIGKILL)
    job = server.wait_job(job_id, 10)
    assert job["status"] == "ERROR" and "signal 9" in job["result"]["message"]
    wait_until("its context has ended", lambda: server.get("/contexts/killed")[1]["state"] == "ERROR")
    context = server.get("/contexts/killed")[1]
    folder = f"{server.dir}/data/contexts/{context['id']}"
    wait_until("its folder is swept", lambda: set(os.listdir(folder)) <= {"driver.log", "logs"}, 10)


def test_a_job_without_a_context_leaves_no_folder(server):
    contexts = f"{server.dir}/data/contexts"
    there = set(os.listdir(contexts))
    assert server.run("spark.jobserver.NoOpJob", context=None)[0] == 200
    wait_until("its folder is gone", lambda: set(os.listdir(contexts)) <= there, 10)


def test_bad_jvm_option_says_so_with_the_last_lines_of_the_log(server):
    status, body = server.post("/contexts/badoption", 'spark.context-settings { spark.driver.extraJavaOptions = "-XX:NoSuchOption=1" }')
    assert status == 500 and body["status"] == "CONTEXT INIT ERROR"
    assert "NoSuchOption" in body["result"]["message"], body
    assert server.get("/contexts/badoption")[1]["state"] == "ERROR"


def test_master_that_does_not_exist_is_named(server):
    status, body = server.post("/contexts/nomaster?spark.master=spark://127.0.0.1:1")
    assert status == 500 and body["status"] == "CONTEXT INIT ERROR"
    assert "spark://127.0.0.1:1" in body["result"]["message"], body
    assert server.get("/contexts/nomaster")[1]["state"] == "ERROR"


def test_bad_master_url(server):
    status, body = server.post("/contexts/badmaster?spark.master=nonsense://here")
    assert status == 500 and "nonsense" in body["result"]["message"], body


def test_no_driver_is_left(server):
    wait_until("no driver is left", lambda: not server.drivers(), 20)
