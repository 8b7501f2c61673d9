"""Totals of a run."""

from __future__ import annotations

import numpy as np

from qnetsim.analysis.metrics import _exact_total


def test_exposure_adds_up_beyond_64_bits() -> None:
    class Column:
        def blocks(self, path: str):
            yield np.full(1024, 2**62, dtype=np.int64)

    assert _exact_total(Column(), "x") == 1024 * 2**62  # type: ignore[arg-type]
