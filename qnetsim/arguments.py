"""What a caller of Python gave, checked ahead of libraries that would say less."""

from __future__ import annotations

import os
from pathlib import Path

from qnetsim.errors import UsageError, argument

#: Characters of a wrong value that a message shows.
SHOWN = 40


def path_argument(name: str, value: object) -> Path:
    """A path that a caller gave.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object

    Raises
    ------
    UsageError
        It is no name of a file.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise UsageError(f"{argument(name)}: give a path, not {_shown(value)}")
    if not text or "\0" in text:
        raise UsageError(f"{argument(name)}: {text!r} is no path; give one")
    return Path(text)


def whole_argument(name: str, value: object, least: int, most: int) -> int:
    """A whole number that a caller gave.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        Numbers of numpy count.
    least, most : int

    Raises
    ------
    UsageError
        It is none, or out of range.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise UsageError(
            f"{argument(name)}: give a whole number {least} .. {most}, not {_shown(value)}"
        )
    number = int(value.__index__())
    if not least <= number <= most:
        raise UsageError(f"{argument(name)}={number}: allowed: {least} .. {most}")
    return number


def refuse_unless(fits: bool, name: str, wanted: str, value: object) -> None:
    """Refuse an argument that does not fit.

    Parameters
    ----------
    fits : bool
    name : str
        Of the argument.
    wanted : str
        What it should be, in words.
    value : object

    Raises
    ------
    UsageError
    """
    if not fits:
        raise UsageError(f"{argument(name)}: give {wanted}, not {_shown(value)}")


def refuse_uncallable(name: str, value: object) -> None:
    """Refuse what cannot be called, where something is given at all.

    Raises
    ------
    UsageError
    """
    refuse_unless(value is None or callable(value), name, "something that can be called", value)


def _shown(value: object) -> str:
    return f"{str(value)[:SHOWN]!r} ({type(value).__name__})"
