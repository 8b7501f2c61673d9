"""How what was found for a claim becomes a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class ClaimVerdict(StrEnum):
    """What becomes of a claim."""

    HOLDS = "holds"
    ORDER = "holds in order but not in size"
    FAILS = "does not follow from the stated parameters"
    READING = "depends on a reading"
    OPEN = "not computed here"


#: From what is best for a claim to what is worst: what is open in one place may yet be met, and
#: what fails in one place fails.
_RANK = (ClaimVerdict.HOLDS, ClaimVerdict.ORDER, ClaimVerdict.OPEN, ClaimVerdict.FAILS)


class ClaimFinding(NamedTuple):
    """What came out for a claim in one place, under one reading.

    Attributes
    ----------
    reading : str
        Of what the paper leaves open; empty where nothing is.
    place : str
        Topology, data set or policy.
    verdict : ClaimVerdict
    ours : str
        The number, with its interval.
    """

    reading: str
    place: str
    verdict: ClaimVerdict
    ours: str


def worst(*verdicts: ClaimVerdict) -> ClaimVerdict:
    """The one that decides where all have to be met."""
    return max(verdicts, key=_RANK.index)


def combined(findings: Sequence[ClaimFinding]) -> ClaimVerdict:
    """ClaimVerdict on a claim: of each reading the worst place, and one word for all readings.

    What holds under no reading in particular counts under each. A reading for which nothing was
    computed does not count where another one was; one for which something was may yet differ from
    the others.
    """
    by_reading: dict[str, ClaimVerdict] = {}
    judged = {f.reading for f in findings if f.verdict is not ClaimVerdict.OPEN}
    for finding in findings:
        before = by_reading.get(finding.reading, ClaimVerdict.HOLDS)
        by_reading[finding.reading] = worst(before, finding.verdict)
    shared = by_reading.pop("", ClaimVerdict.HOLDS) if len(by_reading) > 1 else ClaimVerdict.HOLDS
    by_reading = {reading: worst(shared, verdict) for reading, verdict in by_reading.items()}
    known = {verdict for verdict in by_reading.values() if verdict is not ClaimVerdict.OPEN}
    if len(known) > 1:
        return ClaimVerdict.READING
    undecided = {r for r, verdict in by_reading.items() if verdict is ClaimVerdict.OPEN} & judged
    return ClaimVerdict.OPEN if undecided or not known else known.pop()


def sized(values: Sequence[float], size: tuple[float, float], order: bool) -> ClaimVerdict:
    """ClaimVerdict on numbers that the paper gives a size and an order.

    Parameters
    ----------
    values : sequence of float
    size : (float, float)
        What the words of the claim cover.
    order : bool
        Whether the order holds that the claim implies.
    """
    if all(size[0] <= value <= size[1] for value in values):
        return ClaimVerdict.HOLDS
    return ClaimVerdict.ORDER if order else ClaimVerdict.FAILS
