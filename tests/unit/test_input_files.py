"""The door to files that are read: plain files, of a size that can be read, at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qnetsim.errors import UsageError
from qnetsim.input_files import is_readable, read_input, read_start, read_text_input
from tests.support.bad_files import IRREGULAR, endless_text, time_limit


@pytest.mark.parametrize("make", IRREGULAR)
def test_only_plain_files_are_opened(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x")
    with time_limit(1):
        assert not is_readable(tmp_path / "x")
        with pytest.raises(UsageError, match=r"x: is (a folder, not a|not a file but a) "):
            read_input(tmp_path / "x", "plan")
        with pytest.raises(UsageError):
            read_start(tmp_path / "x", 8)


def test_missing_and_impossible_names_are_said(tmp_path: Path) -> None:
    for name, text in (("none", "no such plan"), ("n" * 300, "too long"), ("a\0b", "not a path")):
        with pytest.raises(UsageError, match=text):
            read_input(tmp_path / name, "plan")


def test_long_files_are_not_read(tmp_path: Path) -> None:
    endless_text(tmp_path / "x")
    with time_limit(1), pytest.raises(UsageError, match="longer than 1,000 bytes, too long for a"):
        read_input(tmp_path / "x", "plan", 1000)
    assert read_start(tmp_path / "x", 3) == bytes(3)
    # the system's own files say that they are empty
    with time_limit(1), pytest.raises(UsageError, match="longer than 100 bytes"):
        read_input(Path("/proc/cpuinfo"), "plan", 100)


def test_text_has_one_kind_of_line_ends_and_no_mark(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text_input(tmp_path / "x") == "a\nb\nc\n"
    (tmp_path / "x").write_bytes(b"a\nb\xff")
    with pytest.raises(UsageError, match=r"x:2: is not UTF-8 text"):
        read_text_input(tmp_path / "x")
