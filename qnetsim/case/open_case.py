"""Read a scenario file, and build the case behind a scenario."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from qnetsim.arguments import path_argument
from qnetsim.case.case import Case
from qnetsim.case.node_ids import with_node_ids
from qnetsim.errors import (
    QnetsimError,
    ScenarioError,
    SettingError,
    TopologyError,
    UsageError,
    argument,
)
from qnetsim.forecast import Forecast
from qnetsim.forecast.build import build_forecast
from qnetsim.input_files import note_input
from qnetsim.network import Network, Topology, build_network, network_topology, read_topology
from qnetsim.network.node_names import NodeNames
from qnetsim.plain_text import counted
from qnetsim.policies import policy_options
from qnetsim.policies.registry import with_source
from qnetsim.scenario import (
    OptionsModelOf,
    RecordingTable,
    RunTable,
    Scenario,
    TopologyTable,
    load_scenario,
    locate,
    located,
    misplaced,
    scenario_text,
)
from qnetsim.scenario.checked import model_problems
from qnetsim.scenario.lines import Key
from qnetsim.scenario.scenario import change_keys
from qnetsim.shipped import scenario_file
from qnetsim.units import (
    MAX_RUN_BITS,
    MAX_SLOT_BITS,
    MAX_TICKS,
    TICKS_PER_SECOND,
    exact,
    seconds_to_ticks,
)
from qnetsim.world.elements import listed, refuse_too_many

if TYPE_CHECKING:
    from qnetsim.case.used_rows import RowsUsed
    from qnetsim.case.user_demand import RecordedDemand


def load(
    path: str | os.PathLike[str],
    *,
    recording: RecordingTable | None = None,
    changes: Mapping[str, Any] | Mapping[Key, Any] | None = None,
    **run: int | None,
) -> Scenario:
    """Read a scenario file and check everything that can be checked without running it.

    Parameters
    ----------
    path : path-like
        Or the name of a shipped scenario.
    recording : RecordingTable, optional
        Recorded demand that takes the place of the scenario's requests; all of it is one world.
    changes : mapping from str or tuple to value, optional
        Values that take the place of those in the file, by key: ``"demand.requests"``.
    **run : int or None
        Values of the ``[run]`` table that replace the file's; None leaves one as it is.

    Raises
    ------
    ScenarioError
        Every problem, topology and node pairs included, as ``file:line: key: …``.
    UsageError
        A replacing value is out of range.
    """
    path = scenario_file(path_argument("path", path))
    keys = change_keys({} if changes is None else changes)
    _refuse_set_twice(keys, run)
    try:
        scenario = load_scenario(path, options_in(path.parent), keys)
    except ScenarioError as error:
        raise ScenarioError([*error.problems, *_topology_problems(path)]) from None
    if recording is not None:
        taken = dict.fromkeys(("requests", "pairs", "gravity", "means", "correlation"))
        demand = scenario.demand.model_copy(update=taken)
        # the whole recording is one world
        run_table = RunTable(slot_s=scenario.run.slot_s, seed=scenario.run.seed)
        update = {
            "recording": recording,
            "demand": demand,
            "request": (),
            "regimes": None,
            "jobs": None,
            "run": run_table,
        }
        scenario = scenario.model_copy(update=update)
    scenario = with_sources(scenario, path.parent)
    try:
        scenario = completed(scenario, run)
    except TopologyError as error:
        problems = [(("network", "topology"), text) for text in error.problems]
        raise locate(path, problems) from None
    except SettingError as error:
        if recording is not None and all(key[0] == "recording" for key, _ in error.problems):
            # it does not stand in the scenario file
            raise UsageError("\n".join(text for _, text in error.problems)) from None
        raise locate(path, error.problems) from None
    return scenario


def options_in(folder: Path) -> OptionsModelOf:
    """Lookup of policies' options for a scenario in a folder, where files of policies may lie."""
    return partial(policy_options, folder=folder)


def with_sources(scenario: Scenario, folder: Path) -> Scenario:
    """Scenario whose policies have the code that it names, in files of a folder or in modules."""
    tables = tuple(with_source(table, folder) for table in scenario.policy)
    return scenario.model_copy(update={"policy": tables})


