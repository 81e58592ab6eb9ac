"""Progress of jobs, as the launcher tells of it by events, snapshots and answers."""

import pytest
from fake_launcher import FakeLauncher, job_id
from sparkjob_server import Server, wait_until


@pytest.fixture()
def fake():
    with Server(start=False) as s, FakeLauncher(s.socket) as fake:
        s.start_nginx()
        s.wait_ready()
        fake.server = s
        yield fake


def report_of(fake, job, **wanted):
    """The job's report once its members are these."""
    return wait_until(f"the report has {wanted}", lambda: (
        lambda r: r if r.items() >= wanted.items() else None)(fake.server.job(job)), 5)


def test_events_of_progress_show_in_the_report_and_in_lists(fake):
    job = job_id(1)
    fake.put_job(job)
    assert "progress" not in report_of(fake, job, status="RUNNING")
    for done, percent in ((0, 0), (7, 50), (13, 92), (14, 100)):
        fake.progress(job, 2, 1, 14, done, 1)
        progress = {"stages": 2, "stagesDone": 1, "tasks": 14, "tasksDone": done, "tasksFailed": 1, "percent": percent}
        assert report_of(fake, job, progress=progress)
        assert fake.server.get("/jobs")[1][0]["progress"] == progress
    fake.put_job(job, "FINISHED")
    assert report_of(fake, job, status="FINISHED")["progress"]["percent"] == 100


def test_progress_is_part_of_a_snapshot(fake):
    job = job_id(1)
    fake.put_job(job, progress={"stages": 4294967295, "stagesDone": 0, "tasks": 10, "tasksDone": 3, "tasksFailed": 0})
    fake.server.nginx_restart()
    progress = report_of(fake, job, status="RUNNING")["progress"]
    assert progress["percent"] == 30 and progress["stages"] == 2 ** 31 - 1
    fake.progress(job, 1, 0, 10, 4, 0)
    assert report_of(fake, job, progress={**progress, "stages": 1, "tasksDone": 4, "percent": 40})


def test_progress_that_makes_no_sense_does_no_harm(fake):
    job, ended = job_id(1), job_id(2)
    fake.put_job(job)
    fake.put_job(ended, "FINISHED")
    fake.progress(ended, 1, 0, 10, 4, 0)                        # too late
    fake.progress(job_id(3), 1, 0, 10, 4, 0)                    # of a job that nobody knows
    fake.publish("progress", "context", {"name": "c", "stages": 1})
    fake.publish("progress", "job", {"stages": 1})
    fake.progress(job, 1, "x", 10, 40, -1)
    fake.publish("progress", "job", {"id": job, "state": "FINISHED", "stages": 7, "tasks": 7})
    progress = {"stages": 1, "stagesDone": 0, "tasks": 10, "tasksDone": 40, "tasksFailed": 0, "percent": 100}
    assert report_of(fake, job, progress=progress)
    assert "progress" not in fake.server.job(ended)
    assert fake.server.get(f"/jobs/{job_id(3)}")[0] == 404
