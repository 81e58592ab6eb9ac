"""Python jobs on real Spark, local[2]: as a user of spark-jobserver writes them, and what they must not do to each other."""

import concurrent.futures
import contextlib
import glob
import os
import time

import pytest
from sparkjob_server import BUILD, EXAMPLES, Server, alive, scalac, wait_until

FACTORY = "spark.jobserver.python."
SESSION = FACTORY + "PythonSessionContextFactory"
WHEEL = ("sparkjob-python-examples.whl", "application/python-wheel")
EGG = ("sparkjob-python-examples.egg", "application/python-egg")
PLAIN = ("word_count.py", "text/x-python")

TEXT = 'input.strings = ["a b c a", "b see"]'
COUNTED = {"a": 2, "b": 2, "c": 1, "see": 1}


def upload(server, name, source):
    """A plain Python file as the binary `name`."""
    status, body = server.json("POST", f"/binaries/{name}", source.encode(), {"Content-Type": "text/x-python"})
    assert status == 201, body


def job(body, validate="return config"):
    """The source of a class `J` whose run_job has this body."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return f"""
class J:
    def validate(self, context, runtime, config):
        {validate}
    def run_job(self, context, runtime, data):
{lines}"""


def run(server, name, source, config="", context="c", **more):
    """Uploads a file with a class J and runs it; (status, body)"""
    upload(server, name, source)
    return server.run(f"{name}.J", config, cp=name, context=context, **more)


def result(server, name, source, config="", **more):
    status, body = run(server, name, source, config, **more)
    assert status == 200 and "status" not in body, body
    return body["result"]


def workers(server):
    """Pids of the Python processes that run jobs."""
    return [pid for pid in server.drivers() if b"sparkjobserver.worker" in command_line(pid)]


def command_line(pid):
    """The arguments of a process, none of one that has ended since its pid was found."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read()
    return b""


def python_server(**more):
    return Server(launcher={"driver": {"kill_timeout": 12}, "context_settings": {"spark.master": "local[2]", "spark.session.hive.enabled": "false", **more}})


@pytest.fixture(scope="module")
def server():
    """A server with the Python examples as wheel, egg and file, and a session context `c` without Hive."""
    with python_server() as s:
        for name, (file, kind) in {"examples": WHEEL, "egg": EGG, "counting": PLAIN}.items():
            s.upload(name, os.path.join(BUILD, file), kind)
        s.upload("jar", EXAMPLES)
        s.context("c", **{"context-factory": SESSION})
        yield s


# what users write

@pytest.mark.parametrize("cp,main_class", [("examples", "example_jobs.word_count.WordCount"), ("egg", "example_jobs.word_count.WordCount"),
                                           ("counting", "counting.WordCount")])
def test_word_count_from_wheel_egg_and_plain_file(server, cp, main_class):
    status, body = server.run(main_class, TEXT, cp=cp)
    assert status == 200 and body["result"] == COUNTED, body


def test_async_job_of_the_old_parameters(server):
    status, body = server.post("/jobs?appName=examples&classPath=example_jobs.word_count.WordCount&context=c", TEXT)
    assert status == 202 and body["status"] == "STARTED"
    assert server.wait_job(body["jobId"])["result"] == COUNTED
    assert server.get(f"/jobs/{body['jobId']}/config") == (200, {"input": {"strings": ["a b c a", "b see"]}})


def test_time_inside_the_job_is_pythons(server):
    upload(server, "naps", job("import time\ntime.sleep(0.2)"))
    _, headers, _ = server.request("POST", "/jobs?cp=naps&mainClass=naps.J&context=c&sync=true", b"")
    assert 200 <= float(headers["Server-Timing"].split("dur=")[1])


def test_ad_hoc_context(server):
    body = TEXT + f'\nspark.context-settings {{ context-factory = "{SESSION}" }}'
    status, body = server.run("example_jobs.word_count.WordCount", body, cp="examples", context=None)
    assert status == 200 and body["result"] == COUNTED, body


