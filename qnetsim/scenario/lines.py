"""Which line of a TOML text each key stands on.

``tomllib`` keeps no positions, so this walks the (already accepted) text once more. Keys are
tuples such as ``("demand", "pairs", 3)``: table names, keys, and positions in arrays.
"""

from __future__ import annotations

import bisect
import tomllib
from collections import Counter

#: Table names, keys and positions in arrays that lead to a value.
Key = tuple[str | int, ...]
#: A key, and what is wrong with its value.
Problem = tuple[Key, str]


def key_lines(text: str) -> dict[Key, int]:
    """Map every key, table and array element of a valid TOML text to its 1-based line."""
    return _Walker(text).walk()


class _Walker:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.breaks = [i for i, char in enumerate(self.text) if char == "\n"]
        self.lines: dict[Key, int] = {}
        self.tables_seen: Counter[Key] = Counter()

    def walk(self) -> dict[Key, int]:
        prefix: Key = ()
        while True:
            self._skip_blank(newlines=True)
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                prefix = self._table_header()
            else:
                self._key_value(prefix)

    def _line(self) -> int:
        return bisect.bisect_left(self.breaks, self.at) + 1

    def _note(self, key: Key) -> None:
        self.lines.setdefault(key, self._line())

    def _skip_blank(self, *, newlines: bool) -> None:
        blank = " \t\n" if newlines else " \t"
        while self.at < len(self.text):
            if self.text[self.at] in blank:
                self.at += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _table_header(self) -> Key:
        double = self.text.startswith("[[", self.at)
        line_key_start = self.at
        self.at += 2 if double else 1
        path = self._resolve(self._dotted_key("]"))
        self.at += 2 if double else 1
        here = self.at
        self.at = line_key_start
        if double:
            self._note(path)
            self.tables_seen[path] += 1
            path = (*path, self.tables_seen[path] - 1)
        self._note(path)
        self.at = here
        return path

    def _resolve(self, path: Key) -> Key:
        """Insert the position of the current element where a part names an array of tables."""
        resolved: Key = ()
        for i, part in enumerate(path):
            resolved = (*resolved, part)
            if i < len(path) - 1 and self.tables_seen[resolved]:
                resolved = (*resolved, self.tables_seen[resolved] - 1)
        return resolved

    def _dotted_key(self, end: str) -> Key:
        parts: list[str] = []
        while True:
            self._skip_blank(newlines=True)
            char = self.text[self.at]
            if char == end:
                return tuple(parts)
            if char == ".":
                self.at += 1
            elif char in "\"'":
                start = self.at
                self._string()
                parts.append(next(iter(tomllib.loads(self.text[start : self.at] + "=0"))))
            else:
                start = self.at
                while self.text[self.at] not in " \t\n.=]":
                    self.at += 1
                parts.append(self.text[start : self.at])

    def _key_value(self, prefix: Key) -> None:
        start = self.at
        parts = self._dotted_key("=")
        here = self.at
        self.at = start
        for i in range(len(parts)):
            self._note((*prefix, *parts[: i + 1]))
        self.at = here + 1
        self._skip_blank(newlines=False)
        self._value((*prefix, *parts))

    def _value(self, path: Key) -> None:
        char = self.text[self.at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self.at += 1
            position = 0
            while self._next_item("]"):
                self._note((*path, position))
                self._value((*path, position))
                position += 1
        elif char == "{":
            self.at += 1
            while self._next_item("}"):
                self._key_value(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def _next_item(self, close: str) -> bool:
        self._skip_blank(newlines=True)
        while self.text[self.at] == ",":
            self.at += 1
            self._skip_blank(newlines=True)
        if self.text[self.at] == close:
            self.at += 1
            return False
        return True

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        # a multi-line string may end in up to two quotes of its own
        while len(mark) == 3 and self.text.startswith(quote, self.at):
            self.at += 1
