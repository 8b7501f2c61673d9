"""Tables of waits and blocking by class and by node pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.request_groups import GroupName, RequestGroup, RequestGroups, merged_groups
from qnetsim.analysis.text_table import DASH, TextTable, nothing_where

#: Pairs of nodes that a terminal shows, those that lose or wait most.
PAIRS_SHOWN = 10
#: What is shown of a group.
HEADINGS = ("requests", "got keys", "blocked", "interrupted", "mean wait", "95 %", "99 %")


def class_rows(runs_by_policy: Mapping[str, Sequence[RunMetrics]]) -> TextTable | None:
    """Requests by class, policy by policy; None where no trace follows requests of several.

    Means have the half width of their 95 % interval where there are replications.
    """
    known = (run.groups for runs in runs_by_policy.values() for run in runs if run.groups)
    if max((len(groups.by_class) for groups in known), default=0) < 2:
        return None
    return _group_rows(runs_by_policy, "class", lambda groups: groups.by_class, None)


def pair_rows(
    runs_by_policy: Mapping[str, Sequence[RunMetrics]], most: int | None = None
) -> TextTable | None:
    """Requests by node pair; None where no trace follows requests.

    Parameters
    ----------
    runs_by_policy : mapping
    most : int, optional
        Pairs of each policy; those that lose most of their requests first, then those that wait.
    """
    return _group_rows(runs_by_policy, "pair", lambda groups: groups.by_pair, most)


def runs_of(comparison: Comparison) -> dict[str, Sequence[RunMetrics]]:
    """The runs of a comparison, by policy."""
    return {policy.name: policy.runs for policy in comparison.policies}


def groups_json(runs: Sequence[RunMetrics]) -> dict[str, Any] | None:
    """JSON form of the groups of some runs of a policy; None where they follow no requests."""
    found = merged_groups([run.groups for run in runs])
    if found is None:
        return None
    return {
        "followed": found.followed,
        "classes": [{"class": int(n), **_json(g)} for (n,), g in found.by_class.items()],
        "pairs": [
            {"source": source, "target": target, **_json(group)}
            for (source, target), group in found.by_pair.items()
        ],
    }


def _json(group: RequestGroup) -> dict[str, Any]:
    known = group.served is not None
    return {
        "arrived": group.arrived,
        "served": group.served_share,
        "blocked": group.blocked_share,
        "interrupted": group.interrupted_share,
        "mean_wait_s": group.mean_wait_s,
        "wait_percentiles_s": group.waits.percentiles_s if known else None,
    }


def _group_rows(
    runs_by_policy: Mapping[str, Sequence[RunMetrics]],
    heading: str,
    table_of: Callable[[RequestGroups], Mapping[GroupName, RequestGroup]],
    most: int | None,
) -> TextTable | None:
    rows = []
    shown: list[RequestGroup] = []
    for policy, runs in runs_by_policy.items():
        found = merged_groups([run.groups for run in runs])
        if found is None:
            continue
        tables = [table_of(run.groups) for run in runs if run.groups is not None]
        names = list(table_of(found))
        if most is not None:
            names = sorted(names, key=lambda name: _badness(table_of(found)[name]))[:most]
        for name in names:
            group = table_of(found)[name]
            shown.append(group)
            of_runs = [table[name] for table in tables if name in table]
            rows.append((policy, " to ".join(name), *_cells(group, of_runs)))
    if not rows:
        return None
    return TextTable(
        ("policy", heading, *HEADINGS),
        tuple(rows),
        keys=2,
        text=(heading,) if heading == "pair" else (),
        first_to_go=("99 %", "requests", "got keys", "95 %"),
        nothing=(
            *nothing_where(
                not any(group.interrupted for group in shown),
                ["interrupted"],
                "No session was interrupted",
            ),
            *nothing_where(
                all(group.served is None for group in shown),
                ["got keys", "mean wait", "95 %", "99 %"],
                "Only blocked and interrupted requests were followed",
            ),
        ),
    )


def _badness(group: RequestGroup) -> tuple[float, float]:
    return -(group.blocked_share + group.interrupted_share), -(group.mean_wait_s or 0.0)


def _cells(group: RequestGroup, of_runs: Sequence[RequestGroup]) -> tuple[str, ...]:
    known = group.served is not None
    percentiles = group.waits.percentiles_s
    return (
        f"{group.arrived:,}",
        DASH if group.served_share is None else f"{group.served_share:.2%}",
        f"{group.blocked_share:.2%}" + _half([g.blocked_share for g in of_runs], ".2%"),
        f"{group.interrupted_share:.2%}",
        DASH
        if group.mean_wait_s is None
        else f"{group.mean_wait_s:.3g}{_half([g.mean_wait_s for g in of_runs], '.2g')} s",
        f"{percentiles['p95']:.3g} s" if known else DASH,
        f"{percentiles['p99']:.3g} s" if known else DASH,
    )


def _half(values: Sequence[float | None], form: str) -> str:
    """Half the width of the interval of a mean over replications, behind its mean."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or len(known) < len(values):
        return ""
    found = ConfidenceInterval.of_mean(np.array(known))
    return "" if found.high is None else f" ± {format(found.high - found.estimate, form)}"
