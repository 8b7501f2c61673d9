"""Traces of released formats stay readable: one is kept for each version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis import run_metrics
from qnetsim.errors import TraceFormatError
from qnetsim.plans.storage import load_plan
from qnetsim.scenario import parse_scenario
from qnetsim.trace import open_trace, read_plan
from qnetsim.trace.hdf5.recover import CHECKSUM, SUPERBLOCK, lookup3

HERE = Path(__file__).parent
#: File, format, and the mean cost per slot that it holds.
KEPT = {
    "format-1.0.h5": ((1, 0), 50_410.0),
    "format-1.1.h5": ((1, 1), 50_410.0),
    "format-1.2.h5": ((1, 2), 50_410.0),
    "format-1.3.h5": ((1, 3), 50_410.0),
    "format-1.4.h5": ((1, 4), 50_410.0),
    "format-1.5.h5": ((1, 5), 50_410.0),
    "format-1.6.h5": ((1, 6), 50_410.0),
}


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
        assert not trace.column("slots/blocking_cost").any()
        assert run_metrics(trace).served == trace.column("slots/served").sum() == 24


def test_requests_of_format_1_5_are_read() -> None:
    with open_trace(HERE / "format-1.5.h5") as trace:
        table = trace.requests
        assert len(table) == 24
        assert set(table["fate"]) == {"served"}
        assert set(table["way"]) == {"a–b", "a–b, b–c"}
        levels = trace.column("world/levels")
        groups = trace.column("world/request_group")
        due = levels[table["arrival_slot"], groups[table["request"]]]
        assert (table["level"] == due).all()
    with open_trace(HERE / "format-1.4.h5") as trace:
        assert not trace.follows_requests
        with pytest.raises(TraceFormatError, match="follows no requests one by one"):
            _ = trace.requests


def test_held_out_records_of_format_1_6_are_read() -> None:
    with open_trace(HERE / "format-1.6.h5") as trace:
        task = run_metrics(trace).tasks[0]
        assert sorted(task.held_out) == ["auc", "test_accuracy", "test_auc", "test_loss"]
        assert not trace.follows_requests
        assert np.isnan(trace.column("rounds/test_auc")[0])
    with open_trace(HERE / "format-1.5.h5") as trace:
        assert not trace.kind.has_held_out
        assert trace.column("rounds/test_auc").size == 0


def test_old_plans_are_read() -> None:
    path = HERE / "plan-1.0.h5"
    record = read_plan(path)
    assert record.provenance["plan"]["objective"] == pytest.approx(50_410.0)
    assert record.columns["fibres/qkd_channels"].tolist() == [2, 1]
    limited = "km_wavelengths = 3\nspan_km = 100"
    text = (HERE.parents[1] / "scenarios" / "tiny.toml").read_text("utf-8")
    text = text.replace('"tiny.csv"', repr(str(HERE.parents[1] / "scenarios" / "tiny.csv")))
    plan, policy, differences = load_plan(
        path, parse_scenario(text.replace("span_km = 100", limited))
    )
    assert (policy.name, differences) == ("sip", [])
    assert plan.assignment is not None
