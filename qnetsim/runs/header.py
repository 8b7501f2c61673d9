"""The header of a trace: everything that is known of a run before its first slot."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from qnetsim.case import Case
from qnetsim.fel.messages import message_kinds
from qnetsim.fibre_loss import losses_part
from qnetsim.kernel.round_table import round_index
from qnetsim.kernel.serving.wait_bins import wait_bins
from qnetsim.kernel.simulation import checked_owners
from qnetsim.network import Network, Topology
from qnetsim.optimize import Plan
from qnetsim.plans.make import plan_summary
from qnetsim.policies import Policy
from qnetsim.policies.base import steady_foresight
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.scenario.tables.portable import without_folders
from qnetsim.trace import TraceHeader
from qnetsim.trace.provenance import environment, software
from qnetsim.units import TICKS_PER_SECOND, seconds_to_ticks
from qnetsim.world.realisation import Realisation


def _round_columns(case: Case) -> dict[str, object]:
    tables = case.scenario.fel
    tasks, numbers = round_index([table.rounds for table in tables])
    kinds = message_kinds(horizontal=any(table.kind == "horizontal" for table in tables))
    return {
        "rounds/round": np.arange(len(tasks)),
        "rounds/task": tasks,
        "rounds/number": numbers,
        "rounds/kind": np.arange(len(kinds)),
        "rounds/kind_step": np.array([step for step, _ in kinds]),
        "rounds/kind_purpose": [purpose for _, purpose in kinds],
    }


def _weights(policy: Policy, network: Network) -> dict[str, str]:
    """Which trained weights decided, where any did."""
    sha256 = policy.weights_sha256(network)
    return {} if sha256 is None else {"weights_sha256": sha256}


def source_note(table: PolicyTable) -> dict[str, str]:
    """Which code of a user's own decided, where any did."""
    return {} if table.source is None else {"source_sha256": table.source.sha256}


def policy_provenance(policy: Policy, table: PolicyTable, network: Network) -> dict[str, Any]:
    """What a trace says of its policy."""
    return {
        "name": table.name,
        "title": table.title,
        "options": without_folders(policy.options.model_dump(mode="json")),
        "sees_future": policy.sees_future,
        **_weights(policy, network),
        **source_note(table),
    }


def trace_header(
    case: Case,
    policy: Policy,
    table: PolicyTable,
    realisation: Realisation,
    plan: Plan | None,
    notes: Mapping[str, Any],
) -> TraceHeader:
    """What is known of a run before its first slot; ``notes`` are added to the provenance."""
    network = case.network
    run = case.scenario.run
    slot_ticks = seconds_to_ticks(run.slot_s)
    bins = wait_bins(case.scenario.key_management, slot_ticks, run.slots * slot_ticks)
    with steady_foresight(policy, table.title):
        stated = policy_provenance(policy, table, network)
        owners = checked_owners(policy, network, table.title)
    provenance = {
        **_origin(case, realisation),
        "policy": stated,
        "plan": None if plan is None else plan_summary(plan, network),
        **notes,
    }
    fibres = np.arange(network.fibres)
    columns = {
        **_world_columns(case, realisation),
        "decisions/fibre": fibres,
        "decisions/controller": owners,
        "slots/fibre": fibres,
        "ledger/fibre": fibres,
        "trust/fibre": fibres,
        "slots/wait_bin": np.arange(bins.count),
        "slots/wait_upto_s": (1 + np.arange(bins.count)) * (bins.width_ticks / TICKS_PER_SECOND),
        **_round_columns(case),
    }
    attributes = {
        **_world_attributes(case, realisation),
        "policy": table.title,
        "sees_future": int(policy.sees_future),
    }
    return TraceHeader(provenance, columns, attributes, run.slots, tasks=bool(case.scenario.fel))


def world_header(case: Case, realisation: Realisation) -> TraceHeader:
    """What is known of a world that is recorded without any policy."""
    return TraceHeader(
        _origin(case, realisation),
        _world_columns(case, realisation),
        _world_attributes(case, realisation),
    )


def _origin(case: Case, realisation: Realisation) -> dict[str, Any]:
    return {
        "software": software(),
        "environment": environment(),
        **_scenario_part(case.scenario),
        "network_digest": case.network.topology.digest(),
        **_locations(case.network.topology),
        **losses_part(case.network.topology.losses),
        **_fibre_names(case.network.topology),
        "seed": case.scenario.run.seed,
        "replication": realisation.replication,
    }


@lru_cache(maxsize=8)
def _scenario_part(scenario: Scenario) -> Mapping[str, Any]:
    """The scenario, the same in all its runs."""
    return {
        "scenario": scenario.portable().model_dump(mode="json"),
        "scenario_digest": scenario.digest(),
    }


def _locations(topology: Topology) -> dict[str, Any]:
    """Places of the nodes, where the topology knows any."""
    if not topology.locations:
        return {}
    places = zip(topology.nodes, topology.locations, strict=True)
    return {"locations": {node: place.as_table() for node, place in places if place.known}}


def _fibre_names(topology: Topology) -> dict[str, Any]:
    """Own names of the fibres, where any has one."""
    return {"fibre_names": list(topology.fibre_labels)} if topology.fibre_labels else {}


def _world_attributes(case: Case, realisation: Realisation) -> dict[str, Any]:
    return {
        "replication": realisation.replication,
        "slot_s": case.scenario.run.slot_s,
        "level_bits": case.network.level_bits,
    }


def _world_columns(case: Case, realisation: Realisation) -> dict[str, Any]:
    """All columns of the world that do not grow."""
    network = case.network
    forecast = case.forecast
    topology = case.network.topology
    costs = network.costs
    faults = realisation.faults
    nodes = topology.nodes
    fibres = np.arange(network.fibres)
    return {
        "fibres/fibre": fibres,
        "fibres/source": [nodes[a] for a, _ in topology.fibres],
        "fibres/target": [nodes[b] for _, b in topology.fibres],
        "fibres/length_km": np.array(topology.lengths_km),
        "fibres/segments": network.segments,
        "fibres/channel_bits": network.channel_bits,
        "fibres/qkd_reserved_cost": costs.qkd_reserved,
        "fibres/km_reserved_cost": costs.km_reserved,
        "fibres/qkd_on_demand_cost": costs.qkd_on_demand,
        "fibres/km_on_demand_cost": costs.km_on_demand,
        "world/group": np.arange(forecast.groups),
        "world/request": np.arange(forecast.requests),
        "world/request_group": forecast.group,
        "world/request_class": forecast.priority,
        "world/fibre": fibres,
        "world/request_source": [nodes[a] for a, _ in forecast.pairs],
        "world/request_target": [nodes[b] for _, b in forecast.pairs],
        "trust/node": np.arange(len(nodes)),
        "trust/node_name": list(nodes),
        "faults/event": np.arange(len(faults)),
        "faults/tick_ns": faults.tick,
        "faults/fibre": faults.fibre,
        "faults/down": faults.down,
        "faults/cause": faults.cause,
        "faults/element": faults.element,
    }
