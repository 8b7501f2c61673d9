"""Which wavelengths a request uses on which links, for programs and checker alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lightpaths:
    """Wavelengths of one request in one scenario.

    Attributes
    ----------
    links : tuple of (int, int)
        Directed links (from node, to node).
    fibres : tuple of int
        Fibre of each link; several may join two nodes.
    km : tuple of tuple of int
        KM wavelengths on each link.
    qkd : tuple of tuple of int
        QKD wavelengths on each link.
    """

    links: tuple[tuple[int, int], ...]
    fibres: tuple[int, ...]
    km: tuple[tuple[int, ...], ...]
    qkd: tuple[tuple[int, ...], ...]
