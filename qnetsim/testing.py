"""Checks that a user runs on a policy of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from qnetsim.arguments import refuse_unless
from qnetsim.arrays import IntArray
from qnetsim.case import Case, open_case
from qnetsim.errors import PolicyError
from qnetsim.kernel import SlotBlock
from qnetsim.plain_text import counted
from qnetsim.policies import Policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import Scenario, parse_scenario
from qnetsim.world.realisation import CHUNK_SLOTS, WorldChunk

#: A small world with stores, so that pools and decisions interact.
SCENARIO = """
[run]
slots = 48
[network]
topology = "nsfnet"
[demand]
requests = 12
coupling = "independent"
[key_management]
store_bits = 20000
key_lifetime_slots = 3
"""
TITLE = "under test"


def _parted(case: Case, switch: int) -> Iterator[WorldChunk]:
    """The world of replication 0 up to a slot, that of replication 1 from there on."""
    (chunk,), (other,) = (tuple(case.realisation(r).chunks()) for r in (0, 1))
    yield WorldChunk(0, np.concatenate([chunk.levels[:switch], other.levels[switch:]]))


@dataclass(frozen=True)
class _Run:
    channels: IntArray
    wavelengths: IntArray


def check_policy(
    make: Callable[[], Policy], scenario: Scenario | str | None = None, switch: int = 16
) -> None:
    """Check that a policy keeps the contract of :class:`qnetsim.policies.Policy`.

    Parameters
    ----------
    make : callable
        Makes a fresh policy, for example its class.
    scenario : Scenario or str, optional
        Where to try it: a scenario or the text of one, of at most 1024 slots. A small one with
        key stores by default.
    switch : int
        Slot at which two otherwise equal worlds part.

    Raises
    ------
    PolicyError
        The policy decides out of range, is not reproducible, depends on what has not happened
        yet without declaring ``sees_future``, or shares state between its objects.
    UsageError
        What is given makes no policy.
    """
    refuse_unless(callable(make), "make", "a class of policies", make)
    policy = make()
    refuse_unless(isinstance(policy, Policy), "make", "what makes a qnetsim.Policy", policy)
    if scenario is None or isinstance(scenario, str):
        scenario = parse_scenario(scenario or SCENARIO)
    case = open_case(scenario)
    name = type(policy).__name__
    if not 0 < switch < scenario.run.slots <= CHUNK_SLOTS:
        raise PolicyError(
            f"{name}: the check needs 0 < switch < slots <= {CHUNK_SLOTS}, got switch {switch} "
            f"and {counted(scenario.run.slots, 'slot')}"
        )
    first, second = (_run(case, make(), case.realisation(0).chunks()) for _ in range(2))
    if not _equal(first, second, scenario.run.slots):
        raise PolicyError(
            f"{name}: two runs with one seed differ; draw random numbers only from "
            "observation.generator, and keep no state outside the object"
        )
    if not make().sees_future:
        parted = _run(case, make(), _parted(case, switch))
        # the decision for the switching slot itself is made before its demand is known
        if not _equal(first, parted, switch + 1):
            raise PolicyError(
                f"{name}: decisions up to slot {switch} change with the demand after it; a "
                "policy may use only what has happened, unless it declares sees_future = True"
            )


def _equal(a: _Run, b: _Run, slots: int) -> bool:
    return np.array_equal(a.channels[:slots], b.channels[:slots]) and np.array_equal(
        a.wavelengths[:slots], b.wavelengths[:slots]
    )


def _run(case: Case, policy: Policy, chunks: Iterator[WorldChunk]) -> _Run:
    blocks: list[SlotBlock] = []

    def keep(chunk: WorldChunk, block: SlotBlock) -> None:
        blocks.append(block)

    run_case(RunContext(case, TITLE), policy, chunks, keep)
    columns = blocks[0].columns
    return _Run(columns["qkd_channels"], columns["km_wavelengths"])
