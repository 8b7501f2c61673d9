"""Random scenarios with blocked requests: arrays and kernel, bit by bit: ``make verify``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from qnetsim.case import Case, open_case
from qnetsim.learning.blocking_environment import BlockingEnvironment
from qnetsim.learning.kernel_environment import KernelEnvironment, new_environment
from tests.support.random_cases import random_case

pytestmark = pytest.mark.slow

CONFIGURATIONS = 400
#: In how many of them somebody is blocked.
WITH_BLOCKING = 150
SLOTS = 15


def without_clocks(rng: np.random.Generator, folder: Path) -> Case:
    """A random case in which every request asks at the start of a slot, for that slot."""
    found = random_case(rng, folder).scenario

    def table(name: str, **values: object) -> object:
        return getattr(found, name).model_copy(update=values)

    changed = {
        "demand": table("demand", arrivals="slot_start", holding="fixed", holding_slots=1),
        "faults": type(found.faults)(),
        "outage": (),
        "key_management": table("key_management", patience_s=0.0, on_demand_setup_s=0.0),
        "learning": table(
            "learning",
            reward_cost="realised",
            reward_scope=str(rng.choice(["own", "network"])),
            channels_by=str(rng.choice(["request", "fibre"])),
            observe=("actions", "demand", "pools", "context"),
        ),
    }
    return open_case(found.model_copy(update=changed))


def blocked_slots(seed: int, folder: Path) -> int:
    """Slots in which somebody is blocked, in two epochs that both environments play alike."""
    rng = np.random.default_rng(seed)
    case = without_clocks(rng, folder)
    arrays = new_environment(case, [0, 1, (1, 5)], "test", slots=SLOTS)
    if not isinstance(arrays, BlockingEnvironment):
        return 0
    kernel = KernelEnvironment(case, [0, 1, (1, 5)], "test", slots=SLOTS)
    found = 0
    for epoch in range(2):
        arrays.begin(epoch)
        kernel.begin(epoch)
        for _ in range(SLOTS):
            np.testing.assert_array_equal(arrays.observe(), kernel.observe())
            action = rng.uniform(-1, rng.choice([-0.9, 1.0]), (3, arrays.units.count, 2))
            np.testing.assert_array_equal(arrays.step(action), kernel.step(action))
            for name in ("cost", "pools", "loads", "lit", "reserved", "_charged"):
                np.testing.assert_array_equal(getattr(arrays, name), getattr(kernel, name), name)
            asked = arrays._requests.exposed(arrays._last_levels)  # type: ignore[arg-type]
            found += bool((arrays._charged != asked * case.network.costs.exposure).any())
    return found


def test_arrays_are_the_kernel_where_requests_are_blocked(tmp_path: Path) -> None:
    wrong, with_blocking = {}, 0
    for seed in range(CONFIGURATIONS):
        try:
            with_blocking += blocked_slots(seed, tmp_path) > 0
        except AssertionError as error:
            wrong[seed] = str(error)
    assert not wrong
    assert with_blocking >= WITH_BLOCKING
