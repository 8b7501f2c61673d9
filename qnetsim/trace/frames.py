"""A trace in pandas and xarray. Both are imported on use, and xarray is optional."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from qnetsim.errors import TraceFormatError
from qnetsim.extras import require
from qnetsim.trace.column import Column
from qnetsim.trace.hdf5.reading import damage_refused
from qnetsim.trace.hdf5.recover import UnclosedFile, is_marked_open

if TYPE_CHECKING:
    import pandas
    import xarray


def frame(
    columns: Sequence[Column],
    read: Callable[[str], npt.NDArray[Any]],
    dims: tuple[str, ...] = (),
) -> pandas.DataFrame:
    """Read the columns of a group that share their dimensions into a data frame.

    Parameters
    ----------
    columns : sequence of Column
        Those of one group.
    read : callable
        Gives the values of a column by its path.
    dims : tuple of str
        Dimensions of the columns; the fewest that a column has unless given. Columns of two
        dimensions come in long form.

    Returns
    -------
    pandas.DataFrame
        Indexed by the dimensions; one column for each column of the trace.

    Raises
    ------
    TraceFormatError
        No column has these dimensions.
    """
    import pandas

    group = columns[0].group
    tables = [c.dims for c in columns if c.dims != (c.name,)]
    wanted = dims or min(tables, key=len)
    chosen = [c for c in columns if c.dims == wanted and c.dims != (c.name,)]
    if not chosen:
        kinds = sorted({", ".join(c.dims) for c in columns})
        raise TraceFormatError(
            f"group {group!r} has no column over ({', '.join(wanted)}); it has columns over "
            f"{' and over '.join(f'({kind})' for kind in kinds)}"
        )
    values = {c.name: read(c.path) for c in chosen}
    axes = [read(f"{group}/{dim}") for dim in wanted]
    index: Any = (
        pandas.Index(axes[0], name=wanted[0])
        if len(axes) == 1
        else pandas.MultiIndex.from_product(axes, names=wanted)
    )
    return pandas.DataFrame({name: array.ravel() for name, array in values.items()}, index=index)


def dataset(
    path: Path,
    group: str,
    rows: Mapping[str, int],
    on_close: Callable[[Callable[[], object]], None],
) -> xarray.Dataset:
    """Open a group in xarray; nothing is read before it is asked for.

    What has not been read when the trace is closed cannot be read any more.

    Parameters
    ----------
    path : Path
    group : str
    rows : mapping
        Of each growing dimension; rows beyond them, which a killed run may leave, are left out.
    on_close : callable
        Is told what to call when the trace is closed.

    Raises
    ------
    MissingExtraError
        xarray or h5netcdf is missing.
    TraceFormatError
        The group is damaged.
    """
    require("a group as an xarray data set", "xarray", "h5netcdf")
    import xarray

    killed = is_marked_open(path)
    source: Any = UnclosedFile(path) if killed else os.fspath(path)
    if killed:
        on_close(source.close)
    with damage_refused(path, f"group {group}"):
        found = xarray.open_dataset(source, group=group, engine="h5netcdf")
    on_close(found.close)
    return found.isel({dim: slice(n) for dim, n in rows.items() if dim in found.sizes})