def test_rows_are_objects(server):
    status, body = server.run("example_jobs.sql.AverageSalary", "input.data = [[bob, 20, 1200], [jon, 21, 1400], [mary, 20, 1300]]")
    assert status == 200 and body["result"] == [{"age": 20, "salary": 1250}, {"age": 21, "salary": 1400}]


def test_environment_is_there_in_validate_and_in_run_job(server):
    source = job("import tempfile\nreturn [runtime.jobId, data, runtime.contextConfig.get_string('context-factory'), type(context).__name__,"
                 " context.conf.get('spark.yarn.isPython'), tempfile.gettempdir()]", validate="return runtime.jobId")
    status, body = run(server, "env", source)
    assert body["result"][:5] == [body["jobId"], body["jobId"], SESSION, "SparkSession", "true"], body
    # what jobs leave there goes with the context
    assert body["result"][5].startswith(server.dir + "/data/contexts/")


def test_config_is_read_as_hocon(server):
    source = job("""
return [data.get('a.b'), data['a.b'], data.get_int('a.b'), data.get_string('a.b'), data.get('no', 7), 'a.c' in data,
        data.get_list('l'), data.get_bool('yes'), data.get_config('a').get_float('f'), data.get('"x.y".z'), data.get('s')]
""")
    config = 'a { b = 1, f = 2.5 }\nl = [1, {k = v}]\nyes = yes\n"x.y" { z = 3 }\ns = ${a.b}" and more"'
    assert result(server, "conf", source, config) == [1, 1, 1, "1", 7, False, [1, {"k": "v"}], True, 2.5, 3, "1 and more"]


@pytest.mark.parametrize("factory,kind", [("PythonSparkContextFactory", "SparkContext"), ("PythonSQLContextFactory", "SQLContext"),
                                          ("PythonHiveContextFactory", "HiveContext")])
def test_old_factories_give_their_contexts(server, factory, kind):
    server.context("old", **{"context-factory": FACTORY + factory})
    try:
        source = job("sc = getattr(context, '_sc', context)\nreturn [type(context).__name__, sc.parallelize([1, 2]).sum()]")
        assert result(server, "kind", source, context="old") == [kind, 3]
        if kind != "SparkContext":
            assert result(server, "sqlkind", job("return context.sql('select 1 as one').collect()"), context="old") == [{"one": 1}]
    finally:
        server.delete("/contexts/old")


def test_dependencies_are_found_by_job_and_executors(server):
    upload(server, "helper", "def twice(n):\n    return 2 * n\n")
    upload(server, "app", "from helper import twice\n" + job("return context.sparkContext.parallelize([1, 2]).map(twice).collect()"))
    assert server.run("app.J", cp="helper,app") [1].get("result") == [2, 4]


def test_python_executable_and_paths(server, tmp_path):
    (tmp_path / "mine_only.py").write_text("VALUE = 42\n")
    server.context("p", **{"context-factory": SESSION, "python.executable": "/usr/bin/python3", "python.paths": str(tmp_path)})
    try:
        source = job("""
import sys, mine_only
def there(_):
    import sys, mine_only
    return [mine_only.VALUE, sys.executable]
return [mine_only.VALUE, sys.executable] + context.sparkContext.parallelize([1], 1).map(there).collect()
""")
        assert result(server, "paths", source, context="p") == [42, "/usr/bin/python3", [42, "/usr/bin/python3"]]
    finally:
        server.delete("/contexts/p")


def test_python_that_cannot_run_fails_the_context_and_says_why(server):
    for executable, words in (("/no/such/python", "/no/such/python"), ("/bin/false", "exit code 1")):
        status, body = server.post(f"/contexts/bad?context-factory={SESSION}&python.executable={executable}")
        assert status == 400 and words in body["result"]["message"], body


# refusals and errors

@pytest.mark.parametrize("sync", [True, False])
def test_problems_of_validate_are_400(server, sync):
    status, body = server.run("example_jobs.word_count.WordCount", "input.strings = []", sync=sync)
    assert (status, body["status"]) == (400, "VALIDATION FAILED")
    assert body["result"]["message"] == "One(SingleProblem(input.strings must be a list of texts))"


