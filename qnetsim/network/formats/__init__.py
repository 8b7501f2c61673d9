"""Topologies in the formats of others, one file for each format."""

from qnetsim.network.formats.to_network import ReadTopology
from qnetsim.network.formats.topology_files import (
    BUNDLED,
    TopologyWarning,
    read_topology,
    read_with_notes,
)

__all__ = ["BUNDLED", "ReadTopology", "TopologyWarning", "read_topology", "read_with_notes"]
