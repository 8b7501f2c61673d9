"""Totals of a run."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.analysis import run_metrics
from qnetsim.analysis.metrics import _exact_total
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import Trace, open_trace
from tests.support.helpers import nsfnet


def test_exposure_adds_up_beyond_64_bits() -> None:
    class Column:
        def blocks(self, path: str):
            yield np.full(1024, 2**62, dtype=np.int64)

    assert _exact_total(Column(), "x") == 1024 * 2**62  # type: ignore[arg-type]


def test_bits_of_a_run_are_those_of_its_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = simulate(nsfnet(run__slots="1500"), PolicyTable(name="sip"), tmp_path / "t.h5")
    read: list[str] = []
    honest = Trace.blocks
    monkeypatch.setattr(Trace, "blocks", lambda t, path: read.append(path) or honest(t, path))
    with open_trace(path) as trace:
        found = run_metrics(trace)
        pools = [f"slots/{pool}_consumed_bits" for pool in ("reservation", "on_demand")]
        assert not set(pools) & set(read)
        rows = sum(trace.column(pool).sum(axis=0) for pool in pools)
    np.testing.assert_array_equal(found.consumed_bits, rows)
    assert found.consumed_bits.any()
    # after a kill the ledger may be ahead of the slots, which are added up then
    with h5py.File(path, "r+") as file:
        file.attrs["status"] = "incomplete"
        file["ledger/reservation_consumed_bits"][...] += 1
        file["ledger/on_demand_produced_bits"][...] += 1
    with open_trace(path) as trace:
        again = run_metrics(trace)
    np.testing.assert_array_equal(again.consumed_bits, found.consumed_bits)
    np.testing.assert_array_equal(again.utilisation, found.utilisation)
