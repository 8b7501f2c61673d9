"""Write a trace in SWMR mode: whole up to the last flush, whatever happens to the process."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.last_message import note_standing
from qnetsim.trace.block import Block
from qnetsim.trace.completion import Ending, complete
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.creation import TraceHeader, empty_file, shape_in
from qnetsim.trace.hdf5.chunks import LONG_RUN, Workshop
from qnetsim.trace.hdf5.long_chunks import writer_of
from qnetsim.trace.hdf5.row_writer import RowWriter
from qnetsim.trace.hdf5.staged import abandon, open_swmr, write_at
from qnetsim.trace.new_trace import NewTrace, Status
from qnetsim.trace.schema import totals


class TraceWriter(NewTrace):
    """Writes block after block, each whole once :meth:`append` returns.

    HDF5 never closes the file itself: it stays as the last commit left it, and is completed
    from there. So a write that fails costs the slots after that commit, and nothing else.
    """

    def _create(self, header: TraceHeader) -> None:
        """Write the file without slots, and open it for those to come."""
        long = header.slots >= LONG_RUN
        self._workshop = Workshop(self._digest, long=long, fast=long and self._fast)
        self._torn = False
        new = empty_file(self._kind, header, self._digest)
        self._attributes = new.attributes
        self._places = new.places
        write_at(self._handle, new.image, 0)
        self._size = os.fstat(self._handle).st_size
        file = self._file = open_swmr(self._place)
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

    def append(self, blocks: Sequence[Block]) -> None:
        """Write the next blocks of slots and flush them."""
        self._begin_blocks(blocks)
        self._torn = True
        try:
            self._write(blocks)
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise self._failure("written", error) from None
        self._rows += sum(block.slots for block in blocks)
        self._size = os.fstat(self._handle).st_size
        self._last_totals.update(blocks[-1].running)
        for rows in self._listed:
            rows.commit()
        self._torn = False
        self._publish()
        note_standing(self.path, self._what_holds())

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

    def _close(self, status: Status) -> None:
        """Take the file from HDF5, and complete it where it has its name."""
        abandon(self._file)
        if self._place != self.path:
            return
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
            raise self._failure("completed", error) from None
