"""The network: fibres, MDI-QKD chains on them, prices, routes and loads."""

from qnetsim.network.bounded_routes import simple_routes
from qnetsim.network.chain import COMPONENTS, ChainBill, components_per_unit
from qnetsim.network.cost import UnitCosts, UnitPrices
from qnetsim.network.formats import BUNDLED, TopologyWarning, read_topology
from qnetsim.network.loads import LoadTable
from qnetsim.network.model import PPM, Network, build_network, network_topology
from qnetsim.network.route_search import shortest_routes
from qnetsim.network.routes import BLOCKED, Route, RouteTable
from qnetsim.network.topology import Topology

__all__ = [
    "BLOCKED",
    "BUNDLED",
    "COMPONENTS",
    "PPM",
    "ChainBill",
    "LoadTable",
    "Network",
    "Route",
    "RouteTable",
    "Topology",
    "TopologyWarning",
    "UnitCosts",
    "UnitPrices",
    "build_network",
    "components_per_unit",
    "network_topology",
    "read_topology",
    "shortest_routes",
    "simple_routes",
]
