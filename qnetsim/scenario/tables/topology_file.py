"""The keys of ``[network]`` that name a topology and say how its file is read."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from qnetsim.scenario.tables.fields import Table, as_tuple, field

#: How the names of topology files end.
TOPOLOGY_SUFFIXES = (".csv", ".gml", ".graphml", ".json", ".n2p", ".tsv", ".txt", ".xml")
_LISTED = ", ".join(TOPOLOGY_SUFFIXES[:-1])

Ends = Annotated[tuple[str, str], BeforeValidator(as_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


class TopologyTable(Table):
    """A network of fibres, and what is done where its file leaves something open."""

    topology: str = field(
        "the network of fibres",
        f"'nsfnet', 'usnet', 'topohub:NAME', or the path of a {_LISTED} or "
        f"{TOPOLOGY_SUFFIXES[-1]} file",
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    ends: Ends | None = field(
        "columns or fields of the file's links that are their two ends",
        "two names; without it source and target, src and dst, from and to, …; with .csv, .tsv "
        "and .json files",
        default=None,
    )
    length_key: str | None = field(
        "attribute of the file's links that is their length",
        "a name; without it length_km, length, dist, or a name with its unit such as lengthInKm",
        default=None,
        min_length=1,
    )
    length_unit: Literal["m", "km", "mi"] | None = field(
        "unit of the file's lengths, where it gives none itself",
        "'m', 'km' or 'mi' (miles); without it kilometres",
        default=None,
    )
    coordinates: Literal["great_circle", "plane"] | None = field(
        "how a link without a length gets one from the coordinates of its ends",
        "'great_circle' (degrees on the earth) or 'plane' (any units, times route_factor)",
        default=None,
    )
    route_factor: float = field(
        "length of a fibre over the distance of its ends, with coordinates",
        "a number > 0; at least 1 with 'great_circle'; with 'plane' the km of a unit",
        default=1.0,
        gt=0,
        le=1e4,
    )
    min_length_km: float | None = field(
        "length that fibres get which are shorter, or of length zero, in the file",
        "a number > 0 in km; without it a length of zero is an error",
        default=None,
        gt=0,
        le=1e4,
    )
    missing_length: Literal["drop"] | Annotated[float, Field(gt=0, le=1e6)] | None = field(
        "what becomes of links that have no length otherwise",
        "'drop' (they are left out, and nodes that only they reach), or a length > 0 in km; "
        "without it they are an error",
        default=None,
    )
    directions: Literal["equal", "shortest", "longest", "mean", "separate"] = field(
        "what two opposite links of a directed file are",
        "'equal' (one fibre if their lengths are equal, else an error), one fibre with the "
        "'shortest', 'longest' or 'mean' length, or 'separate' (two fibres)",
        default="equal",
    )
    parallel_fibres: Literal["distinct", "keep", "shortest", "refuse"] = field(
        "what several links between two nodes are",
        "'distinct' (fibres, where the file tells them apart by name, id or as a multigraph, else "
        "an error), 'keep' (fibres), 'shortest' (one fibre, the shortest) or 'refuse'",
        default="distinct",
    )
    parts: Literal["keep", "largest"] = field(
        "what becomes of parts of the network that no fibre joins",
        "'keep', or 'largest' (only the part with the most nodes)",
        default="keep",
    )
    duplicate_nodes: Literal["refuse", "first"] = field(
        "what becomes of a node that a file lists twice with unlike attributes",
        "'refuse', or 'first' (the first counts)",
        default="refuse",
    )
    self_loops: Literal["refuse", "drop"] = field(
        "what becomes of links from a node to itself", "'refuse' or 'drop'", default="refuse"
    )
    attenuation_key: str | None = field(
        "attribute of the file's links that is their attenuation in dB/km",
        "a name; without it attenuation_db_km",
        default=None,
        min_length=1,
    )
    extra_loss_key: str | None = field(
        "attribute of the file's links that is their loss in dB beside the attenuation",
        "a name; without it extra_loss_db",
        default=None,
        min_length=1,
    )
    total_loss_key: str | None = field(
        "attribute of the file's links that is the loss in dB of the whole fibre, from which its "
        "attenuation follows",
        "a name; not with an attenuation",
        default=None,
        min_length=1,
    )
    ignore: Names = field(
        "attributes of the file's links and nodes that mean nothing here",
        "a list of names",
        default=(),
    )


def reading_keys() -> tuple[str, ...]:
    """Names of the keys that say how a file is read."""
    return tuple(key for key in TopologyTable.model_fields if key != "topology")
