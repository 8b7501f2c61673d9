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

#: Words that are drawn at once: they stay in a near cache.
AT_ONCE = 2**13


@dataclass(frozen=True)
class FastDraws:
    """Turns the words of a stream into numbers, piece by piece.

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
        bits: np.random.BitGenerator,
        inversion: seeds.Inversion,
        shape: tuple[int, int],
        *,
        least: int = 0,
    ) -> npt.NDArray[Any]:
        """Draw numbers by inversion, with ``least`` for the smallest."""
        found = self.memory.empty(shape, inversion.kind)
        flat = found.reshape(-1)
        for first in range(0, flat.size, AT_ONCE):
            part = flat[first : first + AT_ONCE]
            words = seeds.words(bits, part.size)
            self.passes.invert(words, inversion.thresholds, inversion.guide, least, part)
        return found

    def ticks(self, bits: np.random.BitGenerator, length: int, shape: tuple[int, int]) -> IntArray:
        """Draw ticks below a length, uniformly."""
        found: IntArray = self.memory.empty(shape)
        flat = found.reshape(-1)
        for first in range(0, flat.size, AT_ONCE):
            part = flat[first : first + AT_ONCE]
            self.passes.inside(seeds.words(bits, part.size), length, part)
        return found

    def factors(
        self, bits: np.random.BitGenerator, keep: float, scale: float, now: FloatArray, slots: int
    ) -> IntArray:
        """Draw one and a drift for each slot in ppm, none below zero; moves the drift on."""
        found: IntArray = self.memory.empty((slots, now.size))
        rows = max(AT_ONCE // now.size, 1)
        for first in range(0, slots, rows):
            part = found[first : first + rows]
            words = seeds.words(bits, part.size).reshape(part.shape)
            self.passes.drift(words, keep, scale, now, part)
        return found
