"""Statements of R on real Spark. They need R, and a Spark that has SparkR: the distribution from spark.apache.org, and not PySpark's package."""

import base64
import json
import os
import shutil
import signal
import time

import pytest
from sparkjob_server import SPARK_HOME, Server, alive, wait_until
from test_statements import FINAL, SECRET, Session, shared  # noqa: F401 (a fixture)

MISSING = [what for what, there in (("Rscript on the PATH", shutil.which("Rscript")),
                                    (SPARK_HOME + "/R/lib/SparkR", os.path.isdir(SPARK_HOME + "/R/lib/SparkR"))) if not there]
pytestmark = pytest.mark.skipif(bool(MISSING), reason="there is no " + " and no ".join(MISSING))


@pytest.fixture(scope="module")
def server():
    with Server(start=False, launcher={"at_exit": "stop"}) as s:
        s.environment["SOME_SECRET"] = SECRET
        s.environment["LC_ALL"] = "C"
        s.start_launcher()
        yield s


def text(session, code):
    return session.text("sparkr", code)


def begun(session, code):
    """The number of a statement that has run for a while."""
    number = session.submit("sparkr", code)["statement"]
    session.until(number, "RUNNING")
    if "count(" in code:
        wait_until("its tasks are known", lambda: session.get(number)[0].get("progress"), 60)
    time.sleep(1)
    return number


def error(session, code):
    output = session.output("sparkr", code)
    assert (output["status"], output["ename"]) == ("error", "Error"), output
    return output


@pytest.mark.parametrize("code, shown", [
    ("1+1", "[1] 2"),
    ("", ""),
    ("x <- 1\r\nx\r\n", "[1] 1"),
    ("x <- 1:3\nx * 2; invisible(5)\nsum(x)", "[1] 2 4 6\n[1] 6"),
    ("x", "[1] 1 2 3"),
    ("data.frame(a = 1:2, b = c('x', 'y'))", "  a b\n1 1 x\n2 2 y"),
    ("NULL", "NULL"),
    ("cat('gr\u00fc\u00dfe \U0001f600\\n'); message('to stderr'); print('\u00e9')", 'gr\u00fc\u00dfe \U0001f600\nto stderr\n[1] "\u00e9"'),
    ("f <- function() { warning('mind'); 7 }; f()", "Warning in f() : mind\n[1] 7"),
    ("setClass('P', representation(n = 'numeric')); setMethod('show', 'P', function(object) cat('P of', object@n, '\\n')); new('P', n = 3)",
     "P of 3 "),
    ("print.mine <- function(x, ...) cat('mine\\n'); structure(1, class = 'mine')", "mine"),
    ("system('echo of a process')", "of a process"),
    ("for (i in 1:3) i; i", "[1] 3"),
    ("readline('name? ')", 'name? \n[1] ""'),
    ("f <- function() { browser(); 5 }; f()", "Called from: f()\ndebug: [1] 5\n[1] 5"),
    ("sum(unlist(parallel::mclapply(1:4, function(i) i^2, mc.cores = 2)))", "[1] 30"),
])
def test_code_shows_what_r_shows(shared, code, shown):
    assert text(shared, code) == shown


def test_the_context_is_there(shared):
    assert ".SparkSession id " in text(shared, "spark")
    assert text(shared, "sc").startswith("Java ref type org.apache.spark.api.java.JavaSparkContext id ")
    assert text(shared, "ls()[ls() %in% c('spark', 'sc', 'driver', 'secret')]") == '[1] "sc"    "spark"'


def test_views_are_those_of_all_languages(shared):
    assert text(shared, "df <- createDataFrame(faithful)\nhead(df, 2)") == "  eruptions waiting\n1       3.6      79\n2       1.8      54"
    text(shared, "createOrReplaceTempView(df, 'geyser')")
    table = shared.data("sql", "select count(*) as n from geyser")["application/json"]
    assert table["data"] == [[272]]
    assert shared.text("pyspark", "spark.table('geyser').where('waiting > 90').createOrReplaceTempView('long')").strip() == ""
    assert text(shared, "nrow(sql('select * from long'))") == text(shared, "sum(faithful$waiting > 90)")
    shared.text("spark", 'spark.udf.register("twice", (n: Int) => n * 2)')
    shared.text("pyspark", "_ = spark.udf.register('thrice', lambda n: n * 3, 'int')")
    assert text(shared, "unlist(collect(sql('select twice(21) as a, thrice(5) as b')), use.names = FALSE)") == "[1] 42 15"
    assert text(shared, "collect(dapply(createDataFrame(data.frame(n = 1:2)), function(p) data.frame(n = p$n * 10), 'n double'))$n") == "[1] 10 20"


