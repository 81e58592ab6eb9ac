# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Where the server is, who asks, and what a session is made of: a JSON file, and variables of the environment, which win.

The file is SPARKJOB_CONFIG, else ~/.config/sparkjob/kernel.json, if it is there.
"""

import json
import os


class ConfigError(Exception):
    """The message is for users."""


def _text(name, value):
    if not isinstance(value, str):
        raise ConfigError("%s is to be a text, not %r" % (name, value))
    return value


def _flag(name, value):
    if str(value).lower() not in ("true", "false"):
        raise ConfigError("%s is to be true or false, not %r" % (name, value))
    return str(value).lower() == "true"


def _seconds(name, value):
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        seconds = -1
    if seconds < 0 or isinstance(value, bool):
        raise ConfigError("%s is to be a number of seconds, not %r" % (name, value))
    return seconds


def _object(name, value):
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        pass
    if not isinstance(value, dict):
        raise ConfigError("%s is to be a JSON object, not %r" % (name, value))
    return value


# (member, how it is read, default); the variable of `url` is SPARKJOB_URL, and so on
_MEMBERS = (
    ("url", _text, "http://127.0.0.1:8090"),    # where `sparkjob` answers
    ("livy_url", _text, None),                  # where `sparkjob_livy` does; missing: <url>/livy
    ("user", _text, None),                      # name:password; missing: what netrc says of the host
    ("token", _text, None),                     # sent as Authorization: Bearer
    ("cacert", _text, None),                    # a file with the authorities that are trusted
    ("cert", _text, None),                      # a file with the client's certificate
    ("key", _text, None),                       # a file with its key
    ("insecure", _flag, False),                 # any certificate of the server will do
    ("attach", _text, None),                    # the name of a context to attach to; missing: a session of one's own
    ("session", _object, {}),                   # members of POST /sessions
    ("start_timeout", _seconds, 300),           # how long a session may take to start
    ("heartbeat", _seconds, 600),               # a session ends when its kernel was not heard of for so long; 0: never
)


class Config:

    def __init__(self, environment=os.environ):
        given = _file(environment)
        unknown = sorted(set(given) - {name for name, _, _ in _MEMBERS})
        if unknown:
            raise ConfigError("%s is not known; there are %s" % (", ".join(unknown), ", ".join(name for name, _, _ in _MEMBERS)))
        for name, read, default in _MEMBERS:
            variable = "SPARKJOB_" + name.upper()
            if environment.get(variable):
                value = read(variable, environment[variable])
            elif given.get(name) is not None:
                value = read(name, given[name])
            else:
                value = default
            setattr(self, name, value)
        if "://" not in self.url:
            self.url = "http://" + self.url
        self.url = self.url.rstrip("/")
        self.livy_url = (self.livy_url or self.url + "/livy").rstrip("/")
        if self.user is not None and self.token is not None:
            raise ConfigError("There are a user and a token: only one of them can be sent")
        if self.user is not None and ":" not in self.user:
            raise ConfigError("user is to be name:password")


def _file(environment):
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    named = environment.get("SPARKJOB_CONFIG")
    path = named or os.path.join(home, "sparkjob", "kernel.json")
    try:
        with open(path, encoding="utf-8") as f:
            found = json.load(f)
    except FileNotFoundError:
        if named:
            raise ConfigError("SPARKJOB_CONFIG names %s, which is not there" % path) from None
        return {}
    except (OSError, ValueError) as e:
        raise ConfigError("%s cannot be read: %s" % (path, e)) from None
    if not isinstance(found, dict):
        raise ConfigError("%s is to be a JSON object" % path)
    return found
