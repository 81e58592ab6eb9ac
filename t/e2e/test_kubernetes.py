"""Kubernetes up to its API server, which t/lib/kubernetes_api.py stands in for: what Spark's own client asks of it, and what
is said when that goes wrong."""

import json
import os
import socket
import time

import pytest
from kubernetes_api import KubernetesApi
from sparkjob_server import PATIENCE, Server, wait_until

TEMPLATE = """
apiVersion: v1
kind: Pod
metadata:
  labels: {team: red}
  annotations: {note: from the template}
spec:
  nodeSelector: {disk: fast}
  containers:
    - name: spark-kubernetes-executor
      volumeMounts: [{name: cache, mountPath: /cache}]
  volumes: [{name: cache, emptyDir: {}}]
"""


@pytest.fixture
def api(tmp_path):
    with KubernetesApi(str(tmp_path)) as k:
        yield k


def settings(api, folder, **more):
    token = os.path.join(folder, "token")
    with open(token, "w", encoding="ascii") as f:
        f.write(api.token)
    return {"spark.master": "k8s://" + api.url, "spark.kubernetes.namespace": "red", "spark.kubernetes.container.image": "registry/spark:1",
            "spark.kubernetes.authenticate.caCertFile": api.ca, "spark.kubernetes.authenticate.oauthTokenFile": token,
            "spark.kubernetes.authenticate.submission.caCertFile": api.ca,
            "spark.kubernetes.authenticate.submission.oauthTokenFile": token, **more}


def test_executors_of_a_local_driver_are_asked_for_as_the_settings_say(api, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    with Server(launcher={"driver": {"stop_timeout": 60 * PATIENCE}, "context_settings": settings(
            api, str(tmp_path), **{"spark.driver.host": "127.0.0.1", "spark.kubernetes.executor.podTemplateFile": str(template),
                                   "spark.executor.instances": "2", "spark.executor.memory": "1g",
                                   "spark.kubernetes.authenticate.executor.serviceAccountName": "runner",
                                   # nothing runs these pods: the context does not wait for them
                                   "spark.scheduler.minRegisteredResourcesRatio": "0"})}) as s:
        s.context("c")
        pods = wait_until("both executors were asked for", lambda: len(api.asked("POST", "/pods")) >= 2 and api.asked("POST", "/pods"))
        for pod in pods:
            meta, spec = pod["metadata"], pod["spec"]
            container = spec["containers"][0]
            assert meta["labels"]["team"] == "red" and meta["annotations"]["note"] == "from the template"
            assert spec["nodeSelector"] == {"disk": "fast"} and spec["serviceAccountName"] == "runner"
            assert container["image"] == "registry/spark:1" and container["resources"]["requests"]["memory"] == "1408Mi"
            assert {"name": "cache", "mountPath": "/cache"} in container["volumeMounts"]
        assert all(r.path.startswith("/api/v1/namespaces/red/") for r in api.requests)
        app = s.get("/contexts/c")[1]["applicationId"]
        assert {pod["metadata"]["labels"]["spark-app-selector"] for pod in pods} == {app}

        # neither the server's token nor a driver's secret goes to where the cluster shows it
        assert api.token not in api.text() and "SPARKJOB" not in api.text()

        s.delete("/contexts/c")
        wait_until("its executors are gone", lambda: not api.objects["pods"], 60)
        assert not api.objects["configmaps"]


def test_an_api_server_that_does_not_answer_is_named_within_seconds(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"k8s://https://127.0.0.1:{closed.getsockname()[1]}"
        with Server() as s:
            start = time.monotonic()
            status, body = s.json("POST", "/contexts/c", json.dumps({"spark": {"context-settings": {
                "spark.master": url, "spark.kubernetes.container.image": "i"}}}))
            assert status == 500 and body["result"]["message"].startswith(f"No Kubernetes API server answers at {url}"), body
            assert time.monotonic() - start < 300


def test_a_token_that_is_refused_ends_the_context_with_the_servers_words(api, tmp_path):
    given = settings(api, str(tmp_path), **{"spark.driver.host": "127.0.0.1", "spark.kubernetes.driver.pod.name": "own"})
    (tmp_path / "token").write_text("another")
    with Server(launcher={"context_settings": given}) as s:
        status, body = s.json("POST", "/contexts/c", "")
        assert status == 500 and "Unauthorized" in json.dumps(body), body
