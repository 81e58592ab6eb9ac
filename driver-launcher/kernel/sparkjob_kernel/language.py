# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""The languages of cells: what Jupyter is to know of them, and whether code is complete, as far as that shows."""

import codeop
import re
import warnings


class Language:

    def __init__(self, name, title, kind, info, complete):
        self.name = name            # as in %%name
        self.title = title
        self.kind = kind            # of a statement, for the server
        self.info = info            # Jupyter's language_info
        self.complete = complete    # tells of code "complete", "incomplete", "invalid" or "unknown"

    @property
    def spec_name(self):
        return "sparkjob-" + self.name

    def spec(self, python):
        """The kernel.json of the kernel whose cells are of this language."""
        return {
            "argv": [python, "-m", "sparkjob_kernel", self.name, "-f", "{connection_file}"],
            "display_name": "Spark (%s)" % self.title,
            "language": self.info["name"],
            "interrupt_mode": "signal",
        }


def _python(code):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = codeop.compile_command(code, symbol="exec")
    except (SyntaxError, ValueError, OverflowError):
        # lines of magic are the interpreter's to understand
        return "unknown" if re.search("^%", code, re.MULTILINE) else "invalid"
    lines = code.split("\n")
    # a block goes on until an empty line, as in Python's own prompt
    inside = len(lines) > 1 and lines[-1].startswith((" ", "\t")) and lines[-1].strip()
    return "incomplete" if made is None or inside else "complete"


_PAIRS = {")": "(", "]": "[", "}": "{"}
_SCALA = re.compile(r'"""(?:.*?"""(?!")|(?P<text>.*$))|"(?:\\.|[^"\\\n])*"|\'(?:\\.[^\']*|[^\'\\])\'|`[^`\n]*`'
                    r'|//[^\n]*|/\*(?:.*?\*/|(?P<comment>.*$))|(?P<sign>[()\[\]{}])', re.DOTALL)
_SCALA_OPEN = re.compile(r"(?:[=,.]|=>|<-|\b(?:else|extends|with|yield|match))\s*$")


def _scala(code):
    open_ = []
    plain = []
    for token in _SCALA.finditer(code):
        if token.group("text") is not None or token.group("comment") is not None:
            return "incomplete"
        sign = token.group("sign")
        if sign in _PAIRS:
            if not open_ or open_.pop() != _PAIRS[sign]:
                return "invalid"
        elif sign:
            open_.append(sign)
        elif token.group().startswith("/"):
            plain.append(token.span())
    if open_:
        return "incomplete"
    for begin, end in reversed(plain):
        code = code[:begin] + code[end:]
    return "incomplete" if _SCALA_OPEN.search(code) else "complete"


_SQL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|(?P<open>['\"`(]|/\*)|(?P<close>\))", re.DOTALL)


def _sql(code):
    depth = 0
    for token in _SQL.finditer(code):
        if token.group("open") not in (None, "("):
            return "incomplete"
        depth += (token.group("open") == "(") - (token.group("close") is not None)
    return "incomplete" if depth > 0 else "complete"


LANGUAGES = {language.name: language for language in (
    Language("scala", "Scala", "spark",
             {"name": "scala", "mimetype": "text/x-scala", "file_extension": ".scala", "pygments_lexer": "scala",
              "codemirror_mode": "text/x-scala"}, _scala),
    Language("python", "Python", "pyspark",
             {"name": "python", "mimetype": "text/x-python", "file_extension": ".py", "pygments_lexer": "python",
              "codemirror_mode": {"name": "ipython", "version": 3}}, _python),
    Language("sql", "SQL", "sql",
             {"name": "sql", "mimetype": "text/x-sql", "file_extension": ".sql", "pygments_lexer": "sql",
              "codemirror_mode": "text/x-sql"}, _sql),
)}
