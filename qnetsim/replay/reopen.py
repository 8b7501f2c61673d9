"""Files made runnable again: the case, the world and the policy behind a trace or a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from qnetsim.arrays import frozen
from qnetsim.case import Case, open_case
from qnetsim.case.case import tasks_of_world
from qnetsim.case.node_ids import with_node_ids
from qnetsim.errors import QnetsimError, TopologyError, TraceError, TraceFormatError
from qnetsim.locations import Location
from qnetsim.network import BUNDLED, Topology, read_topology
from qnetsim.network.topology import natural_order
from qnetsim.plain_text import counted
from qnetsim.plans.opened import stored_policy
from qnetsim.replay.data_place import with_task_data
from qnetsim.replay.weights_place import with_weights
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import Trace
from qnetsim.world.faults import FaultEvents
from qnetsim.world.realisation import Realisation, RecordedLevels
from qnetsim.world.stored import StoredWorld


@dataclass(frozen=True)
class RecordedRun:
    """What stands behind a file.

    Attributes
    ----------
    case : Case
        Built from the file alone: neither the topology file nor a demand file is needed.
    replication : int
    policy : PolicyTable or None
        None behind a recorded world.
    """

    case: Case
    replication: int
    policy: PolicyTable | None


def recorded_run(
    trace: Trace, weights: Path | None = None, data: Sequence[Path] = ()
) -> RecordedRun:
    """Rebuild the case of a trace or a recorded world.

    Parameters
    ----------
    trace : Trace
    weights : Path, optional
        File of the trained weights behind the trace, which names it without its folder. Unless
        given it is looked for in the current folder and beside the trace.
    data : sequence of Path, optional
        Files that its tasks learn from, which are looked for in the same way.

    Raises
    ------
    TraceError
        Its scenario or its network is not one that this software takes.
    """
    provenance = trace.provenance
    try:
        scenario = Scenario.model_validate(provenance["scenario"])
        policy = None
        folder = trace.path.parent
        tables = tuple(with_weights(table, folder) for table in scenario.policy)
        scenario = scenario.model_copy(update={"policy": tables})
        scenario = with_task_data(scenario, folder, data)
        if "policy" in provenance:
            stored = provenance["policy"]
            sha256 = stored.get("weights_sha256")
            policy = with_weights(stored_policy(stored), folder, sha256, weights)
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        detail = error.errors()[0] if isinstance(error, ValidationError) else None
        text = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" if detail else str(error)
        raise TraceFormatError(
            f"{trace.path}: its scenario is not one of this qnetsim: {text}; use the version that "
            f"wrote it ({provenance['software']['version']})"
        ) from None
    try:
        topology = _topology(trace, scenario)
        case = open_case(with_node_ids(scenario, topology, ids_first=True), topology)
    except TraceFormatError:
        raise
    except QnetsimError as error:
        raise TraceError(f"{trace.path}: {error}") from None
    return RecordedRun(case, trace.replication, policy)


def _topology(trace: Trace, scenario: Scenario) -> Topology:
    """The network as it stands in the file."""
    name = scenario.network.topology
    sources, targets = (trace.column(f"fibres/{end}").tolist() for end in ("source", "target"))
    nodes = trace.column("trust/node_name").tolist()
    if not nodes:
        # files of format 1.1 and older do not list them
        known = name in BUNDLED or name.startswith("topohub:")
        nodes = list(read_topology(name).nodes) if known else natural_order(sources + targets)
    position = {node: i for i, node in enumerate(nodes)}
    lengths = trace.column("fibres/length_km").tolist()
    try:
        ends = [(position[a], position[b]) for a, b in zip(sources, targets, strict=True)]
    except KeyError as error:
        raise TraceFormatError(f"{trace.path}: is damaged: no node is named {error}") from None
    if not ends or any(a == b for a, b in ends) or not all(0 < km < 1e9 for km in lengths):
        raise TraceFormatError(f"{trace.path}: is damaged: its fibres are no network")
    places = trace.locations()
    locations = tuple(places.get(node, Location()) for node in nodes) if places else ()
    labels = trace.fibre_labels()
    losses = trace.losses()
    try:
        return Topology(name, tuple(nodes), tuple(ends), tuple(lengths), locations, labels, losses)
    except TopologyError as error:
        raise TraceFormatError(f"{trace.path}: is damaged: {error}") from None


def redrawn_world(trace: Trace, run: RecordedRun) -> Realisation:
    """The world of a run whose demand was recorded: its levels, and all else from the seed."""
    case = run.case
    levels = np.zeros((case.scenario.run.slots, case.forecast.groups), np.int16)
    stored = trace.column("world/levels")
    if stored.shape[1] != levels.shape[1] or len(stored) > len(levels):
        raise TraceFormatError(f"{trace.path}: is damaged: its demand is not its scenario's")
    levels[: len(stored)] = stored
    return Realisation(
        network=case.network,
        forecast=case.forecast,
        scenario=case.scenario,
        replication=run.replication,
        tasks=tasks_of_world(case.scenario, run.replication),
        levels=RecordedLevels(levels),
    )


def recorded_world(trace: Trace, run: RecordedRun) -> Realisation:
    """The world of a trace or a recorded world.

    Raises
    ------
    TraceError
        The file was cut short: a world must be whole to be met again.
    """
    scenario = run.case.scenario
    case = run.case
    if trace.slots < scenario.run.slots:
        raise TraceError(
            f"{trace.path}: holds {trace.slots:,} of the {counted(scenario.run.slots, 'slot')} of "
            f"its world ({trace.status}); `qnetsim run --resume` completes it"
        )
    levels = trace.column("world/levels", 0, 1)
    shape = (case.forecast.groups, case.forecast.requests)
    if (levels.shape[1], len(trace.column("world/request"))) != shape:
        raise TraceFormatError(f"{trace.path}: is damaged: its requests are not its scenario's")

    names = case.network.topology.nodes
    ends = (trace.column(f"world/request_{end}").tolist() for end in ("source", "target"))
    if list(zip(*ends, strict=True)) != [(names[a], names[b]) for a, b in case.forecast.pairs]:
        raise TraceError(
            f"{trace.path}: its requests are not those that its scenario has; `qnetsim verify` "
            "says where"
        )

    def rows(name: str, first: int, end: int) -> npt.NDArray[Any]:
        found = trace.column(f"world/{name}", first, end)
        if name == "levels" and found.size:
            most = case.forecast.level_count - 1
            if int(found.min()) < 0 or int(found.max()) > most:
                raise TraceFormatError(f"{trace.path}: holds levels outside 0 .. {most}")
        return found

    return StoredWorld(
        network=case.network,
        forecast=case.forecast,
        scenario=scenario,
        replication=run.replication,
        rows=rows,
        faults=_faults(trace, case),
        tasks=tasks_of_world(scenario, run.replication),
    )


def _faults(trace: Trace, case: Case) -> FaultEvents:
    columns = {
        name: frozen(trace.column(f"faults/{name}"), np.int64)
        for name in ("tick_ns", "fibre", "down", "cause", "element")
    }
    fibre = columns["fibre"]
    tick = columns["tick_ns"]
    wrong = fibre.size and not (0 <= fibre.min() <= fibre.max() < case.network.fibres)
    if wrong or (np.diff(tick) < 0).any():
        raise TraceFormatError(f"{trace.path}: is damaged: its faults are not in order")
    return FaultEvents(tick, fibre, *(columns[name] for name in ("down", "cause", "element")))


def whole_world(trace: Trace, run: RecordedRun) -> Realisation:
    """The world of a file, once its digest has been worked out again.

    Raises
    ------
    TraceError
        The world is not whole, or has been changed.
    """
    world = recorded_world(trace, run)
    stored = trace.attribute("world_digest")
    found = world.whole_digest()
    if stored not in {"", found}:
        raise TraceError(
            f"{trace.path}: its world has been changed: its digest is {found[:12]}, "
            f"and {stored[:12]} stands in the file; `qnetsim verify` says where"
        )
    return world
