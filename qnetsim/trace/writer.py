"""Write a trace in SWMR mode: whole up to the last flush, whatever happens to the process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceError
from qnetsim.interrupt import note_standing
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.files.signature import signature_place
from qnetsim.trace.hdf5.chunks import ColumnWriter
from qnetsim.trace.hdf5.files import (
    fresh_place,
    make_folder,
    only_writer,
    plain_reason,
    refuse_existing,
)
from qnetsim.trace.schema import CHUNK_ROWS, TRACE, VERSION, Column, FileKind, totals

#: Columns across the fibres that share a chunk on disk.
CHUNK_FIBRES = 128

#: Left free on the disk for what a trace needs to be closed.
SPARE_BYTES = 1_000_000

Arrays = Mapping[str, npt.NDArray[Any]]
WorldColumns = Mapping[str, npt.NDArray[Any] | None]


@dataclass(frozen=True)
class TraceHeader:
    """What is known of a run before its first slot.

    Attributes
    ----------
    provenance : mapping
        JSON: software, scenario, seed, replication, policy, plan, environment.
    columns : mapping from path to array or list of str
        All columns that do not grow, but the running totals.
    attributes : mapping
        Root attributes beside those of the format itself.
    """

    provenance: Mapping[str, Any]
    columns: Mapping[str, Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """Consecutive slots to be written.

    Attributes
    ----------
    columns : mapping
        One array for each column of ``schema.recorded``, rows first; none in a recorded world.
    world : mapping
        One array for each growing column of the world, rows first, by name; None where all rows
        hold the column's fill value.
    running : mapping
        Running totals after these slots, one array for each column of ``schema.totals``.
    """

    columns: Arrays
    world: WorldColumns
    running: Arrays

    @property
    def slots(self) -> int:
        """Number of slots."""
        levels = self.world["levels"]
        assert levels is not None
        return len(levels)

    @property
    def nbytes(self) -> int:
        """Size of all rows in memory."""
        world = (a for a in self.world.values() if a is not None)
        return sum(a.nbytes for a in (*self.columns.values(), *world))

    def rows(self, column: Column, first: int) -> npt.NDArray[Any] | None:
        """Rows of a growing column, where the block starts at slot ``first``."""
        if column.name == "slot":
            return np.arange(first, first + self.slots, dtype=np.int64)
        return self.world[column.name] if column.group == "world" else self.columns[column.name]


class TraceWriter:
    """Writes one run, or one world. Use as a context manager; the file is closed in any case.

    Parameters
    ----------
    path : Path
    header : TraceHeader
    force : bool
        Overwrite an existing file.
    kind : FileKind
    instead_of : int
        Slots in the file that is there. It stays until this one holds as many.

    Raises
    ------
    TraceError
        The file cannot be created, or somebody else is writing it.
    UsageError
        It exists.
    """

    def __init__(
        self,
        path: Path,
        header: TraceHeader,
        *,
        force: bool = False,
        kind: FileKind = TRACE,
        instead_of: int = 0,
    ) -> None:
        self.path = path
        self._kind = kind
        self._digest = ContentDigest(kind=kind)
        self._rows = 0
        self._torn = False
        self._instead_of = instead_of
        #: Digest of the world as far as it is in the file; set by the caller, written at the end.
        self.world_digest = ""
        self._sizes = {
            c.name: len(header.columns[c.path])
            for c in kind.columns
            if c.dims == (c.name,) and not c.grows
        }
        self._file: h5py.File | None = None
        self._closing = ExitStack()
        make_folder(path.parent)
        self._closing.enter_context(only_writer(path))
        # built under another name: what is there stays until its successor is sound
        self._place = path
        try:
            refuse_existing(path, force)
            refuse_existing(signature_place(path), force)
            self._place = fresh_place(path)
            self._file = h5py.File(self._place, "w", libver=("v110", "v110"))
            self._create(self._file, header)
            self._publish()
        except (OSError, RuntimeError, ValueError) as error:
            self._discard()
            raise TraceError(f"{path}: cannot be created: {plain_reason(error)}") from None
        except BaseException:
            self._discard()
            raise

    def _publish(self) -> None:
        """Give the file its name, once it holds what the file of that name does."""
        if self._place == self.path or self._rows < self._instead_of:
            return
        try:
            self._place.replace(self.path)
        except OSError as error:
            raise TraceError(f"{self.path}: cannot be replaced: {error.strerror}") from None
        self._place = self.path
        # the signature of what was there says nothing of what is there now
        signature_place(self.path).unlink(missing_ok=True)

    def _discard(self) -> None:
        """Close a file that is worth less than what is there, and remove it."""
        if self._file is not None:
            self._file.close()
        if self._place != self.path:
            self._place.unlink(missing_ok=True)
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._place != self.path:
            self._discard()
            return
        with self._closing:
            if kind is None:
                self._close("complete")
            else:
                self._close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def append(self, blocks: Sequence[Block]) -> None:
        """Write the next blocks of slots and flush them."""
        first = self._rows
        running = blocks[-1].running
        end = first + sum(block.slots for block in blocks)
        self._require_space(sum(block.nbytes for block in blocks))
        self._torn = True
        try:
            for column, writer in self._growing:
                writer.extend(end)
                at = first
                for block in blocks:
                    writer.append(at, block.rows(column, at), block.slots)
                    at += block.slots
            for column in totals(self._kind):
                whole = h5py.h5s.ALL
                values = running[column.name]
                if values.size:
                    data = np.ascontiguousarray(values, column.kind)
                    self._totals[column.name].write(whole, whole, data)
            assert self._file is not None
            self._file.flush()
            # counted only when the rows are out, so that a kill leaves no half row
            self._committed[...] = end
            self._committed.flush()
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise TraceError(
                f"{self.path}: cannot be written: {error}; {self._rows} slots are safe in it"
            ) from None
        self._rows = end
        self._last_totals.update(running)
        self._torn = False
        self._publish()

    def _require_space(self, size: int) -> None:
        """Stop ahead of a full disk: HDF5 does not survive a write that fails."""
        free = shutil.disk_usage(self.path.parent).free
        if free < size + SPARE_BYTES:
            raise TraceError(
                f"{self.path}: the disk is almost full ({free:,} bytes left); {self._rows} slots "
                "are safe in it"
            )

    @property
    def content_digest(self) -> str:
        """Digest of the contents; final once the writer is closed."""
        return self._digest.hexdigest()

    def _create(self, file: h5py.File, header: TraceHeader) -> None:
        file.attrs["filetype"] = self._kind.filetype
        file.attrs["version"] = np.array(VERSION, dtype=np.int64)
        file.attrs["status"] = "incomplete"
        file.attrs["provenance"] = json.dumps(header.provenance)
        for name, value in header.attributes.items():
            file.attrs[name] = value
        self._committed = file.create_dataset("committed_slots", data=np.int64(0))
        # coordinates first: every other dataset of a group is tied to them
        for column in sorted(self._kind.columns, key=lambda c: c.dims != (c.name,)):
            self._create_column(file, column, header)
        running = totals(self._kind)
        self._last_totals = {c.name: np.zeros(self._shape(c), c.kind) for c in running}
        self._growing = [
            (c, ColumnWriter(c, file[c.path].id, file[c.path].chunks, self._digest))
            for c in self._kind.columns
            if c.grows
        ]
        self._totals: dict[str, Any] = {c.name: file[c.path].id for c in running}
        file.swmr_mode = True

    def _shape(self, column: Column) -> tuple[int, ...]:
        return tuple(self._sizes[dim] for dim in column.dims)

    def _create_column(self, file: h5py.File, column: Column, header: TraceHeader) -> None:
        if column.grows:
            shape = (0, *(self._sizes[d] for d in column.dims[1:]))
            dataset = file.create_dataset(
                column.path,
                shape=shape,
                maxshape=(None, *shape[1:]),
                chunks=(CHUNK_ROWS, *(min(n, CHUNK_FIBRES) for n in shape[1:])),
                dtype=column.kind,
                shuffle=True,
                compression="gzip",
                compression_opts=1,
                fillvalue=column.fill,
            )
        elif column.running:
            dataset = file.create_dataset(column.path, self._shape(column), column.kind)
        else:
            values = header.columns[column.path]
            kind = h5py.string_dtype() if column.kind == "str" else column.kind
            dataset = file.create_dataset(column.path, data=values, dtype=kind)
            self._digest.update(column, np.asarray(values))
        dataset.attrs["long_name"] = column.meaning
        if column.units:
            dataset.attrs["units"] = column.units
        if column.flags:
            dataset.attrs["flag_values"] = np.arange(len(column.flags), dtype=np.uint8)
            dataset.attrs["flag_meanings"] = " ".join(column.flags)
        if column.volatile:
            dataset.attrs["volatile"] = np.uint8(1)
        if column.dims == (column.name,):
            dataset.make_scale(column.name)
        else:
            for axis, dim in enumerate(column.dims):
                dataset.dims[axis].attach_scale(file[f"{column.group}/{dim}"])

    def _close(self, status: Literal["complete", "interrupted", "failed"]) -> None:
        """Leave SWMR mode, then set the status and the digests."""
        assert self._file is not None
        try:
            self._file.close()
            with h5py.File(self.path, "r+", libver=("v110", "v110")) as file:
                if self._torn:
                    self._mend(file)
                for column in totals(self._kind):
                    self._digest.update(column, np.asarray(self._last_totals[column.name]))
                file.attrs["status"] = status
                file.attrs["content_digest"] = self.content_digest
                file.attrs["world_digest"] = self.world_digest
                file.attrs["file_digest"] = self._digest.file_hexdigest(file.attrs)
        except (OSError, RuntimeError) as error:
            raise TraceError(f"{self.path}: cannot be completed: {error}") from None
        note_standing(self.path, status if status == "complete" else f"{self._rows:,} slots")

    def _mend(self, file: h5py.File) -> None:
        """Cut off a block that was interrupted, and digest what stays."""
        self._digest = ContentDigest(kind=self._kind)
        file["committed_slots"][...] = self._rows
        for column in self._kind.columns:
            dataset = file[column.path]
            if column.grows:
                dataset.resize(self._rows, axis=0)
                for first in range(0, self._rows, CHUNK_ROWS):
                    self._digest.update(column, dataset[first : first + CHUNK_ROWS])
            elif column.running:
                dataset[...] = self._last_totals[column.name]
            elif column.kind == "str":
                self._digest.update(column, dataset.asstr()[...])
            else:
                self._digest.update(column, dataset[...])
