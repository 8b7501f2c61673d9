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
from qnetsim.studies.sweep.manifest import digest_of
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


def write_looks(folder: Path, point: int, looks: list[Look], made_for: str) -> None:
    """Write all looks of a point, over those of before.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    point : int
    looks : list of Look
    made_for : str
        Digest of all that the looks follow from (``Manifest.looks_digest``).

    Raises
    ------
    TraceError
        They cannot be written.
    """
    listed = [asdict(look) for look in looks]
    data = {"point": point, "looks": listed, "digest": _sealed(listed, made_for)}
    write_whole(_place(folder, point), json.dumps(data, indent=1))


def read_looks(folder: Path, point: int, made_for: str) -> list[Look]:
    """Looks that were made of a point.

    None where there are none that can be read, they were changed, or they were made by another
    rule, of another point or of other jobs: a sweep that goes on makes them anew.
    """
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        raw = _place(folder, point).read_bytes()[:MOST_BYTES]
        data = json.loads(raw)
        if data["digest"] == _sealed(data["looks"], made_for):
            return [Look(**look) for look in data["looks"]]
    return []


def _sealed(looks: list[Any], made_for: str) -> str:
    return digest_of([looks, made_for])


def _place(folder: Path, point: int) -> Path:
    return folder / ROOM / f"point-{point}.json"
