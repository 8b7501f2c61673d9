"""What the paper's Section VI claims; the numbers stand in ``claims.json`` and nowhere else.

``size`` is the range of numbers for which one would say the same words; it was written when what
comes out was known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("claims.json")


@dataclass(frozen=True)
class PaperClaim:
    """A sentence that claims a number or an ordering.

    Attributes
    ----------
    id : str
    figure : str
        Whose results judge it.
    place : str
        Section and sentence of the paper.
    says : str
        The claim, in few words.
    judge : str
        What judges it, of ``judges.py``.
    claimed : str
        The number as the paper gives it; empty where it gives none.
    details : mapping
        What the judge needs: scheme, value of the factor, range of numbers.
    """

    id: str
    figure: str
    place: str
    says: str
    judge: str
    claimed: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[float, float]:
        """Numbers that the words of the claim cover."""
        low, high = self.details["size"]
        return low, high


@cache
def claims() -> tuple[PaperClaim, ...]:
    """All claims, in the paper's order."""
    own = set(PaperClaim.__dataclass_fields__) - {"details"}
    return tuple(
        PaperClaim(
            **{key: value for key, value in entry.items() if key in own},
            details={key: value for key, value in entry.items() if key not in own},
        )
        for entry in json.loads(FILE.read_text("utf-8"))["claims"]
    )


def claims_of(figure: str) -> tuple[PaperClaim, ...]:
    """Claims that a figure's results judge."""
    return tuple(claim for claim in claims() if claim.figure == figure)


def epochs_claimed(topology: str, algorithm: str) -> PaperClaim:
    """PaperClaim on the epochs to convergence of an algorithm on a topology."""
    wanted = {"topology": topology, "algorithm": algorithm}
    return next(c for c in claims_of("fig9") if wanted.items() <= c.details.items())
