"""Read a trace lazily; refuse what is not one, by name."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from qnetsim.arguments import path_argument, whole_argument
from qnetsim.errors import TraceError, TraceFormatError, UsageError
from qnetsim.fibre_loss import LOSSES, FibreLoss, stored_losses
from qnetsim.locations import Location, node_titles
from qnetsim.plain_text import fibre_name
from qnetsim.trace.column import Column
from qnetsim.trace.contents import (
    foreign_contents,
    foreign_provenance,
    stored_fibre_names,
    stored_locations,
)
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.format_checks import (
    check_format,
    committed_slots,
    open_file,
    read_provenance,
)
from qnetsim.trace.hdf5.reading import damage_refused
from qnetsim.trace.hdf5.recover import end_of_file
from qnetsim.trace.schema import (
    BY_PATH,
    CHUNK_ROWS,
    TRACE,
    FileKind,
)
from qnetsim.trace.stored_columns import StoredColumns

if TYPE_CHECKING:
    import pandas
    import xarray

#: Blocks of rows that are read together.
BLOCKS_AT_ONCE = 32
#: Greatest number of a row.
MOST_ROWS = 2**63 - 1
#: Times that a file which changes while it is opened is opened.
TRIES = 20


def _changed_at(path: Path) -> tuple[int, int]:
    """When a file was changed last, and its size; zeros where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


