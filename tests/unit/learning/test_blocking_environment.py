"""Arrays whose requests may be blocked give what the kernel gives, and draw each world once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from qnetsim.case import Case, open_case
from qnetsim.errors import SettingError
from qnetsim.kernel import Simulation
from qnetsim.learning import evaluate
from qnetsim.learning.blocking_environment import BlockingEnvironment
from qnetsim.learning.kernel_environment import (
    KernelEnvironment,
    new_environment,
)
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.train import Training
from qnetsim.world.realisation import Realisation, WorldChunk
from tests.support.helpers import scenario

TEXT = """
[network]
topology = "nsfnet"
{network}
[cost]
blocking_cost = 1000.0
exposure_cost = 0.25
[demand]
requests = 40
{demand}
[learning]
epochs = 3
slots_per_epoch = 12
updates_per_epoch = 2
batch = 8
hidden_units = 8
reward_cost = 'realised'
reward_scope = 'own'
observe = ['actions', 'demand', 'pools', 'context']
[key_management]
granularity = "{granularity}"
{keys}
{more}
"""
INDEPENDENT = 'coupling = "independent"'
STORES = "store_bits = 9000\nkey_lifetime_slots = 3"
NO_WAVELENGTH_LEFT = "km_wavelengths = 7"
NO_CHANNEL_LEFT = "qkd_wavelengths = 90"
CASES: dict[str, dict[str, str]] = {
    "channels": {"network": NO_CHANNEL_LEFT},
    "wavelengths": {"network": NO_WAVELENGTH_LEFT},
    "both": {"network": f"{NO_CHANNEL_LEFT}\n{NO_WAVELENGTH_LEFT}", "keys": STORES},
    "bits": {"network": NO_CHANNEL_LEFT, "granularity": "bit", "keys": STORES},
    "start": {"network": NO_CHANNEL_LEFT, "keys": f"{STORES}\ninitial_bits = 5000"},
    "priority": {
        "network": NO_CHANNEL_LEFT,
        "demand": f"{INDEPENDENT}\npriority_shares = [0.3, 0.7]",
    },
    "noise": {"network": NO_CHANNEL_LEFT, "more": "[yields]\nnoise_counts = 50", "keys": STORES},
    "one level for all": {"network": NO_CHANNEL_LEFT, "demand": ""},
    "no yield": {"more": "[yields]\nnoise_counts = 4"},
}


def case_of(
    network: str = "",
    demand: str = INDEPENDENT,
    granularity: str = "channel",
    keys: str = "",
    more: str = "",
) -> Case:
    text = TEXT.format(
        network=network, demand=demand, granularity=granularity, keys=keys, more=more
    )
    return open_case(scenario(text))


@pytest.mark.parametrize("name", CASES)
def test_what_is_blocked_and_what_is_lit_is_what_the_kernel_says(name: str) -> None:
    """Drawn actions, slot by slot and to the bit."""
    case = case_of(**CASES[name])
    kernel = KernelEnvironment(case, [0, 1, (1, 5)], "test", slots=25)
    arrays = new_environment(case, [0, 1, (1, 5)], "test", slots=25)
    assert isinstance(arrays, BlockingEnvironment)
    generator = np.random.default_rng(3)
    blocked = 0
    for slot in range(25):
        np.testing.assert_array_equal(arrays.observe(), kernel.observe())
        most = -0.9 if slot % 2 else 1.0
        action = generator.uniform(-1, most, (3, arrays.units.count, 2))
        np.testing.assert_array_equal(arrays.step(action), kernel.step(action))
        np.testing.assert_array_equal(arrays.cost, kernel.cost)
        np.testing.assert_array_equal(arrays._charged, kernel._charged)
        np.testing.assert_array_equal(arrays.lit, kernel.lit)
        np.testing.assert_array_equal(arrays.pools, kernel.pools)
        asked = arrays._requests.exposed(arrays._last_levels)  # type: ignore[arg-type]
        blocked += int((arrays._charged != asked * 0.25).sum())
    assert blocked > 5


@pytest.mark.parametrize("network", ["", NO_CHANNEL_LEFT])
def test_actions_that_a_slot_has_no_bits_for_are_refused(network: str) -> None:
    """Products of channels and bits have 64 bits."""
    case = case_of(network=f"{network}\nkey_rate_bps = 1e12\n[run]\nslots = 12\nslot_s = 20.0")
    new_environment(case, [0], "test", slots=25)
    learning = case.scenario.learning.model_copy(update={"most_channels": 1000})
    case = replace(case, scenario=case.scenario.model_copy(update={"learning": learning}))
    with pytest.raises(
        SettingError, match=r"most_channels: the largest action reserves [\d,]{5,} "
    ):
        new_environment(case, [0], "test", slots=25)


def test_a_training_draws_each_world_once_and_builds_no_simulation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: Counter[int] = Counter()
    simulations = []
    chunks = Realisation.chunks
    start = Simulation.start

    def counted_chunks(self: Realisation, *, fast: bool = False) -> Iterator[WorldChunk]:
        for chunk in chunks(self, fast=fast):
            drawn[self.replication] += chunk.slots
            yield chunk

    def counted_start(self: Simulation) -> None:
        simulations.append(self)
        start(self)

    monkeypatch.setattr(Realisation, "chunks", counted_chunks)
    monkeypatch.setattr(Simulation, "start", counted_start)
    monkeypatch.setattr(evaluate, "REALISED_SLOTS", 5)
    case = case_of(network=NO_CHANNEL_LEFT)
    options = TrainingOptions(worlds=4, keep_best=True)
    training = Training(case, "decsac", [0, 7], options=options)
    training.run()
    played = case.scenario.learning.slots_per_epoch
    evaluated = case.scenario.learning.history + 5
    # four worlds of each seed in each of three epochs, and eight for four evaluations of all seeds
    assert sorted(drawn.values()) == sorted([played] * 4 * 2 * 3 + [evaluated] * 8)
    drawn.clear()
    np.testing.assert_array_equal(training.checked_cost(), training.checked_cost())
    # eight others, which choose no policies
    assert list(drawn.values()) == [evaluated] * 8
    assert not simulations
