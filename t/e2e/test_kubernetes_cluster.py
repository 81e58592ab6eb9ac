"""Drivers that Kubernetes starts, up to its API server: what Spark's own submission and the launcher ask of it."""

import json

import pytest
from kubernetes_api import KubernetesApi
from sparkjob_server import Server, free_port, wait_until

TEMPLATE = """
apiVersion: v1
kind: Pod
metadata:
  labels: {team: red}
spec:
  nodeSelector: {disk: fast}
  containers: [{name: spark-kubernetes-driver, volumeMounts: [{name: cache, mountPath: /cache}]}]
  volumes: [{name: cache, emptyDir: {}}]
"""
RIGHT = "spark.kubernetes.authenticate.submission."
IMAGE = {"spark.kubernetes.container.image": "registry/sparkjob:1"}


@pytest.fixture
def api(tmp_path):
    with KubernetesApi(str(tmp_path)) as k:
        yield k


def cluster(api, folder, **more):
    (folder / "token").write_text(api.token)
    return {"master": "k8s://" + api.url, "deploy_mode": "cluster",
            "settings": {"spark.kubernetes.namespace": "red", RIGHT + "caCertFile": api.ca,
                         RIGHT + "oauthTokenFile": str(folder / "token"), **IMAGE, **more}}


def server(**clusters):
    return Server(launcher={"clusters": clusters, "driver": {"link": {"listen": f"127.0.0.1:{free_port()}", "tls": "on"}}})


def refused(s, query):
    status, body = s.json("POST", f"/contexts/x?{query}")
    assert status == 500, body
    return body["result"]["message"]


def reason(s, name="c"):
    return wait_until("the context has ended", lambda: s.get(f"/contexts/{name}")[1].get("reason"), 60)


