"""What a plan file must hold before anybody uses it: each wrong field gets its own error.

A checksum can be made to fit anything, so nothing here trusts it. Errors begin with the field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.fibre_loss import LOSSES, stored_losses
from qnetsim.plain_text import counted
from qnetsim.vocabulary import PlanStatus

Arrays = Mapping[str, npt.NDArray[Any]]

#: Most that a fibre's reservation or expected use can be.
MOST_UNITS = 2**31 - 1
#: How far below zero rounding may bring an amount.
ROUNDING = 1e-6
#: Longest fibre that is believed, in km.
LONGEST_KM = 1e9
#: Most that an integer in the provenance can be.
MOST_COUNT = 2**63 - 1
#: How deep tables may lie in each other.
DEEPEST = 16


class Claim(NamedTuple):
    """What one value of the provenance must be.

    Attributes
    ----------
    kind : type or tuple of types
        As JSON gives it.
    what : str
        The same in words.
    """

    kind: type | tuple[type, ...]
    what: str


TEXT = Claim(str, "text")
TABLE = Claim(dict, "a table")
NUMBER = Claim((int, float), "a number")
MAYBE_NUMBER = Claim((int, float, type(None)), "a number or null")
COUNT = Claim(int, "an integer >= 0")
PRICES = Claim(list, "a list of prices")

#: Parts of the provenance and what they must hold; those of ``OPTIONAL`` may be missing.
PARTS: dict[str, dict[str, Claim]] = {
    "provenance": {
        **dict.fromkeys(("software", "environment", "scenario", "policy", "plan"), TABLE),
        LOSSES: Claim(list, "a list of losses"),
        "fibre_names": Claim(list, "a list of names"),
    },
    "provenance.software": {"name": TEXT, "version": TEXT, "packages": TABLE},
    "provenance.environment": dict.fromkeys(
        ("python", "implementation", "system", "machine"), TEXT
    ),
    "provenance.policy": {"name": TEXT, "title": TEXT, "options": TABLE},
    "provenance.plan": {
        "objective": NUMBER,
        "bound": MAYBE_NUMBER,
        "gap": MAYBE_NUMBER,
        "status": TEXT,
        "solver": TEXT,
        "note": TEXT,
        "solve_s": NUMBER,
        "first_stage_cost": NUMBER,
        "second_stage_cost": NUMBER,
        "blocked": NUMBER,
        "blocking_cost": NUMBER,
        "uncoloured": Claim(list, "a list of levels"),
        **dict.fromkeys(("variables", "rows", "nodes", "rounds"), COUNT),
        "gap_interval": Claim((dict, type(None)), "a table or null"),
        "estimate": Claim((dict, type(None)), "a table or null"),
        "wavelength_prices": TABLE,
        "risk": TABLE,
        **dict.fromkeys(("expected_cost", "cvar", "risk_objective"), NUMBER),
    },
    "provenance.plan.gap_interval": {
        **dict.fromkeys(("high", "whole_high", "confidence"), NUMBER),
        **dict.fromkeys(("realisations", "samples"), COUNT),
    },
    "provenance.plan.estimate": dict.fromkeys(("bound", "confidence"), NUMBER),
    "provenance.plan.wavelength_prices": dict.fromkeys(("qkd", "km"), PRICES),
    "provenance.plan.risk": dict.fromkeys(("cvar", "weight"), NUMBER),
}
#: Parts that need not be there: they came later, or there is nothing to say.
RISK = ("risk", "expected_cost", "cvar", "risk_objective")
LATER = ("uncoloured", "estimate", "wavelength_prices", *RISK)
OPTIONAL = frozenset(
    {
        "provenance.fibre_names",
        f"provenance.{LOSSES}",
        *(f"provenance.plan.{key}" for key in LATER),
    }
)
#: Numbers that are not below zero.
NOT_NEGATIVE = frozenset(
    {"solve_s", "blocked", "variables", "rows", "nodes", "rounds", "realisations", "samples"}
)


def stored_provenance(text: object) -> dict[str, Any]:
    """Provenance of a plan file, every value of it of its type.

    Raises
    ------
    ValueError
        Beginning with the field that is wrong.
    """
    if not isinstance(text, str):
        raise ValueError(f"provenance is {type(text).__name__}, not text")
    try:
        found = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("provenance: tables lie too deep in each other") from None
    except ValueError as error:
        raise ValueError(f"provenance: {error}") from None
    for name, value in _walk("provenance", found):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a finite number")
        if isinstance(value, int) and abs(value) > MOST_COUNT:
            raise ValueError(f"{name} is an integer of {value.bit_length()} bits")
    for where, claims in PARTS.items():
        part = _part(found, where)
        if part is not None or where == "provenance":
            _check_part(where, part, claims)
    _check_words(found)
    return dict(found)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse keys that stand twice: readers differ in which of them they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"holds {name}, which is no number")


def _walk(where: str, value: Any, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every value below one, with its dotted name."""
    yield where, value
    if depth > DEEPEST:
        raise ValueError(f"{where}: tables lie too deep in each other")
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _walk(f"{where}.{key}", entry, depth + 1)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _walk(f"{where}[{number}]", entry, depth + 1)


