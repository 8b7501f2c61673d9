"""Make a trace that is complete from the start: of a run whose slots come all at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.block import Block
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.creation import NewFile, TraceHeader, begun_file, own_attributes, shape_in
from qnetsim.trace.digest import ContentDigest, is_blank
from qnetsim.trace.hdf5.chunks import Workshop
from qnetsim.trace.hdf5.in_memory import changed_in_memory
from qnetsim.trace.hdf5.long_chunks import writer_of
from qnetsim.trace.hdf5.new_objects import put_attributes
from qnetsim.trace.hdf5.row_writer import RowWriter
from qnetsim.trace.schema import FileKind, totals


@dataclass(frozen=True)
class WholeRun:
    """All that a trace holds.

    Attributes
    ----------
    kind : FileKind
    header : TraceHeader
    blocks : sequence of Block
        All slots.
    ending : mapping
        Root attributes that are known at the end, but for the digests of the file itself.
    """

    kind: FileKind
    header: TraceHeader
    blocks: Sequence[Block]
    ending: Mapping[str, str]

    @property
    def slots(self) -> int:
        """Number of slots."""
        return sum(block.slots for block in self.blocks)

    def image(self, digest: ContentDigest) -> bytes:
        """Bytes of the file; its content is added to a digest that is fresh.

        Columns that hold nothing but their fill value are not opened, so most are not.
        """
        new = begun_file(self.kind, self.header, digest, self.slots)
        with changed_in_memory(self._with_totals(new)) as file:
            self._write_rows(file.id, new.sizes, digest)
            for column in totals(self.kind):
                digest.update(column, self.blocks[-1].running[column.name])
            attributes = {**own_attributes(self.header), **self.ending}
            attributes["content_digest"] = digest.hexdigest()
            stated = {**new.attributes, **attributes}
            attributes["file_digest"] = digest.file_hexdigest(stated)
            put_attributes(file.id, attributes)
        return file.image

    def _with_totals(self, new: NewFile) -> bytes:
        """Put running totals and the count of slots to where they lie."""
        image = bytearray(new.image)
        values: dict[str, npt.NDArray[Any]] = {COMMITTED: np.array(self.slots, np.int64)}
        for column in totals(self.kind):
            running = self.blocks[-1].running[column.name]
            values[column.path] = np.ascontiguousarray(running, column.kind)
        for path, place in new.places.items():
            data = values[path].tobytes()
            image[place : place + len(data)] = data
        return bytes(image)

    def _write_rows(
        self, file: h5py.h5f.FileID, sizes: Mapping[str, int], digest: ContentDigest
    ) -> None:
        """Write the columns that grow."""
        workshop = Workshop(digest)
        counts = [block.slots for block in self.blocks]
        firsts = list(itertools.accumulate(counts[:-1], initial=0))
        for column in self.kind.columns:
            if column.counter:
                dataset = h5py.h5d.open(file, column.path.encode())
                rows = RowWriter(column, dataset, digest)
                for block in self.blocks:
                    assert block.requests is not None
                    rows.append(block.requests)
                rows.end()
            if not column.grows:
                continue
            parts = [block.rows(column, at) for block, at in zip(self.blocks, firsts, strict=True)]
            width = shape_in(sizes, column)[1:]
            if all(part is None or not part.size or is_blank(part, column.fill) for part in parts):
                for count in counts:
                    digest.add_blank(column, (count, *width))
                continue
            dataset = h5py.h5d.open(file, column.path.encode())
            writer_of(column, dataset, width, workshop).append(0, parts, counts)
