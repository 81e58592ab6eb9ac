"""sparkmagic as it comes: its two kernels and its magics, in notebooks that nbclient executes, against a real server and real Spark."""

import base64
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import nbclient
import nbformat
import pytest
import sparkmagic
from sparkjob_server import PATIENCE, SPARK_HOME, Server, wait_until

PACKAGE = os.path.dirname(sparkmagic.__file__)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Below /asked/ a user and a password are asked for."""
    users = tmp_path_factory.mktemp("users") / "htpasswd"
    users.write_text("ann:{PLAIN}secret\n")
    users.chmod(0o644)
    for folder in (users.parent, users.parent.parent):
        folder.chmod(0o755)
    with Server(locations=f"""
        location /asked/ {{ auth_basic livy; auth_basic_user_file {users}; sparkjob_user $remote_user; sparkjob_livy spark; }}""") as s:
        yield s


@pytest.fixture(scope="module")
def environment(server, tmp_path_factory):
    """That of kernels: a home with sparkmagic's configuration."""
    home = str(tmp_path_factory.mktemp("home"))
    for name in ("sparkkernel", "pysparkkernel", "sparkrkernel"):
        subprocess.run([sys.executable, "-m", "jupyter", "kernelspec", "install", "--log-level=ERROR", "--prefix", home,
                        f"{PACKAGE}/kernels/{name}"], check=True)
    os.environ["JUPYTER_PATH"] = home + "/share/jupyter"
    service = {"username": "", "password": "", "url": f"http://127.0.0.1:{server.port}/livy", "auth": "None"}
    os.mkdir(home + "/.sparkmagic")
    with open(home + "/.sparkmagic/config.json", "w") as f:
        # its tables that are widgets want a browser
        json.dump({"kernel_scala_credentials": service, "kernel_python_credentials": service, "kernel_r_credentials": service,
                   "use_auto_viz": False,
                   "heartbeat_refresh_seconds": 2,         # a session's end waits for so long
                   "livy_session_startup_timeout_seconds": 60 * PATIENCE, "wait_for_idle_timeout_seconds": 15 * PATIENCE}, f)
    return {**os.environ, "HOME": home, "IPYTHONDIR": home + "/ipython", "PYTHONWARNINGS": "ignore"}


class Notebook:
    """A notebook that is executed cell by cell:

        with Notebook("sparkkernel", environment) as n:
            assert n("1 + 1") == "res0: Int = 2"
    """

    def __init__(self, kernel, environment):
        self.book = nbformat.v4.new_notebook()
        self.client = nbclient.NotebookClient(self.book, kernel_name=kernel, timeout=300 * PATIENCE, allow_errors=True)
        self.context = self.client.setup_kernel(env=environment)

    def __enter__(self):
        self.context.__enter__()
        return self

    def __exit__(self, *why):
        return self.context.__exit__(*why)

    def outputs(self, code):
        self.book.cells.append(nbformat.v4.new_code_cell(code))
        found = self.client.execute_cell(self.book.cells[-1], len(self.book.cells) - 1).outputs
        # its thread for heartbeats may ask for a session while another one deletes it, and dies loudly
        return [output for output in found if not (output.get("name") == "stderr" and output["text"].startswith("Exception in thread"))]

    def __call__(self, code):
        """What the cell says: its text, and what of HTML is none of its tags."""
        said = ""
        for output in self.outputs(code):
            assert output.get("name") != "stderr" and output.output_type != "error", f"{code}\n{output}"
            if output.output_type == "stream":
                said += output["text"]
            elif "text/html" in output["data"]:
                said += html.unescape(re.sub("<[^>]*>", " ", output["data"]["text/html"]))
            elif "application/vnd.jupyter.widget-view+json" not in output["data"]:
                said += output["data"]["text/plain"]
        return said.strip()

    def fails(self, code):
        """What the cell says is wrong."""
        return "".join(output["text"] for output in self.outputs(code) if output.get("name") == "stderr")

    def interrupt(self):
        """As Jupyter does it."""
        os.kill(self.client.km.provisioner.process.pid, signal.SIGINT)


def session(server, kind):
    """The only one of this kind."""
    found, = [s for s in server.get("/livy/sessions")[1]["sessions"] if s["kind"] == kind]
    return found


def log(server, session):
    """The first line of its driver's."""
    return server.get(f"/livy/sessions/{session['id']}/log?from=0&size=1")[1]["log"][0]


