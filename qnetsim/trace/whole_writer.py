"""Write the trace of a short run: its slots come all at once, and so does the file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal

from qnetsim.errors import TraceError
from qnetsim.interrupt import note_standing
from qnetsim.plain_text import counted
from qnetsim.trace.block import Block
from qnetsim.trace.creation import TraceHeader
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5.files import plain_reason
from qnetsim.trace.hdf5.staged import write_at
from qnetsim.trace.schema import CHUNK_ROWS
from qnetsim.trace.whole_file import WholeRun
from qnetsim.trace.writer import TraceWriter

#: Slots of a run that is short: they come in one block.
SHORT_RUN = CHUNK_ROWS


class WholeTraceWriter(TraceWriter):
    """Writes a run whose first slots are its last, with nothing to be seen before that.

    The file is made in memory when all is known of it, by HDF5 in one go, and written once. Until
    then :class:`TraceWriter` would keep nothing either: it has no slots before its first block.
    Where the file has no room, it would keep them, and this one writes nothing.
    """

    def _create(self, header: TraceHeader) -> None:
        self._require_space(0)
        self._header = header
        self._blocks: list[Block] = []

    def append(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks of slots."""
        self._require_place()
        self._require_space(sum(block.nbytes for block in blocks))
        self._blocks.extend(blocks)
        self._rows += sum(block.slots for block in blocks)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._closing:
            try:
                if not self._blocks:
                    return
                if kind is None:
                    self._close("complete")
                    return
                # what went wrong first is what the user is told
                with suppress(TraceError):
                    self._close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")
            finally:
                if self._place != self.path:
                    with suppress(OSError):
                        self._place.unlink(missing_ok=True)

    def _close(self, status: Literal["complete", "interrupted", "failed"]) -> None:
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
            raise TraceError(
                f"{self.path}: cannot be written: {plain_reason(error)}; {self._what_stands()}"
            ) from None
        self._digest = digest
        self._publish()
        if self._place == self.path:
            said = status if status == "complete" else counted(self._rows, "slot")
            note_standing(self.path, said)
