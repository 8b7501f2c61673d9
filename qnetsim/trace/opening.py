"""Open traces and recorded worlds."""

from __future__ import annotations

import os

from qnetsim.trace.reader import Trace
from qnetsim.trace.schema import TRACE, WORLD


def open_trace(path: str | os.PathLike[str], *, whole: bool = True) -> Trace:
    """Open a trace for reading, lazily.

    Parameters
    ----------
    path : path-like
    whole : bool
        Refuse a damaged column now, not when it is read. Without it a trace of which little is
        read opens several times as fast.

    Returns
    -------
    Trace
        A context manager: ``column`` gives numpy arrays, ``frame`` pandas, ``dataset`` xarray.

    Raises
    ------
    TraceError
        No such file, or not readable.
    TraceFormatError
        Not a trace, a damaged one, or one of another major version.
    """
    return Trace(path, whole=whole)


def open_world(path: str | os.PathLike[str]) -> Trace:
    """Open a recorded world, or a trace as one.

    Raises
    ------
    TraceError
        As ``open_trace``.
    """
    return Trace(path, (TRACE, WORLD))
