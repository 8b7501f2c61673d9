"""Refusing runs that did not meet the same worlds, and naming what differs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qnetsim.analysis.divergence import world_difference
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.errors import WorldMismatchError
from qnetsim.trace import open_trace
from qnetsim.trace.provenance import differing

#: How a difference says in which of two files a value stands.
FIRST_AND_SECOND = ("in the first", "in the second")
#: Scenario parts that make the world; the others may differ between traces.
WORLD_PARTS = (
    "run.slots",
    "run.slot_s",
    "run.seed",
    "network.topology",
    "network.key_rate",
    "network.key_rate_bps",
    "network.key_rate_at",
    "network.rate_table",
    "network.mdi_qkd",
    "network.attenuation_db_km",
    "network.span_km",
    "network.fibre_spans",
    "network.fibre",
    "demand",
    "recording",
    "regimes",
    "jobs",
    "yields",
    "faults",
    "outage",
    "fel",
)


def refuse_unpaired(table: Mapping[str, Mapping[int, RunMetrics]]) -> None:
    """Refuse policies that did not meet the same worlds, and say how the worlds differ.

    Parameters
    ----------
    table : mapping
        Runs by policy and replication.

    Raises
    ------
    WorldMismatchError
    """
    first_name, first = next(iter(table.items()))
    for name, runs in table.items():
        if runs.keys() != first.keys():
            missing = sorted(runs.keys() ^ first.keys())
            raise WorldMismatchError(
                f"policies {first_name!r} and {name!r} are not paired: replications {missing} "
                "are there for one of them only"
            )
        for replication, run in runs.items():
            other = first[replication]
            if run.world_digest != other.world_digest:
                difference = _world_difference(other.trace, run.trace)
                raise WorldMismatchError(
                    f"{other.trace} and {run.trace} are runs in different worlds "
                    f"({other.world_digest[:12]} and {run.world_digest[:12]}): "
                    f"{difference}; compare runs of one scenario and seed"
                )


def _world_difference(a: Path, b: Path) -> str:
    """Name all settings that make two worlds differ, and the first value that does."""
    with open_trace(a) as one, open_trace(b) as two:
        scenarios = [trace.provenance["scenario"] for trace in (one, two)]
        losses = [trace.losses() for trace in (one, two)]
        value = world_difference(one, two)
    found: list[str] = []
    for part in WORLD_PARTS:
        values = []
        for scenario in scenarios:
            setting = scenario
            for key in part.split("."):
                setting = setting.get(key)
            # a table that came later is missing from older traces
            values.append(setting or None)
        if values[0] != values[1]:
            found += differing(part, values[0], values[1], FIRST_AND_SECOND)
    if losses[0] != losses[1]:
        found.append("the files of the network give other losses of the fibres")
    if not found:
        found.append("their settings are equal, so one was drawn by another version")
    return "; ".join([*found, *([value] if value else [])])
