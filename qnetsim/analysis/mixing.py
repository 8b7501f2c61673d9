"""Refusing traces of one label that are not of one policy in one setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnetsim.analysis.metrics import RunMetrics
from qnetsim.errors import MixedTracesError
from qnetsim.trace.provenance import differing

#: Parts of the provenance that may differ between the replications of one policy: they say when,
#: where and beside what a run was made, or follow from parts that are compared.
MAY_DIFFER = ("environment", "replication", "scenario_digest", "network_digest")
#: The same within a table.
MAY_DIFFER_WITHIN = {
    "software": ("packages",),
    "scenario": ("policy", "learning"),
    "plan": ("solve_s",),
}
#: The same in the scenario's [run] table.
RUN_MAY_DIFFER = ("replications",)

#: What a table that came later reads as where it is not used; older traces lack it.
UNSET: tuple[object, ...] = (None, [], {})


def refuse_mixed(table: Mapping[str, Mapping[int, RunMetrics]]) -> None:
    """Refuse runs under one label with different options, weights, plans, settings or versions.

    Parameters
    ----------
    table : mapping
        Runs by policy and replication.

    Raises
    ------
    MixedTracesError
        Naming the files and what differs.
    """
    for name, runs in table.items():
        first, *others = (run for _, run in sorted(runs.items()))
        for other in others:
            differences = mixed(first, other)
            if differences:
                raise MixedTracesError(
                    f"{first.trace} and {other.trace} both say {name!r} and are not one policy in "
                    f"one setting: {'; '.join(differences)}; compare them under labels of their own"
                )


def mixed(one: RunMetrics, other: RunMetrics) -> list[str]:
    """In what two runs differ beside their replication, in sentences."""
    names = (f"in {one.trace.name}", f"in {other.trace.name}")
    found = []
    if one.format_version != other.format_version:
        a, b = (".".join(map(str, run.format_version)) for run in (one, other))
        found.append(f"the trace format is {a} {names[0]} and {b} {names[1]}")
    parts = [_compared(run.provenance) for run in (one, other)]
    for key in parts[0] | parts[1]:
        found += differing(key, parts[0].get(key), parts[1].get(key), names)
    return found


def _compared(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be the same in all replications of a policy."""
    kept = {key: value for key, value in provenance.items() if key not in MAY_DIFFER}
    for key, left_out in MAY_DIFFER_WITHIN.items():
        if isinstance(kept.get(key), dict):
            kept[key] = {k: v for k, v in kept[key].items() if k not in left_out and v not in UNSET}
    run = kept["scenario"].get("run", {})
    kept["scenario"]["run"] = {k: v for k, v in run.items() if k not in RUN_MAY_DIFFER}
    return kept
