"""Change an HDF5 file all at once: nothing is written before all changes are known.

HDF5 does not survive a write that fails: it writes again when it closes the file, and ends the
process where that fails too. So a file that is being completed is opened through an object that
keeps all changes in memory, and these are written afterwards, from here, where each write can be
undone.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

from qnetsim.trace.hdf5.journal import Piece, packed_journal
from qnetsim.trace.hdf5.recover import SIZE, repaired_superblock

#: Versions of the file format that HDF5 writes: those of SWMR, and nothing newer.
LIBVER = ("v110", "v110")

#: Bytes that are kept together.
PAGE = 4096


def open_swmr(path: Path) -> h5py.File:
    """Open a file to be written in SWMR mode."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    # chunks come whole and in order, so HDF5 needs no table of those that it keeps
    access.set_cache(0, 1, 2**20, 0.75)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    flags = h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE
    return h5py.File(h5py.h5f.open(os.fsencode(path), flags, access))


def abandon(file: h5py.File) -> None:
    """Close a file without another write to it: what HDF5 still holds goes to the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, file.id.get_vfd_handle())
    finally:
        os.close(null)
    with suppress(OSError, RuntimeError):
        file.close()


class StagedFile(io.RawIOBase):
    """A file object whose changes stay in memory until they are written.

    A file that its writer did not close shows a repaired superblock.

    Parameters
    ----------
    handle : int
        File descriptor, open for reading and writing; it stays open.
    size : int, optional
        Take the file as if it ended here.
    """

    def __init__(self, handle: int, size: int | None = None) -> None:
        super().__init__()
        self._handle = handle
        self._before = os.fstat(handle).st_size
        self._shown = self._before if size is None else min(size, self._before)
        self._size = self._shown
        self._pages: dict[int, bytearray] = {}
        self._at = 0
        head = os.pread(handle, SIZE, 0)
        repaired = repaired_superblock(head, self._shown)
        if repaired != head:
            self.write(repaired)

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the start, from here, or from the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Offset from the start."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read from here on, with all changes."""
        view = memoryview(buffer).cast("B")
        first = self._at
        count = max(0, min(len(view), self._size - first))
        data = self._old(first, count)
        view[: len(data)] = data
        view[len(data) : count] = bytes(count - len(data))
        for number in range(first // PAGE, -(-(first + count) // PAGE)):
            if page := self._pages.get(number):
                start = max(first, number * PAGE)
                end = min(first + count, (number + 1) * PAGE)
                part = page[start - number * PAGE : end - number * PAGE]
                view[start - first : end - first] = part
        self._at = first + count
        return count

    def write(self, data: Any, /) -> int:
        """Change from here on, in memory."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            number, offset = divmod(self._at + done, PAGE)
            part = view[done : done + PAGE - offset]
            self._page(number)[offset : offset + len(part)] = part
            done += len(part)
        self._at += done
        self._size = max(self._size, self._at)
        return done

    def _page(self, number: int) -> bytearray:
        if number not in self._pages:
            self._pages[number] = bytearray(self._old(number * PAGE, PAGE).ljust(PAGE, b"\0"))
        return self._pages[number]

    def _old(self, start: int, count: int) -> bytes:
        """Bytes of the file itself, fewer at its end."""
        return os.pread(self._handle, max(0, min(count, self._shown - start)), start)

    def truncate(self, size: int | None = None, /) -> int:
        """Set where the file ends."""
        self._size = self._at if size is None else size
        return self._size

    def apply(self) -> None:
        """Write all changes; where that fails, the file is as it was.

        They are put at the end of the file first: that is where a disk is full or a limit reached,
        and where a reader finds them if this process dies among the writes that follow. The
        superblock, which says that the file is still open, is the last one.

        Raises
        ------
        OSError
        """
        pieces = self._pieces()
        head = self._range(0, SIZE)
        journal = packed_journal([Piece(0, head), *pieces])
        # what lies behind the end that is shown gives its room
        after = max(self._shown, self._size, self._before - len(journal))
        undo: list[Piece] = []
        try:
            for start, data in (Piece(after, journal), *pieces):
                undo.append(Piece(start, os.pread(self._handle, len(data), start)))
                write_at(self._handle, data, start)
            os.ftruncate(self._handle, self._size)
        except OSError:
            with suppress(OSError):
                for start, data in reversed(undo):
                    write_at(self._handle, data, start)
                os.ftruncate(self._handle, self._before)
            raise
        # a file that is whole and still says that it is open is read all the same
        write_at(self._handle, head, 0)

    def _pieces(self) -> list[Piece]:
        """Changed bytes behind the superblock, neighbouring pages as one."""
        runs: list[list[int]] = []
        for number in sorted(self._pages):
            if runs and runs[-1][1] == number:
                runs[-1][1] = number + 1
            else:
                runs.append([number, number + 1])
        spans = ((max(SIZE, a * PAGE), min(b * PAGE, self._size)) for a, b in runs)
        return [Piece(start, self._range(start, end)) for start, end in spans if start < end]

    def _range(self, start: int, end: int) -> bytes:
        self.seek(start)
        return self.read(end - start) or b""


def write_at(handle: int, data: bytes, start: int) -> None:
    """Write all of some bytes at an offset.

    Raises
    ------
    OSError
    """
    while data:
        done = os.pwrite(handle, data, start)
        data = data[done:]
        start += done
