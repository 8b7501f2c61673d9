"""Scenarios without a file: from tables and keywords, with the checks of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qnetsim.case.open_case import completed, options_in, with_sources
from qnetsim.errors import ScenarioError, SettingError, TopologyError
from qnetsim.network.graphs import given_graph, is_graph, name_of
from qnetsim.scenario import Scenario, placed
from qnetsim.scenario.checked import Given, checked_tables, dotted
from qnetsim.scenario.scenario import plain_tables


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
        Short for that key of the ``network`` table.
    length_key : str, optional
        Short for that key of the ``network`` table: attribute of links that is their length.
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
    graph: Any = None
    network = (tables or {}).get("network") if isinstance(tables, Mapping) else None
    inner = network.get("topology") if isinstance(network, Mapping) else None
    if is_graph(inner) and isinstance(tables, Mapping):
        graph = inner
        tables = {**tables, "network": {**dict(network or {}), "topology": name_of(graph)}}
    if is_graph(topology):
        graph = topology
        topology = name_of(graph)
    data = plain_tables(tables, topology=topology, **more)
    if length_key is not None:
        _add_length_key(data, length_key)
    scenario = checked_tables(Scenario, Given(data), options_in(Path()))
    if graph is not None:
        given = given_graph(graph, scenario.network)
        scenario = scenario.model_copy(update={"network": scenario.network.with_graph(given)})
    try:
        return completed(with_sources(placed(scenario, Path()), Path()), {})
    except TopologyError as error:
        raise ScenarioError([f"network.topology: {text}" for text in error.problems]) from None
    except SettingError as error:
        raise ScenarioError([f"{dotted(key)}: {text}" for key, text in error.problems]) from None


def _add_length_key(data: dict[str, Any], length_key: str) -> None:
    """Put the short form of a key into its table.

    Raises
    ------
    ScenarioError
        There is no such table, or it has the key.
    """
    network = data.get("network")
    if not isinstance(network, dict) or "length_key" in network:
        raise ScenarioError(["length_key: goes with a topology, and is given once"])
    network["length_key"] = length_key
