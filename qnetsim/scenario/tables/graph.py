"""A network of fibres that a caller gave in memory, in place of a name or a file."""

from __future__ import annotations

from dataclasses import dataclass

from qnetsim.locations import Location

#: How the name of such a network begins in traces and messages.
GRAPH = "graph:"


@dataclass(frozen=True)
class GivenGraph:
    """Nodes and fibres of a graph, checked as those of a file are.

    Attributes
    ----------
    name : str
    nodes : tuple of str
        In topology order.
    fibres : tuple of (int, int)
        End points as positions in ``nodes``.
    lengths_km : tuple of float
    locations : tuple of Location
        Of each node; empty where nothing is known of any.
    fibre_labels : tuple of str
        Own name of each fibre; empty where none has one.
    losses : tuple of (float or None, float)
        Attenuation in dB/km and extra loss in dB of each fibre; empty where none is given.
    """

    name: str
    nodes: tuple[str, ...]
    fibres: tuple[tuple[int, int], ...]
    lengths_km: tuple[float, ...]
    locations: tuple[Location, ...] = ()
    fibre_labels: tuple[str, ...] = ()
    losses: tuple[tuple[float | None, float], ...] = ()
