"""What an oracle is, and the tables that its scenarios share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.helpers import Result

#: Slots of a world that are left out: stores and queues start empty.
WARM_UP = 2_000
#: One fibre, one segment, one key unit of 1000 bits a channel-slot.
FIBRE = "a,b,100"
LINE = "a,b,100\nb,c,100"
TRIANGLE = "a,b,100\na,c,100\nb,c,100"

#: What is measured in one world, by the oracle's id.
Measured = Mapping[str, float]


@dataclass(frozen=True)
class Oracle:
    """One quantity: its theory, and the limit in continuous time where that has a name.

    Attributes
    ----------
    id, quantity, formula : str
    theory : float
    limit : str
        Name and value; empty where there is none.
    """

    id: str
    quantity: str
    formula: str
    theory: float
    limit: str = ""


@dataclass(frozen=True)
class Family:
    """Oracles of one scenario.

    Attributes
    ----------
    scenario : str
        In words.
    tables : dict
        Keys of the scenario by table, over those of ``BASE``.
    measure : callable
        From the result of a world, its warm-up cut off, to what is measured.
    oracles : tuple of Oracle
    fibres : str
        Rows of the topology.
    pairs : str
        Requests of a slot.
    requests : str
        Tables of requests with levels of their own, in place of ``pairs``.
    slots : int
        Of a world, beside the warm-up.
    """

    scenario: str
    tables: Mapping[str, Mapping[str, object]]
    measure: Callable[[Result], Measured]
    oracles: tuple[Oracle, ...]
    fibres: str = FIBRE
    pairs: str = '[["a", "b"]]'
    requests: str = ""
    slots: int = 40_000


def levels_of(result: Result) -> npt.NDArray[np.int64]:
    return result.levels.astype(np.int64)


def lost_share(result: Result) -> float:
    """Blocked requests over those that ask for keys."""
    return float(result.columns["blocked"].sum() / (levels_of(result) > 0).sum())


def table_of(*probabilities: float) -> dict[str, object]:
    return {
        "kind": '"table"',
        "levels": len(probabilities),
        "probabilities": list(probabilities),
        "coupling": '"independent"',
    }


def one_in(share: float) -> dict[str, object]:
    return table_of(1 - share, share)


def held_for(holding: int, kind: str = "geometric") -> dict[str, object]:
    return {"holding": f'"{kind}"', "holding_slots": holding}


def limit_of(count: int) -> dict[str, object]:
    return {"qkd_wavelengths": 3 * count}


def request(target: str, count: int, share: float, priority: int) -> str:
    """The table of so many requests from a, each for one unit with this probability."""
    return (
        f'[[request]]\nsource = "a"\ntarget = "{target}"\ncount = {count}\n'
        f"priority = {priority}\nprobabilities = [{1 - share}, {share}]\n"
    )


def many(requests: int) -> str:
    return "[" + ", ".join(['["a", "b"]'] * requests) + "]"


def store_of(units: int) -> dict[str, object]:
    return {"store_bits": 1000 * units, "key_lifetime_slots": 10_000}
