"""Attributes of links and nodes: which are used, which are told of, and which must not be lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from qnetsim.locations import LATITUDE_KEYS, LONGITUDE_KEYS, PAIR_KEYS
from qnetsim.network.formats.foreign import UNNAMED, Attributes, ForeignGraph, refuse, some
from qnetsim.network.formats.unit_names import is_unit_key, name_words, unit_in_name
from qnetsim.scenario import TopologyTable

#: Words in names of attributes that change what a fibre yields, and how such a name is declared.
_MEANT = {
    "loss": (
        {"loss", "losses", "attenuation", "attenuations", "atten", "alpha", "db", "pathloss"},
        'network.attenuation_key = "{0}" if it is in dB/km, network.extra_loss_key = "{0}" if in '
        'dB beside the attenuation, network.total_loss_key = "{0}" if in dB of the whole fibre',
    ),
    "length": (
        {"length", "lengths", "len", "dist", "distance", "distances", "km", "kilometers"}
        | {"kilometres", "metres", "meters", "miles"},
        'network.length_key = "{}" if it is the length',
    ),
    "rate": (
        {"rate", "rates", "keyrate", "bitrate", "datarate", "skr", "bps", "kbps", "mbps", "gbps"},
        "",
    ),
    "capacity": ({"capacity", "capacities", "cap"}, ""),
}
#: Attributes that are understood without being declared.
NAME_KEYS = ("name", "fibre", "fiber", "cable")
ATTENUATION_KEY = "attenuation_db_km"
EXTRA_LOSS_KEY = "extra_loss_db"
#: Attributes of nodes that are a place or a name.
_OF_PLACES = frozenset(
    {"id", "name", "label", "x", "y", *PAIR_KEYS, *LONGITUDE_KEYS, *LATITUDE_KEYS}
)
#: Attributes of a network that say which it is, or what writers note of their own.
_OF_NETWORKS = frozenset(
    {"id", "name", "label", "title", "network", "directed", "multigraph", "version", "creator"}
    | {"comment", "node_default", "edge_default", "demands", "stats"}
)
#: Kinds that a network as a whole does not have for its fibres.
_NOT_OF_NETWORKS = frozenset({"capacity"})


def meaning(name: str) -> str | None:
    """What an attribute seems to say of a fibre; None for nothing."""
    found = {*name_words(name), name.casefold()}
    return next((kind for kind, (named, _) in _MEANT.items() if found & named), None)


@dataclass(frozen=True)
class LossKeys:
    """Attributes of links that are losses; None for none."""

    attenuation: str | None
    extra: str | None
    total: str | None

    @classmethod
    def of(cls, table: TopologyTable) -> LossKeys:
        """Those that a table names, or that need no naming."""
        ignored = {name.casefold() for name in table.ignore}
        keys = (table.attenuation_key, ATTENUATION_KEY), (table.extra_loss_key, EXTRA_LOSS_KEY)
        found = [named or (usual if usual not in ignored else None) for named, usual in keys]
        return cls(found[0], found[1], table.total_loss_key)

    def names(self) -> set[str]:
        """All of them, in small letters."""
        return {key.casefold() for key in (self.attenuation, self.extra, self.total) if key}


def value_of(attributes: Attributes, key: str | None) -> object:
    """An attribute by its name, whatever its case; None for none, or an empty one."""
    if key is None:
        return None
    if key in attributes:
        value = attributes[key]
    else:
        value = next((v for k, v in attributes.items() if k.casefold() == key.casefold()), None)
    return None if isinstance(value, str) and not value.strip() else value


def named_keys(table: TopologyTable) -> dict[str, str]:
    """Attributes of links that a table names, by key."""
    keys = ("length_key", "attenuation_key", "extra_loss_key", "total_loss_key")
    return {key: name for key in keys if (name := getattr(table, key)) is not None}


def sifted(graph: ForeignGraph, used: Collection[str], table: TopologyTable) -> str:
    """Say which attributes are not used; empty for none.

    Parameters
    ----------
    graph : ForeignGraph
    used : collection of str
        Attributes of links that were used.
    table : TopologyTable

    Raises
    ------
    TopologyError
        One seems to say something of the fibres, and is neither declared nor ignored; or a key
        names an attribute that no link has.
    """
    of_links = _said(link.attributes for link in graph.links)
    _refuse_unknown(graph, of_links, table)
    silent = {name.casefold() for name in table.ignore} | graph.silence.drawn
    known = {*NAME_KEYS, "id", "key"} | LossKeys.of(table).names()
    left = {
        "links": _unknown([name for name in of_links if name not in used], known | silent),
        "nodes": _unknown(
            _said(node.attributes for node in graph.nodes or ()), _OF_PLACES | silent
        ),
        "the network": _unknown(_of_network(graph, of_links, used), _OF_NETWORKS | silent),
    }
    problems = [
        _problem(graph, name, whose, table) for whose, names in left.items() for name in names
    ]
    refuse([text for text in problems if text], "", graph.name)
    parts = [f"{whose} {some(names, 12)}" for whose, names in left.items() if names]
    return f"not used: of {' and of '.join(parts)}" if parts else ""


def _of_network(graph: ForeignGraph, of_links: Collection[str], used: Collection[str]) -> list[str]:
    """Attributes of the network; one that links have too is told from theirs."""
    theirs = {name.casefold() for name in (*of_links, *used)}
    found = [name for name in _said([graph.attributes]) if not (name in used and is_unit_key(name))]
    return [f"graph.{name}" if name.casefold() in theirs - _OF_NETWORKS else name for name in found]


def _unknown(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Names that are not known, neither themselves nor by that in which they stand."""
    found = []
    for name in names:
        small = name.casefold()
        parts = small.split(".")
        if not any(".".join(parts[: i + 1]) in known for i in range(len(parts))):
            found.append(name)
    return found