@pytest.mark.parametrize("code, value, traceback", [
    ("stop('boo')", "Error: boo", ["stop(\"boo\")"]),
    ("nosuch + 1", "Error: object 'nosuch' not found", []),
    ("f <- function(x) g(x); g <- function(x) stop('deep ', x); f(3)", "Error in g(x) : deep 3", ["f(3)", "g(x)", "stop(\"deep \", x)"]),
    ("f <- function() stop(strrep('m', 70)); f()", "Error in f() : \n  " + "m" * 70, None),
    ("print('before')\nlog('a')", '[1] "before"\nError in log("a") : non-numeric argument to mathematical function', None),
    ("1 + + ", "Error: <text>:2:0: unexpected end of input\n1: 1 + + \n   ^", []),
    ("print('never')\nx y", "Error: <text>:2:3: unexpected symbol\n1: print('never')\n2: x y\n     ^", []),
    ("invokeRestart('abort')", "Error: aborted", []),
    ("break", "Error: no loop for break/next, jumping to top level", []),
])
def test_errors_are_those_of_r(shared, code, value, traceback):
    output = error(shared, code)
    assert output["evalue"] == value
    assert traceback is None or output["traceback"] == [line + "\n" for line in traceback]


def test_errors_of_any_size_have_an_end(shared):
    deep = error(shared, "f <- function(n) f(n + 1); f(1)")["evalue"]
    assert "infinite recursion" in deep or "C stack" in deep
    assert len(error(shared, "f <- function(n) if (n > 0) f(n - 1) else stop(); f(100)")["traceback"]) == 50
    assert "nosuch" in error(shared, "sql('select nosuch')")["evalue"]
    big = error(shared, "stop(structure(class = c('mine', 'error', 'condition'), list(message = strrep('x', 1e7), call = NULL)))")
    assert len(big["evalue"]) < 101000 and "more bytes are left out" in big["evalue"]
    assert text(shared, "1+1") == "[1] 2"


def test_a_plot_is_a_picture(shared):
    for before in "", "unlink(tempdir(), recursive = TRUE)\n":
        data = shared.data("sparkr", before + "hist(faithful$waiting)\ncat('drawn\\n')")
        assert data["text/plain"] == "drawn" and base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert "image/png" not in shared.data("sparkr", "1")


def test_limits_of_time_are_those_of_their_statement(shared):
    assert "reached elapsed time limit" in error(shared, "setTimeLimit(elapsed = 1)\nrepeat Sys.sleep(0.1)")["evalue"]
    text(shared, "setTimeLimit(elapsed = 1); setSessionTimeLimit(elapsed = 1)")
    time.sleep(2)
    assert text(shared, "setTimeLimit(elapsed = 100); Sys.sleep(2); nrow(sql('select 1'))") == "[1] 1"


@pytest.mark.parametrize("code", [
    "system('sleep 600'); cat(file = seen, 'after')", "{ system('sleep 600'); cat(file = seen, 'after') }",
    "f <- function() { system2('sleep', '600', input = 'x'); cat(file = seen, 'after') }; f()",
    "system(\"trap 'sleep 1; exit' INT; while :; do sleep 0.1; done\"); cat(file = seen, 'after')"])
def test_nothing_runs_behind_a_process_that_was_waited_for(shared, code):
    text(shared, "seen <- tempfile(); kept <- 1")
    assert shared.cancel(begun(shared, code)) == "KILLED"
    assert text(shared, "cat(kept, file.exists(seen))") == "1 FALSE"


def test_cleaning_up_by_processes_is_not_interrupted_again(shared):
    text(shared, "seen <- tempfile()")
    code = "f <- function() { on.exit({ system('true'); system('true'); cat(file = seen, 'clean') }); Sys.sleep(600) }\nf()"
    assert shared.cancel(begun(shared, code)) == "KILLED"
    assert text(shared, "cat(readLines(seen, warn = FALSE))") == "clean"


def test_processes_do_what_they_did(shared):
    assert text(shared, "x <- system('exit 3'); x") == "[1] 3"
    assert text(shared, "system('echo a; echo b', intern = TRUE)\nsystem2('cat', input = c('c', 'd'))") == '[1] "a" "b"\nc\nd'
    assert text(shared, "system('true')\nunlist(parallel::mclapply(1:3, function(i) system(paste('exit', i)), mc.cores = 2))") == "[1] 1 2 3"


