"""Rules over several keys of a ``[[fel]]`` table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qnetsim.scenario.lines import Key, Problem

#: Keys that say how a file is read.
OF_DATA = ("label", "record_id", "holder", "features", "ignore", "sha256")
#: Keys of the steps that horizontal tasks do not have, and of those that only they have.
OF_VERTICAL = (
    *("key_bits", "key_holder", "intersection", "overlap", "order"),
    *("optimiser", "batch", "randomness"),
)
#: Keys of the privacy table of which the same is true.
PRIVACY_OF_VERTICAL = ("scores", "label_epsilon")
OF_HORIZONTAL = ("local_steps", "holder")


def fel_checks(table: Mapping[str, Any], place: Key) -> Iterator[Problem]:
    """Problems of a table as it stands in the file."""
    if "dataset" in table and "data" in table:
        yield (*place, "data"), "dataset and data are both given; allowed: one of them"
    elif "dataset" not in table and "data" not in table:
        text = (
            "neither dataset nor data is given; give dataset = 'breast_cancer', 'digits', 'iris' "
            "or 'wine', or data = FILE"
        )
        yield place, text
    if "data" not in table:
        for key in OF_DATA:
            if key in table:
                yield (*place, key), "goes with data only; remove it"
    elif "label" not in table:
        yield (*place, "data"), "needs label beside it: the column with the classes"
    kind = table.get("kind", "vertical")
    for keys, of in ((OF_VERTICAL, "vertical"), (OF_HORIZONTAL, "horizontal")):
        for key in keys:
            if key in table and kind in ("vertical", "horizontal") and kind != of:
                yield (*place, key), f"goes with kind = {of!r} only; remove it"
    privacy = table.get("privacy")
    if kind == "horizontal" and isinstance(privacy, dict):
        for key in PRIVACY_OF_VERTICAL:
            if key in privacy:
                yield (*place, "privacy", key), "goes with kind = 'vertical' only; remove it"
