"""What the columns of a plan file must hold: each wrong one gets its own error.

A checksum can be made to fit anything, so nothing here trusts it. Errors begin with the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.fibre_loss import LOSSES, stored_losses
from qnetsim.plain_text import counted

Arrays = Mapping[str, npt.NDArray[Any]]

#: Most that a fibre's reservation or expected use can be.
MOST_UNITS = 2**31 - 1
#: How far below zero rounding may bring an amount.
ROUNDING = 1e-6
#: Longest fibre that is believed, in km.
LONGEST_KM = 1e9


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
