"""Many files as one: a folder, a zip or tar archive, a packed file. Nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from qnetsim.errors import TrafficError, UsageError
from qnetsim.input_files import read_input
from qnetsim.plain_text import counted

#: Files that are read from one archive, bytes of one of them, and of all, unpacked.
MOST_FILES = 200_000
MOST_FILE_BYTES = 2**26
MOST_BYTES = 2**32
#: Names of what is not read that are told.
MOST_NAMED = 5
#: Packed files by their first bytes.
PACKED: Mapping[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # methods of packing
    RuntimeError,  # encryption
    ValueError,
    OverflowError,
)


class _Limited(io.RawIOBase):
    """A stream that ends with an error where it is longer than it may be."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._left = MOST_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if 0 <= size < 2**20 else 2**20)
        self._left -= len(data)
        if self._left < 0:
            raise TrafficError([f"{self._name}: is longer than {MOST_BYTES:,} bytes unpacked"])
        return data


def own_name(name: str) -> str:
    """Name of a file itself, without the folders and the archive that it lies in."""
    return name.rpartition(": ")[2].rpartition("/")[2]


def files_in(path: Path, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files that together are one demand, in any order.

    Parameters
    ----------
    path : Path
        A folder, an archive, a packed file or a plain one.
    notes : list of str
        What is not read is noted here.

    Raises
    ------
    TrafficError
        It is damaged, or too long.
    """
    if path.is_dir():
        yield from _of_folder(path, notes)
        return
    data = _read(path)
    name = str(path)
    try:
        if data.startswith(b"PK"):
            yield from _of_zip(name, data)
            return
        packed = next((kind for start, kind in PACKED.items() if data.startswith(start)), None)
        if packed is None and data[257:262] != b"ustar":
            yield name, data
            return
        stream: IO[bytes] = io.BytesIO(data) if packed is None else packed(io.BytesIO(data))
        yield from _of_stream(name, stream, packed, data, notes)
    except TrafficError:
        raise
    except _DAMAGE as error:
        raise TrafficError([f"{name}: is damaged, or no archive: {error}"]) from None


def _read(path: Path) -> bytes:
    try:
        return read_input(path, "file of demand")
    except UsageError as error:
        raise TrafficError([str(error)]) from None


def _note(notes: list[str], what: str, names: Sequence[str]) -> None:
    if names:
        more = ", …" if len(names) > MOST_NAMED else ""
        notes.append(f"{what}: {', '.join(names[:MOST_NAMED])}{more}")


def _of_folder(path: Path, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    _note(
        notes,
        "folders in it that are not read",
        sorted(p.name for p in path.iterdir() if p.is_dir()),
    )
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    _refuse_many(str(path), len(files))
    total = 0
    for file in files:
        data = _read(file)
        total += len(data)
        if len(data) > MOST_FILE_BYTES or total > MOST_BYTES:
            raise TrafficError([f"{file}: is too long, or the folder is"])
        yield str(file), data


def _of_zip(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = sorted((m for m in archive.infolist() if _counts(m.filename)), key=_by_name)
        _refuse_many(name, len(members))
        total = 0
        for member in members:
            with archive.open(member) as file:
                content = file.read(MOST_FILE_BYTES + 1)
            total += len(content)
            _refuse_long(f"{name}: {member.filename}", content, total)
            yield f"{name}: {member.filename}", content


def _of_stream(
    name: str,
    stream: IO[bytes],
    packed: Callable[[IO[bytes]], Any] | None,
    data: bytes,
    notes: list[str],
) -> Iterator[tuple[str, bytes]]:
    """A tar archive, packed or not, or one packed file."""
    start = stream.read(512)
    if packed is not None and start[257:262] != b"ustar":
        content = start + stream.read(MOST_FILE_BYTES + 1)
        _refuse_long(name, content, len(content))
        yield name, content
        return
    again = io.BytesIO(data) if packed is None else packed(io.BytesIO(data))
    count = 0
    links = []
    with tarfile.open(fileobj=_Limited(again, name), mode="r|") as archive:
        for member in archive:
            # links and devices are names of other files: never followed
            if member.issym() or member.islnk():
                links.append(member.name)
            if not member.isreg() or not _counts(member.name):
                continue
            file = archive.extractfile(member)
            content = file.read(MOST_FILE_BYTES + 1) if file else b""
            _refuse_long(f"{name}: {member.name}", content, 0)
            count += 1
            _refuse_many(name, count)
            yield f"{name}: {member.name}", content
    _note(notes, "links in it that are not followed", links)


def _by_name(member: zipfile.ZipInfo) -> str:
    return member.filename


def _counts(name: str) -> bool:
    """Whether a member is a file of its own, not a folder or what a system leaves beside it."""
    last = name.rsplit("/", 1)[-1]
    return bool(last) and not last.startswith(".") and "__MACOSX" not in name


def _refuse_many(name: str, count: int) -> None:
    if count > MOST_FILES:
        raise TrafficError([f"{name}: has more than {counted(MOST_FILES, 'file')}, too many"])


def _refuse_long(name: str, content: bytes, total: int) -> None:
    if len(content) > MOST_FILE_BYTES or total > MOST_BYTES:
        raise TrafficError([f"{name}: is too long unpacked; allowed: {MOST_FILE_BYTES:,} bytes"])