class Trace:
    """An open trace, or a recorded world. Nothing is read before it is asked for.

    Every column is looked at when the file is opened; ahead of its first read unless ``whole``.

    Attributes
    ----------
    path : Path
    kind : FileKind
    slots : int
        Slots that are completely in the file.
    provenance : dict
        Software, scenario, seed, policy, plan and environment.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kinds: tuple[FileKind, ...] = (TRACE,),
        *,
        whole: bool = True,
    ) -> None:
        self.path = path_argument("path", path)
        self._closing = ExitStack()
        for tries_left in reversed(range(TRIES)):
            self._version: tuple[int, int] | None = None
            self._texts: dict[str, str] = {}
            before = _changed_at(self.path)
            try:
                self._file = open_file(self.path, self._closing)
                with damage_refused(self.path):
                    self._check(kinds, whole=whole)
                return
            except TraceError:
                self.close()
                # what is written meanwhile can look damaged for a moment
                if not tries_left or _changed_at(self.path) == before:
                    raise

    def _check(self, kinds: tuple[FileKind, ...], *, whole: bool) -> None:
        """Look at everything that the methods rely on."""
        self._attributes = self._file.attrs
        self.kind = check_format(self.path, self._file, kinds)
        self.slots = committed_slots(self.path, self._file)
        columns = self.kind.columns_in(self.version)
        closed = self.status != "incomplete"
        self._columns = StoredColumns(self.path, self._file, columns, self.slots, closed=closed)
        if whole:
            self._columns.check(columns)
        self.provenance = read_provenance(self.path, self._file, self.kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    def on_close(self, close: Callable[[], object]) -> None:
        """Call this when the trace is closed."""
        self._closing.callback(close)

    def _require_open(self) -> None:
        if not self._file:
            raise UsageError(f"{self.path}: the trace is closed; read it inside its with block")

    def __repr__(self) -> str:
        if not self._file:
            return f"Trace({str(self.path)!r}, closed)"
        return f"Trace({str(self.path)!r}, slots={self.slots}, status={self.status!r})"

    def attribute(self, name: str) -> str:
        """Return a root attribute as text; empty where the file has none."""
        self._require_open()
        if name not in self._texts:
            with damage_refused(self.path, f"attribute {name}"):
                self._texts[name] = str(self._attributes.get(name, ""))
        return self._texts[name]

    @property
    def attributes(self) -> dict[str, Any]:
        """All root attributes."""
        self._require_open()
        with damage_refused(self.path, "attributes"):
            return dict(self._attributes)

    @property
    def status(self) -> str:
        """``complete``, ``interrupted``, ``failed``, or ``incomplete`` after a kill."""
        return self.attribute("status")

    @property
    def version(self) -> tuple[int, int]:
        """Version of the format that the file is written in."""
        if self._version is None:
            major, minor = np.ravel(np.asarray(self._attributes["version"])).tolist()
            self._version = int(major), int(minor)
        return self._version

    @property
    def slot_s(self) -> float:
        """Length of a slot in seconds.

        Raises
        ------
        TraceFormatError
            It is no number of seconds.
        """
        self._require_open()
        with damage_refused(self.path, "attribute slot_s"):
            value = float(self._attributes["slot_s"])
            if not 0 < value < math.inf:
                raise ValueError(f"it is {value}")
        return value

    def locations(self) -> dict[str, Location]:
        """Places of nodes, by their names; empty where the file knows none.

        Raises
        ------
        TraceFormatError
            One of them is damaged.
        """
        try:
            return stored_locations(self.provenance)
        except ValueError as error:
            raise TraceFormatError(f"{self.path}: provenance.locations: {error}") from None

    def losses(self) -> tuple[FibreLoss, ...]:
        """Losses of fibres that the topology gave; empty where it gave none.

        Raises
        ------
        TraceFormatError
            They are damaged, or not as many as the fibres.
        """
        try:
            return stored_losses(self.provenance, len(self.column("fibres/source")))
        except ValueError as error:
            raise TraceFormatError(f"{self.path}: provenance.{LOSSES}: {error}") from None

    def fibre_labels(self) -> tuple[str, ...]:
        """Own names of the fibres, "" for none; empty where no fibre has one.

        Raises
        ------
        TraceFormatError
            They are damaged, or not as many as the fibres.
        """
        try:
            labels = stored_fibre_names(self.provenance)
            if labels and len(labels) != (fibres := len(self.column("fibres/source"))):
                raise ValueError(f"has {len(labels)} names, not {fibres}")
        except ValueError as error:
            raise TraceFormatError(f"{self.path}: provenance.fibre_names: {error}") from None
        return labels

    def fibre_names(self) -> list[str]:
        """Fibres as they are shown: labels of their ends, own names where they have some."""
        ends = [self.column(f"fibres/{end}").tolist() for end in ("source", "target")]
        nodes = list(dict.fromkeys([*ends[0], *ends[1]]))
        places = self.locations()
        known = [places.get(node, Location()) for node in nodes]
        titles = dict(zip(nodes, node_titles(nodes, known), strict=True))
        labels = self.fibre_labels() or [""] * len(ends[0])
        return [
            fibre_name(titles[a], titles[b], label)
            for a, b, label in zip(*ends, labels, strict=True)
        ]

    @property
    def policy(self) -> str:
        """Title of the policy."""
        return str(self.provenance["policy"]["title"])

    @property
    def replication(self) -> int:
        """Number of the replication."""
        return int(self.provenance["replication"])

    def column(self, path: str, first: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """Read a column, for example ``"slots/served"``.

        Parameters
        ----------
        path : str
            Group and name; see the reference of the trace format.
        first, end : int
            Rows to read; all committed rows by default.

        Raises
        ------
        TraceFormatError
            The column is missing or cannot be read.
        UsageError
            Rows are no whole numbers from 0 on, or the trace is closed.
        """
        self._require_open()
        first = whole_argument("first", first, 0, MOST_ROWS)
        end = None if end is None else whole_argument("end", end, 0, MOST_ROWS)
        column = BY_PATH.get(path)
        if column is None:
            close = difflib.get_close_matches(path, BY_PATH, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise TraceFormatError(
                f"{path!r} is not a column; {hint}see docs/reference/trace-format.md"
            )
        with damage_refused(self.path, f"column {path}"):
            if column.grows:
                end = self.slots if end is None else min(end, self.slots)
            if column.since > self.version:
                return self._filled(column, first, end)
            if column.counter:
                rows = self._rows_of(column)
                end = rows if end is None else min(end, rows)
            return self._columns.rows(column, first, end)

    def _filled(self, column: Column, first: int, end: int | None) -> npt.NDArray[Any]:
        """What a column reads as that the file's format does not have yet."""
        known = {"fibre": "fibres/fibre", "request": "world/request", "group": "world/group"}
        rows = max(self.slots if end is None else end, first) - first
        shape = [
            rows if dim == "slot" else len(self._file[known[dim]]) if dim in known else 0
            for dim in column.dims
        ]
        if column.kind == "str":
            return np.zeros(shape, dtype=object)
        if column.dims == (column.name,):
            return np.arange(shape[0], dtype=column.kind)
        return np.full(shape, column.fill, dtype=column.kind)

    def _rows_of(self, column: Column) -> int:
        """Rows of a growing column that are completely in the file."""
        return self._columns.committed(column) if column.counter else self.slots

    def blocks(self, path: str) -> Iterator[npt.NDArray[Any]]:
        """Read a growing column in blocks of ``CHUNK_ROWS`` rows, the last one shorter."""
        # one read for many blocks: opening a dataset costs more than a narrow block
        rows = CHUNK_ROWS * BLOCKS_AT_ONCE
        for start in range(0, self._rows_of(BY_PATH[path]), rows):
            part = self.column(path, start, start + rows)
            for first in range(0, len(part), CHUNK_ROWS):
                yield part[first : first + CHUNK_ROWS]

    def digest(self, version: tuple[int, int] | None = None) -> ContentDigest:
        """Work the digests out from the tables.

        Parameters
        ----------
        version : (int, int), optional
            A format: the digest over its columns only. That of the file unless given.
        """
        version = version or self.version
        digest = ContentDigest(version, self.kind)
        for column in self.kind.columns_in(version):
            if column.grows or column.counter:
                for block in self.blocks(column.path):
                    digest.update(column, block)
            else:
                digest.update(column, self.column(column.path))
        return digest

    def content_digest(self, version: tuple[int, int] | None = None) -> str:
        """Work out the content digest from the tables; ``version`` as in :meth:`digest`."""
        return self.digest(version).hexdigest()

    def frame(self, group: str, *dims: str) -> pandas.DataFrame:
        """Read a table into pandas; see :func:`qnetsim.trace.frames.frame`."""
        from qnetsim.trace.frames import frame

        return frame(self._columns_of(group), self.column, dims)

    @property
    def follows_requests(self) -> bool:
        """Whether the trace holds requests one by one."""
        return self.kind.follows_requests

    @property
    def followed_slots(self) -> int:
        """Slots up to which all followed requests are in the file.

        Fewer than ``slots`` only while it is written, or after a kill.
        """
        with damage_refused(self.path):
            return self._columns.followed_slots

    @property
    def requests(self) -> pandas.DataFrame:
        """Requests that were followed one by one, a row each.

        Slot of arrival, number, nodes, class, level, time to the first keys (or to the end without
        any), slot and way of the first keys, deliveries, detours, fate, and why it got none when it
        last asked in vain.

        Raises
        ------
        TraceFormatError
            The trace follows none.
        """
        from qnetsim.trace.requests_table import requests_table

        if not self.follows_requests:
            raise TraceFormatError(
                f"{self.path}: follows no requests one by one; give its scenario "
                '[trace] requests = "all" and run it again'
            )
        return requests_table(self.column, self.fibre_names())

    def dataset(self, group: str) -> xarray.Dataset:
        """Open a group lazily in xarray; see :func:`qnetsim.trace.frames.dataset`."""
        from qnetsim.trace.frames import dataset

        columns = self._columns_of(group)
        rows = {c.dims[0]: self._rows_of(c) for c in columns if c.grows or c.counter}
        return dataset(self.path, group, rows, self.on_close)

    def foreign_contents(self) -> list[str]:
        """Name everything in the file that its format does not have, in sentences.

        Further objects, attributes and links, and rows beyond the committed slots, are seen by
        readers that do not know the format.
        """
        closed = self.status != "incomplete"
        found = foreign_contents(self._file, self.kind, self.version, self.slots, closed=closed)
        with damage_refused(self.path):
            return [
                *found,
                *foreign_provenance(self.provenance, self.kind),
                *self._trailing(closed),
            ]

    def _trailing(self, closed: bool) -> list[str]:
        held, used = self.path.stat().st_size, end_of_file(self.path)
        if closed and used is not None and held > used:
            return [f"{held - used:,} bytes stand behind the file's end"]
        return []

    def _columns_of(self, group: str) -> list[Column]:
        columns = [c for c in self.kind.columns_in(self.version) if c.group == group]
        if not columns:
            groups = ", ".join(dict.fromkeys(c.group for c in self.kind.columns))
            raise TraceFormatError(
                f"{group!r} is not a group of a {self.kind.noun}; it has {groups}"
            )
        return columns
