"""What Figs. 5 to 8 have in common: a factor, schemes, topologies, and a scenario at each point."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qnetsim.case import load
from qnetsim.errors import UsageError, argument
from qnetsim.scenario import Scenario
from qnetsim.scenario.lines import Key
from qnetsim.shipped import shipped_scenarios

#: Topologies of the paper; each is a shipped scenario with the paper's default setting.
TOPOLOGIES = ("nsfnet", "usnet")
#: Key of the requests' node pairs.
PAIRS: Key = ("demand", "pairs")
#: Keys of the budget.
BUDGET_KEYS: tuple[Key, ...] = (("run", "replications"), ("run", "slots"), ("run", "seed"))
#: Values of keys of a scenario, in place of those in its file.
Changes = Mapping[Key, object]


class Scheme(NamedTuple):
    """A way to allocate: its name in tables and file names, its label, and its policy as text."""

    name: str
    label: str
    policy: str


SIP = Scheme("sip", "SIP", "sip")
EVF = Scheme("evf", "QBN-EVF", "evf")
RANDOM = Scheme("random", "QBN-Random, u per request", "random:reading=calibrated,label=random")
RANDOM_LITERAL = Scheme(
    "random-literal", "QBN-Random, literal", "random:reading=literal,label=random-literal"
)
FEDSAC = Scheme("fedsac", "FedSAC", "fedsac")
SCHEMES = (SIP, EVF, RANDOM, RANDOM_LITERAL, FEDSAC)
#: How often FedSAC is trained for a value; the weights that are shipped are of one training too.
TRAININGS = "one seed"


@dataclass(frozen=True)
class Budget:
    """How much is simulated for each scheme at each point.

    Attributes
    ----------
    replications : int
        Worlds, which all schemes have in common.
    slots : int
        Slots of a world.
    seed : int
        Of the worlds and of the node pairs.
    """

    replications: int = 20
    slots: int = 1000
    seed: int = 1


#: Budgets of the full and of the quick mode.
FULL = Budget()
QUICK = Budget(replications=10, slots=200)


class Point(NamedTuple):
    """A scenario of a figure: one topology, one value of the factor (none for fixed scenarios)."""

    topology: str
    changes: tuple[tuple[Key, object], ...] = ()

    def scenario(self, budget: Budget, common: Changes) -> Scenario:
        """The shipped scenario of the topology with this point's values.

        Parameters
        ----------
        budget : Budget
        common : mapping
            Values of further keys, the same at every point.
        """
        changes = {**common, **dict(self.changes)}
        pairs = changes.pop(PAIRS, None)
        found = load(
            shipped_scenarios()[self.topology],
            changes=changes,
            replications=budget.replications,
            slots=budget.slots,
            seed=budget.seed,
        )
        if pairs is None:
            return found
        # in place of the number of requests, which stands in the file
        demand = found.demand.model_copy(update={"requests": None, "pairs": pairs})
        return found.model_copy(update={"demand": demand})

    @property
    def name(self) -> str:
        """Name of a folder: the topology, and what differs from its scenario."""
        parts = [f"{key[-1]}-{value}" for key, value in self.changes]
        return "-".join([self.topology, *parts])


class FigureValue(NamedTuple):
    """One value of a figure: where on its axis, which scheme, and the scenario behind it.

    The shipped weights of a scheme that learns may not fit there: then it is trained anew.
    """

    point: Point
    value: float
    scheme: Scheme
    anew: bool = False


@dataclass(frozen=True)
class CostFigure:
    """Design of a figure: what is on its axis, and what is drawn over it.

    Attributes
    ----------
    name : str
        ``"fig6"``.
    title : str
    factor : str
        Name of the factor in the CSV file.
    axis : str
        Label of the axis.
    values : mapping
        Values of the factor by topology, in ascending order.
    key : tuple
        Key of the scenario that the factor sets.
    defaults : mapping
        Value that the topology's scenario has anyway.
    unfit : str
        Why the shipped weights of FedSAC fit no value but the default; empty where they fit all.
    """

    name: str
    title: str
    factor: str
    axis: str
    values: Mapping[str, Sequence[float]]
    key: Key = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    unfit: str = ""

    def cells(self, topologies: Sequence[str], anew: bool = False) -> Iterator[FigureValue]:
        """All values of the figure on these topologies, scenario by scenario.

        Parameters
        ----------
        topologies : sequence of str
        anew : bool
            FedSAC is trained anew where its shipped weights do not fit; else it is left out there.
        """
        for topology in topologies:
            for value in self.values[topology]:
                point = self.point(topology, value)
                for scheme in SCHEMES:
                    unfit = bool(scheme is FEDSAC and self.unfit and point.changes)
                    if anew or not unfit:
                        yield FigureValue(point, value, scheme, anew=unfit)

    def point(self, topology: str, value: float) -> Point:
        """Scenario of a value; the default is the same for all figures."""
        if value == self.defaults[topology]:
            return Point(topology)
        return Point(topology, ((self.key, value),))

    def refuse_changes(self, changes: Changes) -> None:
        """Refuse values of keys that the figure itself sets, or the mode.

        Raises
        ------
        UsageError
        """
        refuse_own_keys(changes, self.own_keys, self.name)

    @property
    def own_keys(self) -> tuple[Key, ...]:
        """Keys that the figure sets at some point."""
        return (self.key,) if self.key else ()

    def weights(self, topology: str, value: float, scheme: str) -> str:
        """Which weights a scheme that learns has at a value; empty for the others."""
        if scheme != FEDSAC.name:
            return ""
        anew = self.unfit and self.point(topology, value).changes
        return f"{'anew' if anew else 'shipped'}, {TRAININGS}"

    def note_on_learning(self, shown: Iterable[tuple[str, float, str]]) -> str:
        """Where FedSAC stands, and with which weights; empty where there is nothing to say.

        Parameters
        ----------
        shown : iterable of (str, float, str)
            Topology, value and scheme of all rows.
        """
        if not self.unfit:
            return ""
        learnt = [(where, value) for where, value, scheme in shown if scheme == FEDSAC.name]
        if all(value == self.defaults[where] for where, value in learnt):
            return f"{FEDSAC.label} stands at the default alone: {self.unfit}"
        return (
            f"{FEDSAC.label} was trained anew at each value but the default, {TRAININGS}: "
            f"{self.unfit}. Its intervals are over the worlds, and say nothing on other seeds"
        )


def refuse_own_keys(changes: Changes, own: Collection[Key], figure: str) -> None:
    """Refuse values of keys that the mode sets, and of those that a figure varies.

    Raises
    ------
    UsageError
    """
    for key in changes:
        if key in BUDGET_KEYS:
            told = (
                f"give {argument('seed')}"
                if key[-1] == "seed"
                else f"leave it out, with or without {argument('quick', 'True')}"
            )
            raise UsageError(f"{argument('set', _named(key))}: is what the mode sets; {told}")
        if key in own:
            text = f"is what {figure} varies; leave it out, or ask for other figures one by one"
            raise UsageError(f"{argument('set', _named(key))}: {text}")


def _named(key: Key) -> str:
    return ".".join(map(str, key))
