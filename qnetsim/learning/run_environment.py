"""What environments share whose every epoch is a run of its own, in a world of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.learning.environment import ArrayEnvironment, World

#: Replications that a scenario may have are fewer, so these worlds are never scored.
FIRST_WORLD = 1 << 61


class RunEnvironment(ArrayEnvironment):
    """Worlds side by side; every epoch is a run of its own.

    What is blocked or exposed is charged to all fibres in equal parts.

    Parameters
    ----------
    case, worlds, purpose, seed
        As those of :class:`ArrayEnvironment`.
    slots : int
        Of a run.
    """

    def __init__(
        self,
        case: Case,
        worlds: Sequence[World],
        purpose: str,
        seed: int | None = None,
        *,
        slots: int,
    ) -> None:
        self._run = replace(case, scenario=case.scenario.with_run(slots=slots))
        self._episode = 0
        #: Price of what was blocked or exposed in the last slot, by world.
        self._charged: FloatArray = np.zeros(len(worlds))
        super().__init__(case, worlds, purpose, seed)

    def begin(self, epoch: int) -> None:
        """Begin an epoch: each world of it is a run that no other epoch has."""
        self._episode = epoch
        self.reset()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Nothing: an epoch needs nothing of the last one."""
        return {}

    def restore(self, slot: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing: the next epoch begins by itself."""

    def _open_worlds(self) -> None:
        """Nothing: a world is drawn with its first slot, and the next reset may come before it."""

    def _numbers(self) -> list[int]:
        """Numbers of the worlds of this epoch, as replications."""
        return [self._number(name) for name in self._names]

    def _number(self, name: tuple[int, ...]) -> int:
        stream = seeds.stream(
            self._seed, "learning", "kernel", self._purpose, *name, "episode", self._episode
        )
        return FIRST_WORLD + (int(seeds.words(stream, 1)[0]) >> 3)

    def _penalties(self) -> FloatArray:
        return self._charged[:, None] / self.case.network.fibres
