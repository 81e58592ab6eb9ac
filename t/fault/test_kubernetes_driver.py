"""Drivers that Kubernetes starts, where a launcher ends, or a submission. No pod is made by a submitter that does nothing."""

import os
import subprocess

from kubernetes_api import KubernetesApi
from sparkjob_server import ROOT, Server, alive, free_port, wait_until

RIGHT = "spark.kubernetes.authenticate.submission."


def submitted(s, api):
    """Begins a context whose driver is a pod that waits for its image; the pod's name."""
    assert s.json("POST", "/contexts/c?cluster=k&async=true")[0] == 202
    name = wait_until("there is a secret", lambda: list(api.objects["secrets"]))[0]
    api.put("default", "pods", {"metadata": {"name": name}})
    with open(s.dir + "/submit", "w"):
        pass
    wait_until("its state is asked", lambda: any(r.method == "GET" and r.path.endswith("/pods/" + name) for r in list(api.requests)))
    return name


def server(api, folder, end=""):
    (folder / "token").write_text(api.token)
    cluster = {"master": "k8s://" + api.url, "deploy_mode": "cluster", "settings": {
        RIGHT + "caCertFile": api.ca, RIGHT + "oauthTokenFile": str(folder / "token"), "spark.kubernetes.container.image": "i"}}
    s = Server(scripted=True, launcher={"clusters": {"k": cluster}, "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}}})
    s.overrides["driver"]["command"] = ["/bin/sh", "-c", f"echo $$ >>{s.dir}/submitters; until [ -e {s.dir}/submit ]; do sleep 0.1; done{end}"]
    return s


def test_pod_and_secret_go_with_a_launcher_that_stops_its_drivers(tmp_path):
    with KubernetesApi(str(tmp_path)) as api:
        api.pause = 0.3
        with server(api, tmp_path) as s:
            submitted(s, api)
        assert (api.objects["pods"], api.objects["secrets"]) == ({}, {})
        assert not [r for r in api.requests if r.headers.get("Authorization") != "Bearer " + api.token]


def test_a_pod_whose_driver_has_come_stays_though_its_submission_fails(tmp_path):
    """The submitter may be killed after the pod was made, since it has taken too long: the context is there all the same."""
    with KubernetesApi(str(tmp_path)) as api, server(api, tmp_path, "; exit 1") as s:
        assert s.json("POST", "/contexts/c?cluster=k&async=true")[0] == 202
        name, secret = wait_until("there is a secret", lambda: list(api.objects["secrets"].items()))[0]
        api.put("default", "pods", {"metadata": {"name": name}})
        with subprocess.Popen(["/usr/bin/python3", ROOT + "/t/lib/scripted_driver.py"], cwd=tmp_path,
                              env={**os.environ, "SPARKJOB_START": secret["stringData"]["start"]}) as driver:
            try:
                wait_until("it has come", lambda: s.get("/contexts/c")[1]["state"] == "RUNNING")
                with open(s.dir + "/submit", "w"):
                    pass
                wait_until("the submitter has ended", lambda: not s.drivers())
                jar = {"Content-Type": "application/java-archive"}
                assert s.json("POST", "/binaries/b", b"PK\x03\x04" + bytes(18), jar)[0] == 201
                assert s.run("noop", cp="b")[0] == 200 and name in api.objects["pods"]
                assert s.delete("/contexts/c")[0] == 200 and driver.wait(600) == 0
            finally:
                driver.kill()


def dead(s, api):
    """Begins a context whose launcher is killed while its submitter runs: the submitter, and the pod that it is to make."""
    assert s.json("POST", "/contexts/c?cluster=k&async=true")[0] == 202
    pid = wait_until("it is submitted", lambda: [int(line) for line in s.read("submitters").splitlines()])[0]
    s.launcher.kill()
    s.launcher.wait()
    assert alive(pid)
    return pid, list(api.objects["secrets"])[0]


def test_a_submission_that_a_dead_launcher_left_is_ended_and_made_again(tmp_path):
    with KubernetesApi(str(tmp_path)) as api, server(api, tmp_path) as s:
        pid, first = dead(s, api)
        s.start_launcher()
        wait_until("it is ended", lambda: not alive(pid))
        wait_until("another one is made", lambda: len(s.read("submitters").splitlines()) == 2, 60)
        wait_until("the first one's secret is gone", lambda: first not in api.objects["secrets"])
        (second,) = api.objects["secrets"]
        assert second[:-1] == first[:-1] and second != first
        assert s.get("/contexts/c")[1]["state"] not in ("ERROR", "FINISHED", "KILLED")


def test_a_pod_that_a_dead_launcher_has_left_is_found_and_goes(tmp_path):
    """It waits for room, and its submitter had not ended."""
    with KubernetesApi(str(tmp_path)) as api, server(api, tmp_path) as s:
        pid, name = dead(s, api)
        api.put("default", "pods", {"metadata": {"name": name}})
        before = len(api.requests)
        s.start_launcher()
        wait_until("the submitter is ended", lambda: not alive(pid))
        wait_until("its pod is asked for", lambda: any(
            r.method == "GET" and r.path.endswith("/pods/" + name) for r in api.requests[before:]), 60)
        assert len(s.read("submitters").splitlines()) == 1 and list(api.objects["pods"]) == [name]
        assert s.delete("/contexts/c?force=true")[0] == 200
        wait_until("nothing of it stays", lambda: not api.objects["pods"] and not api.objects["secrets"])
