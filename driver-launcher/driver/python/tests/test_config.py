import pickle

import pytest
from sparkjobserver.config import Config, ConfigException, ConfigMissingException, ConfigWrongTypeException

VALUES = {"a": {"b": 1, "c.d": {"e": "x"}}, "f": 2.5, "yes": "on", "t": True, "n": None, "s": "12", "list": [1, {"k": "v"}],
          "numbered": {"1": "b", "0": "a", "10": "c"}}


@pytest.fixture
def config():
    return Config(VALUES)


def test_values_are_found_by_paths(config):
    assert (config.get("a.b"), config["a.b"], config["a"]["b"], config.get('a."c.d".e')) == (1, 1, 1, "x")
    assert config.get("list")[1].get("k") == "v" and config.get("n") is None


def test_defaults_are_for_what_is_missing_only(config):
    assert (config.get("no", 7), config.get("a.no", None), config.get_int("a.b.c", 3), config.get("n", 1)) == (7, None, 3, None)
    assert (config.get_string("no", None), config.get_list("no", []), config.get_config("no", {})) == (None, [], {})


def test_what_is_missing_is_named(config):
    for read in (config.get, config.get_string, config.get_int, config.get_list, config.__getitem__):
        with pytest.raises(ConfigMissingException, match="a.no"):
            read("a.no")
    with pytest.raises(KeyError):
        config["no"]


def test_types_are_read_as_others_where_that_has_a_sense(config):
    assert (config.get_int("s"), config.get_float("s"), config.get_string("a.b"), config.get_string("t")) == (12, 12.0, "1", "true")
    assert (config.get_bool("yes"), config.get_bool("t")) == (True, True)
    assert (config.get_list("list"), config.get_list("numbered")) == ([1, {"k": "v"}], ["a", "b", "c"])
    assert (config.get_int("n"), config.get_string("n")) == (None, None)


@pytest.mark.parametrize("method,path", [("get_int", "a"), ("get_int", "yes"), ("get_int", "t"), ("get_float", "list"), ("get_bool", "s"),
                                         ("get_bool", "f"), ("get_list", "s"), ("get_list", "a"), ("get_config", "s"), ("get_string", "a")])
def test_wrong_types_are_named(config, method, path):
    with pytest.raises(ConfigWrongTypeException, match=path):
        getattr(config, method)(path)


def test_in_is_by_path(config):
    assert "a.b" in config and 'a."c.d".e' in config and "n" in config
    assert "a.x" not in config and "f.x" not in config and "c.d" not in config


def test_put_makes_what_is_missing_and_appends(config):
    config.put("x.y.z", 1)
    config["a.b"] = {"new": 2}
    config.put("list", [3], append=True)
    config.put("a", {"more": 4}, append=True)
    assert (config["x.y.z"], config["a.b.new"], config["a.more"], config["list"]) == (1, 2, 4, [1, {"k": "v"}, 3])


def test_pop_and_del(config):
    assert (config.pop("a.b"), config.pop("a.b", 5), "a.b" in config) == (1, 5, False)
    del config["f"]
    with pytest.raises(KeyError):
        del config["f"]


def test_fallback_fills_what_is_missing(config):
    merged = config.with_fallback(Config({"a": {"b": 9, "z": 8}, "other": 7}))
    assert (merged["a.b"], merged["a.z"], merged["other"]) == (1, 8, 7) and "other" not in config


def test_it_is_a_dict_of_dicts_and_can_be_pickled(config):
    assert config == VALUES and dict(config) == VALUES and type(config.as_plain_ordered_dict()["a"]) is dict
    assert sorted(config) == sorted(VALUES) and config["a"].keys() == {"b", "c.d"}
    copy = pickle.loads(pickle.dumps(config))
    assert copy == config and copy["a.b"] == 1


def test_a_path_that_is_none_is_named(config):
    with pytest.raises(ConfigException, match="no path"):
        config.get('a."b')
