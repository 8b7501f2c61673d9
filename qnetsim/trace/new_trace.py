"""A trace that is being written: its place, its name, and what stands when a write fails."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from qnetsim.errors import TraceError, argument
from qnetsim.interrupt import deferred
from qnetsim.last_message import forget_standing, note_standing
from qnetsim.plain_text import counted
from qnetsim.trace.block import Block
from qnetsim.trace.creation import TraceHeader
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.files.signature import signature_place
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
from qnetsim.trace.schema import TRACE, FileKind

#: Left free on the disk for what a trace needs to be closed.
SPARE_BYTES = 1_000_000

Status = Literal["complete", "interrupted", "failed"]


class NewTrace(ABC):
    """One run, or one world, that is being written. Use as a context manager.

    The file is closed in any case. It gets its name with its first slots: whatever goes wrong
    ahead of them leaves nothing, or what was there before. From them on a signal is ``deferred``,
    so that all slots that were simulated get into the file.

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
    fast : bool
        Take compiled code where the run is long, which needs numba.

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
        fast: bool = False,
    ) -> None:
        self.path = path
        self._kind = kind
        self._digest = ContentDigest(kind=kind)
        self._rows = 0
        self._instead_of = instead_of
        self._force = force
        self._durable = durable
        self._fast = fast
        #: Digest of the world as far as it is in the file; set by the caller, written at the end.
        self.world_digest = ""
        #: What is told of FEL tasks when the run is over, as JSON; set by the caller.
        self.tasks = ""
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
            self._create(header)
            note_standing(path, self._what_holds())
        except (OSError, RuntimeError, ValueError) as error:
            self._discard()
            raise TraceError(f"{path}: cannot be created: {plain_reason(error)}") from None
        except BaseException:
            self._discard()
            raise

    @abstractmethod
    def _create(self, header: TraceHeader) -> None:
        """Begin the file, which is there and empty."""

    @abstractmethod
    def append(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks of slots."""

    @abstractmethod
    def _close(self, status: Status) -> None:
        """Let go of the file, and complete it where it holds slots."""

    @property
    def content_digest(self) -> str:
        """Digest of the contents; final once the file is closed."""
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._closing:
            try:
                if kind is None:
                    self._end("complete")
                    return
                interrupted = issubclass(kind, KeyboardInterrupt)
                # what went wrong first is what the user is told
                with suppress(TraceError):
                    self._end("interrupted" if interrupted else "failed")
                if self._place != self.path and not interrupted:
                    forget_standing(self.path)
            finally:
                self._remove_unnamed()

    def _end(self, status: Status) -> None:
        self._close(status)
        if self._place == self.path:
            note_standing(self.path, status if status == "complete" else self._what_holds())

    def _what_holds(self) -> str:
        """What the last message says of the file of this name."""
        rows = self._rows if self._place == self.path else self._instead_of
        return counted(rows, "slot") if rows else ""

    def _discard(self) -> None:
        """Remove a file that was not begun."""
        with self._closing:
            self._remove_unnamed()

    def _remove_unnamed(self) -> None:
        """Remove a file without its name, which is worth less than what is there."""
        if self._place != self.path:
            with suppress(OSError):
                self._place.unlink(missing_ok=True)

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
            raise self._failure("replaced" if self._instead_of else "created", error) from None
        self._place = self.path
        # the signature of what was there says nothing of what is there now
        signature_place(self.path).unlink(missing_ok=True)

    def _sync(self) -> None:
        if self._durable:
            sync_file(self._handle)

    def _begin_blocks(self, blocks: Sequence[Block]) -> None:
        """Stop ahead of blocks that would not get where they belong; from the first on, defer."""
        if not self._rows:
            self._closing.enter_context(deferred())
        self._require_place()
        self._require_space(sum(block.nbytes for block in blocks))

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
            raise self._failure("written", error) from None
        if free < size + SPARE_BYTES:
            raise TraceError(
                f"{self.path}: the disk is almost full ({free:,} bytes left); {self._what_stands()}"
            )

    def _failure(self, what: str, error: Exception) -> TraceError:
        """What is told where the file could not be written, completed or named."""
        return TraceError(
            f"{self.path}: cannot be {what}: {plain_reason(error)}; {self._what_stands()}"
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


def _taken() -> str:
    """What is said where another file was given the name meanwhile."""
    return f"another file has its name, and is left as it is; give another {argument('out')}"