def test_an_empty_list_is_data_and_no_problem(server):
    assert result(server, "empty", job("return ['ran', data]", validate="return []")) == ["ran", []]


@pytest.mark.parametrize("sync", [True, False])
def test_validate_that_throws_is_200_with_the_error(server, sync):
    status, body = run(server, "throws", job("return 1", validate="raise ValueError('no')"), sync=sync)
    assert (status, body["status"]) == (200, "ERROR")
    assert (body["result"]["errorClass"], body["result"]["message"]) == ("ValueError", "no")


def test_error_of_run_job_has_class_message_and_traceback(server):
    status, body = run(server, "fails", "class Mine(Exception):\n    pass\n" + job("raise Mine('on purpose')"))
    assert (status, body["status"]) == (200, "ERROR")
    error = body["result"]
    assert (error["errorClass"], error["message"]) == ("fails.Mine", "on purpose")
    assert "Traceback (most recent call last)" in error["stack"] and "raise Mine('on purpose')" in error["stack"]
    assert "sparkjobserver" not in error["stack"]


def test_error_of_spark_names_what_was_wrong(server):
    status, body = run(server, "sqlerror", job("return context.sql('select nope from nowhere')"))
    assert body["status"] == "ERROR" and "AnalysisException" in body["result"]["errorClass"] and "nowhere" in body["result"]["message"]


@pytest.mark.parametrize("main_class", ["example_jobs.word_count.Nope", "nope.WordCount", "example_jobs.nope.X", "WordCount", "a/b.C"])
def test_class_that_is_not_there_is_404(server, main_class):
    assert server.run(main_class) == (404, {"status": "ERROR", "result": f"classPath {main_class} not found"})


@pytest.mark.parametrize("name,source", [("syntax", "class J(:\n"), ("missing", "import not_to_be_found\n" + job("return 1")),
                                         ("exits", "import sys\nsys.exit(3)\n"),
                                         ("ctor", job("return 1") + "    def __init__(self):\n        raise KeyError('k')\n")])
def test_module_that_cannot_be_loaded_is_400(server, name, source):
    status, body = run(server, name, source)
    assert (status, body["status"]) == (400, "JOB LOADING FAILED") and body["result"]["errorClass"], body


def test_file_that_is_no_archive_is_refused_at_the_upload_and_a_broken_one_at_the_job(server):
    assert server.json("POST", "/binaries/bad", b"text", {"Content-Type": "application/python-wheel"})[0] == 400
    assert server.json("POST", "/binaries/bad", b"PK\x03\x04 and nothing", {"Content-Type": "application/python-wheel"})[0] == 201
    assert server.run("bad.J", cp="bad")[0] == 404


def test_job_of_the_wrong_kind_is_400(server):
    wrong = (400, {"status": "ERROR", "result": "Invalid job type for this context"})
    assert server.run("spark.jobserver.NoOpJob", cp="jar") == wrong
    upload(server, "nojob", "class J:\n    pass\ndef f():\n    pass\n")
    assert server.run("nojob.J", cp="nojob") == wrong
    assert server.run("nojob.f", cp="nojob") == wrong
    server.context("jvm")
    assert server.run("example_jobs.word_count.WordCount", TEXT, context="jvm") == wrong
    server.delete("/contexts/jvm")


# results

