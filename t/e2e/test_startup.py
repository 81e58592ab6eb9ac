"""What makes drivers start faster changes nothing else: contexts with an archive of classes, real Spark."""

import glob
import os

from sparkjob_server import EXAMPLES, Server, wait_until


def archives(server):
    return glob.glob(server.dir + "/data/archives/*.jsa")


def test_drivers_share_an_archive_of_classes():
    with Server(launcher={"driver": {"archive": "on", "options": ["-Xmx1g", "-XX:TieredStopAtLevel=1"]}}) as s:
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
        wait_until("what it was made in is gone", lambda: os.listdir(s.dir + "/data/archives") == [os.path.basename(path)], 60)


def test_an_archive_that_does_not_fit_costs_time_only():
    with Server(launcher={"driver": {"options": ["-Xmx1g", "-XX:SharedArchiveFile=" + __file__]}}) as s:
        s.upload("examples", EXAMPLES)
        s.context("c")
        assert s.run("spark.jobserver.NoOpJob")[0] == 200
