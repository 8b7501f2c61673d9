"""A network of fibres that a caller gave in memory, in place of a name or a file."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    name: str
    nodes: tuple[str, ...]
    fibres: tuple[tuple[int, int], ...]
    lengths_km: tuple[float, ...]
