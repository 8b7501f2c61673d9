"""Settings that all solvers take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _ignore(text: str) -> None:
    """Drop a message."""


#: Tolerance of linear programs, and that of those whose prices are to prove all they can.
TOLERANCE = 1e-7
NARROW_TOLERANCE = 1e-10


@dataclass(frozen=True)
class SolveSettings:
    """Settings of a solve. There is no time limit: a result must not depend on the machine.

    Attributes
    ----------
    node_limit : int
        Most branch-and-bound nodes.
    gap, absolute_gap : float
        Relative and absolute gap at which an integer program counts as solved; one is enough.
    round_limit : int
        Most rounds of column generation.
    threads, seed : int
    tolerance : float
        Amount by which a linear program's rows and reduced costs may be off.
    interior : bool
        Solve linear programs to a point inside the optimal face, not to a vertex.
    tell : callable
        Receives a line of text about the progress of a long solve.
    answered : callable
        Receives the name of each solver that answered, with the reason of a fallback.
    """

    node_limit: int = 10_000
    gap: float = 1e-9
    absolute_gap: float = 0.0
    round_limit: int = 1_000
    threads: int = 1
    seed: int = 0
    tolerance: float = TOLERANCE
    interior: bool = False
    tell: Callable[[str], None] = _ignore
    answered: Callable[[str], None] = _ignore