def _said(all_attributes: Iterable[Attributes]) -> list[str]:
    """Names under which any value stands, in order."""
    found: dict[str, None] = {}
    for attributes in all_attributes:
        for name, value in attributes.items():
            if value is not None and value not in ("", [], {}):
                found.setdefault(name)
    return list(found)


def _refuse_unknown(graph: ForeignGraph, of_links: list[str], table: TopologyTable) -> None:
    """Refuse keys that name what no link has."""
    there = {name.casefold() for name in of_links}
    has = f"links have {some(of_links, 12)}" if of_links else "links have no attributes"
    problems = [
        f"{graph.name}: no link has an attribute {name!r} (network.{key}); {has}"
        for key, name in named_keys(table).items()
        if name.casefold() not in there
    ]
    refuse(problems, "", graph.name)


def _problem(graph: ForeignGraph, name: str, whose: str, table: TopologyTable) -> str:
    """What is wrong with an attribute that is not used; empty for nothing."""
    if name.startswith(UNNAMED):
        how = _MEANT["loss"][1].format(name)
        text = f"attribute {name!r} of links has no name, and is not used; {how}"
        return f'{graph.name}: {text}; network.ignore = ["{name}"] if it means nothing here'
    kind = meaning(name)
    if kind is None or name.casefold() in graph.silence.traffic:
        return ""
    # who names the length has looked at the others
    if kind == "length" and (table.length_key is not None or whose == "nodes"):
        return ""
    if whose == "the network" and kind in _NOT_OF_NETWORKS:
        return ""
    how = _MEANT[kind][1].format(name) if whose == "links" else ""
    if whose == "the network":
        how = "give it to each link"
    if kind == "length" and unit_in_name(name):
        how = ""
    ways = "; ".join(filter(None, [how, f'network.ignore = ["{name}"] if it means nothing here']))
    return (
        f"{graph.name}: attribute {name!r} of {whose} sounds like a {kind} and is not used; {ways}"
    )