def completed(scenario: Scenario, run: Mapping[str, int | None]) -> Scenario:
    """Scenario with recorded demand, other values of ``run`` and ids of nodes; all is checked.

    Raises
    ------
    TopologyError, SettingError
    UsageError
        A value of ``run`` is out of range.
    """
    # a command must not write over these, read or not
    for place in scenario.named_files:
        note_input(place)
    scenario = with_node_ids(scenario, network_topology(scenario.network))
    scenario = _with_data(scenario, again=True)
    if scenario.recording is not None:
        # readers of demand are for recordings only
        from qnetsim.case.user_demand import with_recording

        scenario = with_recording(scenario)
    scenario = with_run_values(scenario, run)
    case = open_case(scenario)
    _refuse_misfits(scenario)
    if scenario.recording is not None:
        from qnetsim.case.user_demand import recorded_demand

        recorded = recorded_demand(scenario, case.network)
        recorded.window(scenario.run.replications - 1, scenario.run.slots)
        _refuse_empty_window(scenario, recorded)
    return scenario


def with_run_values(scenario: Scenario, run: Mapping[str, int | None]) -> Scenario:
    """Scenario with other values of ``run``, as a caller gave them; None leaves one as it is.

    Raises
    ------
    UsageError
        There is no such key, or its value is not allowed.
    """
    try:
        return scenario.with_run(**run)
    except ValidationError as error:
        (name, *_), text = next(model_problems(error, RunTable))
        value = str(run[str(name)]) if name in RunTable.model_fields else ""
        raise UsageError(f"{argument(str(name), value)}: {text}") from None


def _with_data(scenario: Scenario, *, again: bool = False) -> Scenario:
    """Scenario whose files of data are read; tasks without any cost nothing."""
    if not any(table.data for table in scenario.fel):
        return scenario
    from qnetsim.case.task_data import with_data

    return with_data(scenario, again=again)


def _refuse_misfits(scenario: Scenario) -> None:
    if any(table.data for table in scenario.fel):
        from qnetsim.case.tasks import refuse_misfits

        refuse_misfits(scenario)


def _refuse_empty_window(scenario: Scenario, recorded: RecordedDemand) -> None:
    """Refuse a recording of which nothing would happen.

    Raises
    ------
    SettingError
    """
    run = scenario.run
    used = recorded.rows.use(run.slots * run.replications)
    if not used.simulated:
        first, last = used.simulated_slots
        text = (
            f"no row of it is simulated: they are in slots {used.first_slot} to {used.last_slot}, "
            f"where slot 0 is {used.start}, and {counted(run.replications, 'replication')} of "
            f"{counted(run.slots, 'slot')} take {first} to {last}; "
            f"{recorded.rows.remedy(run.slots, run.replications)}"
        )
        raise SettingError([(("recording", "file"), text)])


def rows_used(scenario: Scenario) -> RowsUsed | None:
    """Which rows of its recording a scenario uses; None without a recording."""
    if scenario.recording is None:
        return None
    from qnetsim.case.user_demand import recorded_demand

    recorded = recorded_demand(scenario, open_case(scenario).network)
    return recorded.rows.use(scenario.run.slots * scenario.run.replications)


def _refuse_set_twice(changes: Mapping[Key, Any], run: Mapping[str, int | None]) -> None:
    """Refuse a value of ``[run]`` that is given by its key and by itself.

    Raises
    ------
    UsageError
    """
    for key, value in run.items():
        if value is not None and ("run", key) in changes:
            raise UsageError(
                f"run.{key} is given twice: as {argument(key)} and as the key; give one of them"
            )


def _topology_problems(path: Path) -> tuple[str, ...]:
    """What is wrong with the topology of a file that has other errors too."""
    try:
        given = tomllib.loads(scenario_text(path))["network"]
        known = {key: given[key] for key in TopologyTable.model_fields.keys() & given.keys()}
        known["topology"] = located(known["topology"], path.parent)
        read_topology(TopologyTable.model_validate(known))
    except TopologyError as error:
        problems = [(("network", "topology"), text) for text in error.problems]
        return locate(path, problems).problems
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, QnetsimError):
        pass  # reported already, or not a reference at all
    return ()


def open_case(scenario: Scenario, topology: Topology | None = None) -> Case:
    """Build the network and the forecast of a scenario; what is built is kept for the next call.

    Parameters
    ----------
    scenario : Scenario
    topology : Topology, optional
        The fibres; read from where the scenario says unless given, and again when the file there
        has changed.

    Raises
    ------
    TopologyError, SettingError
    ScenarioError
        Values were put into the scenario past its checks.
    """
    if not isinstance(scenario, Scenario):
        raise UsageError(
            f"scenario: give a Scenario, not {type(scenario).__name__}; `qnetsim.load` reads a file"
        )
    state = _file_state(scenario) if topology is None else None
    return _open_case(scenario, topology, state)


