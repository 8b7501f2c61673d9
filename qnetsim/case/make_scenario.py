"""Scenarios without a file: from tables and keywords, with the checks of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qnetsim.case.open_case import completed, options_in, with_sources
from qnetsim.errors import ScenarioError, SettingError, TopologyError
from qnetsim.network.graphs import given_graph, is_graph
from qnetsim.scenario import Scenario, placed
from qnetsim.scenario.checked import Given, checked_tables, dotted
from qnetsim.scenario.scenario import plain_tables
from qnetsim.scenario.tables.graph import GivenGraph


def make_scenario(
    tables: Mapping[str, Any] | None = None,
    /,
    topology: Any = None,
    *,
    length_key: str | None = None,
    **more: Any,
) -> Scenario:
    """Build a scenario from its tables, and check everything that is checked in a file.

    Files that it names are looked for in the current folder.

    Parameters
    ----------
    tables : mapping, optional
        Tables by name, as in a file: ``{"network": {"topology": "nsfnet"}, …}``.
    topology : str, path-like or networkx.Graph, optional
        Short for that key of the ``network`` table. A graph is undirected and has the length of
        each edge in km.
    length_key : str, optional
        Attribute of the graph's edges that is their length; ``length_km``, ``length`` or
        ``dist`` unless given.
    **more
        Further tables: ``demand={"requests": 40}``, ``run={"slots": 500}``.

    Raises
    ------
    ScenarioError
        With every problem, each as ``key: what is wrong; what is allowed``.
    TopologyError
        A graph is no network of fibres.

    Examples
    --------
    >>> scenario = make_scenario(topology="nsfnet", demand={"requests": 4}, run={"slots": 10})
    >>> scenario.demand.requests
    4
    """
    graph: GivenGraph | None = None
    network = (tables or {}).get("network") if isinstance(tables, Mapping) else None
    inner = network.get("topology") if isinstance(network, Mapping) else None
    if is_graph(inner) and isinstance(tables, Mapping):
        graph = given_graph(inner, length_key)
        tables = {**tables, "network": {**dict(network or {}), "topology": graph.name}}
    if is_graph(topology):
        graph = given_graph(topology, length_key)
        topology = graph.name
    if length_key is not None and graph is None:
        raise ScenarioError(["length_key: goes with a graph as topology; leave it out"])
    data = plain_tables(tables, topology=topology, **more)
    scenario = checked_tables(Scenario, Given(data), options_in(Path()))
    if graph is not None:
        scenario = scenario.model_copy(update={"network": scenario.network.with_graph(graph)})
    try:
        return completed(with_sources(placed(scenario, Path()), Path()), {})
    except TopologyError as error:
        raise ScenarioError([f"network.topology: {text}" for text in error.problems]) from None
    except SettingError as error:
        raise ScenarioError([f"{dotted(key)}: {text}" for key, text in error.problems]) from None
