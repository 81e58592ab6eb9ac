"""That a run says what is wrong with its options, and that its table, its JSON and its picture tell the same."""

import json
import os
import subprocess
import sys
import xml.dom.minidom

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]

from line import Line, Seen, at_least  # noqa: E402
from line_memory import Plain  # noqa: E402
from sparkjob_server import Server, free_port  # noqa: E402
from table import number, ratio  # noqa: E402


def bench(folder, *options, **environment):
    """(exit code, stdout, stderr)"""
    done = subprocess.run([sys.executable, HERE + "/bench.py", "--out", str(folder), *options], capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("options, words", [
    (["--lines", "nosuch,read-job"], "no such line: 'nosuch'; there are: async-accept,"),
    (["--lines", ","], "no such line: ''"),
    (["--lines", "read-job,peer-noop"], "these lines need a peer, PEER_SJS_URL or PEER_LIVY_URL: peer-noop"),
    (["--rounds", "0"], "'0' is no number of rounds"),
    (["--rounds", "-1"], "'-1' is no number of rounds"),
    (["--rounds", "some"], "'some' is no number of rounds"),
    (["--sjs", "localhost:8090"], "no peer answers at 'localhost:8090': it is no http:// URL"),
    (["--livy", "https://localhost"], "no peer answers at 'https://localhost': it is no http:// URL"),
    (["--livy", "http://127.0.0.1:99999"], "no peer answers at 'http://127.0.0.1:99999': Port out of range"),
])
def test_wrong_options_are_told_before_anything_is_measured(options, words, tmp_path):
    code, out, err = bench(tmp_path / "out", *options)
    assert code != 0 and words in err and out == "" and not os.path.exists(tmp_path / "out")


def test_a_peer_that_is_not_there_is_told_before_anything_is_measured(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = bench(tmp_path / "out", PEER_SJS_URL=url)
    assert code != 0 and f"no peer answers at '{url}': [Errno 111]" in err and out == ""


def test_table_json_and_picture_tell_the_same(tmp_path):
    code, out, err = bench(tmp_path, "--lines", "footprint-worker", "--rounds", "1")
    assert code == 0, out + err
    with open(tmp_path / "bench.json") as f:
        line, = json.load(f)["lines"]
    row, = (words for words in map(str.split, out.splitlines()) if words[:1] == ["footprint-worker"])
    assert row[1:5] == [number(line["ours"]), number(line["reference"]), "MiB", ratio(line["ratio"])]
    assert (row[-1], out.splitlines()[-2]) == (("pass", "1 met, 0 missed") if line["met"] else ("MISS", "0 met, 1 missed"))
    assert line["rounds"] == [[line["ours"], line["reference"]]] and line["ratio"] == line["ours"] / line["reference"]
    picture = xml.dom.minidom.parse(str(tmp_path / "bench.svg"))
    told = [text.firstChild.data for text in picture.getElementsByTagName("text")]
    assert told[-2] == "footprint-worker" and told[-1].startswith(f"{number(line['ours'])} MiB, {ratio(line['ratio'])} × ")


def test_the_verdict_is_about_the_ratio_that_the_table_shows():
    seen = Seen(Line("x", "work", "unit", "reference", at_least(0.80), peers={"sjs": at_least(0.80)}))
    for ours in (0.70, 1.00):
        seen.add(ours, 1.0, sjs=1.0)
    assert seen.ratio() == 0.85 and seen.room() == pytest.approx(0.85 / 0.80) and seen.met()
    assert seen.peer("sjs")[1:] == (0.85, pytest.approx(0.85 / 0.80))


def test_an_nginx_without_the_module_that_does_not_start_is_told_at_once(tmp_path):
    with Server(scripted=True, workers=1, http="no_such_directive on;", start=False) as s:
        s.write_nginx_conf()
        with pytest.raises(AssertionError, match="the plain nginx has ended with 1"), Plain(s):
            pass
