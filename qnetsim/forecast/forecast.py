"""What a policy may know about the demand: its distribution, never its realisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from qnetsim.arrays import IntArray, frozen
from qnetsim.forecast.levels import LevelDistribution
from qnetsim.network import LoadTable, Network, RouteTable
from qnetsim.network.routes import NodePair

Coupling = Literal["comonotone", "independent"]


@dataclass(frozen=True)
class Forecast:
    """The distribution of the demand.

    Attributes
    ----------
    levels : LevelDistribution
        Distribution of one request's level.
    coupling : {"comonotone", "independent"}
        One level for all requests of a slot (Eq 46), or one for each (Eq 7).
    pairs : tuple of (int, int)
        Node pair of each request, in topology order.
    classes : tuple of int
        Priority class of each request, 0 first; empty where there is one class only.
    """

    levels: LevelDistribution
    coupling: Coupling
    pairs: tuple[NodePair, ...]
    classes: tuple[int, ...] = ()

    @property
    def requests(self) -> int:
        """Number of requests |R| in a slot."""
        return len(self.pairs)

    @property
    def level_count(self) -> int:
        """Number of levels |Ω|."""
        return self.levels.count

    @cached_property
    def group(self) -> IntArray:
        """Group of each request; requests of a group share one level. Shape (requests,)."""
        members = [0] * self.requests if self.comonotone else list(range(self.requests))
        return frozen(members, np.int64)

    @cached_property
    def priority(self) -> IntArray:
        """Priority class of each request, shape (requests,); class 0 is served first."""
        return frozen(self.classes or [0] * self.requests, np.int64)

    @property
    def comonotone(self) -> bool:
        """Whether one level rules all requests of a slot."""
        return self.coupling == "comonotone"

    @property
    def groups(self) -> int:
        """Number of levels drawn for a slot."""
        return 1 if self.comonotone else self.requests

    def channel_loads(self, network: Network, routes: RouteTable) -> LoadTable:
        """Channels ρ and KM wavelengths that realised levels need on each fibre."""
        return LoadTable(routes, self.group, network.level_channels(self.level_count))
