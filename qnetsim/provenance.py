"""The header of a trace: everything that is known of a run before its first slot."""

from __future__ import annotations

import numpy as np

from qnetsim.case import Case
from qnetsim.exogenous.realisation import Realisation
from qnetsim.fel.messages import KINDS
from qnetsim.kernel.round_table import round_index
from qnetsim.kernel.simulation import checked_owners
from qnetsim.kernel.waiting import wait_bins
from qnetsim.network import Network
from qnetsim.optimize import Plan
from qnetsim.planning import plan_summary
from qnetsim.policies import Policy
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceHeader
from qnetsim.trace.provenance import environment, software
from qnetsim.units import TICKS_PER_SECOND, seconds_to_ticks


def _round_columns(case: Case) -> dict[str, object]:
    tasks, numbers = round_index([table.rounds for table in case.scenario.fel])
    return {
        "rounds/round": np.arange(len(tasks)),
        "rounds/task": tasks,
        "rounds/number": numbers,
        "rounds/kind": np.arange(len(KINDS)),
        "rounds/kind_step": np.array([step for step, _ in KINDS]),
        "rounds/kind_purpose": [purpose for _, purpose in KINDS],
    }


def _weights(policy: Policy, network: Network) -> dict[str, str]:
    """Which trained weights decided, where any did."""
    sha256 = policy.weights_sha256(network)
    return {} if sha256 is None else {"weights_sha256": sha256}


def trace_header(
    case: Case,
    policy: Policy,
    table: PolicyTable,
    realisation: Realisation,
    plan: Plan | None,
) -> TraceHeader:
    """What is known of a run before its first slot."""
    network, forecast, topology = case.network, case.forecast, case.network.topology
    run = case.scenario.run
    slot_ticks = seconds_to_ticks(run.slot_s)
    costs, faults = network.costs, realisation.faults
    bins = wait_bins(case.scenario.key_management, slot_ticks, run.slots * slot_ticks)
    provenance = {
        "software": software(),
        "environment": environment(),
        "scenario": case.scenario.portable().model_dump(mode="json"),
        "scenario_digest": case.scenario.digest(),
        "seed": run.seed,
        "replication": realisation.replication,
        "policy": {
            "name": table.name,
            "title": table.title,
            "options": policy.options.model_dump(mode="json"),
            "sees_future": policy.sees_future,
            **_weights(policy, network),
        },
        "plan": None if plan is None else plan_summary(plan, network),
    }
    fibres = np.arange(network.fibres)
    columns = {
        "fibres/fibre": fibres,
        "fibres/source": [topology.nodes[a] for a, _ in topology.fibres],
        "fibres/target": [topology.nodes[b] for _, b in topology.fibres],
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
        "world/request_source": [topology.nodes[a] for a, _ in forecast.pairs],
        "world/request_target": [topology.nodes[b] for _, b in forecast.pairs],
        "decisions/fibre": fibres,
        "decisions/controller": checked_owners(policy, network, table.title),
        "slots/fibre": fibres,
        "ledger/fibre": fibres,
        "trust/fibre": fibres,
        "trust/node": np.arange(len(topology.nodes)),
        "trust/node_name": list(topology.nodes),
        "slots/wait_bin": np.arange(bins.count),
        "slots/wait_upto_s": (1 + np.arange(bins.count)) * (bins.width_ticks / TICKS_PER_SECOND),
        **_round_columns(case),
        "faults/event": np.arange(len(faults)),
        "faults/tick_ns": faults.tick,
        "faults/fibre": faults.fibre,
        "faults/down": faults.down,
        "faults/cause": faults.cause,
        "faults/element": faults.element,
    }
    attributes = {
        "policy": table.title,
        "replication": realisation.replication,
        "slot_s": run.slot_s,
        "level_bits": network.level_bits,
        "sees_future": int(policy.sees_future),
    }
    return TraceHeader(provenance, columns, attributes)
