"""Hold what a trace says of files outside it against those files: network, recorded demand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from qnetsim.analysis.audit import Finding
from qnetsim.case.user_demand import demand_of, recorded_demand
from qnetsim.errors import (
    MissingExtraError,
    QnetsimError,
    SettingError,
    TopologyError,
    UsageError,
    argument,
)
from qnetsim.fibre_loss import FibreLoss
from qnetsim.input_files import refuse_irregular
from qnetsim.locations import Location
from qnetsim.network import BUNDLED, Topology
from qnetsim.network.formats import read_with_notes
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.replay.reopen import RecordedRun
from qnetsim.scenario import RecordingTable, TopologyTable
from qnetsim.scenario.tables.topology_file import reading_keys
from qnetsim.shipped import shipped_input
from qnetsim.trace import Trace
from qnetsim.trace.files.demand_file import demand_digest


@dataclass(frozen=True)
class GivenFiles:
    """What a trace names and does not hold.

    Attributes
    ----------
    policy : ChosenPolicy or None
        The policy, where it is not a registered one.
    plan, topology, demand : Path or None
        The plan file that the run went by, the topology file, the demand file.
    """

    policy: ChosenPolicy | None = None
    plan: Path | None = None
    topology: Path | None = None
    demand: Path | None = None


def network_finding(trace: Trace, run: RecordedRun, given: GivenFiles) -> Finding:
    """Whether the fibres of a trace are those of the network that it names.

    Raises
    ------
    UsageError
        The file that is given cannot be read.
    """
    inside = run.case.network.topology
    stored = trace.provenance.get("network_digest")
    if stored is not None and stored != inside.digest():
        return Finding("network", False, "the fibres are not those of the stored network digest")
    return named_network(inside, given, run.case.scenario.network)


def named_network(inside: Topology, given: GivenFiles, table: TopologyTable) -> Finding:
    """Whether fibres are those of the network whose name they bear, read by a scenario's keys.

    Raises
    ------
    UsageError
        The file that is given cannot be read.
    """
    name = inside.name
    known = name in BUNDLED or name.startswith("topohub:")
    if not known and given.topology is None:
        shipped = shipped_input(name)
        # a user's own file may bear the name of a shipped one: that it is another proves nothing
        if shipped is not None and not _difference(inside, _read(str(shipped), table)):
            count = counted(len(inside.fibres), "fibre")
            return Finding("network", True, f"{count}, those of {name}, which comes with qnetsim")
        how = argument("topology", "FILE")
        text = f"{name} is no file of qnetsim's; give it with {how} to have it compared"
        return Finding("network", None, text)
    # a bundled name is held against what is bundled, whatever file is given beside
    outsides = []
    if given.topology is not None:
        try:
            outsides.append(_read(str(given.topology), table))
        except TopologyError as error:
            raise UsageError(f"{argument('topology')} {error}") from None
    if known:
        try:
            outsides.append(_read(name, table))
        except (TopologyError, MissingExtraError) as error:
            return Finding("network", None, str(error))
    for outside in outsides:
        if difference := _difference(inside, outside):
            return Finding("network", False, difference)
    names = " and ".join(outside.name for outside in outsides)
    return Finding("network", True, f"{counted(len(inside.fibres), 'fibre')}, those of {names}")


def _read(topology: str, table: TopologyTable) -> Topology:
    """Read a network by the keys of a scenario; what it says beside was told when it was run."""
    keys = {key: getattr(table, key) for key in reading_keys()}
    return read_with_notes(TopologyTable.model_construct(topology=topology, **keys)).topology


def _difference(inside: Topology, outside: Topology) -> str:
    """First difference between the network of a trace and another one; empty for none.

    The order of nodes and fibres counts: node pairs and ties between routes go by it.
    """
    for number, (here, there) in enumerate(zip_longest(inside.nodes, outside.nodes)):
        if here != there:
            return f"node {number} is {here!r} in the trace and {there!r} in {outside.name}"
    fibres = [
        [
            (t.fibre_name(e), f"{length!r} km{_in_words(t.losses[e]) if t.losses else ''}")
            for e, length in enumerate(t.lengths_km)
        ]
        for t in (inside, outside)
    ]
    for number, (here, there) in enumerate(zip_longest(*fibres)):
        if here != there:
            texts = ["not there" if one is None else " of ".join(one) for one in (here, there)]
            return f"fibre {number} is {texts[0]} in the trace and {texts[1]} in {outside.name}"
    # files of before say nothing of places
    unknown = (Location(),) * len(inside.nodes)
    places = zip(inside.nodes, inside.locations, outside.locations or unknown, strict=False)
    for node, place, other in places:
        if place != other:
            return f"node {node!r} has another place or name in the trace than in {outside.name}"
    return ""


def _in_words(loss: FibreLoss) -> str:
    parts = [f"{key} {value!r}" for key, value in loss.as_table().items()]
    return f" ({', '.join(parts)})" if parts else ""


def demand_finding(trace: Trace, run: RecordedRun, given: GivenFiles) -> Finding | None:
    """Whether recorded demand is that of the file; None for a run without any.

    Raises
    ------
    UsageError
        The file that is given is not there.
    """
    recording = run.case.scenario.recording
    if recording is None:
        return None
    path = given.demand or _shipped_demand(recording)
    if path is None:
        text = (
            f"{recording.file} is no file of qnetsim's; give it with "
            f"{argument('demand', 'FILE')} to have it compared"
        )
        return Finding("demand", None, text)
    refuse_irregular(path, "file of recorded demand")
    shown = str(path) if given.demand else f"{recording.file}, which comes with qnetsim"
    table = recording.model_copy(update={"file": str(path)})
    scenario = run.case.scenario.model_copy(update={"recording": table})
    try:
        found = recorded_demand(scenario, run.case.network)
        levels = found.window(run.replication, scenario.run.slots)
        if recording.sha256 != found.sha256:
            return Finding("demand", False, f"its SHA-256 is {found.sha256}, not that of the trace")
        if demand_of(scenario, found) != scenario.demand:
            text = f"requests or forecast are not those of {shown}"
            return Finding("demand", False, text)
    except SettingError as error:
        return Finding("demand", False, "; ".join(text for _, text in error.problems))
    except QnetsimError as error:
        return Finding("demand", False, str(error))
    stored = trace.column("world/levels")
    if stored.shape[1] != levels.shape[1]:
        return Finding(
            "demand",
            False,
            f"{counted(stored.shape[1], 'request is', 'requests are')} not {levels.shape[1]:,}",
        )
    apart = np.argwhere(stored != levels[: len(stored)])
    if len(apart):
        slot, group = apart[0].tolist()
        text = (
            f"slot {slot}, request {group}: level {stored[slot, group]} in the trace and "
            f"{levels[slot, group]} in {shown}"
        )
        return Finding("demand", False, text)
    return Finding("demand", True, f"requests, levels and forecast of {shown}")


def _shipped_demand(recording: RecordingTable) -> Path | None:
    """The file of a recording that comes with qnetsim, if it is that file."""
    path = shipped_input(recording.file)
    if path is None or demand_digest(path) != recording.sha256:
        return None
    return path
