"""Write the trace of a short run: its slots come all at once, and so does the file."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.trace.block import Block
from qnetsim.trace.creation import TraceHeader
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5.staged import write_at
from qnetsim.trace.new_trace import NewTrace, Status
from qnetsim.trace.schema import CHUNK_ROWS
from qnetsim.trace.whole_file import WholeRun

#: Slots of a run that is short: they come in one block.
SHORT_RUN = CHUNK_ROWS


class WholeTraceWriter(NewTrace):
    """Writes a run whose first slots are its last, with nothing to be seen before that.

    The file is made in memory when all is known of it, by HDF5 in one go, and written once. Until
    then ``TraceWriter`` would keep nothing either: it has no slots before its first block. Where
    the file has no room, it would keep them, and this one writes nothing.
    """

    def _create(self, header: TraceHeader) -> None:
        self._require_space(0)
        self._header = header
        self._blocks: list[Block] = []

    def append(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks of slots."""
        self._begin_blocks(blocks)
        self._blocks.extend(blocks)
        self._rows += sum(block.slots for block in blocks)

    def _close(self, status: Status) -> None:
        """Write the file, and give it its name."""
        if not self._blocks:
            return
        ending = {"status": status, "world_digest": self.world_digest}
        if self.tasks:
            ending["tasks"] = self.tasks
        digest = ContentDigest(kind=self._kind)
        run = WholeRun(self._kind, self._header, self._blocks, ending)
        self._require_place()
        try:
            write_at(self._handle, run.image(digest), 0)
            self._sync()
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise self._failure("written", error) from None
        self._digest = digest
        self._publish()