def _part(found: Any, where: str) -> Any:
    for name in where.split(".")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _check_part(where: str, part: Any, claims: Mapping[str, Claim]) -> None:
    if not isinstance(part, dict):
        raise ValueError(f"{where} is {type(part).__name__}, not a table")
    for key in part:
        if key not in claims:
            raise ValueError(f"{where}.{key} is not a part of the format")
    for key, claim in claims.items():
        name = f"{where}.{key}"
        if key not in part:
            if name in OPTIONAL:
                continue
            raise ValueError(f"{name} is missing")
        value = part[key]
        # true is an integer to Python, but no number of ours
        if not isinstance(value, claim.kind) or isinstance(value, bool):
            raise ValueError(f"{name} is {_short(value)}, not {claim.what}")
        if key in NOT_NEGATIVE and part[key] < 0:
            raise ValueError(f"{name} is {value}, and cannot be negative")


def _check_words(found: Mapping[str, Any]) -> None:
    plan = found["plan"]
    if plan["status"] not in set(PlanStatus):
        allowed = ", ".join(PlanStatus)
        raise ValueError(f"provenance.plan.status is {_short(plan['status'])}; allowed: {allowed}")
    if (plan["bound"] is None) != (plan["gap"] is None):
        raise ValueError("provenance.plan.gap goes with a bound: give both or none")
    lacks = [key for key in RISK if key not in plan]
    if lacks and len(lacks) < len(RISK):
        raise ValueError(f"provenance.plan.{lacks[0]} is missing; it goes with the risk objective")
    if found["software"]["name"] != "qnetsim":
        raise ValueError(f"provenance.software.name is {_short(found['software']['name'])}")
    for level in plan.get("uncoloured", []):
        if isinstance(level, bool) or not isinstance(level, int) or level < 0:
            raise ValueError(f"provenance.plan.uncoloured holds {_short(level)}, not a level")
    for kind, prices in plan.get("wavelength_prices", {}).items():
        for price in prices:
            if isinstance(price, bool) or not isinstance(price, int | float) or price < 0:
                where = f"provenance.plan.wavelength_prices.{kind}"
                raise ValueError(f"{where} holds {_short(price)}, not a price")
    for name, version in found["software"]["packages"].items():
        if not isinstance(version, str | None):
            raise ValueError(
                f"provenance.software.packages.{name} is {_short(version)}, not a version"
            )
    for key in ("name", "label"):
        if key in found["policy"]["options"]:
            raise ValueError(f"provenance.policy.options.{key} is not an option of a policy")
    for table in ("network", "demand", "cost", "run"):
        if not isinstance(found["scenario"].get(table), dict):
            raise ValueError(f"provenance.scenario.{table} is missing or no table")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + " …"