def test_results_of_all_kinds(server):
    source = job("""
import collections, datetime, decimal
from pyspark.sql import Row
P = collections.namedtuple("P", "x y")
return {"int": 1, "big": 2 ** 70, "float": 1.5, "nan": float("nan"), "inf": float("inf"), "str": "\\u00e9\\ud800", "none": None,
        "bool": True, "tuple": (1, (2,)), "dict": {2: "a", None: "b", True: "c"}, "row": Row(a=1, b=Row(c=2)), "named": P(1, 2),
        "date": datetime.date(2026, 1, 2), "decimal": decimal.Decimal("1.50"), "nested": [{"a": [float("nan")]}], "gen": (n for n in [1])}
""")
    assert result(server, "kinds", source) == {
        "int": 1, "big": 2 ** 70, "float": 1.5, "nan": None, "inf": None, "str": "\u00e9?", "none": None, "bool": True, "tuple": [1, [2]],
        "dict": {"2": "a", "null": "b", "true": "c"}, "row": {"a": 1, "b": {"c": 2}}, "named": [1, 2], "date": "2026-01-02", "decimal": "1.50",
        "nested": [{"a": [None]}], "gen": [1]}


def test_generator_is_streamed_and_large(server):
    values = result(server, "large", job("return ({'n': n, 'text': 'x' * 100} for n in range(40000))"))
    assert len(values) == 40000 and values[39999] == {"n": 39999, "text": "x" * 100}


def test_generator_that_fails_late_is_an_error(server):
    source = job("def g():\n    for n in range(200000):\n        yield n\n    raise ValueError('late')\nreturn g()")
    status, body = run(server, "late", source)
    assert status == 200 and body["status"] == "ERROR" and body["result"]["message"] == "late"
    assert not glob.glob(server.dir + "/data/contexts/*/out/*.result")


def test_endless_nesting_is_an_error(server):
    status, body = run(server, "endless", job("a = []\na.append(a)\nreturn a"))
    assert body["status"] == "ERROR" and "contains itself" in body["result"]["message"]


# versions

VERSION = """
VERSION = "%s"
import time
def version(_):
    import mod
    return mod.VERSION
class J:
    def validate(self, context, runtime, config):
        return config.get_float("wait", 0)
    def run_job(self, context, runtime, data):
        time.sleep(data)
        return [VERSION, sorted(set(context.sparkContext.parallelize(range(4), 2).map(version).collect()))]
"""


def check_versions(server, context="c"):
    """A newer file is used by the next job in the same context, a running one keeps its own; so do executors."""
    upload(server, "mod", VERSION % "one")
    assert server.run("mod.J", cp="mod", context=context)[1]["result"] == ["one", ["one"]]
    old = server.run("mod.J", "wait = 4", cp="mod", context=context, sync=False)[1]["jobId"]
    upload(server, "mod", VERSION % "two")
    assert server.run("mod.J", cp="mod", context=context)[1]["result"] == ["two", ["two"]]
    assert server.wait_job(old)["result"] == ["one", ["one"]]


def test_newer_version_is_used_by_the_next_job_and_does_not_mix(server):
    check_versions(server)


def test_processes_for_versions_are_bounded(server):
    for n in range(7):
        assert result(server, "many", job(f"return {n}")) == n
    # four sets and a spare
    wait_until("the processes not used lately are gone", lambda: len(workers(server)) <= 5, 10)


# what jobs print

def test_what_a_job_prints_goes_to_its_log(server):
    source = job("""
import logging, sys, threading
print("printed", data.get("n"))
sys.stderr.write("written\\n")
logging.getLogger("mine").warning("logged")
sys.stdout.buffer.write(b"bytes\\n")
t = threading.Thread(target=lambda: print("of a thread"))
t.start()
t.join()
sys.stdout.write("no end of line")
""")
    upload(server, "prints", source)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: server.run("prints.J", f"n = {n}", cp="prints")[1]["jobId"], range(8)))
    for n, job_id in enumerate(ids):
        (path,) = glob.glob(f"{server.dir}/data/contexts/*/logs/{job_id}.log")
        with open(path) as f:
            assert f.read() == f"printed {n}\nwritten\nlogged\nbytes\nof a thread\nno end of line"


# jobs that do harm

def test_eight_jobs_at_once(server):
    source = job("import time\ntime.sleep(0.3)\nreturn context.sparkContext.parallelize([data.get('n')]).map(lambda n: n * n).sum()")
    upload(server, "square", source)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: server.run("square.J", f"n = {n}", cp="square")[1]["result"], range(8)))
    assert answers == [n * n for n in range(8)]


