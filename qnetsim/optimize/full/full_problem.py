"""What the full program is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Topology
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.solvers.program import SolveStatus

#: Kind and indices of a variable, such as ``("x", request, source, target, wavelength, scenario)``.
Name = tuple[str | int, ...]


class DirectedFibre(NamedTuple):
    """One direction of a fibre.

    Attributes
    ----------
    source, target : int
    fibre : int
    name : tuple of int
        In the names of its variables.
    """

    source: int
    target: int
    fibre: int
    name: tuple[int, ...]


def links_of(topology: Topology) -> list[DirectedFibre]:
    """Both directions of each fibre, one after the other."""
    return [
        DirectedFibre(a, b, e, (a, b, e) if e in topology.twins else (a, b))
        for e, ends in enumerate(topology.fibres)
        for a, b in (ends, ends[::-1])
    ]


@dataclass(frozen=True)
class FullProblem:
    """What the full program is asked.

    Attributes
    ----------
    network : Network
    pairs : sequence of (int, int)
        Source s_r and destination d_r of each request.
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, requests, fibres)
        Channels ρ_r(k) that each request needs, and pays, on each fibre.
    on_demand : bool
        Whether a second stage may buy; without it this is (8)-(18).
    blocking_cost : float or None
        Price of a request that is not served; None where all must be.
    """

    network: Network
    pairs: Sequence[NodePair]
    probabilities: FloatArray
    channels: IntArray
    on_demand: bool = True
    blocking_cost: float | None = None

    @property
    def qkd_variables(self) -> int:
        """QKD wavelengths that need variables: |σ|, or none where it is unlimited."""
        return self.network.qkd_wavelengths or 0

    @property
    def km_variables(self) -> int:
        """KM wavelengths that need variables: |κ|; where unlimited one, which says the route."""
        return self.network.km_wavelengths or 1

    @property
    def variables(self) -> int:
        """Variables that the program needs."""
        scenarios, requests, fibres = self.channels.shape
        wavelengths = self.qkd_variables + self.km_variables
        scenarios = int(scenarios)
        requests = int(requests)
        fibres = int(fibres)
        blocked = 0 if self.blocking_cost is None else 1
        per_request = 2 * fibres * wavelengths + blocked
        return 2 * fibres * (1 + scenarios) + scenarios * requests * per_request


@dataclass(frozen=True, kw_only=True)
class FullSolution:
    """Solution of the full program.

    Attributes
    ----------
    status : SolveStatus
    objective, bound : float
        Expected cost per slot, and the proved lower bound on it.
    qkd_reserved, km_reserved : ndarray of float64, shape (fibres,)
        Reserved wavelengths: F^b (three to a channel) and X^b.
    lightpaths : tuple of tuple of Lightpaths
        By scenario and request.
    solver : str
    size : Size
    """

    status: SolveStatus
    objective: float
    bound: float
    qkd_reserved: FloatArray
    km_reserved: FloatArray
    lightpaths: tuple[tuple[Lightpaths, ...], ...]
    solver: str
    size: Size
