"""Topologies in the formats of others, one file for each format."""

from qnetsim.network.formats.read import (
    BUNDLED,
    TopologyWarning,
    read_topology,
    read_with_notes,
)
from qnetsim.network.formats.to_network import ReadTopology

__all__ = ["BUNDLED", "ReadTopology", "TopologyWarning", "read_topology", "read_with_notes"]
