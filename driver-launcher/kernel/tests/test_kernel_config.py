"""Where the configuration comes from, and what is said of one that is wrong."""

import json

import pytest
from sparkjob_kernel.config import Config, ConfigError


def config(tmp_path, members=None, **variables):
    environment = {"XDG_CONFIG_HOME": str(tmp_path), **variables}
    if members is not None:
        file = tmp_path / "kernel.json"
        file.write_text(members if isinstance(members, str) else json.dumps(members))
        environment["SPARKJOB_CONFIG"] = str(file)
    return Config(environment)


def test_without_anything(tmp_path):
    found = config(tmp_path)
    assert (found.url, found.livy_url, found.session) == ("http://127.0.0.1:8090", "http://127.0.0.1:8090/livy", {})


def test_variables_win_over_the_file(tmp_path):
    found = config(tmp_path, {"url": "https://a/spark/", "heartbeat": 30, "session": {"driverMemory": "1g"}, "insecure": True},
                   SPARKJOB_URL="b:81/", SPARKJOB_START_TIMEOUT="7", SPARKJOB_USER="ann:a:b")
    assert (found.url, found.livy_url) == ("http://b:81", "http://b:81/livy")
    assert (found.heartbeat, found.start_timeout, found.insecure) == (30, 7, True)
    assert (found.session, found.user) == ({"driverMemory": "1g"}, "ann:a:b")


def test_the_file_of_ones_own(tmp_path):
    (tmp_path / "sparkjob").mkdir()
    (tmp_path / "sparkjob" / "kernel.json").write_text('{"livy_url": "http://c/interactive"}')
    assert config(tmp_path).livy_url == "http://c/interactive"


@pytest.mark.parametrize("members, variables, words", [
    ({"urls": "x"}, {}, "urls is not known"),
    ({"heartbeat": "soon"}, {}, "heartbeat is to be a number of seconds, not 'soon'"),
    ({"heartbeat": -1}, {}, "not -1"),
    ({"url": 1}, {}, "url is to be a text"),
    ({"insecure": "maybe"}, {}, "true or false"),
    ({}, {"SPARKJOB_SESSION": "[1]"}, "SPARKJOB_SESSION is to be a JSON object"),
    ({"user": "ann"}, {}, "name:password"),
    ({"user": "ann:x", "token": "t"}, {}, "only one"),
    ("{", {}, "cannot be read"),
    ("[]", {}, "JSON object"),
    (None, {"SPARKJOB_CONFIG": "/nowhere/kernel.json"}, "which is not there"),
])
def test_what_is_wrong_is_named(tmp_path, members, variables, words):
    with pytest.raises(ConfigError, match=words):
        config(tmp_path, members, **variables)
