"""Check a plan with explicit wavelengths against (22)-(31), from the definitions alone.

Nothing here is shared with the code that builds the programs: every link's fibre must have its end
points, and every equation is tested on sets and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.plain_text import counted


@dataclass(frozen=True, kw_only=True)
class CheckedPlan:
    """A plan in plain numbers.

    Attributes
    ----------
    fibres : sequence of (int, int)
        End points of each fibre.
    pairs : sequence of (int, int)
        Source and destination of each request.
    channels : sequence of sequence of int
        ρ_r(k) by scenario and request.
    km_reserved, qkd_reserved : sequence of float
        X^b and F^b of each fibre, in wavelengths.
    km_on_demand, qkd_on_demand : sequence of sequence of float
        X^o and F^o by scenario and fibre, in wavelengths.
    lightpaths : sequence of sequence of Lightpaths
        By scenario and request.
    km_limit, qkd_limit : int or None
        |κ| and |σ|; None is unlimited.
    blocked : sequence of frozenset of int
        Requests that are not served, by scenario; empty where all are.
    """

    fibres: Sequence[tuple[int, int]]
    pairs: Sequence[tuple[int, int]]
    channels: Sequence[Sequence[int]]
    km_reserved: Sequence[float]
    qkd_reserved: Sequence[float]
    km_on_demand: Sequence[Sequence[float]]
    qkd_on_demand: Sequence[Sequence[float]]
    lightpaths: Sequence[Sequence[Lightpaths]]
    km_limit: int | None
    qkd_limit: int | None
    blocked: Sequence[frozenset[int]] = ()

    def serves(self, scenario: int, request: int) -> bool:
        """Whether a request is served in a scenario."""
        return not self.blocked or request not in self.blocked[scenario]


@dataclass(frozen=True)
class Violation:
    """One broken equation, with the place."""

    equation: int
    scenario: int
    what: str

    def __str__(self) -> str:
        return f"({self.equation}) in scenario {self.scenario}: {self.what}"


def violations(plan: CheckedPlan) -> list[Violation]:
    """Every violation of (22)-(31); an empty list for a valid plan."""
    return [
        violation
        for scenario in range(len(plan.lightpaths))
        for check in (_flow, _numbers, _continuity, _fibres)
        for violation in check(plan, scenario)
    ]


def _flow(plan: CheckedPlan, k: int) -> Iterator[Violation]:
    """(22): KM wavelengths leave the source once, enter the destination once, and pass others."""
    for r, (source, target) in enumerate(plan.pairs):
        paths = plan.lightpaths[k][r]
        balance: Counter[int] = Counter()
        for (a, b), km in zip(paths.links, paths.km, strict=True):
            balance[a] += len(km)
            balance[b] -= len(km)
        for node in {*balance, source, target}:
            wanted = ((node == source) - (node == target)) * plan.serves(k, r)
            if balance[node] != wanted:
                text = f"net flow out of node {node} is {balance[node]}, not {wanted}"
                yield Violation(22, k, f"request {r}: {text}")


def _numbers(plan: CheckedPlan, k: int) -> Iterator[Violation]:
    """(25): three QKD wavelengths per channel for each KM wavelength, on every link."""
    for r in range(len(plan.pairs)):
        paths = plan.lightpaths[k][r]
        for link, km, qkd in zip(paths.links, paths.km, paths.qkd, strict=True):
            wanted = 3 * plan.channels[k][r] * len(km)
            if len(set(qkd)) != wanted or len(qkd) != wanted:
                text = f"{counted(len(set(qkd)), 'QKD wavelength')} on {link}, not {wanted}"
                yield Violation(25, k, f"request {r}: {text}")


def _continuity(plan: CheckedPlan, k: int) -> Iterator[Violation]:
    """(26), (27): what enters an intermediate node leaves it on the same wavelengths."""
    for r, ends in enumerate(plan.pairs):
        paths = plan.lightpaths[k][r]
        for equation, lists in ((26, paths.qkd), (27, paths.km)):
            enters: Counter[tuple[int, int]] = Counter()
            leaves: Counter[tuple[int, int]] = Counter()
            for (a, b), wavelengths in zip(paths.links, lists, strict=True):
                for w in wavelengths:
                    leaves[a, w] += 1
                    enters[b, w] += 1
            for node, w in {*enters, *leaves}:
                if node not in ends and enters[node, w] != leaves[node, w]:
                    text = f"wavelength {w} does not pass node {node}"
                    yield Violation(equation, k, f"request {r}: {text}")


class _Supply(NamedTuple):
    """Wavelengths of one kind: in use, reserved, bought, at most; and the equations on them."""

    kind: str
    used: list[list[int]]
    reserved: Sequence[float]
    on_demand: Sequence[float]
    limit: int | None
    demand_equation: int
    capacity_equation: int
    uniqueness_equation: int


def _fibres(plan: CheckedPlan, k: int) -> Iterator[Violation]:
    """(23), (24), (28)-(31): supply, limits and uniqueness on each fibre."""
    km_used: list[list[int]] = [[] for _ in plan.fibres]
    qkd_used: list[list[int]] = [[] for _ in plan.fibres]
    for r in range(len(plan.pairs)):
        paths = plan.lightpaths[k][r]
        lists = (paths.links, paths.fibres, paths.km, paths.qkd)
        for link, fibre, km, qkd in zip(*lists, strict=True):
            if not 0 <= fibre < len(plan.fibres) or set(plan.fibres[fibre]) != set(link):
                yield Violation(22, k, f"request {r}: fibre {fibre} is not on {link}")
                continue
            km_used[fibre] += km
            qkd_used[fibre] += qkd
    yield from _supply(
        plan,
        k,
        _Supply(
            kind="KM",
            used=km_used,
            reserved=plan.km_reserved,
            on_demand=plan.km_on_demand[k],
            limit=plan.km_limit,
            demand_equation=23,
            capacity_equation=28,
            uniqueness_equation=31,
        ),
    )
    yield from _supply(
        plan,
        k,
        _Supply(
            kind="QKD",
            used=qkd_used,
            reserved=plan.qkd_reserved,
            on_demand=plan.qkd_on_demand[k],
            limit=plan.qkd_limit,
            demand_equation=24,
            capacity_equation=29,
            uniqueness_equation=30,
        ),
    )


def _supply(plan: CheckedPlan, k: int, supply: _Supply) -> Iterator[Violation]:
    for e, wavelengths in enumerate(supply.used):
        fibre = f"fibre {plan.fibres[e]}"
        place = f"{fibre}: {counted(len(wavelengths), f'{supply.kind} wavelength')}"
        held = supply.reserved[e] + supply.on_demand[e]
        if len(wavelengths) > held + 1e-6:
            text = f"{place}, {held:g} reserved or bought"
            yield Violation(supply.demand_equation, k, text)
        if supply.limit is not None and len(wavelengths) > supply.limit:
            yield Violation(supply.capacity_equation, k, f"{place}, at most {supply.limit}")
        twice = [w for w, n in Counter(wavelengths).items() if n > 1]
        if twice:
            text = f"{fibre}: {supply.kind} wavelength {twice[0]} serves two"
            yield Violation(supply.uniqueness_equation, k, text)
        outside = [
            w for w in wavelengths if w < 0 or (supply.limit is not None and w >= supply.limit)
        ]
        if outside:
            text = f"{fibre}: there is no {supply.kind} wavelength {outside[0]}"
            yield Violation(supply.capacity_equation, k, text)
