# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""Configurations as jobs see them: what was posted, parsed by the driver."""

import re

_MISSING = object()
_PATH = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^."]+))\s*(?:\.|$)')
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class ConfigException(Exception):
    """The configuration is not as a job wants it."""


class ConfigMissingException(ConfigException, KeyError):
    """There is no value at a path."""

    def __str__(self):
        return str(self.args[0])


class ConfigWrongTypeException(ConfigException):
    """The value at a path is of another type."""


class Config(dict):
    """A tree of values: a dict whose members can be had by a path with dots, `"quoted"` where a name has dots itself.

    All `get` methods take a default; without one they raise ConfigMissingException. A value of another type than the one
    asked for raises ConfigWrongTypeException, unless it can be read as that type.
    """

    def __init__(self, values=()):
        super().__init__()
        for name, value in dict(values).items():
            dict.__setitem__(self, name, _tree(value))

    def get(self, path, default=_MISSING):
        value = self._find(_names(path))
        if value is _MISSING:
            if default is _MISSING:
                raise ConfigMissingException("No configuration setting found for key %s" % path)
            return default
        return value

    def get_string(self, path, default=_MISSING):
        def text(value):
            if isinstance(value, bool):
                return "true" if value else "false"
            if isinstance(value, (dict, list)):
                raise ValueError
            return str(value)
        return self._typed(path, default, "string", text)

    def get_int(self, path, default=_MISSING):
        return self._typed(path, default, "int", _number(int))

    def get_float(self, path, default=_MISSING):
        return self._typed(path, default, "float", _number(float))

    def get_bool(self, path, default=_MISSING):
        def boolean(value):
            return value if isinstance(value, bool) else _BOOLEANS[value.lower()]
        return self._typed(path, default, "bool", boolean)

    def get_list(self, path, default=_MISSING):
        """Also what stands in an object whose names are numbers from 0, as HOCON wants it."""
        def elements(value):
            if isinstance(value, list):
                return value
            if not isinstance(value, dict) or not value:
                raise ValueError
            return [value[name] for name in sorted(value, key=int)]
        return self._typed(path, default, "list", elements)

    def get_config(self, path, default=_MISSING):
        def tree(value):
            if not isinstance(value, dict):
                raise ValueError
            return value
        return self._typed(path, default, "config", tree)

    def put(self, path, value, append=False):
        """Puts a value; what is missing on the way is made. With `append` a list grows, and objects are merged."""
        *names, last = _names(path)
        tree = self
        for name in names:
            inner = dict.get(tree, name)
            if not isinstance(inner, Config):
                inner = Config()
                dict.__setitem__(tree, name, inner)
            tree = inner
        value = _tree(value)
        before = dict.get(tree, last)
        if append and isinstance(before, list) and isinstance(value, list):
            value = before + value
        elif append and isinstance(before, Config) and isinstance(value, Config):
            value = value.with_fallback(before)
        dict.__setitem__(tree, last, value)

    def pop(self, path, default=_MISSING):
        value = self.get(path, default)
        *names, last = _names(path)
        tree = self._find(names)
        if isinstance(tree, dict) and last in tree.keys():
            dict.__delitem__(tree, last)
        return value

    def with_fallback(self, other):
        """A new configuration: this one, and of the other what is missing here."""
        merged = Config(other)
        for name, value in self.items():
            before = dict.get(merged, name)
            both = isinstance(before, Config) and isinstance(value, Config)
            dict.__setitem__(merged, name, value.with_fallback(before) if both else _tree(value))
        return merged

    def as_plain_ordered_dict(self):
        """Plain dicts and lists."""
        return _plain(self)

    def __getitem__(self, path):
        return self.get(path)

    def __setitem__(self, path, value):
        self.put(path, value)

    def __delitem__(self, path):
        self.get(path)
        self.pop(path)

    def __contains__(self, path):
        return self._find(_names(path)) is not _MISSING

    def __reduce__(self):
        return Config, (_plain(self),)

    def _find(self, names):
        value = self
        for name in names:
            if not isinstance(value, dict):
                return _MISSING
            value = dict.get(value, name, _MISSING)
        return value

    def _typed(self, path, default, kind, convert):
        value = self.get(path, default)
        if value is None or value is default:
            return value
        try:
            return convert(value)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigWrongTypeException("%s has type '%s' rather than '%s'" % (path, type(value).__name__, kind)) from None


def _number(kind):
    def convert(value):
        if isinstance(value, bool):
            raise ValueError
        return kind(value)
    return convert


def _names(path):
    """The names that a path consists of."""
    if '"' not in path:
        return [name.strip() for name in path.split(".")]
    names, at = [], 0
    while at < len(path):
        found = _PATH.match(path, at)
        if not found:
            raise ConfigException("this is no path: %s" % path)
        quoted, plain = found.groups()
        names.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip())
        at = found.end()
    return names


def _tree(value):
    if isinstance(value, Config):
        return value
    if isinstance(value, dict):
        return Config(value)
    if isinstance(value, (list, tuple)):
        return [_tree(element) for element in value]
    return value


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return value
