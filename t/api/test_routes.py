"""docs/openapi.yaml and the module's tables name the same routes and the same query parameters.

The module is read as text: the route table says which function serves a route; the parameter tables that this function,
and whatever it calls, name are its parameters.
"""

import glob
import os
import re

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULE = os.path.join(ROOT, "ngx_http_sparkjob_module")

ROUTE = re.compile(r'^    ngx_http_sparkjob_(get|put|replace|post|delete|purge)\("([^"]+)",\s*(\w+),\s*(\w+)\)', re.M)
METHODS = {"replace": "put", "purge": "delete"}
TABLE = re.compile(r"^static ngx_http_sparkjob_param_t\s+(\w+)\[\] = \{(.*?)^\};", re.M | re.S)
FUNCTION = re.compile(r"^(?:static )?\w[\w *]*\n(\w+)\([^;{]*?\)\n\{\n(.*?)^\}", re.M | re.S)


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which PyYAML would silently take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"found twice: {', '.join(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


# read as settings, by name, or by the launcher: not in a table
SETTINGS = {"settings"}


def source():
    return "\n".join(open(path, encoding="utf-8").read() for path in sorted(glob.glob(MODULE + "/*.c")))


def table(text, dialect=""):
    """What stands between the braces of the route table; that of Livy's dialect has its own description."""
    return re.search(rf"^ngx_http_sparkjob_route_t\s+ngx_http_sparkjob_{dialect}routes\[\] = \{{(.*?)^\}};", text,
                     re.M | re.S).group(1)


def routes(text):
    """{(method, path pattern): handler}"""
    return {(METHODS.get(method, method), re.sub(r"~|\*\*", "*", pattern)): handler
            for method, pattern, handler, _ in ROUTE.findall(table(text))}


def roles(text):
    """{(method, path pattern): the role that it needs}; what concerns all that there is is for admins"""
    return {(METHODS.get(method, method), re.sub(r"~|\*\*", "*", pattern)):
            "admin" if method in ("put", "purge") else role.lower()
            for method, pattern, _, role in ROUTE.findall(table(text)) if role != "NO_ROLE"}


def description():
    with open(os.path.join(ROOT, "docs", "openapi.yaml"), encoding="utf-8") as f:
        return yaml.load(f, Loader)


def documented():
    """{(method, path pattern): names of its query parameters}"""
    api = description()
    found = {}
    for path, item in api["paths"].items():
        for method in ("get", "put", "post", "delete", "patch", "head", "options"):
            if method in item:
                given = item.get("parameters", []) + item[method].get("parameters", [])
                given = [api["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p
                         for p in given]
                found[method, re.sub(r"\{\w+\}", "*", path)] = {p["name"] for p in given if p["in"] == "query"}
    return found


def parameters(text, handler):
    """Names in all parameter tables that the handler reaches."""
    tables = {name: set(re.findall(r'ngx_string\("([^"]+)"\)', body)) for name, body in TABLE.findall(text)}
    functions = dict(FUNCTION.findall(text))
    seen, todo, names = set(), [handler], set()
    while todo:
        body = functions.get(todo.pop(), "")
        for word in set(re.findall(r"\bngx_http_sparkjob_\w+", body)) - seen:
            seen.add(word)
            names |= tables.get(word, set())
            todo.append(word)
    return names


def served():
    text = source()
    return {route: parameters(text, handler) for route, handler in routes(text).items()}


def test_the_module_is_understood():
    """The expressions above find what they look for; else the other tests would compare nothing."""
    text = source()
    assert len(routes(text)) == table(text).count('"') // 2
    assert len(TABLE.findall(text)) == len(re.findall(r"^static ngx_http_sparkjob_param_t", text, re.M))
    assert "limit" in parameters(text, "ngx_http_sparkjob_job_list")
    assert "force" not in parameters(text, "ngx_http_sparkjob_job_list")


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(yaml.YAMLError, match="found twice: b"):
        yaml.load("a: {b: 1, c: 2, b: 3}", Loader)


def test_every_route_of_livy_is_documented():
    """docs/compatibility.md has them in tables, as `GET /sessions/{id}`."""
    with open(os.path.join(ROOT, "docs", "compatibility.md"), encoding="utf-8") as f:
        named = {(method.lower(), re.sub(r"\{\w+\}", "*", path))
                 for method, path in re.findall(r"`([A-Z]+) (/[\w/{}]*)`", f.read().split("## Livy's API")[1])}
    found = [(method, pattern.replace("**", "*")) for method, pattern, _, _ in ROUTE.findall(table(source(), "livy_"))]
    assert len(found) == table(source(), "livy_").count('"') // 2
    assert sorted(set(found) - named) == []


def test_every_route_is_documented():
    assert sorted(served()) == sorted(documented())


def test_every_query_parameter_is_documented():
    there, told = served(), documented()
    wrong = {route: (sorted(there[route] - told[route]), sorted(told[route] - there[route] - SETTINGS))
             for route in there if route in told and there[route] != told[route] - SETTINGS}
    assert not wrong, f"route: (not documented, not served): {wrong}"


def test_the_role_of_every_route_is_documented():
    told = {(method, re.sub(r"\{\w+\}", "*", path)): item[method]["x-role"]
            for path, item in description()["paths"].items() for method in item if "x-role" in item[method]}
    assert told == roles(source())


def test_every_member_of_clusters_and_library_sets_is_documented():
    schemas = description()["components"]["schemas"]
    for kind, schema in (("cluster", "ClusterSpec"), ("library", "LibrarySetSpec")):
        with open(os.path.join(ROOT, "driver-launcher", "src", f"sjl_{kind}.c"), encoding="utf-8") as f:
            members = re.search(rf"sjl_{kind}_members\[\] = \{{(.*?)^\}};", f.read(), re.M | re.S).group(1)
        assert re.findall(r'\{ "(\w+)"', members) == list(schemas[schema]["properties"])
