"""Requests by class and by node pair in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qnetsim.analysis import RunMetrics
from qnetsim.analysis.group_rows import PAIRS_SHOWN, class_rows, pair_rows
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.output import text_table


def print_groups(runs_by_policy: Mapping[str, Sequence[RunMetrics]]) -> None:
    """Print tables by class and by pair, where requests were followed."""
    classes = class_rows(runs_by_policy)
    if classes is not None:
        print_table(text_table("requests by class", classes))
    pairs = pair_rows(runs_by_policy, PAIRS_SHOWN)
    if pairs is not None:
        title = f"requests by pair, up to {PAIRS_SHOWN} that lose or wait most"
        print_table(text_table(title, pairs))
