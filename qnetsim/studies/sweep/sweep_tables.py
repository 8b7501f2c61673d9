"""The tables of a sweep file: one frozen model for each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from qnetsim.scenario.tables.fields import Table, as_tuple, field

#: Most points of a design, and most replications of a point.
MOST_POINTS = 100_000
MOST_REPLICATIONS = 100_000
#: Most worlds of a training, and most epochs or evaluations that it waits: those of ``train``.
MOST_EPOCHS = 100_000
Values = Annotated[tuple[Any, ...], BeforeValidator(as_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


class FactorTable(Table):
    """One factor: a key of the scenario, or an option of a policy, and the values that it takes."""

    key: str = field(
        "what varies",
        "TABLE.KEY of the scenario, or policy.TITLE.OPTION",
        pattern=r"^[^\s.]+(\.[^\s.]+)+$",
    )
    values: Values | None = field(
        "the values themselves, for the designs grid and list", "a list", default=None
    )
    low: float | int | None = field("least value of a range", "a number", default=None)
    high: float | int | None = field(
        "greatest value of a range; whole numbers where low and high are written as such",
        "a number above low",
        default=None,
    )
    count: int | None = field(
        "how many values of the range a grid or a list takes, both ends included",
        "an integer 2 .. 1000",
        default=None,
        ge=2,
        le=1000,
    )
    log: bool = field("whether the range is even in the logarithm", "true or false", default=False)


class StoppingTable(Table):
    """Replications in blocks, until the paired intervals are narrow enough."""

    half_width: float = field(
        "half the paired interval at which a point is done, as a share of the reference's cost",
        "a number above 0, at most 1",
        gt=0,
        le=1,
    )
    block: int = field(
        "replications from one look to the next", "an integer >= 2", default=5, ge=2, le=100_000
    )
    reference: str = field(
        "policy that the others are paired with; the first one unless given",
        "the title of a policy of the sweep",
        default="",
    )


class TrainingTable(Table):
    """How the policies of ``train`` are trained; the keys are options of ``qnetsim train``."""

    train_seed: int | None = field(
        "seed of the training; the scenario's unless given",
        "an integer 0 .. 2^63 - 1",
        default=None,
        ge=0,
        lt=2**63,
    )
    worlds: int = field(
        "worlds that are played side by side", "an integer >= 1", default=1, ge=1, le=MOST_EPOCHS
    )
    evaluate_every: int = field(
        "epochs from one evaluation to the next", "an integer >= 1", default=1, ge=1, le=MOST_EPOCHS
    )
    keep_best: bool = field(
        "keep the policy of the epoch that cost least in held-out worlds, not the last",
        "true or false",
        default=False,
    )
    stop_after: int = field(
        "stop after so many evaluations without a lower cost; 0 is never",
        "an integer >= 0",
        default=0,
        ge=0,
        le=MOST_EPOCHS,
    )
    device: str = field("what computes", "cpu, cuda or cuda:N", default="cpu")


class SweepTable(Table):
    """A sweep file as a whole."""

    scenario: str = field(
        "the scenario that is varied", "a path, from the sweep file's folder, or a shipped name"
    )
    policies: Names = field(
        "policies of every point; the scenario's own unless given",
        "a list of NAME or NAME:key=value,…; NAME may be FILE.py:Class",
        default=(),
    )
    replications: int | None = field(
        "worlds of every point, the most where [stopping] is given; the scenario's unless given",
        f"an integer 1 .. {MOST_REPLICATIONS}",
        default=None,
        ge=1,
        le=MOST_REPLICATIONS,
    )
    design: Literal["grid", "list", "latin_hypercube", "sobol"] = field(
        "how the factors are combined",
        "'grid' (all combinations), 'list' (first values together, then the second ones, …), "
        "'latin_hypercube' or 'sobol'",
        default="grid",
    )
    points: int | None = field(
        "points of a Latin hypercube or of a Sobol sequence",
        "an integer 1 .. 100000; a power of two for sobol",
        default=None,
        ge=1,
        le=MOST_POINTS,
    )
    seed: int = field(
        "seed of the design; worlds have run.seed of the scenario, in every point",
        "an integer 0 .. 2^63 - 1",
        default=1,
        ge=0,
        lt=2**63,
    )
    train: Names = field(
        "learning policies that are trained in each point's scenario before they run",
        "a list of fedsac, decsac, decppo, masac or mappo, each among the policies",
        default=(),
    )
    set: dict[str, Any] = field(
        "values that every point has in place of the scenario's", "a table of keys", default={}
    )
    factor: Annotated[tuple[FactorTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[factor]] tables", "one [[factor]] table for each factor", default=()
    )
    stopping: StoppingTable | None = field("the [stopping] table", "a table", default=None)
    training: TrainingTable | None = field("the [training] table", "a table", default=None)
