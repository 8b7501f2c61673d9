"""Write a trace in SWMR mode: whole up to the last flush, whatever happens to the process."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceError, argument
from qnetsim.interrupt import note_standing
from qnetsim.plain_text import counted
from qnetsim.trace.block import Block
from qnetsim.trace.completion import Ending, complete
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.creation import TraceHeader, empty_file, shape_in
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.files.signature import signature_place
from qnetsim.trace.hdf5.chunks import LONG_RUN, Workshop
from qnetsim.trace.hdf5.durable import sync_file, sync_folder
from qnetsim.trace.hdf5.files import (
    fresh_place,
    make_folder,
    only_writer,
    plain_reason,
    refuse_existing,
    remove_empty,
    remove_left,
)
from qnetsim.trace.hdf5.long_chunks import writer_of
from qnetsim.trace.hdf5.row_writer import RowWriter
from qnetsim.trace.hdf5.staged import abandon, open_swmr, write_at
from qnetsim.trace.schema import TRACE, FileKind, totals

#: Left free on the disk for what a trace needs to be closed.
SPARE_BYTES = 1_000_000


class TraceWriter:
    """Writes one run, or one world. Use as a context manager; the file is closed in any case.

    HDF5 never closes the file itself: it stays as the last commit left it, and is completed
    from there. So a write that fails costs the slots after that commit, and nothing else. The
    file gets its name with its first slots: whatever goes wrong ahead of them leaves nothing, or
    what was there before.

    Parameters
    ----------
    path : Path
    header : TraceHeader
    force : bool
        Overwrite an existing file.
    kind : FileKind
    instead_of : int
        Slots in the file that is there. It stays until this one holds as many.
    durable : bool
        Wait at every commit until the disk has it.

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
        durable: bool = False,
    ) -> None:
        self.path = path
        self._kind = kind
        self._digest = ContentDigest(kind=kind)
        self._workshop = Workshop(self._digest, long=header.slots >= LONG_RUN)
        self._rows = 0
        self._size = 0
        self._torn = False
        self._instead_of = instead_of
        self._force = force
        self._durable = durable
        #: Digest of the world as far as it is in the file; set by the caller, written at the end.
        self.world_digest = ""
        #: What is told of FEL tasks when the run is over, as JSON; set by the caller.
        self.tasks = ""
        self._file: h5py.File | None = None
        self._closing = ExitStack()
        self._closing.callback(remove_empty, make_folder(path.parent))
        if self._closing.enter_context(only_writer(path)):
            remove_left(path)
        # built under another name: what is there stays until its successor is sound
        self._place = path
        try:
            refuse_existing(path, force)
            refuse_existing(signature_place(path), force)
            self._place = fresh_place(path)
            self._hold(self._place)
            self._file = self._create(header)
        except (OSError, RuntimeError, ValueError) as error:
            self._discard()
            raise TraceError(f"{path}: cannot be created: {plain_reason(error)}") from None
        except BaseException:
            self._discard()
            raise

    def _hold(self, place: Path) -> None:
        """Keep a handle on the file that outlasts its name and what HDF5 makes of its own."""
        self._handle = os.open(place, os.O_RDWR)
        self._closing.callback(os.close, self._handle)

    def _publish(self) -> None:
        """Give the file its name, once it holds slots: as many as the file that it goes on with."""
        if self._place == self.path or self._rows < self._instead_of:
            return
        if not self._force:
            for place in (self.path, signature_place(self.path)):
                if os.path.lexists(place):
                    raise TraceError(f"{place}: {_taken()}")
        try:
            self._place.replace(self.path)
            if self._durable:
                sync_folder(self.path.parent)
        except OSError as error:
            what = "replaced" if self._instead_of else "created"
            raise TraceError(
                f"{self.path}: cannot be {what}: {plain_reason(error)}; {self._what_stands()}"
            ) from None
        self._place = self.path
        # the signature of what was there says nothing of what is there now
        signature_place(self.path).unlink(missing_ok=True)

    def _sync(self) -> None:
        if self._durable:
            sync_file(self._handle)

    def _discard(self) -> None:
        """Close a file that is worth less than what is there, and remove it."""
        with self._closing:
            if self._file is not None:
                abandon(self._file)
            if self._place != self.path:
                with suppress(OSError):
                    self._place.unlink(missing_ok=True)

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
                return
            # what went wrong first is what the user is told
            with suppress(TraceError):
                self._close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def append(self, blocks: Sequence[Block]) -> None:
        """Write the next blocks of slots and flush them."""
        self._require_place()
        self._require_space(sum(block.nbytes for block in blocks))
        self._torn = True
        try:
            self._write(blocks)
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise TraceError(
                f"{self.path}: cannot be written: {plain_reason(error)}; {self._what_stands()}"
            ) from None
        self._rows += sum(block.slots for block in blocks)
        self._size = os.fstat(self._handle).st_size
        self._last_totals.update(blocks[-1].running)
        for rows in self._listed:
            rows.commit()
        self._torn = False
        self._publish()

    def _write(self, blocks: Sequence[Block]) -> None:
        counts = [block.slots for block in blocks]
        *firsts, end = itertools.accumulate(counts, initial=self._rows)
        for _, writer in self._growing:
            writer.extend(end)
        for column, writer in self._growing:
            parts = [block.rows(column, at) for block, at in zip(blocks, firsts, strict=True)]
            writer.append(self._rows, parts, counts)
        self._workshop.blocks.clear()
        for rows in self._listed:
            for block in blocks:
                assert block.requests is not None
                rows.append(block.requests)
            rows.store()
        for column in totals(self._kind):
            self._rewrite(column.path, column.kind, blocks[-1].running[column.name])
        assert self._file is not None
        self._file.flush()
        self._sync()
        # counted only when the rows are out, so that a kill leaves no half row
        self._rewrite(COMMITTED, "i8", np.int64(end))
        self._sync()

    def _rewrite(self, path: str, kind: str, values: npt.ArrayLike) -> None:
        """Write values whose place in the file never changes, as HDF5 would."""
        place = self._places.get(path)
        if place is not None:
            write_at(self._handle, np.ascontiguousarray(values, kind).tobytes(), place)

    def _require_place(self) -> None:
        """Stop where the file no longer has its name; put it back where that is free."""
        if self._has_its_name():
            return
        back = self._put_back()
        raise TraceError(f"{self.path}: was removed while it was written; {back}")

    def _has_its_name(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._handle), self._place.stat())
        except OSError:
            return False

    def _put_back(self) -> str:
        """Copy a file that was removed, or whose folder was, to where it belongs."""
        if self._place != self.path:
            return self._what_stands()
        if os.path.lexists(self.path):
            return _taken()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = fresh_place(self.path)
            try:
                with os.fdopen(os.dup(self._handle), "rb") as old, fresh.open("wb") as new:
                    old.seek(0)
                    shutil.copyfileobj(old, new)
                self._hold(fresh)
                fresh.replace(self.path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
        except OSError as error:
            return f"it cannot be put back: {plain_reason(error)}; run it again"
        return f"it is there again; {self._what_stands()}"

    def _require_space(self, size: int) -> None:
        """Stop ahead of a full disk, so that there is room to complete the file."""
        try:
            free = shutil.disk_usage(self._place.parent).free
        except OSError as error:
            raise TraceError(
                f"{self.path}: cannot be written: {plain_reason(error)}; {self._what_stands()}"
            ) from None
        if free < size + SPARE_BYTES:
            raise TraceError(
                f"{self.path}: the disk is almost full ({free:,} bytes left); {self._what_stands()}"
            )

    def _what_stands(self) -> str:
        """What is left after a failure, and how to go on."""
        if self._place != self.path:
            there = f"the trace that is there stays, with {counted(self._instead_of, 'slot')}"
            return there if self._instead_of else "nothing was written"
        return (
            f"{counted(self._rows, 'slot is', 'slots are')} safe in it; when that is mended, go on "
            f"with the same command, and {argument('resume', 'True')} where it has that"
        )

    @property
    def content_digest(self) -> str:
        """Digest of the contents; final once the writer is closed."""
        return self._digest.hexdigest()

    def _create(self, header: TraceHeader) -> h5py.File | None:
        """Write the file without slots, and open it for those to come."""
        new = empty_file(self._kind, header, self._digest)
        self._attributes = new.attributes
        self._places = new.places
        write_at(self._handle, new.image, 0)
        self._size = os.fstat(self._handle).st_size
        file = open_swmr(self._place)
        # datasets without h5py's objects, which take longer
        self._growing = [
            (
                column,
                writer_of(
                    column,
                    h5py.h5d.open(file.id, column.path.encode()),
                    shape_in(new.sizes, column)[1:],
                    self._workshop,
                ),
            )
            for column in self._kind.columns
            if column.grows
        ]
        self._listed = [
            RowWriter(column, h5py.h5d.open(file.id, column.path.encode()), self._digest)
            for column in self._kind.columns
            if column.counter
        ]
        self._last_totals = {
            c.name: np.zeros(shape_in(new.sizes, c), c.kind) for c in totals(self._kind)
        }
        return file

    def _close(self, status: Literal["complete", "interrupted", "failed"]) -> None:
        """Take the file from HDF5, and complete it."""
        assert self._file is not None
        abandon(self._file)
        if not self._has_its_name():
            self._put_back()
        digest = None if self._torn else self._digest
        if digest is not None:
            for rows in self._listed:
                rows.finish()
        ending = Ending(
            status=status,
            slots=self._rows,
            size=self._size,
            totals=self._last_totals,
            attributes=self._attributes,
            world_digest=self.world_digest,
            tasks=self.tasks,
            digest=digest,
            last_rows={rows.column.path: rows.committed for rows in self._listed},
        )
        try:
            self._digest = complete(self._handle, self._kind, ending)
            self._sync()
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise TraceError(
                f"{self.path}: cannot be completed: {plain_reason(error)}; {self._what_stands()}"
            ) from None
        note_standing(self.path, status if status == "complete" else counted(self._rows, "slot"))


def _taken() -> str:
    """What is said where another file was given the name meanwhile."""
    return f"another file has its name, and is left as it is; give another {argument('out')}"