KILLED = {
    "loop": "while True:\n    pass",
    "spark": "import time\ncontext.sparkContext.parallelize([1, 2], 2).map(lambda n: time.sleep(60)).count()",
    "child": "import threading\nt = threading.Thread(target=lambda: context.range(1 << 50).count())\nt.start()\nt.join()",
    "catches": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    "sleeps": "import time\ntime.sleep(60)",
    "endless": "import itertools\nreturn (n for n in itertools.count())",
}


@pytest.mark.parametrize("how", KILLED)
def test_kill_ends_the_job(server, how):
    name = "kill" + how
    status, body = run(server, name, job(KILLED[how]), sync=False)
    assert status == 202, body
    time.sleep(0.7)
    assert server.delete(f"/jobs/{body['jobId']}") == (200, {"status": "KILLED"})
    killed = server.job(body["jobId"])
    assert killed["status"] == "KILLED" and "has not stopped" not in killed["result"]["message"]
    wait_until("no Spark work is left", lambda: result(
        server, "left", job("return len(context.sparkContext.statusTracker().getActiveJobsIds())")) == 0, 10)


def test_killed_job_that_does_not_end_leaves_its_neighbours_alone(server):
    source = job("import time\ntime.sleep(data.get_float('s'))\nreturn 'slept'")
    upload(server, "neighbour", source)
    short = server.run("neighbour.J", "s = 6", cp="neighbour", sync=False)[1]["jobId"]
    long = server.run("neighbour.J", "s = 120", cp="neighbour", sync=False)[1]["jobId"]
    time.sleep(0.5)
    before = set(workers(server))
    server.delete(f"/jobs/{long}")
    # the next job has another process meanwhile
    assert server.run("neighbour.J", "s = 0", cp="neighbour")[1]["result"] == "slept"
    assert server.wait_job(short)["result"] == "slept"
    # once only the killed job is left its process goes
    wait_until("the process has ended", lambda: not before <= set(workers(server)), 10)
    assert server.job(long)["status"] == "KILLED"
    assert server.run("neighbour.J", "s = 0", cp="neighbour")[1]["result"] == "slept"


DEADLY = {
    "os_exit": ("import os\nos._exit(7)", "exit code 7"),
    "signal": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "killed by signal 11"),
}


@pytest.mark.parametrize("how", DEADLY)
def test_process_that_dies_is_replaced_and_others_hear_why(server, how):
    source, words = DEADLY[how]
    upload(server, "deadly", job("if data.get('die', False):\n    " + source.replace("\n", "\n    ") + "\nimport time\ntime.sleep(data.get('s', 0))\nreturn 'lives'"))
    other = server.run("deadly.J", "s = 30", cp="deadly", sync=False)[1]["jobId"]
    elsewhere = run(server, "elsewhere", job("import time\ntime.sleep(3)\nreturn 'fine'"), sync=False)[1]["jobId"]
    status, body = server.run("deadly.J", "die = true", cp="deadly")
    assert (status, body["status"]) == (200, "ERROR") and words in body["result"]["message"], body
    neighbour = server.wait_job(other, 5)
    assert neighbour["status"] == "ERROR" and words in neighbour["result"]["message"] and body["jobId"] in neighbour["result"]["message"]
    assert server.run("deadly.J", cp="deadly")[1]["result"] == "lives"
    assert server.wait_job(elsewhere)["result"] == "fine"


def test_sys_exit_ends_the_job_only(server):
    source = "import os\n" + job("if data.get('exit', False):\n    import sys\n    sys.exit(4)\nreturn os.getpid()")
    before = result(server, "sysexit", source)
    status, body = server.run("sysexit.J", "exit = true", cp="sysexit")
    assert body["status"] == "ERROR" and (body["result"]["errorClass"], body["result"]["message"]) == ("SystemExit", "4")
    assert server.run("sysexit.J", cp="sysexit")[1]["result"] == before


