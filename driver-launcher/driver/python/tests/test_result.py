import collections
import json
import math

import pytest
from sparkjobserver import result


@pytest.fixture
def written(tmp_path):
    """What becomes of a value, read back by the standard library."""
    def write(value):
        path = tmp_path / "result"
        text = result.write(value, str(path))
        if not isinstance(text, bytes):
            assert path.stat().st_size == text > result.MEMORY_MAX
            text = path.read_bytes()
        return json.loads(text, parse_constant=lambda name: pytest.fail(name + " is no JSON"))
    return write


@pytest.mark.parametrize("value", [None, True, 0, -2 ** 80, 1.5, "", "\u00e9\n\"\x00", [], {}, [1, [2, {"a": [None]}]], {"a": {"b": []}}])
def test_json_is_itself(written, value):
    assert written(value) == value


@pytest.mark.parametrize("value,told", [
    (math.nan, None), ([math.inf, -math.inf], [None, None]), ((1, (2,)), [1, [2]]), ({2: 1, None: 2, True: 3, "a": 4}, {"2": 1, "null": 2, "true": 3, "a": 4}),
    (collections.namedtuple("P", "x y")(1, 2), [1, 2]), (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}), (collections.Counter("aab"), {"a": 2, "b": 1}),
    ("\ud800", "?"), ({"\udc00": "\ud800x"}, {"?": "?x"}), (b"ab", "b'ab'"), ({1, 1}, "{1}"), (map(str, [1]), ["1"]), (range(3), [0, 1, 2]),
    ([(n for n in [1])], [[1]])])
def test_other_values(written, value, told):
    assert written(value) == told


class Text(str):
    pass


class Count(int):
    pass


def test_subclasses_are_what_they_extend(written):
    assert written([Text("a"), Count(3)]) == ["a", 3]


def test_rows_are_objects(written):
    class Row(tuple):
        __fields__ = ["a", "b"]
    assert written([Row((1, Row((2, 3))))]) == [{"a": 1, "b": {"a": 2, "b": 3}}]


def test_numpy_is_told_by_its_own_conversion(written, monkeypatch):
    class Float64:
        def tolist(self):
            return math.nan

    class Array:
        def tolist(self):
            return [1, 2]
    Float64.__module__ = Array.__module__ = "numpy"
    assert written([Float64(), Array()]) == [None, [1, 2]]


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 30000])
def test_long_ones_are_written_in_parts(written, count):
    assert written(list(range(count))) == list(range(count))
    assert written({str(n): n for n in range(count)}) == {str(n): n for n in range(count)}
    assert written(n for n in range(count)) == list(range(count))


def test_a_generator_is_never_held_as_a_whole(tmp_path):
    alive = []

    class Element:
        def __init__(self):
            alive.append(1)

        def __del__(self):
            alive.pop()

        def __str__(self):
            return "x" * 1000

    most = 0

    def elements():
        nonlocal most
        for _ in range(20000):
            most = max(most, len(alive))
            yield Element()
    assert result.write(elements(), str(tmp_path / "r")) > 20000000 and most < 3000


def test_what_contains_itself_is_refused(tmp_path):
    endless = []
    endless.append({"a": endless})
    with pytest.raises(result.ResultException, match="contains itself"):
        result.write(endless, str(tmp_path / "r"))


def test_deep_nesting_is_fine(written):
    value = []
    for _ in range(300):
        value = [value]
    assert written(value) == value


def test_str_that_throws_is_the_jobs_error(tmp_path):
    with pytest.raises(ZeroDivisionError):
        result.write(type("B", (), {"__str__": lambda self: 1 / 0})(), str(tmp_path / "r"))
