"""What several tests need: scenarios from text, and runs kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case, load, open_case
from qnetsim.kernel import Simulation, SlotBlock
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import Scenario, parse_scenario
from qnetsim.vocabulary import BILL_COLUMNS
from tests.support import SCENARIOS

#: Three nodes, two fibres; every number below can be checked by hand.
TINY = """
[run]
slots = 4
slot_s = 1.0
[network]
topology = {topology!r}
span_km = 100
key_rate_bps = 10
{network}
[demand]
levels = {levels}
{demand}
[key_management]
{management}
"""


def scenario(text: str) -> Scenario:
    return parse_scenario(text)


def outages(slots: int, replications: int) -> Scenario:
    """The shipped scenario in which all of the key layer is at work."""
    path = SCENARIOS / "outages.toml"
    return load(path, slots=slots, replications=replications)


def nsfnet(**changes: str) -> Scenario:
    """NSFNET with one request for each node pair; ``table__key="value"`` changes a key."""
    tables: dict[str, dict[str, str]] = {
        "run": {},
        "network": {"topology": '"nsfnet"'},
        "cost": {},
        "demand": {"pairs": '"all"'},
        "key_management": {},
        "yields": {},
        "faults": {},
        "planning": {},
    }
    for name, value in changes.items():
        table, key = name.split("__")
        if key == "requests":
            tables["demand"].pop("pairs", None)
        tables[table][key] = value
    lines = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
    return parse_scenario("\n".join(lines))


@dataclass
class Result:
    """All blocks of a run, joined."""

    columns: dict[str, npt.NDArray[Any]]
    levels: npt.NDArray[np.int16]
    ledger: dict[str, npt.NDArray[Any]]
    simulation: Simulation
    #: Rows of followed requests, where the scenario asks for them.
    requests: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def cost(self) -> npt.NDArray[np.float64]:
        """Cost of each slot."""
        return sum(self.columns[c] for c in BILL_COLUMNS)  # type: ignore[return-value]


def run(
    case: Case | Scenario,
    policy: Policy,
    replication: int = 0,
    chunks: Any = None,
    plan: Any = None,
    kernel: Any = "auto",
    relay: Any = None,
) -> Result:
    if isinstance(case, Scenario):
        case = open_case(case)
    blocks: list[SlotBlock] = []
    levels: list[npt.NDArray[np.int16]] = []

    def sink(chunk: Any, block: SlotBlock) -> None:
        levels.append(chunk.levels)
        blocks.append(block)

    world = case.realisation(replication).chunks() if chunks is None else iter(chunks)
    simulation = run_case(
        RunContext(case, "test", replication, kernel=kernel, relay=relay),
        policy,
        world,
        sink,
        plan=plan,
    )
    names = blocks[0].columns
    return Result(
        {n: np.concatenate([b.columns[n] for b in blocks]) for n in names},
        np.concatenate(levels),
        blocks[-1].totals,
        simulation,
        {n: np.concatenate([b.requests[n] for b in blocks]) for n in blocks[-1].requests or {}},
    )


@dataclass
class Scripted(Policy):
    """Follows a script: rows of channels and wavelengths, each held for ``hold`` slots."""

    channels: npt.NDArray[np.int64]
    wavelengths: npt.NDArray[np.int64]
    hold: int = 1
    routes: Any = None
    owner: npt.NDArray[np.int64] | None = None
    seen: list[Observation] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def owners(self, network: Any) -> npt.NDArray[np.int64]:
        return super().owners(network) if self.owner is None else self.owner

    def decide(self, observation: Observation) -> Decision:
        self.seen.append(observation)
        rows = slice(observation.slot, observation.slot + self.hold)
        channels = self.channels[rows][:, observation.fibres]
        wavelengths = self.wavelengths[rows][:, observation.fibres]
        routes = self.routes if self.owner is None else None
        return Decision(channels, wavelengths, len(channels), routes)
