"""What a trained policy needs to know about its own inputs and actions; kept with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.policies.learned.node_demand import SUMS

#: Numbers in an action: channels for each routed request, and the share of KM wavelengths.
ACTIONS = 2
#: Numbers that describe what is fixed about a unit's fibres.
CONTEXTS = 4


@dataclass(frozen=True)
class Spec:
    """What a trained policy needs to know about its own inputs; kept with its weights.

    Attributes
    ----------
    history : int
        Past slots l.
    observe : tuple of str
        Blocks of the observation, of ``"actions", "demand", "pools", "context", "pairs",
        "neighbours"``, in this order.
    decide_by : {"agent", "fibre"}
    most_channels : int
        Channels for each routed request that the action 1 reserves; 0 for those of the highest
        level.
    most_wavelengths : float
        KM wavelengths for each routed request that the action 1 reserves.
    km_action : {"share", "around_one"}
        Whether the action 0 reserves half of these, or one for each routed request with little
        change about it: the cube of the action counts.
    channels_by : {"request", "fibre"}
        Whether channels are whole for each routed request, or for the fibre.
    pairs : int
        Pairs of a node that are seen, where they are observed.
    """

    history: int
    observe: tuple[str, ...]
    decide_by: str
    most_channels: int = 0
    most_wavelengths: float = 1.0
    km_action: str = "share"
    channels_by: str = "request"
    pairs: int = 0

    @property
    def size(self) -> int:
        """Numbers in an observation."""
        sizes = {
            "actions": ACTIONS * self.history,
            "demand": self.history,
            "pools": 2,
            "context": CONTEXTS,
            "pairs": self.pairs,
            "neighbours": SUMS,
        }
        return sum(sizes[block] for block in self.observe)

    def as_json(self) -> dict[str, object]:
        """Plain values; what came later is left out where it is not used."""
        found = asdict(self)
        if self.km_action == "share":
            del found["km_action"]
        if self.channels_by == "request":
            del found["channels_by"]
        if not self.pairs:
            del found["pairs"]
        return found

    def wavelengths(self, share: FloatArray) -> FloatArray:
        """KM wavelengths for each routed request.

        Parameters
        ----------
        share : ndarray
            Actions, scaled to [0, 1].
        """
        if self.km_action == "share":
            return share * self.most_wavelengths
        cube = (2 * share - 1) ** 3
        return 1 + np.where(cube > 0, cube * (self.most_wavelengths - 1), cube)

    def share_of(self, wavelengths: FloatArray) -> FloatArray:
        """Inverse of :meth:`wavelengths`, as far as there is one."""
        if self.km_action == "share":
            return np.asarray(wavelengths / self.most_wavelengths)
        off = wavelengths - 1
        above = off / max(self.most_wavelengths - 1, 1e-9)
        return np.asarray((np.cbrt(np.clip(np.where(off > 0, above, off), -1, 1)) + 1) / 2)


def ordered(blocks: Sequence[str]) -> tuple[str, ...]:
    """Blocks of an observation in the order in which they stand."""
    every = ("actions", "demand", "pools", "context", "pairs", "neighbours")
    return tuple(name for name in every if name in blocks)
