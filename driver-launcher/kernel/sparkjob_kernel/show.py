# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""What frontends show: the data of a statement's output, tables, errors, progress."""

import html
import json

TEXT = "text/plain"
HTML = "text/html"
_JSON = "application/json"
_TABLE = "application/vnd.livy.table.v1+json"

# of a text table; HTML has all
_CELL_MAX = 60
_WIDTH = 24


def bundle(data):
    """Jupyter's data of Livy's: whoever does not know one kind of it finds another one."""
    shown = dict(data)
    table = _of_table(shown.pop(_TABLE, None)) or _of_sql(data.get(_JSON))
    if table:
        shown.pop(_JSON, None)
        shown[HTML] = table_html(*table)
        shown[TEXT] = table_text(*table)
    elif _JSON in shown:
        shown[TEXT] = json.dumps(shown[_JSON], indent=2, ensure_ascii=False)
    else:
        shown.setdefault(TEXT, "")
    return shown


def _of_table(value):
    if value is None:
        return None
    return [h["name"] for h in value["headers"]], value["data"]


def _of_sql(value):
    """The result of a query has a schema; other JSON is whatever a statement has shown."""
    if not isinstance(value, dict) or set(value) != {"schema", "data"} or not isinstance(value["schema"], dict):
        return None
    return [field["name"] for field in value["schema"].get("fields", [])], value["data"]


def _cell(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def table_html(names, rows):
    def line(kind, cells):
        return "<tr>%s</tr>" % "".join("<%s>%s</%s>" % (kind, html.escape(cell), kind) for cell in cells)

    return "<table><thead>%s</thead><tbody>%s</tbody></table><p>%s</p>" % (
        line("th", names), "".join(line("td", map(_cell, row)) for row in rows), _count(rows))


def table_text(names, rows):
    lines = [[_short(name) for name in names]] + [[_short(_cell(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([shown[0], "  ".join("-" * width for width in widths)] + shown[1:] + [_count(rows)])


def _short(text):
    text = text.replace("\n", "\\n")
    return text if len(text) <= _CELL_MAX else text[:_CELL_MAX - 3] + "..."


def _count(rows):
    return "1 row" if len(rows) == 1 else "%d rows" % len(rows)


def traceback(output):
    """The lines of an error, the last one of which says what is wrong."""
    last = "%s: %s" % (output["ename"], output["evalue"])
    lines = [line.rstrip("\n") for line in output.get("traceback") or []]
    return lines if lines and lines[-1].startswith(last.split("\n")[0]) else lines + [last]


def progress(counts):
    """(data) of a bar."""
    done, all_ = counts.get("tasksDone", 0), counts.get("tasks", 0)
    part = min(done / all_, 1.0) if all_ else 0.0
    words = "%d of %d tasks in %d of %d stages" % (done, all_, counts.get("stagesDone", 0), counts.get("stages", 0))
    if counts.get("tasksFailed"):
        words += ", %d failed" % counts["tasksFailed"]
    filled = int(part * _WIDTH)
    return {
        TEXT: "[%s%s] %s" % ("#" * filled, " " * (_WIDTH - filled), words),
        HTML: '<progress value="%d" max="%d"></progress> %s' % (done, max(all_, 1), words),
    }
