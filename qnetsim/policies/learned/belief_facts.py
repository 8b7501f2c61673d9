"""How far a scenario is from those that a training of `belief-net` met."""

from __future__ import annotations

from qnetsim.policies.base import Setting
from qnetsim.policies.learned.belief_weights import BeliefWeights
from qnetsim.policies.learned.training_facts import NAMES, differences, facts_of

#: What a range of mean levels says.
RANGE = ("least", "greatest")


def far_from(weights: BeliefWeights, setting: Setting) -> list[str]:
    """What differs between the training and a setting, each in a few words.

    The mean level may lie anywhere between the least and the greatest that the training met.
    """
    here = facts_of(setting)
    stored = weights.card.get("training")
    if not isinstance(stored, dict) or not stored.keys() >= NAMES.keys():
        return ["its file does not tell what it was trained with"]
    trained = dict(stored)
    met = trained["mean_level"]
    mean = here["mean_level"]
    ranged = isinstance(met, list) and len(met) == len(RANGE) and isinstance(mean, float)
    if ranged and met[0] <= mean <= met[1]:
        trained["mean_level"] = mean
    return differences(trained, here)