def test_a_driver_is_submitted_looked_after_and_killed(api, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    with server(red=cluster(api, tmp_path, **{"spark.kubernetes.driver.podTemplateFile": str(template), "spark.driver.memory": "1g",
                                              "spark.kubernetes.authenticate.driver.serviceAccountName": "runner"})) as s:
        assert s.json("POST", "/contexts/c?cluster=red&async=true")[0] == 202
        wait_until("Spark has submitted it", lambda: len(api.asked("PATCH", "/configmaps/")) == 1, 60)
        pod, secret = api.asked("POST", "/pods")[0], api.asked("POST", "/secrets")[0]
        spec, container = pod["spec"], pod["spec"]["containers"][0]
        name = pod["metadata"]["name"]

        # what the settings say
        assert pod["metadata"]["labels"]["team"] == "red" and spec["nodeSelector"] == {"disk": "fast"}
        assert spec["serviceAccountName"] == "runner" and container["image"] == "registry/sparkjob:1"
        assert {"name": "cache", "mountPath": "/cache"} in container["volumeMounts"]
        assert all(r.path.startswith("/api/v1/namespaces/red/") for r in api.requests)

        # what the driver is told, by a secret alone
        start = json.loads(secret["stringData"]["start"])
        assert start["context"] == s.get("/contexts/c")[1]["id"] and start["link"].startswith("tls://") and start["secret"]
        assert secret["metadata"]["name"] == name and f"sparkjob-{start['context']}-" in name
        assert {"name": f"{name}-volume", "secret": {"secretName": name}} in spec["volumes"]
        assert {"name": f"{name}-volume", "mountPath": "/var/run/sparkjob"} in container["volumeMounts"]
        assert container["args"][-2:] == ["--secret-file", "/var/run/sparkjob/start"] and "sparkjob.driver.Main" in container["args"]
        for shown in (start["secret"], start["pin"], api.token):
            assert shown not in api.text() and shown not in s.read("launcher.log")

        # it is asked for, by another launcher, too, and killed with its secret
        s.launcher.kill()
        s.launcher.wait()
        before = len(api.requests)
        s.start_launcher()
        s.wait_ready()
        wait_until("its state is asked", lambda: any(
            r.method == "GET" and r.path.endswith("/pods/" + name) for r in api.requests[before:]))
        s.delete("/contexts/c?force=true")
        wait_until("pod and secret are gone", lambda: not api.objects["pods"] and not api.objects["secrets"], 60)
        wait_until("the context has ended", lambda: s.get("/contexts/c")[1]["state"] in ("FINISHED", "KILLED", "ERROR"), 60)


def test_an_image_that_cannot_be_pulled_ends_the_context_in_words(api, tmp_path):
    with server(red=cluster(api, tmp_path)) as s:
        assert s.json("POST", "/contexts/c?cluster=red&async=true")[0] == 202
        wait_until("it is submitted", lambda: len(api.asked("PATCH", "/configmaps/")) == 1, 60)
        api.state(api.asked("POST", "/pods")[0]["metadata"]["name"], "Pending", ("ErrImagePull", "registry/sparkjob:1 not found"))
        assert "ErrImagePull, registry/sparkjob:1 not found" in reason(s)
        wait_until("nothing of it stays", lambda: not api.objects["pods"] and not api.objects["secrets"])


@pytest.mark.parametrize("query, words", [
    (f"cluster=red&{RIGHT}oauthTokenFile=/etc/passwd", f"{RIGHT}oauthTokenFile: where Kubernetes is"),
    (f"cluster=red&launcher.{RIGHT}caCertFile=/etc/passwd", f"launcher.{RIGHT}caCertFile: where Kubernetes is"),
    ("cluster=red&spark.kubernetes.context=admin", "spark.kubernetes.context: where Kubernetes is"),
    ("cluster=red&spark.kubernetes.trust.certificates=true", "spark.kubernetes.trust.certificates: where Kubernetes is"),
    ("spark.master=k8s://https://127.0.0.1&spark.submit.deployMode=cluster&spark.kubernetes.container.image=i", "spark.master: where "),
    ("cluster=red&spark.kubernetes.namespace=../../x", 'spark.kubernetes.namespace: "../../x" is no name of a namespace'),
    ("cluster=image", "spark.kubernetes.container.image is not set"),
    ("cluster=token", "oauthToken: name a file"),
    ("cluster=line", "oauthTokenFile: Spark takes no token with the end of a line behind it"),
    ("spark.master=mesos://127.0.0.1:7077&spark.submit.deployMode=cluster", 'drivers cannot be started by the master "mesos://127.0.0.1:7077"'),
])
def test_what_a_request_may_not_say_or_a_cluster_lacks(refusing, query, words):
    status, body = refusing.json("POST", f"/contexts/x?{query}")
    assert status == 400 and words in str(body["result"]), body


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """With clusters of which none gets as far as its API server."""
    folder = tmp_path_factory.mktemp("clusters")
    away = KubernetesApi(str(folder))
    image = cluster(away, folder)
    image["settings"].pop("spark.kubernetes.container.image")
    (folder / "line").write_text(away.token + "\n")
    with server(red=cluster(away, folder), image=image, line=cluster(away, folder, **{RIGHT + "oauthTokenFile": str(folder / "line")}),
                token=cluster(away, folder, **{RIGHT + "oauthToken": "t"})) as s:
        yield s
    assert not away.requests
    away.server.server_close()


def test_what_keeps_a_driver_from_being_submitted_is_told_in_words(api, tmp_path):
    away = dict(cluster(api, tmp_path), master=f"k8s://https://127.0.0.1:{free_port()}")
    with server(red=cluster(api, tmp_path), away=away) as s:
        assert away["master"][6:] in refused(s, "cluster=away")
        api.refuse["POST", "secrets"] = (403, 'secrets is forbidden: User "runner" cannot create resource')
        assert "403, secrets is forbidden" in refused(s, "cluster=red")
        assert not api.asked("POST", "/pods")
        api.refuse.clear()

        # Spark's own submission has the last word, and takes the secret with it
        api.refuse["POST", "pods"] = (403, "pods is forbidden: exceeded quota")
        assert "exceeded quota" in refused(s, "cluster=red")
        wait_until("no secret stays", lambda: not api.objects["secrets"])
