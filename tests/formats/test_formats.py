"""Traces of released formats stay readable: one is kept for each version."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.analysis import run_metrics
from qnetsim.trace import open_trace
from qnetsim.trace.recover import CHECKSUM, SUPERBLOCK, lookup3

HERE = Path(__file__).parent
#: File, format, and the mean cost per slot that it holds.
KEPT = {"format-1.0.h5": ((1, 0), 50_410.0)}


def test_our_checksum_is_the_formats() -> None:
    """The repaired superblock of a killed trace needs HDF5's own checksum."""
    head = (HERE / "format-1.0.h5").read_bytes()[: SUPERBLOCK.size + CHECKSUM.size]
    assert CHECKSUM.pack(lookup3(head[: SUPERBLOCK.size])) == head[SUPERBLOCK.size :]


@pytest.mark.parametrize("name", KEPT)
def test_old_formats_are_read(name: str) -> None:
    version, expected = KEPT[name]
    with open_trace(HERE / name) as trace:
        assert trace.version == version
        assert trace.status == "complete"
        assert trace.provenance["plan"]["objective"] == pytest.approx(expected)
        assert trace.content_digest() == trace.attribute("content_digest")
        assert run_metrics(trace).served == trace.column("slots/served").sum() == 24
