# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The kernel: cells as statements of a session, and lines of magic of its own."""

import re
import uuid

from ipykernel.kernelbase import Kernel

from sparkjob_kernel import __version__, show
from sparkjob_kernel.config import Config, ConfigError
from sparkjob_kernel.magic import Cell, MagicError
from sparkjob_kernel.server import Server, ServerError
from sparkjob_kernel.session import Session, SessionOver

_WORD = re.compile(r"[\w$]*$")
_COORDINATES = re.compile(r"[^:/\s]+:[^:/\s]+:[^:/\s]+$")
_KNOWN = (ConfigError, MagicError, ServerError, SessionOver)


class SparkKernel(Kernel):
    implementation = "sparkjob_kernel"
    implementation_version = __version__
    language = None     # of cells that say no other one

    def __init__(self, **more):
        super().__init__(**more)
        self._server = None
        self._config = None
        self._session = None
        # a session was lost, so its names are: a new one is made only when that is asked for
        self._lost = None

    @property
    def banner(self):
        return "Spark by sparkjob, %s by default. %%help lists what else there is" % self.language.title

    # what Jupyter asks for

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, **_):
        try:
            return self._execute(code, silent)
        except SessionOver as e:
            self._forget(str(e))
            return self._failed("SessionOver", self._lost)
        except _KNOWN as e:
            return self._failed(type(e).__name__, str(e))
        except KeyboardInterrupt:
            return self._failed("KeyboardInterrupt", "interrupted")

    def do_complete(self, code, cursor_pos):
        word = _WORD.search(code[:cursor_pos]).group()
        found = []
        try:
            cell = Cell(code, self.language, _LINES)
            at = cursor_pos - cell.offset
            if re.match(r"%\w*$", code[:cursor_pos].split("\n")[-1]) and at <= len(word) + 1:
                found = list(_LINES)
            elif self._session is not None and cell.code is not None and at >= 0:
                found = self._session.complete(cell.language.kind, cell.code, at)
        except _KNOWN as e:
            self.log.info("Nothing completes the code: %s", e)
        return {"status": "ok", "matches": sorted({name for name in found if name.startswith(word)}),
                "cursor_start": cursor_pos - len(word), "cursor_end": cursor_pos, "metadata": {}}

    def do_is_complete(self, code):
        try:
            cell = Cell(code, self.language, _LINES)
        except MagicError:
            return {"status": "invalid"}
        answer = {"status": cell.language.complete(cell.code) if cell.code else "complete"}
        if answer["status"] == "incomplete":
            answer["indent"] = re.match(r"\s*", code.split("\n")[-1]).group()
        return answer

    def do_shutdown(self, restart):
        session, self._session, self._lost = self._session, None, None
        if session is not None:
            try:
                session.end()
            except ServerError as e:
                self.log.error("The session %s is not ended: %s", session.title, e)
        return {"status": "ok", "restart": restart}

    # cells

    def _execute(self, code, silent):
        cell = Cell(code, self.language, _LINES)
        for name, arguments in cell.lines:
            _LINES[name].run(self, arguments)
        if cell.code is None:
            return self._done()
        bar = Bar(self, silent)
        output = self._ready().run(cell.language.kind, cell.code, bar.show)
        if output is None:
            return self._failed("KeyboardInterrupt", "the statement was cancelled")
        if output["status"] == "error":
            return self._failed(output["ename"], output["evalue"], show.traceback(output))
        if not silent:
            self._show(output["data"])
        return self._done()

    def _show(self, data):
        if set(data) - {show.TEXT}:
            self._send("execute_result", data=show.bundle(data), metadata={}, execution_count=self.execution_count)
        elif data.get(show.TEXT):
            self._print(data[show.TEXT])

    def _done(self):
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

    def _failed(self, name, value, lines=None):
        told = {"ename": name, "evalue": value, "traceback": lines or ["%s: %s" % (name, value)]}
        self._send("error", **told)
        return {"status": "error", "execution_count": self.execution_count, **told}

    def _print(self, text):
        self._send("stream", name="stdout", text=text if text.endswith("\n") else text + "\n")

    def _send(self, kind, **content):
        self.send_response(self.iopub_socket, kind, content)

    # the session

    def _ready(self):
        if self._session is None:
            if self._lost is not None:
                raise SessionOver(self._lost)
            context = self._connect().attach
            if context:
                self._attach([context])
            else:
                self._open([])
        return self._session

    def _connect(self):
        if self._server is None:
            self._config = Config()
            self._server = Server(self._config)
        return self._config

    def _forget(self, why):
        if self._session is not None:
            self._lost = why + ".\nWhat cells had defined in it is lost. %open makes a new session, %attach NAME goes to another one"
            self._session = None
        elif self._lost is None:
            self._lost = why

    def _use(self, session):
        before, self._session = self._session, session
        if before is not None:
            before.end()
        session.wait_ready(self._config.start_timeout)
        self._lost = None

    # lines of magic

    def _open(self, arguments):
        settings = {}
        for argument in arguments:
            name, sign, value = argument.partition("=")
            if not sign or not name:
                raise MagicError("%%open takes settings as name=value, not %s" % argument)
            settings[name] = value
        config = self._connect()
        self._use(Session.create(self._server, config, settings))

    def _attach(self, arguments):
        if len(arguments) != 1:
            raise MagicError("%attach takes one name of a context")
        self._connect()
        self._use(Session.attach(self._server, arguments[0]))

    def _jar(self, arguments):
        if not arguments:
            raise MagicError("%jar takes names of binaries, or URIs")
        self._added(arguments)

    def _deps(self, arguments):
        options = {"transitive": [], "exclude": [], "repos": []}
        wanted = []
        for argument in arguments:
            name, sign, value = argument.partition("=")
            if sign and name in options:
                options[name].append(value)
            elif _COORDINATES.match(argument):
                wanted.append(argument)
            else:
                raise MagicError("%%deps takes GROUP:ARTIFACT:VERSION, and repos=URL, exclude=GROUP:ARTIFACT, transitive=false, "
                                 "not %s" % argument)
        if not wanted:
            raise MagicError("%deps takes GROUP:ARTIFACT:VERSION")
        query = "&".join("%s=%s" % (name, ",".join(values)) for name, values in options.items() if values)
        self._added(["ivy://%s?%s" % (name, query) if query else name for name in wanted])

    def _added(self, names):
        self._print("Added: " + (", ".join(self._ready().add(names)) or "nothing"))

    def _info(self, arguments):
        record = self._ready().record()
        lines = [("session", self._session.title), ("own", "yes" if self._session.own else "no: it goes on without this kernel"),
                 ("state", record["state"]), ("application", record.get("appId")),
                 ("Spark UI", (record.get("appInfo") or {}).get("sparkUiUrl"))]
        self._print("\n".join("%-12s %s" % line for line in lines if line[1]))

    def _log(self, arguments):
        if len(arguments) > 1 or not all(a.isdigit() for a in arguments):
            raise MagicError("%log takes a number of lines")
        self._print("\n".join(self._ready().log(int(arguments[0]) if arguments else 20)))

    def _help(self, arguments):
        self._print("\n".join("%-34s %s" % (line.usage, line.what) for line in _LINES.values()))