@pytest.mark.parametrize("code", [
    "while (TRUE) {}", "Sys.sleep(600)", "system('sleep 600')", "while (TRUE) system('true')", "repeat system2('sleep', '600')", "repeat tryCatch(Sys.sleep(600), error = function(e) NULL)",
    "while (TRUE) cat('x')", "SparkR:::callJStatic('java.util.concurrent.locks.LockSupport', 'park')",
    "count(dapply(createDataFrame(data.frame(n = 1:2)), function(p) { Sys.sleep(600); p }, 'n int'))",
    "sql(\"select count(*) from range(10000000000000) where sqrt(id) = 0.5\") -> q; collect(q)"])
def test_cancel_ends_code_and_work_of_spark(shared, code):
    text(shared, "kept <- 'still here'")
    number = begun(shared, code)
    start = time.monotonic()
    assert shared.cancel(number) == "KILLED"
    assert time.monotonic() - start < 4
    assert text(shared, "cat(kept, nrow(sql('select 1')))") == "still here 1"


@pytest.mark.parametrize("code", [
    "repeat tryCatch(Sys.sleep(600), interrupt = function(e) NULL)",
    # the driver computes for minutes
    "sparkR.callJMethod(sparkR.callJMethod(sparkR.newJObject('java.math.BigInteger', '7'), 'pow', 400000000L), 'bitLength')"])
def test_code_that_heeds_nothing_goes_with_its_process(shared, code):
    text(shared, "lost <- 1")
    number = begun(shared, code)
    start = time.monotonic()
    assert shared.cancel(number) == "KILLED"
    assert time.monotonic() - start < 9
    told = error(shared, "lost")["evalue"]
    assert "a statement that was cancelled did not end\nWhat statements had defined in it is lost\nError: object 'lost' not found" in told
    assert text(shared, "nrow(sql('select 1'))") == "[1] 1"


def test_a_flood_is_cut_and_says_so(shared):
    shown = text(shared, "for (i in 1:100) cat(strrep('0123456789', 1e6))")
    assert len(shown) < 101000 and "999900000 more bytes are left out" in shown and "statement-output-max" in shown


def test_what_is_said_of_spark_work_ends_with_the_statement(shared):
    assert text(shared, "setLocalProperty('spark.scheduler.pool', 'mine'); getLocalProperty('spark.scheduler.pool')") == '[1] "mine"'
    assert text(shared, "getLocalProperty('spark.scheduler.pool')") == "NULL"


def test_code_sees_no_secret(shared):
    shown = text(shared, "print(Sys.getenv()); cat(readLines('/proc/self/environ', warn = FALSE), commandArgs(), ls(all.names = TRUE))")
    assert "SPARK_HOME" in shown
    for secret in SECRET, "GATEWAY_SECRET", "SPARKJOB_SECRET", "AUTH_SECRET":
        assert secret not in shown
    assert text(shared, "readLines('stdin')") == "character(0)"


def test_names_are_completed(shared):
    text(shared, "wide.table <- data.frame(column.one = 1, column.two = 2)")
    for code, found in ("wide.ta", ["wide.table"]), ("1\nwide.table$column.t", ["column.two"]), ("nosuchname", []):
        _, names = shared.channel.ask("session-complete", {"session": shared.name, "kind": "sparkr", "cursor": len(code)}, code.encode())
        assert json.loads(names) == found


@pytest.mark.parametrize("code, reason", [("q()", "exit code 0"), ("q(status = 3)", "exit code 3"),
                                          ("tools::pskill(Sys.getpid(), 11)", "R process")])
def test_an_r_that_dies_takes_nothing_else_along(shared, code, reason):
    folder = text(shared, "cat(tempdir())")
    output = error(shared, code)
    assert output["evalue"].startswith("Interpreter died:\nR process") and reason in output["evalue"]
    assert not os.path.exists(folder)
    assert text(shared, "1+1") == "[1] 2"


def parent(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def test_a_session_ends_with_its_r_and_the_other_way_round(server):
    session = Session(server, kind="sparkr")
    try:
        assert text(session, "x <- 2; x") == "[1] 2"
        number = session.submit("", "q()")["statement"]
        assert session.until(number, *FINAL)[0]["state"] in ("FINISHED", "ERROR")
        wait_until("the session has ended", lambda: session.channel.context(session.name)["state"] == "ERROR", 60)
        assert "R process" in session.channel.context(session.name)["reason"]
    finally:
        session.close()
    session = Session(server, kind="sparkr")
    try:
        r = int(text(session, "cat(Sys.getpid())"))
        guard = int(text(session, "system('echo $PPID; pgrep -P $PPID -o')").split()[1])
        session.until(session.submit("", "while (TRUE) {}")["statement"], "RUNNING")
        os.kill(parent(r), signal.SIGKILL)
        wait_until("nothing is left of it", lambda: not alive(r) and not alive(guard), 10)
    finally:
        session.close()
