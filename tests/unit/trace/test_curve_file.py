"""Learning curves: columns that do not fit each other are refused, whatever their digest says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnetsim.errors import TraceFormatError
from qnetsim.trace.files.curve_file import CURVE_COLUMNS, CurveRecord, read_curve, write_curve

SIZES = {"epoch": 3, "seed": 2, "fibre": 0}


def record(**changed: tuple[int, ...]) -> CurveRecord:
    columns = {}
    for name, dims, kind, *_ in CURVE_COLUMNS:
        shape = changed.get(name.replace("/", "_"), tuple(SIZES[dim] for dim in dims))
        columns[name] = np.zeros(shape, dtype=kind)
    return CurveRecord({}, columns)


def test_a_whole_curve_is_read(tmp_path: Path) -> None:
    path = write_curve(tmp_path / "c.h5", record())
    assert read_curve(path).columns["curve/stochastic"].shape == (3, 2)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"curve_deterministic": (4, 2)}, "curve/deterministic"),
        ({"curve_stochastic": (3, 1), "curve_deterministic": (3, 1)}, "curve/seed"),
        ({"curve_cpu_s": (0,)}, "curve/cpu_s"),
        ({"ledger_stored": (5,)}, "ledger/stored"),
    ],
)
def test_columns_of_other_lengths_are_refused(
    changed: dict[str, tuple[int, ...]], named: str, tmp_path: Path
) -> None:
    path = write_curve(tmp_path / "c.h5", record(**changed))
    with pytest.raises(TraceFormatError, match=f"is damaged: {named} has shape"):
        read_curve(path)


def test_a_curve_without_epochs_is_refused(tmp_path: Path) -> None:
    empty = {
        name.replace("/", "_"): tuple(0 if d == "epoch" else SIZES[d] for d in dims)
        for name, dims, *_ in CURVE_COLUMNS
    }
    path = write_curve(tmp_path / "c.h5", record(**empty))
    with pytest.raises(TraceFormatError, match="holds no epoch"):
        read_curve(path)