class Line:

    def __init__(self, usage, what, run):
        self.usage = usage
        self.what = what
        self.run = run


_LINES = {
    "attach": Line("%attach NAME", "go to the context of this name, or the session of this number", SparkKernel._attach),
    "open": Line("%open [SETTING=VALUE ...]", "a new session, with these settings of its context", SparkKernel._open),
    "jar": Line("%jar NAME|URI ...", "add binaries of the server, or files, to the class path of the session", SparkKernel._jar),
    "deps": Line("%deps GROUP:ARTIFACT:VERSION ...", "likewise from Maven repositories, with what they depend on; "
                 "also repos=URL, exclude=GROUP:ARTIFACT, transitive=false", SparkKernel._deps),
    "info": Line("%info", "which session this is", SparkKernel._info),
    "log": Line("%log [LINES]", "what its driver has said last", SparkKernel._log),
    "help": Line("%help", "these lines; a cell may begin with some of them, and then say %%scala, %%python or %%sql", SparkKernel._help),
}


class Bar:
    """The progress of one cell, which appears with its first Spark work."""

    def __init__(self, kernel, silent):
        self._kernel = kernel
        self._silent = silent
        self._id = None

    def show(self, counts):
        if self._silent:
            return
        kind = "display_data" if self._id is None else "update_display_data"
        self._id = self._id or uuid.uuid4().hex
        self._kernel._send(kind, data=show.progress(counts), metadata={}, transient={"display_id": self._id})


def kernel_of(language):
    """The class of the kernel for this language."""
    return type(language.title + "Kernel", (SparkKernel,), {"language": language, "language_info": dict(language.info)})
