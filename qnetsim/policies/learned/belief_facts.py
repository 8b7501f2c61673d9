"""What a training of `belief-net` met, and how far a scenario is from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qnetsim.network.routes import NodePair
from qnetsim.policies.base import Setting
from qnetsim.policies.learned.training_facts import NAMES, differences, facts_of

#: Facts beside those of all learned policies, and what they are called.
MORE_NAMES = {"jobs": "jobs", "most_channels": "channels that a fibre can light"}
#: Facts that a law of levels rests on; it was learnt without prices, stores and limits.
OF_DEMAND = ("levels", "mean_level", "regimes", "regime_slots", "jobs")
#: Key of a card's table of worlds: least and greatest number of pairs that end at a node. Sums at
#: the ends mean something else where there are many more pairs.
PAIRS_AT_NODE = "pairs_at_a_node"


def belief_facts(setting: Setting) -> dict[str, object]:
    """What a pair and the agent of a fibre can meet in this setting."""
    return facts_of(setting) | {
        "jobs": "in the demand" if setting.forecast.jobs else "none",
        "most_channels": setting.network.max_channels or "unlimited",
    }


def facts_with_range(setting: Setting, mean_levels: Sequence[float]) -> dict[str, object]:
    """What a training met in worlds of many mean levels, the least and the greatest of them."""
    return belief_facts(setting) | {"mean_level": [round(mean, 3) for mean in mean_levels]}


def pairs_at_nodes(pairs: Sequence[NodePair]) -> tuple[int, int]:
    """Least and greatest number of pairs that end at a node, of nodes where any does."""
    counts = np.bincount(np.array(pairs, dtype=np.int64).ravel())
    counts = counts[counts > 0]
    return int(counts.min()), int(counts.max())


def far_from(
    card: Mapping[str, object], setting: Setting, *, demand_only: bool = False
) -> list[str]:
    """What differs between the training of a card and a setting, each in a few words.

    The mean level may lie anywhere between the least and the greatest that the training met.

    Parameters
    ----------
    card : mapping
    setting : Setting
    demand_only : bool
        Only what the demand is like counts, for a network that says laws of levels.
    """
    here = belief_facts(setting)
    stored = card.get("training")
    if not isinstance(stored, dict) or not stored.keys() >= NAMES.keys() | MORE_NAMES.keys():
        return ["its file does not tell what it was trained with"]
    trained = dict(stored)
    if _lies_in(here["mean_level"], trained["mean_level"]):
        trained["mean_level"] = here["mean_level"]
    if demand_only:
        trained = here | {name: trained[name] for name in OF_DEMAND}
    return [
        *differences(trained, here),
        *(
            f"{name} {here[key]} (trained with {trained[key]})"
            for key, name in MORE_NAMES.items()
            if here[key] != trained[key]
        ),
        *_unmet_pairs(card, setting),
    ]


def _unmet_pairs(card: Mapping[str, object], setting: Setting) -> list[str]:
    """Numbers of pairs at nodes beyond those of the training, where the card tells them."""
    worlds = card.get("worlds")
    met = worlds.get(PAIRS_AT_NODE) if isinstance(worlds, dict) else None
    least, most = pairs_at_nodes(setting.forecast.pairs)
    if met is None or (_lies_in(least, met) and _lies_in(most, met)):
        return []
    return [f"pairs at a node {_range(least, most)} (trained with {_shown(met)})"]


def _shown(met: object) -> str:
    return _range(*met) if isinstance(met, list) and len(met) == 2 else str(met)


def _range(least: object, most: object) -> str:
    return f"{least}" if least == most else f"{least} … {most}"


def _lies_in(mean: object, met: object) -> bool:
    """Whether a mean level lies in a range; a card may hold anything in its place."""
    if not isinstance(met, list) or len(met) != 2:
        return False
    if not all(isinstance(number, int | float) for number in (mean, *met)):
        return False
    return bool(met[0] <= mean <= met[1])
