"""A trace in pandas and xarray. Both are imported on use; qnetsim itself needs neither."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.trace.recover import UnclosedFile, is_marked_open
from qnetsim.trace.schema import Column

if TYPE_CHECKING:
    import pandas
    import xarray

    from qnetsim.trace.reader import Trace

EXTRA = "pip install 'qnetsim[xarray]' brings it"


def frame(trace: Trace, group: str, *dims: str) -> pandas.DataFrame:
    """Read the columns of a group that share their dimensions into a data frame.

    Parameters
    ----------
    trace : Trace
    group : str
        For example ``"slots"``.
    *dims : str
        Dimensions of the columns; those of the group's first column unless given. Columns of two
        dimensions come in long form.

    Returns
    -------
    pandas.DataFrame
        Indexed by the dimensions; one column for each column of the trace.

    Raises
    ------
    UsageError
        pandas is missing.
    TraceFormatError
        There is no such group, or no column of these dimensions in it.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError(f"pandas is not installed; {EXTRA}") from None
    columns = _columns(trace, group)
    tables = [c.dims for c in columns if c.dims != (c.name,)]
    wanted = dims or min(tables, key=len)
    chosen = [c for c in columns if c.dims == wanted and c.dims != (c.name,)]
    if not chosen:
        kinds = sorted({", ".join(c.dims) for c in columns})
        raise TraceFormatError(
            f"group {group!r} has no column over ({', '.join(wanted)}); it has columns over "
            f"{' and over '.join(f'({kind})' for kind in kinds)}"
        )
    values = {c.name: trace.column(c.path) for c in chosen}
    axes = [trace.column(f"{group}/{dim}") for dim in wanted]
    index: Any = (
        pandas.Index(axes[0], name=wanted[0])
        if len(axes) == 1
        else pandas.MultiIndex.from_product(axes, names=wanted)
    )
    return pandas.DataFrame({name: array.ravel() for name, array in values.items()}, index=index)


def dataset(trace: Trace, group: str) -> xarray.Dataset:
    """Open a group in xarray; nothing is read before it is asked for.

    What has not been read when the trace is closed cannot be read any more. Rows beyond the last
    flush of a killed run are left out.

    Raises
    ------
    UsageError
        xarray or h5netcdf is missing.
    TraceFormatError
        There is no such group, or it is damaged.
    """
    try:
        import h5netcdf  # noqa: F401
        import xarray
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed; {EXTRA}") from None
    _columns(trace, group)
    killed = is_marked_open(trace.path)
    source: Any = UnclosedFile(trace.path) if killed else os.fspath(trace.path)
    if killed:
        trace.on_close(source.close)
    try:
        found = xarray.open_dataset(source, group=group, engine="h5netcdf")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise TraceFormatError(f"{trace.path}: group {group} is damaged: {error}") from None
    trace.on_close(found.close)
    return found.isel(slot=slice(trace.slots)) if "slot" in found.sizes else found


def _columns(trace: Trace, group: str) -> list[Column]:
    columns = [c for c in trace.kind.columns_in(trace.version) if c.group == group]
    if not columns:
        groups = ", ".join(dict.fromkeys(c.group for c in trace.kind.columns))
        raise TraceFormatError(f"{group!r} is not a group of a {trace.kind.noun}; it has {groups}")
    return columns
