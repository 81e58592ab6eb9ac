# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""What jobs return, as JSON."""

import json
import math
import types

# so deep may a result be nested
DEPTH_MAX = 500

_TOO_DEEP = "The result is nested more than %d deep, or contains itself" % DEPTH_MAX

# so many elements of a long result are written at once
_SLICE = 1000

# what a frame to the launcher holds; more goes to a file
MEMORY_MAX = 64 * 1024

_SELF = frozenset((str, int, bool, type(None)))
_STREAMS = (types.GeneratorType, map, filter, zip, range)


class ResultException(Exception):
    """What a job returned cannot be told as JSON."""


def write(value, path):
    """Writes what a job returned.

    Returns the JSON as bytes, or their number if they are more than fit a frame: then they are in the file `path`.
    """
    parts, size, out = [], 0, None
    try:
        for part in _parts(value):
            part = part.encode("ascii")
            size += len(part)
            parts.append(part)
            if out is None and size > MEMORY_MAX:
                out = open(path, "wb")
            if out is not None:
                out.writelines(parts)
                parts.clear()
    except RecursionError:
        raise ResultException(_TOO_DEEP) from None
    finally:
        if out is not None:
            out.close()
    return b"".join(parts) if out is None else size


def text(value):
    """The same as bytes, however many they are."""
    return b"".join(part.encode("ascii") for part in _parts(value))


def _parts(value):
    """The JSON text of a result, in parts: a long one is never held as a whole."""
    if isinstance(value, _STREAMS) or type(value) in (list, tuple):
        yield "["
        yield from _slices(iter(value), lambda some: _dumps([_json(v, 1) for v in some]))
        yield "]"
    elif type(value) is dict:
        yield "{"
        yield from _slices(iter(value.items()), lambda some: _dumps({_name(k): _json(v, 1) for k, v in some}))
        yield "}"
    else:
        yield _dumps(_json(value, 0))


def _slices(values, dumps):
    comma = ""
    while True:
        some = [value for _, value in zip(range(_SLICE), values)]
        if not some:
            return
        text = dumps(some)[1:-1]
        if text:
            yield comma + text
            comma = ","


def _dumps(value):
    return json.dumps(value, separators=(",", ":"), check_circular=False, allow_nan=False)


def _json(value, depth):
    """The value, of types that JSON knows only."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value)
    if kind in _SELF:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if depth > DEPTH_MAX:
        raise ResultException(_TOO_DEEP)
    if kind is list or kind is tuple:
        return [_json(v, depth + 1) for v in value]
    return _other(value, depth)


def _other(value, depth):
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _json(float(value), depth)
    if isinstance(value, dict):
        return {_name(k): _json(v, depth + 1) for k, v in value.items()}
    if hasattr(value, "__fields__") and isinstance(value, tuple):
        return {_name(k): _json(v, depth + 1) for k, v in zip(value.__fields__, value)}
    if isinstance(value, (list, tuple) + _STREAMS):
        return [_json(v, depth + 1) for v in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _json_of_numpy(value, depth)
    return _text(str(value))


def _json_of_numpy(value, depth):
    plain = value.tolist()
    return _text(str(value)) if type(plain) is type(value) else _json(plain, depth)


def _name(key):
    if key is None:
        return "null"
    if key is True or key is False:
        return "true" if key else "false"
    return _text(key if isinstance(key, str) else str(key))


def _text(value):
    """Half a surrogate pair, which Python lets pass, becomes a `?`, as it does in the JVM."""
    return value.encode("utf-8", "replace").decode("utf-8")
