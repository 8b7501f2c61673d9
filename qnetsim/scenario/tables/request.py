"""The [[request]] tables: requests with levels of their own."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from qnetsim.scenario.tables.fields import (
    MAX_LEVELS,
    NodeName,
    Probabilities,
    Table,
    as_tuple,
    field,
)

#: Most requests of a scenario.
MAX_REQUESTS = 10**6
#: Most priority classes of a scenario.
MAX_CLASSES = 16


class RequestTable(Table):
    """Requests between two nodes, with levels of their own.

    These tables take the place of ``demand.requests`` and ``demand.pairs``. At most one of
    ``mean``, ``probabilities``, ``level`` and ``mean_rate_bps`` is given; without one the levels
    are those of ``[demand]``.
    """

    source: NodeName = field("one end", "a node")
    target: NodeName = field("the other end", "another node")
    mean: float | None = field(
        "mean level of a Poisson distribution before truncation to demand.levels",
        "a number >= 0",
        default=None,
        ge=0,
        le=1e6,
    )
    probabilities: Probabilities | None = field(
        "probability of each level 0, 1, …; renormalised",
        "a list of at most demand.levels numbers >= 0 with a positive sum",
        default=None,
    )
    level: int | None = field(
        "the level in every slot",
        "an integer 0 .. demand.levels - 1",
        default=None,
        ge=0,
        lt=MAX_LEVELS,
    )
    mean_rate_bps: float | None = field(
        "mean key rate: the level is Poisson with this mean over the rate of one level (K_L at "
        "span_km), truncated to demand.levels, which must keep 99 % of it",
        "a number >= 0 in bit/s",
        default=None,
        ge=0,
        le=1e18,
    )
    count: int = field(
        "how many such requests there are",
        f"an integer 1 .. {MAX_REQUESTS}",
        default=1,
        ge=1,
        le=MAX_REQUESTS,
    )
    group: str | None = field(
        "the group, whose requests rise and fall together",
        "a name; with demand.coupling = 'grouped' every request has one",
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]{1,64}$",
    )
    priority: int | None = field(
        "priority class; class 0 is served first. Drawn by demand.priority_shares where those are "
        "given, else 0",
        f"an integer 0 .. {MAX_CLASSES - 1}",
        default=None,
        ge=0,
        lt=MAX_CLASSES,
    )


Weights = Annotated[
    tuple[Annotated[tuple[NodeName, float], BeforeValidator(as_tuple)], ...],
    BeforeValidator(as_tuple),
]


class GravityTable(Table):
    """A gravity model: a request for each pair of nodes, with a mean rate by their weights.

    The mean rate of nodes i and j is T · w_i · w_j / Σ_{k<l} w_k · w_l, with their weights w and
    the rate T of all pairs together. Each level is Poisson with that mean, as of
    ``request.mean_rate_bps``; pairs whose mean is zero have no request.
    """

    weights: Literal["degree"] | Weights | str = field(
        "weight of each node, such as its population",
        "'degree' (its fibres), a list of [node, weight], or the path of a .csv file with the "
        "columns node and weight; every node has one, zero allowed",
    )
    total_rate_bps: float | None = field(
        "T, the mean rate of all pairs together; half of the sum of the weights unless given, "
        "which then are the mean rates of the nodes",
        "a number > 0 in bit/s; needed with weights = 'degree'",
        default=None,
        gt=0,
        le=1e18,
    )


#: Keys of which one gives the levels of a request.
LEVEL_KEYS = ("mean", "probabilities", "level", "mean_rate_bps")
