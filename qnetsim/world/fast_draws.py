"""The draws of a world by compiled code, to the same values as by array steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.compiling import compiled
from qnetsim.recycled import Recycled
from qnetsim.world import passes

#: Words that are drawn at once, whole blocks of them: they stay in the nearest cache.
AT_ONCE = 2**11


@dataclass(frozen=True)
class FastDraws:
    """Draws numbers from named streams, piece by piece.

    Attributes
    ----------
    memory : Recycled
        Where the numbers lie.
    passes : module
        ``qnetsim.world.passes``, compiled.
    """

    memory: Recycled = field(default_factory=Recycled)
    passes: ModuleType = field(default_factory=lambda: compiled(passes))

    def inverted(
        self,
        key: seeds.RawWords,
        inversion: seeds.Inversion,
        shape: tuple[int, int],
        *,
        least: int = 0,
    ) -> npt.NDArray[Any]:
        """Draw numbers by inversion, with ``least`` for the smallest."""
        found = self.memory.empty(shape, inversion.kind)
        self.passes.draw_inverted(
            passes.round_keys(key),
            _words(AT_ONCE),
            inversion.thresholds,
            inversion.guide,
            least,
            found.reshape(-1),
        )
        return found

    def ticks(self, key: seeds.RawWords, length: int, shape: tuple[int, int]) -> IntArray:
        """Draw ticks below a length, uniformly."""
        found: IntArray = self.memory.empty(shape)
        self.passes.draw_inside(passes.round_keys(key), _words(AT_ONCE), length, found.reshape(-1))
        return found

    def factors(
        self, key: seeds.RawWords, keep: float, scale: float, now: FloatArray, slots: int
    ) -> IntArray:
        """Draw one and a drift for each slot in ppm, none below zero; moves the drift on."""
        found: IntArray = self.memory.empty((slots, now.size))
        words = _words(max(AT_ONCE, passes.BLOCK * now.size))
        self.passes.draw_drift(passes.round_keys(key), words, keep, scale, now, found)
        return found


def _words(count: int) -> seeds.RawWords:
    return np.empty(count, dtype=np.uint64)
