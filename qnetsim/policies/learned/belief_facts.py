"""What a training of `belief-net` met, and how far a scenario is from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from qnetsim.network.routes import NodePair
from qnetsim.policies.base import Setting
from qnetsim.policies.learned.training_facts import NAMES, differences, facts_of

#: Facts beside those of all learned policies.
MORE_FACTS = ("jobs", "most_channels")
#: Facts that a law of levels rests on; it was learnt without prices, stores and limits.
OF_DEMAND = ("levels", "mean_level", "regimes", "regime_slots", "jobs")
#: Part of the greatest background of a training beyond which the network reserves too little
#: (docs/background/learning-results.md, large backgrounds).
LARGE_BACKGROUND = 0.8
#: Key of a card's table of worlds: least and greatest number of pairs that end at a node. Sums at
#: the ends mean something else where there are many more pairs.
PAIRS_AT_NODE = "pairs_at_a_node"
#: Another key of that table: mean levels beside the jobs.
BACKGROUND = "background"


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
    if not isinstance(stored, dict) or not stored.keys() >= {*NAMES, *MORE_FACTS}:
        return ["its file does not tell what it was trained with"]
    trained = dict(stored)
    if _lies_in(here["mean_level"], trained["mean_level"]):
        trained["mean_level"] = here["mean_level"]
    if demand_only:
        trained = here | {name: trained[name] for name in OF_DEMAND}
    return [
        *differences(trained, here),
        *(text for key, text in _more(here, trained).items() if here[key] != trained[key]),
        *_unmet_worlds(card, setting),
    ]


def _more(here: Mapping[str, object], trained: Mapping[str, object]) -> dict[str, str]:
    """What is said of the facts of their own where they differ."""
    jobs, lit = (here[key] for key in MORE_FACTS)
    return {
        "jobs": "no jobs in the demand (trained with jobs)"
        if jobs == "none"
        else "jobs in the demand (trained without)",
        "most_channels": f"channels that a fibre can light {lit} (trained with "
        f"{trained['most_channels']})",
    }


def _unmet_worlds(card: Mapping[str, object], setting: Setting) -> Iterator[str]:
    """What lies beyond the worlds of the training, where the card tells of them."""
    worlds = card.get("worlds")
    if not isinstance(worlds, dict):
        return
    for key, (name, numbers) in _of_worlds(setting).items():
        met = worlds.get(key)
        if met is None or not numbers:
            continue
        here = f"{name} {_range(min(numbers), max(numbers))}"
        if not all(_lies_in(number, met) for number in numbers):
            yield f"{here} (trained with {_shown(met)})"
        elif key == BACKGROUND and max(numbers) > LARGE_BACKGROUND * met[1]:
            yield f"{here} (trained with {_shown(met)}; near the greatest too little is reserved)"


def _of_worlds(setting: Setting) -> dict[str, tuple[str, list[float]]]:
    """Numbers of a scenario by their key in a card's table of worlds, and what they are called."""
    forecast = setting.forecast
    found: dict[str, tuple[str, list[float]]] = {
        PAIRS_AT_NODE: ("pairs at a node", list(pairs_at_nodes(forecast.pairs)))
    }
    if forecast.jobs:
        means = [round(law.mean, 3) for law in forecast.jobs.backgrounds]
        table, nodes = forecast.jobs.table, len(forecast.jobs.nodes)
        found |= {
            "other_periods": ("periods", list(table.periods)),
            BACKGROUND: ("mean level beside the jobs", means),
            "sizes": ("sizes", [*table.sizes, *forecast.jobs.owner_sizes]),
            "members": ("members", [table.members]),
            "jobs_at_a_node": ("jobs for each node", [round(table.count / nodes, 3)]),
            "delay": ("delay", [table.delay]),
            "drop_out": ("drop_out", [table.drop_out]),
        }
    return found


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
