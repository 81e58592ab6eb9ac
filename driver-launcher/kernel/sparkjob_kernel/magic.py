# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""What stands before the code of a cell: its language (%%sql), and lines for the kernel (%jar), which the server does not get."""

import re
import shlex

from sparkjob_kernel.language import LANGUAGES


class MagicError(Exception):
    """The message is for users."""


class Cell:
    """lines: [(name, arguments)] for the kernel; code: what is left, None where a cell has nothing but lines."""

    def __init__(self, text, language, names):
        self.language = language
        self.lines = []
        rest = text
        while True:
            before = re.match(r"\s*\n", rest)
            rest = rest[before.end():] if before else rest
            line, _, after = rest.partition("\n")
            found = re.match(r"(%%?)(\w+)(?:\s+(.*))?$", line.strip())
            if not found or not self._take(*found.groups(), names):
                break
            rest = after
        self.code = rest if rest.strip() else None
        # where the code begins in the text of the cell
        self.offset = len(text) - len(rest)

    def _take(self, sign, name, arguments, names):
        if sign == "%%":
            if name not in LANGUAGES:
                raise MagicError("%%%%%s is no language: there are %s" % (name, ", ".join("%%" + name for name in LANGUAGES)))
            if arguments:
                raise MagicError("%%%%%s stands in a line of its own" % name)
            self.language = LANGUAGES[name]
        elif name in names:
            try:
                self.lines.append((name, shlex.split(arguments or "")))
            except ValueError as e:
                raise MagicError("%%%s %s: %s" % (name, arguments, e)) from None
        return sign == "%%" or name in names