def test_scala(server, environment):
    with Notebook("sparkkernel", environment) as n:
        said = n('%%configure\n{"driverMemory": "700m", "conf": {"spark.sql.shuffle.partitions": "3"}}')
        assert "'driverMemory': '700m'" in said and "No active sessions" in said
        assert n("%%logs") == "No logs yet."
        assert n("%%local\nprint(6 * 7)") == "42"
        said = n('spark.conf.get("spark.sql.shuffle.partitions")')
        assert "SparkSession available as 'spark'." in said and said.endswith(": String = 3"), said
        assert session(server, "spark")["driverMemory"] == "700m"
        n('val pets = Seq(("cat", 4), ("bird", 2), ("snake", 0)).toDF("pet", "legs")\npets.createOrReplaceTempView("pets")')
        n('%%spark -o many\nval many = pets.filter("legs > 1")')
        assert n("%%local\nprint(type(many).__name__, list(many.columns), many.legs.sum())") == "DataFrame ['pet', 'legs'] 6"
        n("%%sql -o some -n 2\nSELECT * FROM pets ORDER BY legs")
        assert n("%%local\nprint(some.pet.tolist())") == "['snake', 'bird']"
        assert "TABLE_OR_VIEW_NOT_FOUND" in n.fails("%%sql -q\nSELECT * FROM nowhere")
        assert "broken" in n.fails('sys.error("broken")')
        assert n('println("a"); println("b")') == "a\nb"
        n('%%local\nimport pandas\nword = "seven"\nframe = pandas.DataFrame({"n": [1, 2, 3]})')
        n("%%send_to_spark -i word -n said")
        n("%%send_to_spark -i frame -t df -n numbers")
        assert n('println(s"${said.length} ${numbers.count()}")') == "5 3"
        assert "cat 4" in re.sub(r"\s+", " ", n("%%pretty\npets.show()"))
        said, own = n("%%info"), session(server, "spark")
        assert re.search(rf"\b{own['id']}\s+\S+\s+spark\s+idle\s+Link\s", said), said
        assert log(server, own) in n("%%logs")

        # another one's session, which has no time to begin
        other = server.post("/livy/sessions", {"kind": "pyspark"})[1]["id"]
        assert "Cannot delete this kernel's session" in n.fails(f"%%delete -f -s {own['id']}")
        n(f"%%delete -f -s {other}")
        assert server.get(f"/livy/sessions/{other}")[0] == 404

        def last():
            return server.get(f"/livy/sessions/{own['id']}/statements?size=1&order=desc")[1]["statements"][0]

        def interrupt():
            wait_until("it runs", lambda: "sleep" in last()["code"] and last()["state"] == "running", 60)
            n.interrupt()

        waits = threading.Thread(target=interrupt)
        waits.start()
        assert "Interrupted by user" in n.fails("Thread.sleep(600000)")
        waits.join()
        assert last()["state"] == "cancelled"
        assert n("println(pets.count())") == "3"
    # a kernel that ends takes its session along
    assert server.get("/livy/sessions")[1]["sessions"] == []


def test_python(server, environment):
    with Notebook("pysparkkernel", environment) as n:
        said = n("from pyspark.sql import Row\nspark.conf.get('spark.sql.shuffle.partitions')")
        assert "SparkSession available as 'spark'." in said and said.endswith("'200'"), said
        first = session(server, "pyspark")["id"]
        said = n('%%configure -f\n' + json.dumps({"name": "again", "conf": {
            "spark.sql.shuffle.partitions": "3", "spark.pyspark.python": sys.executable}}))
        own = session(server, "pyspark")
        assert own["id"] != first and own["name"] == "again" and f" {own['id']} " in said, said
        assert n("spark.conf.get('spark.sql.shuffle.partitions')") == "'3'"
        n("pets = spark.createDataFrame([Row(pet='cat', legs=4), Row(pet='bird', legs=2), Row(pet='žába', legs=None)])\n"
          "pets.createOrReplaceTempView('pets')")
        n("%%spark -o pets")
        assert n("%%local\nprint(sorted(pets.pet), pets.legs.sum())") == "['bird', 'cat', 'žába'] 6.0"
        assert "cat" in n("%%sql -o found -m sample -r 1.0\nSELECT * FROM pets WHERE legs = 4")
        assert n("%%local\nprint(found.legs.tolist())") == "[4]"
        assert "TABLE_OR_VIEW_NOT_FOUND" in n.fails("%%sql -q\nSELECT * FROM nowhere")
        said = n.fails("def broken():\n    return 1 / 0\n\nbroken()")
        assert "ZeroDivisionError" in said or "division by zero" in said, said
        assert "Traceback" in said and "in broken" in said, said
        assert n("for n in range(3):\n    print(n)") == "0\n1\n2"
        n('%%local\nimport pandas\nword = "it\'s"\nframe = pandas.DataFrame({"n": [1, 2, 3]})')
        n("%%send_to_spark -i word")
        n("%%send_to_spark -i frame -t df")
        assert n("print(word, frame.count())") == "it's 3"
        assert "cat" in n("%%pretty\npets.show()")
        n("import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nbars = plt.bar(['cat', 'bird'], [4, 2])")
        picture = next(output for output in n.outputs("%matplot plt") if "image/png" in output.get("data", {}))
        assert base64.b64decode(picture["data"]["image/png"]).startswith(b"\x89PNG\r\n\x1a\n")
        n("import pandas\nframe = pandas.DataFrame({'pet': ['cat', None], 'born': pandas.to_datetime(['2020-02-01', None]), 'legs': [4, None]})")
        rows = {"pet": "cat", "born": "2020-02-01 00:00:00", "legs": 4.0}, {"pet": None, "born": None, "legs": None}
        assert shown(server, own, "%json frame") == {"application/json": list(rows)}
        assert shown(server, own, "%table frame") == {"application/vnd.livy.table.v1+json": {
            "headers": [{"name": "born", "type": "TIMESTAMP_TYPE"}, {"name": "legs", "type": "DOUBLE_TYPE"}, {"name": "pet", "type": "STRING_TYPE"}],
            "data": [["2020-02-01 00:00:00", 4.0, "cat"], [None, None, None]]}}
        assert shown(server, own, "%json frame.legs") == {"application/json": [4.0, None]}
        assert len(shown(server, own, "%json pandas.DataFrame({'n': range(1001)})")["application/json"]) == 1000
        assert re.search(rf"\b{own['id']}\s+\S+\s+pyspark\s+idle\s", n("%%info"))
        assert log(server, own) in n("%%logs")
        n("%%cleanup -f")
        assert server.get("/livy/sessions")[1]["sessions"] == []


