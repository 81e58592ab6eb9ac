"""Where users are kept apart (sparkjob_owner), one of them with few jobs among very many of others."""

import json

from fake_launcher import FakeLauncher, job_id
from sparkjob_server import Server, wait_until

JOBS = 12000


def test_a_list_that_would_pass_over_thousands_of_jobs_is_the_launchers():
    """Else each request of such a user holds up its worker: 50 ms with 100,000 jobs."""
    with Server(start=False, workers=1, location="sparkjob_user $http_x_user; sparkjob_owner on;") as s, \
            FakeLauncher(s.socket) as fake:
        for n in range(JOBS):
            fake.records["job", job_id(n)] = {
                "id": job_id(n), "rev": 1, "state": "FINISHED", "class": "Job", "context": "bob~c", "contextId": "",
                "user": "bob", "start": 1_700_000_000_000 - n, "end": 1_700_000_000_000, "payload": "none"}
        s.start_nginx()
        s.wait_ready()

        def jobs(user, query):
            return s.get("/jobs?" + query, headers={"X-User": user})

        wait_until("the zone has all jobs", lambda: jobs("bob", f"limit=1&to={1_700_000_000_001 - JOBS}")[0] == 200)
        assert len(jobs("bob", "limit=100")[1]) == 100
        # the fake launcher refuses this question, and names it
        status, body = jobs("ann", "limit=100")
        assert status == 400 and body["result"].startswith("message 35 ")
        assert json.loads(body["result"][11:].replace("'", '"'))["user"] == "ann"

        fake.stop()
        wait_until("the zone answers alone", lambda: jobs("ann", "limit=100") == (200, []))
