"""Learners of the table of policies, trained for its scenarios that have no shipped weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

#: All that are trained by `qnetsim train` and are no network for one kind of demand.
LEARNERS = ("fedsac", "decsac", "decppo", "masac", "mappo")
#: Those that forget each epoch, and play more worlds at once therefore.
ON_POLICY = ("decppo", "mappo")


class Training(NamedTuple):
    """How the learners of a scenario are trained: all with as many slots of a world and updates.

    Attributes
    ----------
    learning : mapping
        Keys of ``[learning]`` that differ from the scenario's.
    by_learner : mapping
        The same of single learners.
    worlds, worlds_on_policy : int
        Worlds side by side.
    options : sequence of str
        More options of ``qnetsim train``.
    """

    learning: Mapping[str, str] = {}
    by_learner: Mapping[str, Mapping[str, str]] = {}
    worlds: int = 1
    worlds_on_policy: int = 1
    options: Sequence[str] = ()

    def common(self, scenario: str, learner: str, weights: Path | str) -> list[str]:
        """Arguments of ``qnetsim`` that are the same for all learners but for their names."""
        found = ["train", scenario, "-p", learner, "-o", str(weights), *self.options]
        return [*found, *_settings(self.learning)]

    def own(self, learner: str) -> list[str]:
        """Arguments after them, of this learner."""
        worlds = self.worlds_on_policy if learner in ON_POLICY else self.worlds
        found = ["--worlds", str(worlds)] if worlds > 1 else []
        return [*found, *_settings(self.by_learner.get(learner, {}))]


def _settings(keys: Mapping[str, str]) -> list[str]:
    pairs = (("--set", f"learning.{key}={value}") for key, value in keys.items())
    return [word for pair in pairs for word in pair]


OF_JOBS = Training(
    {
        "discount": "0",
        "reward": "negative_cost",
        "reward_cost": "realised",
        "reward_scope": "own",
        "temperature": "0.0005",
        "policy_rate": "0.001",
        "hidden_units": "64",
        "slots_per_epoch": "10",
        "updates_per_epoch": "100",
        "history": "16",
        "observe": '["demand","context"]',
        "decide_by": "fibre",
        "channels_by": "fibre",
        "most_channels": "4",
        "km_action": "around_one",
    },
    {learner: {"batch": "128" if learner in ON_POLICY else "32"} for learner in LEARNERS},
    worlds=16,
    worlds_on_policy=64,
    options=("--epochs", "80", "--evaluate-every", "20", "--keep-best"),
)
#: Stores are seen, and what is left over in a slot is worth something in the next ones.
OF_JOBS_WITH_STORES = OF_JOBS._replace(
    learning={**OF_JOBS.learning, "discount": "0.8", "observe": '["demand","pools","context"]'}
)
TRAININGS = {
    "heterogeneous": Training(),
    "regimes": Training(),
    "stores": Training(),
    "fel-rounds": OF_JOBS,
    "fel-rounds-stores": OF_JOBS_WITH_STORES,
    "fel-demand": OF_JOBS,
}


def weights_of(models: Path, scenario: str, learner: str) -> Path:
    """Where the weights of a learner for a scenario lie."""
    return models / f"{learner}-{scenario}.safetensors"


def train(scenario: str, learner: str, models: Path) -> None:
    """Train a learner for a scenario, unless its weights are there."""
    weights = weights_of(models, scenario, learner)
    if not weights.is_file():
        models.mkdir(parents=True, exist_ok=True)
        training = TRAININGS[scenario]
        given = [*training.common(scenario, learner, weights), *training.own(learner)]
        subprocess.run([sys.executable, "-m", "qnetsim", *given], check=True, stdout=sys.stderr)


def command(scenario: str) -> str:
    """What trains a learner of this scenario, but for what only some of them are given."""
    words = TRAININGS[scenario].common(scenario, "LEARNER", "LEARNER.safetensors")
    return " ".join(f"'{word}'" if '"' in word else word for word in ["qnetsim", *words])


def beside(scenario: str, learners: Sequence[str]) -> Iterator[str]:
    """Lines on what single learners are given beside that, those alike in one."""
    alike: dict[str, list[str]] = {}
    for learner in learners:
        alike.setdefault(" ".join(TRAININGS[scenario].own(learner)), []).append(f"`{learner}`")
    for given, names in alike.items():
        yield f"- {', '.join(names)}: {f'`{given}`' if given else 'as it stands'}"
