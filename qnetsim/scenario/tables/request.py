"""The [[request]] tables: requests with levels of their own."""

from __future__ import annotations

from qnetsim.scenario.tables.fields import MAX_LEVELS, NodeName, Probabilities, Table, field

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


#: Keys of which one gives the levels of a request.
LEVEL_KEYS = ("mean", "probabilities", "level", "mean_rate_bps")
