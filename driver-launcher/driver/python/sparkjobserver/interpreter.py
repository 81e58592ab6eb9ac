# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The process that runs the statements of Python of one session. The driver starts it, with

    python -m sparkjobserver.interpreter

and speaks with it as with a worker of jobs. From the driver: `start`, `add`, `execute` (a statement), `kill`, `complete`. From the
interpreter: `ready` or `failed`; of each statement `log` (what it printed), and last `result`, whose body is what it came to;
`completed`.

Statements run in the main thread, one after the other: only there a signal interrupts what waits.
"""

import ast
import base64
import builtins
import collections
import datetime
import decimal
import importlib
import io
import json
import os
import queue
import re
import rlcompleter
import signal
import sys
import threading
import traceback
import types
import warnings

from sparkjobserver import output, result, worker

_CODE = "<stdin>"
_HEADER = "Traceback (most recent call last):\n"
_WORD = re.compile(r"[\w.]*$")

_TEXT = "text/plain"
_JSON = "application/json"
_TABLE = "application/vnd.livy.table.v1+json"
_PNG = "image/png"

# of what Spark has yet to compute, and of what pandas has in memory
_SAMPLE_ROWS = 10
_PANDAS_ROWS = 1000

# the driver has to hold what is shown
_ANSWER_MAX = 64 * 1024 * 1024


class UnknownMagic(Exception):
    """A line that begins with % names nothing."""


class Failed(Exception):
    """The code of a statement has raised an exception, which is the cause."""


class Shown:
    """What a statement prints: the beginning, and how much there was. No lock, since a kill raises an exception anywhere."""

    def __init__(self, limit, log):
        self._limit = limit
        self._log = output.JobOutput(log)
        self._parts = collections.deque()
        self._size = 0
        self._lost = 0

    def write(self, data, error):
        kept = data[:max(0, self._limit - self._size)]
        self._size += len(kept)
        self._lost += len(data) - len(kept)
        if kept:
            self._parts.append((error, kept))
        self._log.write(data, error)

    def flush(self):
        self._log.flush()

    def text(self):
        """First what went to the standard output, then what went to the other one."""
        parts = list(self._parts)
        text = b"".join([data for error, data in parts if not error] + [data for error, data in parts if error])
        return text.decode("utf-8", "replace") + self._note(self._lost)

    def cut(self, text):
        """Text that was not printed, and may be as long as what was."""
        return text[:self._limit] + self._note(len(text) - self._limit)

    def _note(self, lost):
        return "" if lost <= 0 else (
            "\n... %d more bytes are left out: a statement shows %d of what it prints (statement-output-max)" % (lost, self._limit))


class Statement:
    """One that runs; threads that it starts are its own, too."""

    def __init__(self, message, answers):
        self.id = message["id"]
        self.output = Shown(message["max"], lambda data: answers.send("log", data, id=self.id))


class Session:
    """The names that statements define, and their ways to be run."""

    def __init__(self):
        module = types.ModuleType("__main__")
        module.__builtins__ = builtins
        # functions are pickled with the module that they say they are of
        sys.modules["__main__"] = module
        self.names = module.__dict__
        self._magics = {"json": self._json, "table": self._table, "matplot": self._matplot}

    def run(self, code):
        """{"data"} of what the code shows beside what it prints, or an error."""
        try:
            parts = self._parts(code)
        except SyntaxError as e:
            return error(e, None)
        shown = None
        try:
            for part in parts:
                shown = part()
        except Failed as e:
            return error(e.__cause__, e.__cause__.__traceback__)
        except UnknownMagic as e:
            return error(e, None)
        return {"data": shown or {}}

    def complete(self, code, cursor):
        word = _WORD.search(code[:cursor]).group()
        completer = rlcompleter.Completer(self.names)
        found = []
        while word and len(found) < 1000:
            name = completer.complete(word, len(found))
            if name is None:
                break
            found.append(name.rstrip("( "))
        head = word.rpartition(".")[0]
        return [name[len(head) + 1:] if head else name for name in found]

    def _parts(self, code):
        """Code that does not parse may have lines of magic in it."""
        try:
            return [self._plain(code)]
        except SyntaxError:
            if not re.search("^%", code, re.MULTILINE):
                raise
        groups = []
        for line in code.rstrip().split("\n"):
            if line.startswith("%") or not groups or groups[-1].startswith("%"):
                groups.append(line)
            else:
                groups[-1] += "\n" + line
        return [self._magic(group) if group.startswith("%") else self._plain(group) for group in groups]

    def _plain(self, code):
        body = compile(code, _CODE, "exec", ast.PyCF_ONLY_AST, 1).body

        def run():
            try:
                for node in body[:-1]:
                    exec(compile(ast.Module([node], []), _CODE, "exec"), self.names)
                for node in body[-1:]:
                    exec(compile(ast.Interactive([node]), _CODE, "single"), self.names)
            except BaseException as e:
                raise Failed from e

        return run

    def _magic(self, line):
        name, _, rest = line[1:].strip().partition(" ")

        def run():
            if not name:
                raise UnknownMagic("magic command not specified")
            if name not in self._magics:
                raise UnknownMagic("unknown magic command '%s'" % name)
            try:
                return self._magics[name](_sample(eval(rest.strip(), self.names)))
            except BaseException as e:
                raise Failed from e

        return run

    @staticmethod
    def _json(value):
        return {_JSON: value}

    @staticmethod
    def _matplot(value):
        picture = io.BytesIO()
        value.gcf().savefig(picture, format="png")
        return {_PNG: base64.b64encode(picture.getvalue()).decode("ascii")}

    @staticmethod
    def _table(value):
        """Columns by their place, or by their name in rows that have names; each has one type, or nothing."""
        kinds, data = {}, []
        for row in value if isinstance(value, (list, tuple)) else [value]:
            if type(row).__name__ == "Row":
                row = row.asDict()
            if not isinstance(row, (list, tuple, dict)):
                row = [row]
            cells = sorted(row.items()) if isinstance(row, dict) else list(enumerate(row))
            for name, cell in cells:
                kind = _kind(cell)
                if kinds.get(name) in (None, "NULL_TYPE"):
                    kinds[name] = kind
                elif kind not in ("NULL_TYPE", kinds[name]):
                    raise TypeError("table rows have different types")
            data.append([_cell(cell) for _, cell in cells])
        return {_TABLE: {"headers": [{"name": str(name), "type": kinds[name]} for name in sorted(kinds)], "data": data}}


def _sample(value):
    """Of data of Spark and of pandas, and of pandas on Spark, the first rows."""
    home, frame = type(value).__module__.partition(".")[0], hasattr(value, "iloc")
    if home == "pyspark" and frame:
        return _of_pandas(value.head(_SAMPLE_ROWS).to_pandas())
    if home == "pyspark" and hasattr(value, "take"):
        return value.take(_SAMPLE_ROWS)
    return _of_pandas(value.iloc[:_PANDAS_ROWS]) if home == "pandas" and frame else value


def _of_pandas(value):
    """Rows with names of a frame, else values; what is missing, for which pandas has several words, is None."""
    value = value.astype(object).where(value.notna(), None)
    return value.rename(columns=str).to_dict("records") if hasattr(value, "columns") else value.tolist()


_KINDS = (
    (type(None), "NULL_TYPE"),
    (bool, "BOOLEAN_TYPE"),
    (int, "INT_TYPE"),
    (float, "DOUBLE_TYPE"),
    (datetime.datetime, "TIMESTAMP_TYPE"),
    (datetime.date, "DATE_TYPE"),
    (decimal.Decimal, "DECIMAL_TYPE"),
    (dict, "MAP_TYPE"),
    ((list, tuple), "ARRAY_TYPE"),
)


def _kind(value):
    kind = next((kind for types_, kind in _KINDS if isinstance(value, types_)), "STRING_TYPE")
    if kind in ("ARRAY_TYPE", "MAP_TYPE"):
        kinds = {_kind(v) for v in (value.values() if isinstance(value, dict) else value)}
        if len(kinds) > 1:
            raise ValueError("value has inconsistent types")
    return kind


def _cell(value):
    if isinstance(value, dict):
        return {str(k): _cell(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cell(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def error(e, trace):
    """{"ename", "evalue", "traceback"} of an exception, without the frames of this file."""
    try:
        value = str(e)
    except Exception as other:
        value = "(its message cannot be had: %s)" % type(other).__name__
    theirs = _theirs(trace)
    try:
        lines = traceback.format_exception(type(e), e, theirs, chain=False)
    except Exception as other:
        lines = ["%s: %s\n(its stack cannot be had: %s)\n" % (type(e).__name__, value, type(other).__name__)]
    headless = trace is not None and theirs is None
    return {"ename": type(e).__name__, "evalue": value, "traceback": [_HEADER] + lines if headless else lines}


def _theirs(trace):
    """What the code has called: a traceback below the frames of this file, and below that of the code itself."""
    while trace is not None and trace.tb_frame.f_code.co_filename == _theirs.__code__.co_filename:
        trace = trace.tb_next
    return trace.tb_next if trace is not None and trace.tb_frame.f_code.co_name == "<module>" else trace


class Interpreter:

    def __init__(self, commands, answers):
        self._commands = commands
        self._answers = answers
        self._session = Session()
        self._client = None
        self._sc = None
        # those to be run; None ends the process
        self._waiting = queue.SimpleQueue()
        self._current = None
        self._killed = collections.deque(maxlen=1000)

    def serve(self):
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        handlers = {"start": self._start, "add": self._add, "execute": self._execute}
        while True:
            message = self._waiting.get()
            if message is None:
                return
            handlers[message["op"]](message)

    def _read(self):
        for line in self._commands:
            message = json.loads(line)
            if message["op"] == "kill":
                self._kill(message["id"])
            elif message["op"] == "complete":
                threading.Thread(target=self._complete, args=(message,), daemon=True).start()
            else:
                self._waiting.put(message)
        os._exit(0)

    def _start(self, message):
        # late, since it is Spark's and takes a while
        attach = importlib.import_module("sparkjobserver.attach")
        try:
            attached = attach.Attached(message)
            self._session.names.update(attached.session_names())
        except BaseException as e:
            self._answers.send("failed", **worker.error_of(e))
            os._exit(1)
        # of Spark 4, for each `-o` of sparkmagic, which takes all that is printed for its rows
        warnings.filterwarnings("ignore", "The return type of DataFrame.toJSON ", UserWarning)
        self._client = attached.gateway._gateway_client
        self._sc = attached.sc
        self._answers.send("ready", python="%d.%d.%d" % sys.version_info[:3])

    def _add(self, message):
        worker.find_in(self._sc, message)

    def _execute(self, message):
        statement = Statement(message, self._answers)
        output.set_job(threading.main_thread(), statement)
        try:
            # Spark, or a statement before this one, may have put another one in its place
            signal.signal(signal.SIGINT, self._interrupted)
            self._current = statement.id
            if statement.id in self._killed:
                raise KeyboardInterrupt
            answer = self._session.run(message["code"])
        except BaseException as e:
            answer = error(e, None)
        self._current = None
        self._answer(statement, answer)

    def _answer(self, statement, answer):
        # its thread at the other end belongs to this statement
        self._disconnect()
        statement.output.flush()
        if "data" in answer:
            text = (answer["data"].pop(_TEXT, "") + statement.output.text()).rstrip()
            if text or not answer["data"]:
                answer["data"][_TEXT] = text
        else:
            answer["evalue"] = statement.output.cut(answer["evalue"])
            answer["traceback"] = [statement.output.cut(line) for line in answer["traceback"]]
        try:
            body = result.text(answer)
            if len(body) > _ANSWER_MAX:
                raise ValueError("what the statement shows has %d bytes as JSON, more than %d" % (len(body), _ANSWER_MAX))
        except Exception as e:
            body = result.text(error(e, None))
        self._answers.send("result", body, id=statement.id)
        output.set_job(threading.main_thread(), None)

    def _kill(self, id):
        self._killed.append(id)
        if self._current == id:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def _interrupted(self, number, frame):
        """Raises what ends the statement, and nothing where its code is not what was interrupted."""
        while frame is not None and frame.f_code is not Session.run.__code__:
            frame = frame.f_back
        if frame is not None and self._current in self._killed:
            # the driver may be in the middle of an answer
            self._disconnect()
            raise KeyboardInterrupt

    def _disconnect(self):
        connection = self._client.get_thread_connection() if self._client is not None else None
        if connection is not None and connection.socket is not None:
            connection.close()

    def _complete(self, message):
        try:
            found = self._session.complete(message["code"], message["cursor"])
        except Exception:
            found = []
        self._answers.send("completed", json.dumps(found).encode("ascii"), id=message["id"])


def main():
    commands, answers = worker.pipes()
    sys.modules["sparkjobserver.interpreter"] = sys.modules[__name__]
    output.install()
    Interpreter(commands, answers).serve()


if __name__ == "__main__":
    main()
