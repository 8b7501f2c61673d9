"""Commands by which the table of policies has its learners trained."""

from __future__ import annotations

import itertools
import shlex

import pytest

from qnetsim.case import load
from qnetsim.cli.set_option import changes_of
from qnetsim.shipped import shipped_scenarios
from tests.support.table_learners import LEARNERS, TRAININGS, beside, command


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("scenario", TRAININGS)
def test_what_a_learner_is_given_fits_its_scenario(scenario: str, learner: str) -> None:
    training = TRAININGS[scenario]
    words = [*training.common(scenario, learner, "w.safetensors"), *training.own(learner)]
    given = [value for word, value in itertools.pairwise(words) if word == "--set"]
    load(shipped_scenarios()[scenario], changes=changes_of(given))
    shown = shlex.split(command(scenario).replace("LEARNER", learner))
    assert shown[1:5] == ["train", scenario, "-p", learner]
    assert sum(f"`{learner}`" in line for line in beside(scenario, LEARNERS)) == 1
