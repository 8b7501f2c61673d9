"""What agents did and what came of it, read from traces: experience that nobody plays for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.learning.admitted import by_realised_costs
from qnetsim.learning.environment import agent_spec
from qnetsim.learning.other_scenarios import differences, refuse_other_stores
from qnetsim.learning.reservation_costs import ReservationCosts
from qnetsim.plain_text import counted
from qnetsim.policies.learned.features import Float32Array, Units
from qnetsim.trace import Trace, open_trace


@dataclass(frozen=True)
class RecordedEpisode:
    """One run as the agents of a ``[learning]`` table see it.

    Attributes
    ----------
    path : Path
    digest : str
        Content digest of the trace.
    observation : ndarray of float32, shape (slots + 1, units, inputs)
        The last one is after the run.
    action : ndarray of float32, shape (slots, units, 2)
        The nearest ones that agents could have taken.
    reward : ndarray of float32, shape (slots, units)
    distance : float
        Mean distance of the reservations from those of the nearest actions, in channels for each
        routed request.
    differences : mapping from str to tuple of str
        What the run had otherwise than the scenario, by subject, each in a few words.
    status : str
        Of the trace: "complete", or how its run was cut short.
    """

    path: Path
    digest: str
    observation: Float32Array
    action: Float32Array
    reward: Float32Array
    distance: float
    differences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status: str = "complete"

    @property
    def slots(self) -> int:
        """Slots of the run."""
        return len(self.action)


def read_episodes(case: Case, paths: Iterable[Path]) -> list[RecordedEpisode]:
    """Read traces as experience of the scenario's agents.

    Costs are those of the trace, so they are realised ones whatever ``reward_cost`` says.

    Raises
    ------
    UsageError
        A trace is of another network, prices, requests or stores, holds no slot, its policy was
        told the demand that agents never see, or it is given twice, under one name or two.
    TraceError
        A file is no trace, or is damaged.
    """
    case = by_realised_costs(case)
    routes = case.setting.shortest_routes()
    units = Units(case.setting, routes, agent_spec(case.scenario.learning, case.forecast))
    costs = ReservationCosts(case, units, routes)
    paths = list(paths)
    _refuse_same_files(paths)
    found: dict[tuple[str, str], RecordedEpisode] = {}
    for path in paths:
        with open_trace(path) as trace:
            _refuse_other_runs(case, trace)
            episode = _episode(case, units, costs, trace)
            # policies that decide alike have runs with one digest, and are two runs
            run = episode.digest, trace.policy
        if run in found:
            raise UsageError(
                f"{path}: holds the same run as {found[run].path}, which would count twice; "
                "give one of them"
            )
        found[run] = episode
    return list(found.values())


def _refuse_same_files(paths: Sequence[Path]) -> None:
    """Refuse a file that is given twice, ahead of reading any."""
    found: dict[Path, Path] = {}
    for path in paths:
        place = Path(path).resolve()
        if place in found:
            other = "" if found[place] == path else f", first as {found[place]}"
            raise UsageError(f"{path}: is given twice{other}; give each trace once")
        found[place] = path


def _refuse_other_runs(case: Case, trace: Trace) -> None:
    network, pairs = case.network, case.forecast.pairs
    nodes = network.topology.nodes
    named = [(nodes[a], nodes[b]) for a, b in pairs]
    prices = network.costs
    ours = {
        "fibres/source": [nodes[a] for a, _ in network.topology.fibres],
        "fibres/target": [nodes[b] for _, b in network.topology.fibres],
        "fibres/channel_bits": network.channel_bits,
        "fibres/qkd_reserved_cost": prices.qkd_reserved,
        "fibres/km_reserved_cost": prices.km_reserved,
        "fibres/qkd_on_demand_cost": prices.qkd_on_demand,
        "fibres/km_on_demand_cost": prices.km_on_demand,
        "world/request_source": [source for source, _ in named],
        "world/request_target": [target for _, target in named],
        "world/request_group": case.forecast.group,
    }
    for name, values in ours.items():
        if not np.array_equal(np.asarray(trace.column(name)), np.asarray(values)):
            raise UsageError(
                f"{trace.path}: is no run of this scenario: its {name} differs; give traces of the "
                "same network, prices and requests, coupled alike"
            )
    _refuse_other_levels(case, trace)
    refuse_other_stores(case, trace)
    if int(trace.attributes["sees_future"]):
        raise UsageError(
            f"{trace.path}: its policy {trace.policy!r} was told the demand, which no agent sees, "
            "so nothing can be learnt from what it did; give traces of other policies"
        )
    if not trace.slots:
        raise UsageError(f"{trace.path}: holds no slot to learn from")


def _refuse_other_levels(case: Case, trace: Trace) -> None:
    """Refuse demand that the scenario cannot have."""
    highest = int(trace.column("world/levels").max(initial=0))
    most = case.forecast.level_count - 1
    if highest > most:
        raise UsageError(
            f"{trace.path}: is no run of this scenario: its levels go up to {highest}, the "
            f"scenario's to {most}; give traces of the same demand.levels"
        )


def _episode(case: Case, units: Units, costs: ReservationCosts, trace: Trace) -> RecordedEpisode:
    channels, wavelengths, lit, extra = (
        trace.column(name).astype(np.int64)
        for name in (
            "decisions/qkd_channels",
            "decisions/km_wavelengths",
            "slots/on_demand_channels",
            "slots/on_demand_wavelengths",
        )
    )
    penalty = trace.column("slots/blocking_cost") + trace.column("slots/exposure_cost")
    cost = (
        costs.realised(channels, wavelengths, lit, extra) + penalty[:, None] / case.network.fibres
    )
    loads = units.loads(trace.column("world/levels"))
    action = units.nearest_action(channels, wavelengths)
    near = units.reservations(action)[0]
    requests = np.maximum(units.requests, 1)
    return RecordedEpisode(
        trace.path,
        trace.content_digest(),
        _observations(case, units, trace, units.past(channels, wavelengths), units.demand(loads)),
        action,
        costs.reward(channels, wavelengths, cost, loads),
        float((np.abs(channels - near) / requests).mean()),
        differences(case, trace),
        trace.status,
    )


def _observations(
    case: Case, units: Units, trace: Trace, past: Float32Array, demand: Float32Array
) -> Float32Array:
    """What the units see ahead of each slot, and after the last one."""
    history = units.spec.history
    slots = len(past)
    # an episode begins as in training: nothing reserved yet, and the usual demand
    past = np.concatenate([np.zeros((history, *past.shape[1:]), np.float32), past])
    demand = np.concatenate([np.broadcast_to(units.typical, (history, units.count)), demand])
    rows = np.arange(slots + 1)[:, None] + np.arange(history)
    first: FloatArray = np.full((1, case.network.fibres), case.scenario.key_management.initial_bits)
    pools = (
        np.concatenate([first, trace.column(f"slots/{pool}_stored_bits")]).astype(np.int64)
        for pool in ("reservation", "on_demand")
    )
    last_levels = np.concatenate([units.mean_levels[None], trace.column("world/levels")])
    return units.observation(
        past[rows].swapaxes(1, 2), demand[rows].swapaxes(1, 2), units.pools(*pools), last_levels
    )


def told_of(episodes: Sequence[RecordedEpisode]) -> str:
    """What was read, in a line, and what else there is to know of each trace."""
    slots = sum(episode.slots for episode in episodes)
    far = sum(episode.distance * episode.slots for episode in episodes) / slots
    read = (
        f"{counted(slots, 'slot')} of {counted(len(episodes), 'trace')}; reservations lie "
        f"on average {far:.3f} (channels for each routed request) from the nearest action"
    )
    return "\n".join([read, *(f"warning: {line}" for line in told_of_each(episodes))])


def told_of_each(episodes: Sequence[RecordedEpisode]) -> list[str]:
    """Lines for each trace that was cut short, or whose run had something else than here."""
    found = []
    for episode in episodes:
        if episode.status != "complete":
            read = f"its {counted(episode.slots, 'slot')} are learnt from all the same"
            found.append(f"{episode.path}: its run is {episode.status}; {read}")
        for subject, differs in episode.differences.items():
            found.append(
                f"{episode.path}: other {subject} than the scenario's: {'; '.join(differs)}"
            )
    return found