def _file_state(scenario: Scenario) -> tuple[int, ...] | None:
    """What changes when somebody writes to the file of the fibres; None where there is none."""
    try:
        found = Path(scenario.network.topology).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=8)
def _open_case(
    scenario: Scenario, topology: Topology | None, file_state: tuple[int, ...] | None
) -> Case:
    """Build a case; the state of the file of fibres is a part of the key alone."""
    scenario.refuse_unchecked()
    topology = topology or network_topology(scenario.network)
    scenario = _with_data(with_node_ids(scenario, topology))
    network = build_network(scenario.network, scenario.cost, scenario.run.slot_s, topology)
    forecast = build_forecast(
        scenario.demand,
        network.topology,
        scenario.run.seed,
        regimes=scenario.regimes,
        requests=scenario.request,
        level_bps=network.level_bits / exact(scenario.run.slot_s),
        jobs=scenario.jobs,
    )
    _refuse_overflow(scenario, network, forecast)
    listed(scenario.outage, network)  # refuses outages of what is not there
    run_s = scenario.run.slots * scenario.run.slot_s
    refuse_too_many(scenario.faults, network, run_s)
    problems = list(misplaced(scenario.fel, NodeNames(network.topology).why_not))
    if problems:
        raise SettingError(problems)
    if scenario.fel:
        # cryptography, data sets and attendance are for tasks only
        from qnetsim.case.tasks import refuse_unfit
        from qnetsim.world.attendance import refuse_too_many_absences

        refuse_too_many_absences(scenario.fel, run_s)
        refuse_unfit(scenario, network.topology)
    return Case(scenario, network, forecast)


def _refuse_overflow(scenario: Scenario, network: Network, forecast: Forecast) -> None:
    """Bits and ticks must stay exact: those of a slot, its waiting requests included, and of a run.

    Raises
    ------
    SettingError
    """
    run = scenario.run
    keys = scenario.key_management
    if run.warmup_slots is not None and run.warmup_slots >= run.slots:
        text = (
            f"{run.warmup_slots} leaves none of the {counted(run.slots, 'slot')}; allowed: an "
            "integer 0 .. slots - 1"
        )
        raise SettingError([(("run", "warmup_slots"), text)])
    ticks = run.slots * seconds_to_ticks(run.slot_s) + sum(
        map(seconds_to_ticks, (keys.patience_s, keys.on_demand_setup_s, keys.control_delay_s))
    )
    if ticks > MAX_TICKS:
        text = (
            f"the run, its patience and its delays take {ticks / TICKS_PER_SECOND:.3g} s; allowed: "
            f"at most {MAX_TICKS / TICKS_PER_SECOND:.3g} s (lower run.slots, slot_s or patience_s)"
        )
        raise SettingError([(("run", "slots"), text)])
    levels = max(forecast.level_count, 2)
    holding = scenario.demand.longest_holding
    # what one request may take from a fibre, and the rest of the last channel lit for it
    taken = network.request_bits(levels, keys.granularity)[-1].tolist()
    request_bits = max(map(sum, zip(taken, network.channel_bits.tolist(), strict=True)))
    asked = forecast.requests * holding
    queued = asked * (1 + math.ceil(keys.patience_s / run.slot_s))
    relays = int(network.segments.sum()) + len(network.topology.nodes)
    for bits, most, what in (
        (
            queued * request_bits,
            MAX_SLOT_BITS,
            "ask for {} bits in a slot, waiting requests included",
        ),
        (asked * request_bits * run.slots, MAX_RUN_BITS, "ask for {} bits in the run"),
        (
            queued * (levels - 1) * network.level_bits * relays,
            MAX_RUN_BITS,
            "show up to {} bits to trusted relays in a slot",
        ),
    ):
        if bits > most:
            text = (
                f"{counted(forecast.requests, 'request')} of up to level {levels - 1} "
                f"{what.format(f'{bits:.3g}')}; allowed: at most {most:.3g} "
                "(lower key_rate_bps, slot_s or patience_s)"
            )
            raise SettingError([(("network", "key_rate_bps"), text)])
