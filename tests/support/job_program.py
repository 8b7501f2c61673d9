"""Federated jobs as a plain program, event by event, to judge the drawing of worlds by.

It shares no code with the package. It begins with nothing going on, and leaves out a long beginning
in place of drawing the first jobs from the long run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Law:
    """What a [jobs] table says."""

    nodes: int
    count: int
    members: int
    periods: Sequence[int]
    sizes: Sequence[int]
    owner_sizes: Sequence[int]
    more_rounds: float
    gap_slots: float
    delay: float
    drop_out: float


def geometric(rng: random.Random, mean: float) -> int:
    """Trials ahead of the first one that fails."""
    found = 0
    while rng.random() < mean / (1 + mean):
        found += 1
    return found


def demand(law: Law, slots: int, seed: int, beginning: int = 1500) -> npt.NDArray[np.int64]:
    """What is asked of each pair of nodes in each slot, shape (slots, nodes, nodes), symmetric."""
    rng = random.Random(seed)
    found = np.zeros((slots, law.nodes, law.nodes), dtype=np.int64)

    def ask(slot: int, a: int, b: int, levels: int) -> None:
        if 0 <= slot - beginning < slots:
            found[slot - beginning, a, b] += levels
            found[slot - beginning, b, a] += levels

    # an event is a slot, a number that keeps events apart, and what happens
    events: list[tuple[int, int, str, dict[str, object]]] = []
    number = 0

    def at(slot: int, what: str, job: dict[str, object]) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (slot, number, what, job))

    for _ in range(law.count):
        at(geometric(rng, law.gap_slots), "job", {})
    while events and events[0][0] < beginning + slots:
        slot, _, what, job = heapq.heappop(events)
        if what == "job":
            places = rng.sample(range(law.nodes), law.members + 2)
            job = {
                "hub": places[0],
                "owner": (places[1], rng.choice(law.owner_sizes)),
                "members": [(node, rng.choice(law.sizes)) for node in places[2:]],
                "period": rng.choice(law.periods),
                "left": geometric(rng, law.more_rounds),
            }
            at(slot, "round", job)
        elif what == "round":
            for node, size in job["members"]:
                if rng.random() >= law.drop_out:
                    ask(slot, job["hub"], node, size)
            ask(slot + 1, job["hub"], *job["owner"])
            later = slot + job["period"] + (rng.random() < law.delay)
            if job["left"]:
                job["left"] -= 1
                at(later, "round", job)
            else:
                at(later + geometric(rng, law.gap_slots), "job", {})
    return found