def check_plan_columns(columns: Arrays, dims: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse columns that do not fit together, or hold what cannot be.

    Parameters
    ----------
    columns : mapping from path to ndarray
        In the types and with the numbers of axes of the format.
    dims : mapping from path to tuple of str
        Names of the axes of each.

    Raises
    ------
    ValueError
        Beginning with the column that is wrong.
    """
    sizes: dict[str, int] = {}
    for path, values in columns.items():
        for dim, size in zip(dims[path], values.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise ValueError(
                    f"{path} has {counted(size, 'entry', 'entries')} of {dim}, not {sizes[dim]}"
                )
    for dim in ("node", "fibre", "request", "level", "route"):
        if not sizes[dim]:
            raise ValueError(f"there is no {dim}")
    _check_amounts(columns)
    _check_network(columns)
    _check_routes(columns, sizes)
    _check_wavelengths(columns, sizes)


def check_fibre_names(provenance: Mapping[str, Any], columns: Arrays) -> None:
    """Refuse names that do not tell fibres between the same nodes apart.

    Raises
    ------
    ValueError
        Beginning with the field that is wrong.
    """
    fibres = len(columns["fibres/source"])
    labels = provenance.get("fibre_names", [""] * fibres)
    if len(labels) != fibres or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"provenance.fibre_names is no list of {fibres} names")
    known: dict[frozenset[str], set[str]] = {}
    ends = zip(columns["fibres/source"], columns["fibres/target"], labels, strict=True)
    for fibre, (source, target, label) in enumerate(ends):
        beside = known.setdefault(frozenset((str(source), str(target))), set())
        if beside and (not label or label in beside or "" in beside):
            text = f"joins the nodes of an earlier one and has no name of its own: {label!r}"
            raise ValueError(f"fibres/target: fibre {fibre} {text}")
        beside.add(label)


def check_fibre_losses(provenance: Mapping[str, Any], columns: Arrays) -> None:
    """Refuse losses that are none, or are not those of the fibres.

    Raises
    ------
    ValueError
        Beginning with the field that is wrong.
    """
    try:
        stored_losses(provenance, len(columns["fibres/source"]))
    except ValueError as error:
        raise ValueError(f"provenance.{LOSSES} {error}") from None


def _within(columns: Arrays, path: str, least: int, end: int) -> None:
    values = columns[path]
    wrong = (values < least) | (values >= end)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0].tolist())
        text = f"{path} holds {values[at]} at {at}"
        raise ValueError(f"{text}; allowed: {least} .. {end - 1}" if end > least else text)


def _check_amounts(columns: Arrays) -> None:
    for path, least, most in (
        ("fibres/length_km", 0.0, LONGEST_KM),
        *(
            (f"fibres/{name}", -ROUNDING, MOST_UNITS)
            for name in (
                "qkd_channels",
                "km_wavelengths",
                "on_demand_channels",
                "on_demand_wavelengths",
            )
        ),
    ):
        values = columns[path]
        fits = (values >= least) & (values <= most)  # not true of NaN either
        if path == "fibres/length_km":
            fits &= values > 0
        if not fits.all():
            fibre = int(np.argmin(fits))
            raise ValueError(f"{path} holds {values[fibre]} at fibre {fibre}")


def _check_network(columns: Arrays) -> None:
    nodes = [str(name) for name in columns["nodes/name"]]
    if len(set(nodes)) < len(nodes):
        twice = next(name for name in nodes if nodes.count(name) > 1)
        raise ValueError(f"nodes/name holds {twice!r} twice")
    known = set(nodes)
    for end in ("source", "target"):
        for fibre, name in enumerate(columns[f"fibres/{end}"]):
            if name not in known:
                raise ValueError(f"fibres/{end} holds {name!r} at fibre {fibre}, which is no node")
    same = columns["fibres/source"] == columns["fibres/target"]
    if same.any():
        raise ValueError(f"fibres/target is the source too at fibre {int(np.argmax(same))}")
    for end in ("source", "target"):
        _within(columns, f"requests/{end}", 0, len(nodes))
    same = columns["requests/source"] == columns["requests/target"]
    if same.any():
        raise ValueError(f"requests/target is the source too at request {int(np.argmax(same))}")


def _check_routes(columns: Arrays, sizes: Mapping[str, int]) -> None:
    """Every route is a simple path of the network that joins the nodes of its requests."""
    _within(columns, "routes/start", -1, sizes["node"])
    _within(columns, "routes/hops", 0, sizes["hop"] + 1)
    _within(columns, "hops/fibre", 0, sizes["fibre"])
    _within(columns, "hops/node", 0, sizes["node"])
    _within(columns, "requests/route", 0, sizes["route"])
    hops = columns["routes/hops"]
    if int(hops.sum()) != sizes["hop"]:
        raise ValueError(f"routes/hops adds up to {int(hops.sum())}, and there are {sizes['hop']}")
    first = np.cumsum(hops) - hops
    if (columns["routes/first_hop"] != first).any():
        route = int(np.argmax(columns["routes/first_hop"] != first))
        raise ValueError(f"routes/first_hop is not {first[route]} at route {route}")
    blocked = columns["routes/start"] < 0
    if (blocked != (hops == 0)).any() or int(blocked.sum()) > 1:
        raise ValueError("routes/start is -1 for the one way of blocked requests, without hops")
    position = {str(name): n for n, name in enumerate(columns["nodes/name"])}
    ends = [
        {position[str(a)], position[str(b)]}
        for a, b in zip(columns["fibres/source"], columns["fibres/target"], strict=True)
    ]
    last: list[int] = []
    for route, (here, at, count) in enumerate(
        zip(columns["routes/start"].tolist(), first.tolist(), hops.tolist(), strict=True)
    ):
        fibres = columns["hops/fibre"][at : at + count].tolist()
        nodes = [here, *columns["hops/node"][at : at + count].tolist()]
        for hop, fibre in enumerate(fibres):
            if ends[fibre] != {nodes[hop], nodes[hop + 1]}:
                raise ValueError(f"hops/fibre does not join the nodes of hop {hop}, route {route}")
        if len(set(nodes)) < len(nodes):
            raise ValueError(f"hops/node visits a node twice in route {route}")
        last.append(nodes[-1])
    _check_ends(columns, np.array(last), blocked)


def _check_ends(
    columns: Arrays, last: npt.NDArray[np.int64], blocked: npt.NDArray[np.bool_]
) -> None:
    """The routes of a request join its nodes, in one direction or the other."""
    chosen = columns["requests/route"]
    ends = np.sort(np.stack([columns["routes/start"], last]), axis=0)[:, chosen]
    pairs = np.sort(np.stack([columns["requests/source"], columns["requests/target"]]), axis=0)
    wrong = (ends != pairs[:, :, None]).any(axis=0) & ~blocked[chosen]
    if wrong.any():
        request, level = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"requests/route is {chosen[request, level]} for request {request} at level {level}, "
            "and that route does not join the request's nodes"
        )


def _check_wavelengths(columns: Arrays, sizes: Mapping[str, int]) -> None:
    """Wavelengths lie level by level, request by request, and no entry is read twice."""
    _within(columns, "wavelengths/km", -1, MOST_UNITS)
    _within(columns, "wavelengths/qkd", 0, MOST_UNITS)
    for name in ("qkd_first", "qkd_count"):
        _within(columns, f"wavelengths/{name}", 0, sizes["entry"] + 1)
    count = columns["wavelengths/qkd_count"].T.ravel()
    if int(count.sum()) != sizes["entry"]:
        raise ValueError(
            f"wavelengths/qkd_count adds up to {int(count.sum())}, and there are {sizes['entry']}"
        )
    if (count[columns["wavelengths/km"].T.ravel() < 0] > 0).any():
        raise ValueError("wavelengths/km is -1 for a request that has QKD wavelengths")
    first = np.cumsum(count) - count
    stored = columns["wavelengths/qkd_first"].T.ravel()
    if ((stored != first) & (count > 0)).any():
        at = int(np.argmax((stored != first) & (count > 0)))
        level, request = divmod(at, sizes["request"])
        raise ValueError(
            f"wavelengths/qkd_first is not {first[at]} for request {request} at level {level}"
        )
