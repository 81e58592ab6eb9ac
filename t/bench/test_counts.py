"""That the counts of instructions can fail, and when they do."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

import counts  # noqa: E402

FRAMES = 500


def test_the_same_work_is_the_same_count_and_more_work_is_too_many():
    walked = [counts.codec(frames) for frames in (FRAMES, 2 * FRAMES, 2 * FRAMES, 2 * FRAMES + FRAMES // 5)]
    before, again, more = ((walked[n] - walked[0]) // FRAMES for n in (1, 2, 3))
    assert counts.compare({"codec": again}, {"codec": before}) == []
    assert counts.compare({"codec": more}, {"codec": before}) == ["codec"]


def test_what_headers_hold_counts_too(tmp_path):
    """Reading and writing JSON, most of what a frame takes, is in one."""
    folder = "/somewhere/driver-launcher/"
    with open(tmp_path / "out", "w") as f:
        for file, own in (("/usr/include/x.h", 1), (folder + "src/sjl_conn.c", 20), (folder + "include/sparkjob_json.h", 300),
                          ("/somewhere/t/bench/codec.c", 4000)):
            f.write(f"fl={file}\nfn=f\n1 {own}\ncfn=g\ncalls=1 1\n1 50000\n")
    assert counts.executed(tmp_path / "out") == 320


def test_what_fails():
    for count, failed in ((100, False), (109, False), (112, True), (91, False), (88, False)):
        assert (counts.compare({"a": count}, {"a": 100}) == ["a"]) is failed, count
    assert counts.compare({"a": 1}, {}) == ["a"]
    assert "KEEP=1" in counts.verdict(88, 100)[0] and "too many" in counts.verdict(112, 100)[0]


def test_what_is_kept_is_read_again(tmp_path):
    counts.keep({"a": 1, "b": 22}, tmp_path / "kept")
    assert counts.kept(tmp_path / "kept") == (counts.compiler(), {"a": 1, "b": 22})
    assert set(counts.kept()[1]) == {*counts.REQUEST, "codec"}
