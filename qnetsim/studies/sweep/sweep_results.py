"""What comes out of a sweep: means over a factor with intervals, and the best policy by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qnetsim.analysis.paired import CONFIDENCE, ConfidenceInterval
from qnetsim.arrays import FloatArray
from qnetsim.studies.sweep.manifest import Manifest
from qnetsim.studies.sweep.stopping import StoppingRule


@dataclass(frozen=True)
class BestPolicy:
    """The cheapest policy of a point, and by how much.

    Attributes
    ----------
    point : int
    policy : str
    cost : float
        Mean per slot.
    runner_up : str or None
        The next cheapest; None for a policy alone.
    saved : ConfidenceInterval or None
        Cost of the next one above that of the best, paired by replication.
    replications : int
        That all of the policies have.
    """

    point: int
    policy: str
    cost: float
    runner_up: str | None
    saved: ConfidenceInterval | None
    replications: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt who is cheaper."""
        return self.saved is not None and self.saved.low is not None and self.saved.low > 0


@dataclass(frozen=True)
class SweepResults:
    """Costs of a sweep by point, policy and replication.

    Attributes
    ----------
    manifest : Manifest
    costs : ndarray of float64, shape (points, policies, replications)
        Per slot; NaN where there is none.
    """

    manifest: Manifest
    costs: FloatArray

    @classmethod
    def of(cls, manifest: Manifest, columns: Mapping[str, Sequence[Any]]) -> SweepResults:
        """Take the costs out of the table of a sweep, whose rows are in the manifest's order."""
        values = [np.nan if v is None else float(v) for v in columns["cost_per_slot"]]
        shape = (len(manifest.values), len(manifest.policies), manifest.replications)
        return cls(manifest, np.array(values, dtype=np.float64).reshape(shape))

    @cached_property
    def bounds(self) -> frozenset[str]:
        """Policies that see the future: bounds, no competitors."""
        jobs = self.manifest.jobs
        return frozenset(job.title for job in jobs if job.policy.get("sees_future"))

    @property
    def confidence(self) -> float:
        """Level of every interval: that of one look where points stop by looks.

        All looks at a point then hold together with 95 %, so the one that ended it does too.
        """
        manifest = self.manifest
        if manifest.stopping is None:
            return CONFIDENCE
        return StoppingRule.of(manifest.stopping, manifest.replications).confidence

    def numbers(self, factor: int) -> FloatArray | None:
        """Values of a factor in all points; None where they are no numbers."""
        values = [point[factor] for point in self.manifest.values]
        if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            return None
        return np.array(values, dtype=np.float64)

    def mean(self, points: Sequence[int], policy: int) -> ConfidenceInterval | None:
        """Mean cost over points, with its interval over the replications that all of them have."""
        found = self.costs[list(points), policy]
        whole = ~np.isnan(found).any(axis=0)
        if not whole.any():
            return None
        return ConfidenceInterval.of_mean(found[:, whole].mean(axis=0), self.confidence)

    def best(self) -> list[BestPolicy]:
        """The best policy of each point that has any."""
        names = self.manifest.policies
        competing = [i for i, name in enumerate(names) if name not in self.bounds]
        found = []
        for point in range(len(self.costs)):
            costs = self.costs[point, competing]
            whole = ~np.isnan(costs).any(axis=0)
            if not competing or not whole.any():
                continue
            means = costs[:, whole].mean(axis=1)
            order = np.argsort(means, kind="stable")
            first = int(order[0])
            runner_up = saved = None
            if len(order) > 1:
                second = int(order[1])
                runner_up = names[competing[second]]
                differences = costs[second, whole] - costs[first, whole]
                saved = ConfidenceInterval.of_mean(differences, self.confidence)
            found.append(
                BestPolicy(
                    point=point,
                    policy=names[competing[first]],
                    cost=float(means[first]),
                    runner_up=runner_up,
                    saved=saved,
                    replications=int(whole.sum()),
                )
            )
        return found
