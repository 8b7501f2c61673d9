"""What a policy may know about the demand: its distribution, never its realisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.errors import UsageError
from qnetsim.forecast.levels import LevelDistribution
from qnetsim.forecast.states import JointStates, joint_states
from qnetsim.network import LoadTable, Network, RouteTable
from qnetsim.network.routes import NodePair

if TYPE_CHECKING:
    from qnetsim.forecast.job_law import JobLaw

Coupling = Literal["comonotone", "independent", "grouped", "copula"]


@dataclass(frozen=True)
class Forecast:
    """The distribution of the demand.

    The level of a request is a quantile of its distribution, ``k_r = F_r^{-1}(U)``; the coupling
    says which requests share the uniform number U of a slot. Requests that share U and F always
    have the same level: they are a *group*.

    Attributes
    ----------
    distributions : tuple of LevelDistribution
        All that occur, each once and with the same number of levels.
    coupling : {"comonotone", "independent", "grouped", "copula"}
        One uniform number for all requests of a slot (Eq 46), one for each (Eq 7), one for each
        bundle, or one for each with a Gaussian copula.
    pairs : tuple of (int, int)
        Node pair of each request, in topology order.
    classes : tuple of int
        Priority class of each request, 0 first; empty where there is one class only.
    kinds : tuple of int
        Position in ``distributions`` of each request's own; empty where all share one.
    bundles : tuple of int
        Bundle of each request, 0, 1, …, with grouped demand; empty otherwise.
    correlation : float
        Of the normal numbers of any two requests, with a Gaussian copula.
    jobs : JobLaw or None
        Law of the jobs that ask, where the demand has any. ``distributions`` are then those of
        the long run, and ``coupling`` leaves out what ties requests together in a job.
    """

    distributions: tuple[LevelDistribution, ...]
    coupling: Coupling
    pairs: tuple[NodePair, ...]
    classes: tuple[int, ...] = ()
    kinds: tuple[int, ...] = ()
    bundles: tuple[int, ...] = ()
    correlation: float = 0.0
    jobs: JobLaw | None = None

    @property
    def background(self) -> Forecast:
        """Forecast of what is asked for beside the jobs; itself where there are none."""
        if self.jobs is None:
            return self
        return replace(
            self,
            distributions=self.jobs.backgrounds,
            kinds=self.jobs.background_kinds,
            jobs=None,
        )

    @property
    def requests(self) -> int:
        """Number of requests |R| in a slot."""
        return len(self.pairs)

    @property
    def shared(self) -> bool:
        """Whether all requests have the same distribution."""
        return len(self.distributions) == 1

    @property
    def levels(self) -> LevelDistribution:
        """Distribution of one request's level, where all requests share it.

        Raises
        ------
        UsageError
            Requests have distributions of their own: see :meth:`levels_of`.
        """
        if not self.shared:
            raise UsageError(
                "the requests have distributions of their own, so there is no one distribution of "
                "a level; what uses Forecast.levels needs Forecast.levels_of(request)"
            )
        return self.distributions[0]

    def levels_of(self, request: int) -> LevelDistribution:
        """Distribution of a request's level."""
        return self.distributions[int(self.kind[request])]

    def with_levels(self, *distributions: LevelDistribution) -> Forecast:
        """Copy with other distributions: one for all requests, or one for each that there was."""
        if len(distributions) == 1:
            return replace(self, distributions=distributions, kinds=())
        distinct = list(dict.fromkeys(distributions))
        kinds = tuple(distinct.index(distributions[kind]) for kind in self.kind.tolist())
        return replace(
            self, distributions=tuple(distinct), kinds=kinds if len(distinct) > 1 else ()
        )

    @property
    def level_count(self) -> int:
        """Number of levels |Ω|."""
        return self.distributions[0].count

    @cached_property
    def kind(self) -> IntArray:
        """Position in ``distributions`` of each request's own, shape (requests,)."""
        return frozen(self.kinds or [0] * self.requests, np.int64)

    @cached_property
    def probabilities(self) -> FloatArray:
        """Probability of each level under each distribution, shape (distributions, levels)."""
        return frozen([d.probabilities for d in self.distributions], np.float64)

    @cached_property
    def joint(self) -> JointStates:
        """States that all requests of a slot are in together; for comonotone demand."""
        return joint_states(self.distributions)

    @property
    def state_count(self) -> int:
        """Columns of a plan's route table.

        With comonotone demand one for each joint state, which is a level where all requests share
        their distribution; otherwise one for each level of a request's own.
        """
        return self.joint.count if self.comonotone else self.level_count

    @cached_property
    def state_levels(self) -> IntArray:
        """Level of each distribution in each column, shape (distributions, columns)."""
        if self.comonotone:
            return self.joint.levels
        return frozen([range(self.level_count)] * len(self.distributions), np.int64)

    @cached_property
    def state_probabilities(self) -> FloatArray:
        """Probability of each column for each distribution, shape (distributions, columns)."""
        if self.comonotone:
            return frozen([self.joint.probabilities] * len(self.distributions), np.float64)
        return self.probabilities

    @cached_property
    def _drivers(self) -> IntArray:
        """Uniform number that each request follows, shape (requests,)."""
        if self.comonotone:
            return frozen([0] * self.requests, np.int64)
        return frozen(self.bundles or range(self.requests), np.int64)

    @cached_property
    def _members(self) -> tuple[IntArray, IntArray]:
        """First request of each group, in order, and the group of each request."""
        key = self._drivers * len(self.distributions) + self.kind
        _, first, where = np.unique(key, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return frozen(np.sort(first), np.int64), frozen(rank[where], np.int64)

    @property
    def group(self) -> IntArray:
        """Group of each request; requests of a group share one level. Shape (requests,)."""
        return self._members[1]

    @property
    def groups(self) -> int:
        """Number of levels that differ from each other in a slot."""
        return int(self._members[0].size)

    @cached_property
    def group_kind(self) -> IntArray:
        """Position in ``distributions`` of each group's own, shape (groups,)."""
        return frozen(self.kind[self._members[0]], np.int64)

    @cached_property
    def group_driver(self) -> IntArray:
        """Uniform number that each group follows, shape (groups,)."""
        return frozen(self._drivers[self._members[0]], np.int64)

    def states_of(self, levels: npt.NDArray[np.integer[Any]]) -> IntArray:
        """Column of a plan's route table that realised comonotone levels stand for.

        Parameters
        ----------
        levels : ndarray of integers, shape (slots, groups)

        Returns
        -------
        ndarray of int64, shape (slots,)
        """
        # from state to state no level falls and one rises
        place = np.searchsorted(self.joint.levels.sum(axis=0), levels.sum(axis=1, dtype=np.int64))
        return np.asarray(np.minimum(place, self.state_count - 1), dtype=np.int64)

    @property
    def first_of_group(self) -> IntArray:
        """First request of each group, shape (groups,)."""
        return self._members[0]

    @property
    def drivers(self) -> int:
        """Uniform numbers that are drawn for a slot."""
        return int(self._drivers.max()) + 1

    @cached_property
    def priority(self) -> IntArray:
        """Priority class of each request, shape (requests,); class 0 is served first."""
        return frozen(self.classes or [0] * self.requests, np.int64)

    @property
    def comonotone(self) -> bool:
        """Whether one uniform number rules all requests of a slot."""
        return self.coupling == "comonotone"

    def channel_loads(self, network: Network, routes: RouteTable) -> LoadTable:
        """Channels ρ and KM wavelengths that realised levels need on each fibre."""
        return LoadTable(routes, self.group, network.level_channels(self.level_count))
