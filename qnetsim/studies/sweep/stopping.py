"""Sequential stopping: look at the paired intervals after every block of replications.

Every look is one of a number that is fixed in advance, and its intervals have the level
1 − 0.05 / looks (Bonferroni): all intervals of a policy in a point hold together with 95 %, however
early the point stops.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qnetsim.analysis.paired import CONFIDENCE, half_width
from qnetsim.arrays import FloatArray
from qnetsim.trace.hdf5.files import write_whole

ROOM = "looks"
#: A longer list of looks is none of ours.
MOST_BYTES = 2**24


@dataclass(frozen=True)
class StoppingRule:
    """When a point has replications enough.

    Attributes
    ----------
    half_width : float
        Wanted half of every interval, as a share of the reference's mean cost.
    block : int
        Replications from one look to the next.
    replications : int
        The most.
    """

    half_width: float
    block: int
    replications: int

    @property
    def looks(self) -> int:
        """How many looks there are at most."""
        return math.ceil(self.replications / self.block)

    @property
    def confidence(self) -> float:
        """Level of the intervals of one look."""
        return 1 - (1 - CONFIDENCE) / self.looks

    def upto(self, looks: int) -> int:
        """Replications at the look of this number, from 1."""
        return min(looks * self.block, self.replications)

    @classmethod
    def of(cls, table: Mapping[str, Any], replications: int) -> StoppingRule:
        """The rule of a ``[stopping]`` table."""
        return cls(table["half_width"], table["block"], replications)


@dataclass(frozen=True)
class Look:
    """One look at one policy in one point.

    Attributes
    ----------
    number : int
        From 1.
    policy : str
    replications : int
    confidence : float
    difference, low, high : float
        Mean cost per slot above the reference's, paired, and its interval.
    share : float
        Half the interval over the reference's mean cost.
    narrow : bool
        Whether that is narrow enough.
    """

    number: int
    policy: str
    replications: int
    confidence: float
    difference: float
    low: float
    high: float
    share: float
    narrow: bool


def look_at(
    rule: StoppingRule, number: int, costs: Mapping[str, FloatArray], reference: str
) -> list[Look]:
    """Look at all policies of a point.

    Parameters
    ----------
    rule : StoppingRule
    number : int
        Of the look, from 1.
    costs : mapping from str to ndarray of float64, shape (replications,)
        Cost per slot of each policy, the reference among them.
    reference : str
    """
    base = costs[reference]
    found = []
    for policy, values in costs.items():
        if policy == reference:
            continue
        differences = values - base
        half = half_width(differences, rule.confidence)
        mean = float(differences.mean())
        wide = math.inf if half is None else half
        scale = abs(float(base.mean()))
        share = wide / scale if scale else (0.0 if wide == 0 else math.inf)
        found.append(
            Look(
                number=number,
                policy=policy,
                replications=len(values),
                confidence=rule.confidence,
                difference=mean,
                low=mean - wide,
                high=mean + wide,
                share=share,
                narrow=share <= rule.half_width,
            )
        )
    return found


def write_looks(folder: Path, point: int, looks: list[Look]) -> None:
    """Write all looks of a point, over those of before.

    Raises
    ------
    TraceError
        They cannot be written.
    """
    data = {"point": point, "looks": [asdict(look) for look in looks]}
    write_whole(_place(folder, point), json.dumps(data, indent=1))


def read_looks(folder: Path, point: int) -> list[Look]:
    """Looks that were made of a point; none where there are none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        raw = _place(folder, point).read_bytes()[:MOST_BYTES]
        return [Look(**look) for look in json.loads(raw)["looks"]]
    return []


def _place(folder: Path, point: int) -> Path:
    return folder / ROOM / f"point-{point}.json"
