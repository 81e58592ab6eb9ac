#!/usr/bin/env python3
"""Schemathesis against a running server with scripted drivers: no answer but those of docs/openapi.yaml.

    run.py [options of "st run"]        by default a short run with a fixed seed

Needs schemathesis (t/api/requirements.txt) in $ST, which `make api` provides.
"""

import json
import os
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from sparkjob_server import BUILD, ROOT, Server  # noqa: E402

ST = os.environ.get("ST", os.path.join(BUILD, "api", "bin", "st"))
SHORT = ["--max-examples", "20", "--phases", "examples,coverage,fuzzing"]
ZIP = b"PK\x03\x04" + b"\0" * 100


def strict(path):
    """The API's description without its "default" answers, which would allow every status."""
    with open(os.path.join(ROOT, "docs", "openapi.yaml"), encoding="utf-8") as f:
        api = yaml.safe_load(f)
    for item in api["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                operation["responses"].pop("default", None)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(api, f)


def prepare(s):
    """Something of every kind; their names."""
    for name in ("b", "b2"):
        s.json("POST", f"/binaries/{name}", ZIP, {"Content-Type": "application/java-archive"})
    for name in ("c", "d"):
        s.context(name)
    run = dict(cp="b", context="c", sync=True)
    jobs = [s.run(main_class, body, **run)[1]["jobId"]
            for main_class, body in (("noop", ""), ("value", '{"value": [1, "a", null]}'), ("big", '{"bytes": 200000}'),
                                     ("throw", "{}"))]
    ended = list(jobs)
    jobs.append(s.run("sleep", '{"ms": 3600000}', cp="b", context="d", sync=False)[1]["jobId"])
    data = s.json("POST", "/data/d", b"data")[1]["result"]["filename"]
    return {"jobs": jobs, "ended": ended, "contexts": ["c", "d", "e"], "binaries": ["b", "b2", "b3"], "data": ["d", "e"],
            "files": [data, "/nowhere"]}


def main(options):
    # as many contexts and jobs as it may ask for: "busy" is no fault
    limits = {"max_contexts": 10000, "max_jobs_per_context": 1000}
    # nor is what is longer than nginx takes
    with Server(scripted=True, launcher=limits, http="large_client_header_buffers 8 256k;") as s, tempfile.TemporaryDirectory() as folder:
        strict(folder + "/api.json")
        env = {**os.environ, "SCHEMATHESIS_HOOKS": os.path.join(HERE, "hooks.py"),
               "SPARKJOB_KNOWN": json.dumps(prepare(s))}
        command = [ST, "--config-file", os.path.join(HERE, "schemathesis.toml"), "run", folder + "/api.json", "--url", f"http://127.0.0.1:{s.port}", "--checks", "all",
                   # a stream that never ends
                   "--exclude-path", "/events",
                   # whether a request can be served depends on what there is, not on its shape alone; ended contexts can be seen
                   "--exclude-checks", "positive_data_acceptance,use_after_free",
                   "--suppress-health-check", "all", "--request-timeout", "60", "--no-color",
                   *(options or SHORT + ["--seed", "1"])]
        code = subprocess.run(command, env=env, cwd=folder, check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
