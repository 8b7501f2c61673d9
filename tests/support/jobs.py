"""Small scenarios with jobs, and trainings of belief-net on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnetsim.case import Case, open_case
from qnetsim.policies.learned.belief_weights import BeliefSpec, BeliefWeights, LawSpec
from qnetsim.scenario import parse_scenario

JOBS = """
[run]
slots = {slots}
[network]
topology = "nsfnet"
{network}
[cost]
{cost}
[demand]
pairs = "all"
coupling = "independent"
mean = 0.3
[jobs]
[key_management]
{keys}
[learning]
epochs = {epochs}
slots_per_epoch = 24
updates_per_epoch = 2
batch = 2
hidden_units = 5
history = 3
policy_rate = 0.01
"""


def jobs_case(
    slots: int = 60, epochs: int = 2, network: str = "", cost: str = "", keys: str = ""
) -> Case:
    """NSFNET with ten jobs at a time, and settings of a training that takes a second."""
    text = JOBS.format(slots=slots, epochs=epochs, network=network, cost=cost, keys=keys)
    return open_case(parse_scenario(text))


def drawn_weights(spec: BeliefSpec | LawSpec, seed: int = 5, card: Any = None) -> BeliefWeights:
    """Weights that nobody trained."""
    generator = np.random.default_rng(seed)
    tensors = {
        name: generator.normal(0.0, 0.4, shape).astype(np.float32)
        for name, shape in spec.shapes().items()
    }
    if isinstance(spec, BeliefSpec):
        tensors["safety"] = np.array([0.1, 0.9], np.float32)
    return BeliefWeights(tensors, spec, card or {})