def shown(server, session, code):
    """What a statement shows beside text, of which sparkmagic knows pictures only."""
    path = f"/livy/sessions/{session['id']}/statements"
    path += f"/{server.post(path, {'code': code})[1]['id']}"
    return wait_until("it is over", lambda: server.get(path)[1]["output"], 60)["data"]


def has_r():
    """What of R comes back here sparkmagic has made JSON by R's jsonlite."""
    return (os.path.isdir(SPARK_HOME + "/R/lib/SparkR") and shutil.which("Rscript")
            and subprocess.run(["Rscript", "-e", "loadNamespace('jsonlite')"], capture_output=True, check=False).returncode == 0)


@pytest.mark.skipif(not has_r(), reason="there is no R, or none with SparkR and jsonlite")
def test_r(server, environment):
    with Notebook("sparkrkernel", environment) as n:
        said = n("x <- 1:3\nsum(x)")
        assert "SparkSession available as 'spark'." in said and said.endswith("[1] 6"), said
        n("pets <- createDataFrame(data.frame(pet = c('cat', 'bird', '\u017e\u00e1ba'), legs = c(4, 2, 0)))\ncreateOrReplaceTempView(pets, 'pets')")
        n("%%spark -o pets")
        assert n("%%local\nprint(sorted(pets.pet), pets.legs.sum())") == "['bird', 'cat', '\u017e\u00e1ba'] 6"
        n("%%sql -o found\nSELECT * FROM pets WHERE legs = 4")
        assert n("%%local\nprint(found.pet.tolist())") == "['cat']"
        assert "TABLE_OR_VIEW_NOT_FOUND" in n.fails("%%sql -q\nSELECT * FROM nowhere")
        assert "boo" in n.fails("stop('boo')")
        n('%%local\nword = "seven"')
        n("%%send_to_spark -i word")
        assert n("nchar(word)") == "[1] 5"
        assert any("image/png" in output.get("data", {}) for output in n.outputs("plot(1:3)"))
        n("%%cleanup -f")


def test_magics_of_any_notebook(server, environment):
    """The magics in a kernel of plain Python, which has two sessions, with user and password."""
    with Notebook("python3", environment) as n:
        n("%load_ext sparkmagic.magics")
        url = f"http://127.0.0.1:{server.port}/asked -t Basic_Access -a ann -p"
        assert "401" in n.fails(f"%spark add -s wrong -l python -u {url} wrong")
        n(f"%spark add -s scala -l scala -u {url} secret")
        n(f"%spark add -s python -l python -u {url} secret")
        assert n("%%spark -s scala\nval x = 6\nprintln(x * 7)").endswith("42")
        assert n("%%spark -s python\nprint(6 * 7)") == "42"
        n("%%spark -s scala -c sql -o one -q\nSELECT 1 AS n, 'a' AS t")
        assert n("print(one.to_dict('records'))") == "[{'n': 1, 't': 'a'}]"
        said = n("%spark info")
        assert "Kind: spark\tState: " in said and "Kind: pyspark\tState: " in said, said      # as it was asked for last
        assert {s["owner"] for s in server.get("/livy/sessions")[1]["sessions"]} == {"ann"}
        assert log(server, session(server, "pyspark")) in n("%spark logs -s python")
        n("%spark delete -s python")
        assert [s["kind"] for s in server.get("/livy/sessions")[1]["sessions"]] == ["spark"]
        n("%spark cleanup")
        assert server.get("/livy/sessions")[1]["sessions"] == []
