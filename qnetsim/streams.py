"""Standard streams that are closed when the program starts."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Put the null device where a standard stream is closed; first of all, and safe to repeat.

    Otherwise the next file that is opened gets its number, and what a library prints goes into
    that file. What is written to a closed stdout fails, as it does in other programs; what is
    written to a closed stderr is lost.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # numbers are given from the lowest on
            os.open(os.devnull, mode)
    sys.stdout = sys.stdout or _text(1)
    sys.stderr = sys.stderr or _text(2)


def _text(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False)
