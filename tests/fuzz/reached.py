"""Which lines of qnetsim an input reaches: a light guide where Atheris is not at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import qnetsim

PACKAGE = str(next(iter(qnetsim.__path__)))


class Reached:
    """Lines of the package that were reached so far.

    Python's own hook for lines is used, on the files of the package alone.
    """

    def __init__(self) -> None:
        self.lines: set[tuple[str, int]] = set()

    @contextmanager
    def watching(self) -> Iterator[Callable[[], bool]]:
        """Yield a function that says whether a new line has been reached in the block."""
        before = len(self.lines)
        lines = self.lines

        def local(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                lines.add((frame.f_code.co_filename, frame.f_lineno))
            return local

        def on_call(frame: FrameType, event: str, _: Any) -> Any:
            return local if frame.f_code.co_filename.startswith(PACKAGE) else None

        kept = sys.gettrace()
        sys.settrace(on_call)
        try:
            yield lambda: len(lines) > before
        finally:
            sys.settrace(kept)
