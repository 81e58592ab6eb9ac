"""Drivers that Kubernetes starts, where a launcher ends: nothing of them stays. No pod is made by a submitter that does nothing."""

from kubernetes_api import KubernetesApi
from sparkjob_server import Server, free_port, wait_until

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


def server(api, folder):
    (folder / "token").write_text(api.token)
    cluster = {"master": "k8s://" + api.url, "deploy_mode": "cluster", "settings": {
        RIGHT + "caCertFile": api.ca, RIGHT + "oauthTokenFile": str(folder / "token"), "spark.kubernetes.container.image": "i"}}
    s = Server(scripted=True, launcher={"clusters": {"k": cluster}, "driver": {"link": {"listen": f"127.0.0.1:{free_port()}"}}})
    s.overrides["driver"]["command"] = ["/bin/sh", "-c", f"until [ -e {s.dir}/submit ]; do sleep 0.1; done"]
    return s


def test_pod_and_secret_go_with_a_launcher_that_stops_its_drivers(tmp_path):
    with KubernetesApi(str(tmp_path)) as api:
        api.pause = 0.3
        with server(api, tmp_path) as s:
            submitted(s, api)
        assert (api.objects["pods"], api.objects["secrets"]) == ({}, {})
        assert not [r for r in api.requests if r.headers.get("Authorization") != "Bearer " + api.token]
