"""A real Spark driver that is connected by TLS."""

from sparkjob_server import EXAMPLES, Server, free_port, wait_until

WORD_COUNT = "spark.jobserver.WordCountExample"
LONG = "spark.jobserver.LongPiJob"


def test_jobs_run_and_their_driver_outlives_its_launcher():
    link = {"listen": f"127.0.0.1:{free_port()}", "always": "on"}
    with Server(launcher={"driver": {"link": link}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        assert "has connected, connection" in s.read("launcher.log") and " from 127.0.0.1:" in s.read("launcher.log")
        pids = s.drivers()
        code, body = s.run(WORD_COUNT, "input.string = a b a")
        assert code == 200 and body["result"] == {"a": 2, "b": 1}, body
        code, body = s.run(LONG, "stress.test.longpijob.duration = 4", sync=False)
        assert code == 202, body
        wait_until("it runs", lambda: s.job(body["jobId"])["status"] == "RUNNING")
        s.launcher.kill()
        s.launcher.wait()
        s.start_launcher()
        s.wait_ready()
        assert s.wait_job(body["jobId"])["status"] == "FINISHED"
        assert s.drivers() == pids
        code, answer = s.run(WORD_COUNT, "input.string = x")
        assert code == 200 and answer["result"] == {"x": 1}, answer
