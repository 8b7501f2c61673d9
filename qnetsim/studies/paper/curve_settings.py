"""Settings of Fig. 9's trainings: the paper's, tuned ones, and controls of what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from qnetsim.case import load
from qnetsim.scenario import LearningTable, Scenario
from qnetsim.scenario.lines import Key
from qnetsim.shipped import shipped_scenarios
from qnetsim.studies.paper.cost_figure import Changes, refuse_own_keys

ALGORITHMS = ("fedsac", "decsac", "decppo")


@dataclass(frozen=True)
class CurveSetting:
    """How the policies of one column of Fig. 9 are trained.

    Attributes
    ----------
    name : str
    stated : bool
        With the parameters that the paper states; else those of the shipped scenarios, which were
        tuned. Where several are, they are readings of what the paper leaves open.
    control : bool
        Shows something about the others, and stands beside no claim.
    learning, demand : mapping
        Keys that take the place of the others' values.
    algorithms : sequence of str
    shared_moments : bool
        Averaging policies averages the moments of their optimisers too.
    """

    name: str
    stated: bool = False
    control: bool = False
    learning: Mapping[str, Any] = field(default_factory=dict)
    demand: Mapping[str, Any] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ALGORITHMS
    shared_moments: bool = False

    def scenario(
        self, topology: str, epochs: int | None = None, common: Changes = MappingProxyType({})
    ) -> Scenario:
        """Shipped scenario of a topology with this setting's learning and demand.

        Parameters
        ----------
        topology : str
        epochs : int, optional
            At most so many.
        common : mapping
            Values of further keys, the same in all settings.
        """
        found = load(shipped_scenarios()[topology], changes=common)
        learning = LearningTable() if self.stated else found.learning
        learning = learning.model_copy(update=dict(self.learning))
        if epochs is not None:
            learning = learning.model_copy(update={"epochs": min(epochs, learning.epochs)})
        demand = found.demand.model_copy(update=dict(self.demand))
        return found.model_copy(update={"learning": learning, "demand": demand})

    @property
    def slug(self) -> str:
        """Its name in names of files."""
        return self.name.replace(",", "").replace(" ", "-")


#: Off the middle of the range of actions lies the best level where the demand is less (2 of 0 … 9)
#: and where an action reaches further (4 of 0 … 20).
SETTINGS: dict[str, CurveSetting] = {
    setting.name: setting
    for setting in (
        CurveSetting("paper, network reward", stated=True),
        CurveSetting("paper, own reward", stated=True, learning={"reward_scope": "own"}),
        CurveSetting(
            "paper, own reward, one wavelength",
            stated=True,
            learning={"reward_scope": "own", "most_wavelengths": 1.0},
        ),
        CurveSetting(
            "paper, network reward, shared moments",
            stated=True,
            algorithms=("fedsac",),
            shared_moments=True,
        ),
        CurveSetting("tuned"),
        CurveSetting("tuned, one wavelength", learning={"most_wavelengths": 1.0}),
        CurveSetting("tuned, less demand", control=True, demand={"mean": 1.0}),
        CurveSetting("tuned, 20 channels", control=True, learning={"most_channels": 20}),
    )
}


def refuse_curve_changes(changes: Changes) -> None:
    """Refuse values of keys that the settings set, or the mode.

    Raises
    ------
    UsageError
    """
    own: set[Key] = {("demand", key) for setting in SETTINGS.values() for key in setting.demand}
    refuse_own_keys(changes, own | {key for key in changes if key[0] == "learning"}, "fig9")
