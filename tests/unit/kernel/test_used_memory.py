"""What lies in memory that is used again makes no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qnetsim.compiling import have_numba
from qnetsim.recycled import Recycled
from qnetsim.trace.schema import recorded
from tests.support.helpers import Scripted, nsfnet, run

SCENARIOS = [
    {},
    {"key_management__store_bits": "5000", "key_management__key_lifetime_slots": "2"},
    {
        "demand__arrivals": '"uniform"',
        "demand__holding_slots": "2",
        "key_management__patience_s": "2",
        "network__qkd_wavelengths": "2",
    },
]
KERNELS = ["numpy", "loop", *(["numba"] if have_numba() else [])]


class Dirty(Recycled):
    """Gives memory that is full of nonsense."""

    def empty(self, shape: tuple[int, ...], kind: Any = np.int64) -> Any:
        found = super().empty(shape, kind)
        found[...] = -7
        return found


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("changes", SCENARIOS)
def test_nothing_of_it_is_left(
    changes: dict[str, str], kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = nsfnet(run__slots="40", demand__requests="8", **changes)
    ones = np.ones((40, 21), int)
    clean = run(scenario, Scripted(ones, ones, hold=40), kernel=kernel)
    for module in ("key_managers", "simulation"):
        monkeypatch.setattr(f"qnetsim.kernel.{module}.Recycled", Dirty)
    dirty = run(scenario, Scripted(ones, ones, hold=40), kernel=kernel)
    for column in recorded():
        if not column.volatile:
            name = column.name
            np.testing.assert_array_equal(clean.columns[name], dirty.columns[name], name)