def test_forked_child_cannot_speak_for_the_job(server):
    source = job("import os\nif os.fork() == 0:\n    return 'child'\nos.wait()\nreturn 'parent'")
    assert result(server, "forks", source) == "parent"


def test_noise_on_the_descriptors_does_not_disturb(server):
    source = job("import os\nos.write(1, b'x' * 300000 + b'\\n')\nos.write(2, b'noise\\n')\nfor n in range(20000):\n    print('y' * 100)\nreturn os.read(0, 10).decode()")
    assert result(server, "noise", source) == ""


def test_job_that_stops_the_gateway_hurts_its_own_process_only(server):
    run(server, "gateway", job("context._sc._gateway.shutdown()\nreturn 1"))
    status, body = server.run("example_jobs.word_count.WordCount", TEXT)
    assert status == 200 and body["result"] == COUNTED


def test_secret_is_in_no_argument_and_no_environment(server):
    for pid in workers(server):
        for file in ("cmdline", "environ"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{file}", "rb") as f:      # some end by themselves
                text = f.read()
                assert b"PYSPARK_GATEWAY" not in text and b"SPARKJOB_SECRET" not in text
    assert result(server, "looks", job("import os\nreturn [n for n in os.environ if 'SECRET' in n or 'GATEWAY' in n]")) == []


# named objects

def test_data_frame_is_shared_between_jobs(server):
    first = server.run("example_jobs.sql.SharedNumbers", "n = 100")[1]["result"]
    second = server.run("example_jobs.sql.SharedNumbers", "n = 7")[1]["result"]
    assert (first, second) == ({"made": True, "sum": 4950}, {"made": False, "sum": 4950})


def test_named_objects_of_all_methods(server):
    source = job("""
n, sc = runtime.named_objects, context.sparkContext
out = [n.get("rdd")]
out.append(n.get_or_else_create("rdd", lambda: sc.parallelize([1, 2, {"a": 3}]), force_computation=True).collect())
out.append(n.get("rdd").map(str).collect())
out.append(n.update("rdd", lambda: sc.parallelize(["x"])).collect())
out.append(n.get("rdd").collect())
n.update("df", lambda: context.createDataFrame([(1, "a")], ["k", "v"]))
out.append([n.get("df").collect(), n.get("df").is_cached or n.get("df").storageLevel.useMemory])
n.forget("df")
n.destroy("rdd")
n.destroy("never")
out.append([name for name in n.get_names() if name in ("df", "rdd")])
try:
    n.get_or_else_create("text", lambda: "no frame")
except TypeError as e:
    out.append(str(e))
return out
""")
    assert result(server, "named", source) == [
        None, [1, 2, {"a": 3}], ["1", "2", "{'a': 3}"], ["x"], ["x"], [[{"k": 1, "v": "a"}], True], [],
        "The named object text is to be a DataFrame or an RDD, not a str"]


def test_named_object_in_the_making_is_waited_for_and_made_by_another_when_its_job_dies(server):
    source = job("""
import os, time
def make():
    if data.get("die", False):
        time.sleep(4)
        os._exit(1)
    return context.range(5)
return runtime.namedObjects.get_or_else_create("slow", make, timeout=200).count()
""")
    upload(server, "maker", source)
    upload(server, "waiter", source)
    dies = server.run("maker.J", "die = true", cp="maker", sync=False)[1]["jobId"]
    time.sleep(0.5)
    began = time.monotonic()
    assert server.run("waiter.J", cp="waiter")[1]["result"] == 5
    assert time.monotonic() - began > 0.5 and server.wait_job(dies)["status"] == "ERROR"


def test_data_frames_are_shared_with_jvm_jobs_of_a_mixed_context(server):
    server.context("mixed", **{"context-factory": FACTORY + "MixedSessionContextFactory"})
    try:
        answers = []
        for cp, main_class in (("jar", "spark.jobserver.SharedNumbersJob"), ("examples", "example_jobs.sql.SharedNumbers")) * 2:
            status, body = server.run(main_class, f"n = {100 + len(answers)}", cp=cp, context="mixed")
            assert status == 200, body
            answers.append(body["result"])
        assert answers == [{"made": not n, "sum": 4950} for n in range(4)]
        made = result(server, "tojvm", job("runtime.namedObjects.update('numbers', lambda: context.range(3))\nreturn 1"), context="mixed")
        assert made == 1 and server.run("spark.jobserver.SharedNumbersJob", cp="jar", context="mixed")[1]["result"]["sum"] == 3
    finally:
        server.delete("/contexts/mixed")


# the context

CUSTOM = """
package mine
import com.typesafe.config.Config
import org.apache.spark.{SparkConf, SparkContext}
import spark.jobserver.ContextLike
import spark.jobserver.python.PythonContextFactory
class Custom(val sparkContext: SparkContext) extends ContextLike {
  def greeting(): String = "hello from the JVM"
  def stop(): Unit = sparkContext.stop()
}
class CustomFactory extends PythonContextFactory {
  type C = Custom
  def makeContext(sparkConf: SparkConf, config: Config, contextName: String): Custom = new Custom(new SparkContext(sparkConf))
}
"""


def test_custom_context_is_built_by_the_job(server, tmp_path):
    jar = str(tmp_path / "custom.jar")
    scalac(str(tmp_path / "src"), CUSTOM, jar)
    server.context("custom", **{"context-factory": "mine.CustomFactory", "spark.driver.extraClassPath": jar})
    try:
        source = job("return [context.greeting(), data.get('spark.app.name')]", validate="return self.conf") + """
    def build_context(self, gateway, jvmContext, sparkConf):
        self.conf = {"spark.app.name": sparkConf.get("spark.app.name")}
        return jvmContext
"""
        assert result(server, "custom", source, context="custom") == ["hello from the JVM", "custom"]
        status, body = run(server, "nobuild", job("return 1"), context="custom")
        assert body["status"] == "ERROR" and "build_context" in body["result"]["message"]
    finally:
        server.delete("/contexts/custom")


def test_data_file_is_found(server):
    status, body = server.json("POST", "/data/mine", b"some data")
    path = body["result"]["filename"]
    source = job("with open(runtime.get_data_file(data.get('file'))) as f:\n    return f.read()")
    assert result(server, "data", source, f'file = "{path}"') == "some data"
    status, body = server.run("data.J", 'file = "/etc/passwd"', cp="data")
    assert body["result"]["errorClass"] == "OSError" and "no data file" in body["result"]["message"]


def test_job_acts_for_the_proxy_user_also_in_its_threads_and_in_later_processes(server):
    server.context("proxied", **{"context-factory": SESSION, "spark.proxy.user": "carl"})
    try:
        source = job("""
import threading
sc, users = context.sparkContext, []
def look():
    users.append(sc._jvm.org.apache.hadoop.security.UserGroupInformation.getCurrentUser().getShortUserName())
look()
t = threading.Thread(target=look)
t.start()
t.join()
return users + [sc.sparkUser()]
""")
        for n in range(3):
            assert result(server, "who", source + f"# {n}", context="proxied") == ["carl"] * 3
    finally:
        server.delete("/contexts/proxied")


def test_context_that_ends_leaves_no_process(server):
    server.context("gone", **{"context-factory": SESSION})
    assert result(server, "one", job("import subprocess\nsubprocess.Popen(['sleep', '300'])\nreturn 1"), context="gone") == 1
    job_id = run(server, "busy", job("import time\ntime.sleep(300)"), context="gone", sync=False)[1]["jobId"]
    mine = set(server.drivers())
    assert server.delete("/contexts/gone")[0] == 200
    assert server.wait_job(job_id)["status"] in ("KILLED", "ERROR")
    # driver, its two processes and the spare, the job's own child, Spark's
    wait_until("its processes are gone", lambda: sum(not alive(p) for p in mine) >= 5, 10)
    wait_until("the job's child, too", lambda: not [pid for pid in server.drivers() if b"sleep" in command_line(pid)], 10)
