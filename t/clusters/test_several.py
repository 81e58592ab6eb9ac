"""Two clusters at once, YARN's and a standalone master's, from one server."""

import os
import signal

import pytest
from sparkjob_server import EXAMPLES, Server, wait_until
from test_local import COUNTED, TEXT
from test_standalone import applications, master, web  # noqa: F401
from test_yarn import ALIVE, SETTINGS

CLASS = "spark.jobserver.WordCountExample"


@pytest.fixture(scope="module")
def server(hadoop, master):  # noqa: F811
    """With the clusters `y` and `s`, and a context of that name on each."""
    clusters = {"y": {"master": "yarn", "hadoop_conf": hadoop.conf, "settings": SETTINGS},
                "s": {"master": master, "settings": {"spark.executor.memory": "512m", "spark.cores.max": "1"}}}
    with Server(launcher={"clusters": clusters}) as s:
        s.upload("examples", EXAMPLES)
        for name in clusters:
            s.context(name, cluster=name)
        yield s


def check(server, name):
    status, body = server.run(CLASS, TEXT, context=name)
    assert status == 200 and body["result"] == COUNTED, body


def test_jobs_run_on_both_at_once_and_the_end_of_one_leaves_the_other(server, hadoop, web):  # noqa: F811
    jobs = [server.run(CLASS, TEXT, context=name, sync=False)[1]["jobId"] for name in ("y", "s", "y", "s")]
    assert [server.wait_job(job)["result"] for job in jobs] == [COUNTED] * 4
    yarn, standalone = [server.get("/contexts/" + name)[1] for name in ("y", "s")]
    assert (yarn["master"], yarn["cluster"], standalone["cluster"]) == ("yarn", "y", "s")
    assert hadoop.application(yarn["applicationId"])["state"] == "RUNNING"
    assert applications(web) == {standalone["applicationId"]}

    def driver(context):
        (found,) = [p for p in server.drivers() if context in os.readlink(f"/proc/{p}/cwd")]
        return found
    os.kill(driver(standalone["id"]), signal.SIGKILL)
    wait_until("its context is over", lambda: server.get("/contexts/s")[1]["state"] == "ERROR")
    wait_until("its application is over", lambda: not applications(web))
    check(server, "y")
    server.context("s", cluster="s")
    check(server, "s")

    assert server.delete("/contexts/y?force=true")[0] == 200
    assert hadoop.application(yarn["applicationId"])["state"] not in ALIVE
    check(server, "s")
    assert server.delete("/contexts/s")[0] == 200
    wait_until("nothing is left on either", lambda: not applications(web) and not hadoop.containers())
