"""What a cell says before its code, whether code is complete, and what is shown: no server, and no Jupyter."""

import pytest
from sparkjob_kernel import show
from sparkjob_kernel.language import LANGUAGES
from sparkjob_kernel.magic import Cell, MagicError
from sparkjob_kernel.server import events_of

PYTHON = LANGUAGES["python"]
NAMES = ("jar", "info")


def test_code_alone_is_of_the_kernels_language():
    cell = Cell("  x = 1\n%json x", PYTHON, NAMES)
    assert (cell.language, cell.lines, cell.code) == (PYTHON, [], "  x = 1\n%json x")


def test_lines_come_first_and_then_the_language():
    text = "\n%jar a 'b c'\n\n%%sql\n%info\nSELECT 1"
    cell = Cell(text, PYTHON, NAMES)
    assert cell.lines == [("jar", ["a", "b c"]), ("info", [])] and cell.language.kind == "sql"
    assert cell.code == "SELECT 1" == text[cell.offset:]


def test_a_cell_may_be_nothing_but_lines():
    assert Cell("%info\n", PYTHON, NAMES).code is None


def test_magic_of_the_server_is_left_to_it():
    assert Cell("%table x", PYTHON, NAMES).code == "%table x"


@pytest.mark.parametrize("text, words", [("%%nosuch\n1", "%%nosuch is no language"), ("%%sql SELECT 1", "line of its own"),
                                         ("%jar 'a", "No closing quotation")])
def test_what_is_wrong_is_named(text, words):
    with pytest.raises(MagicError, match=words):
        Cell(text, PYTHON, NAMES)


@pytest.mark.parametrize("name, code, status", [
    ("python", "1 + 1", "complete"),
    ("python", "for i in x:", "incomplete"),
    ("python", "for i in x:\n    print(i)", "incomplete"),
    ("python", "for i in x:\n    print(i)\n", "complete"),
    ("python", "a = (1,", "incomplete"),
    ("python", "a = )", "invalid"),
    ("python", "%json a", "unknown"),
    ("scala", "val a = 1", "complete"),
    ("scala", "def f(n: Int) = {", "incomplete"),
    ("scala", "def f(n: Int) =", "incomplete"),
    ("scala", "sc.parallelize(1 to 3).\n", "incomplete"),
    ("scala", "if (a) b else", "incomplete"),
    ("scala", 'println("{ (") // [', "complete"),
    ("scala", 'val a = 1 // = {', "complete"),
    ("scala", "val a = '{'", "complete"),
    ("scala", 'val text = """ one', "incomplete"),
    ("scala", 'val text = """ "one" """', "complete"),
    ("scala", "/* what", "incomplete"),
    ("scala", "f(1]", "invalid"),
    ("sql", "SELECT 1", "complete"),
    ("sql", "SELECT 'a", "incomplete"),
    ("sql", "SELECT count(", "incomplete"),
    ("sql", "SELECT ')' -- (", "complete"),
])
def test_whether_code_is_complete(name, code, status):
    assert LANGUAGES[name].complete(code) == status


def test_a_result_of_sql_is_a_table():
    shown = show.bundle({"application/json": {"schema": {"type": "struct", "fields": [{"name": "a<b"}, {"name": "n"}]},
                                              "data": [["<i>", None], ["two\nlines", [1, 2]]]}})
    assert set(shown) == {"text/html", "text/plain"}
    assert "<th>a&lt;b</th>" in shown["text/html"] and "<td>&lt;i&gt;</td><td>NULL</td>" in shown["text/html"]
    assert shown["text/plain"].split("\n") == ["a<b         n", "----------  ------", "<i>         NULL", "two\\nlines  [1, 2]", "2 rows"]


def test_a_table_without_rows_has_its_names():
    shown = show.bundle({"application/json": {"schema": {"fields": [{"name": "a"}]}, "data": []}})
    assert shown["text/plain"] == "a\n-\n0 rows"
    assert show.bundle({"application/json": {"schema": {"fields": []}, "data": []}})["text/plain"].endswith("0 rows")


def test_livys_table_and_other_json():
    table = {"headers": [{"name": "0", "type": "INT_TYPE"}], "data": [[True]]}
    assert "<td>true</td>" in show.bundle({"application/vnd.livy.table.v1+json": table})["text/html"]
    assert show.bundle({"application/json": {"data": 1}})["application/json"] == {"data": 1}
    assert show.bundle({"image/png": "iVBO"}) == {"image/png": "iVBO", "text/plain": ""}


def test_the_last_line_of_a_traceback_says_what_is_wrong():
    assert show.traceback({"ename": "E", "evalue": "why", "traceback": ["Traceback:\n", "E: why\n"]}) == ["Traceback:", "E: why"]
    assert show.traceback({"ename": "Error", "evalue": "why", "traceback": ["  at x\n"]}) == ["  at x", "Error: why"]
    assert show.traceback({"ename": "Error", "evalue": "why"}) == ["Error: why"]


def test_progress_has_a_bar():
    shown = show.progress({"tasks": 4, "tasksDone": 1, "stages": 2, "stagesDone": 0, "tasksFailed": 3})
    assert shown["text/plain"] == "[######                  ] 1 of 4 tasks in 0 of 2 stages, 3 failed"
    assert 'value="1" max="4"' in shown["text/html"]
    assert show.progress({})["text/plain"].endswith("0 of 0 tasks in 0 of 0 stages")


def test_events_of_a_stream():
    lines = [b": begin", b"", b"id: 1-2", b"event: progress", b'data: {"tasks":', b"data: 4}", b"", b"retry: 10", b"",
             b'data: {}', b"", b"event: job", b'data: {"cut":']
    assert list(events_of(lines)) == [("progress", {"tasks": 4}), ("message", {})]
