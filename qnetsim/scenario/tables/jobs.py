"""The ``[jobs]`` table: demand of federated jobs that come and go."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from qnetsim.scenario.tables.fields import MAX_LEVELS, NodeName, Table, as_tuple, field

#: Most jobs at a time.
MOST_JOBS = 1000
MOST_MEMBERS = 1000
#: Longest period, in slots. The shortest has a slot for members and one for the owner.
LONGEST_PERIOD = 1000

Periods = Annotated[
    tuple[Annotated[int, Field(ge=2, le=LONGEST_PERIOD)], ...], BeforeValidator(as_tuple)
]
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, lt=MAX_LEVELS)], ...], BeforeValidator(as_tuple)]
Nodes = Annotated[tuple[NodeName, ...], BeforeValidator(as_tuple)]


class JobsTable(Table):
    """Demand of federated jobs, which nobody is told.

    A job has a hub, an owner and members on nodes of their own, all drawn. In the slot in which a
    round starts each member and the hub ask for keys, one slot later the hub and the owner. What
    jobs ask of a node pair comes on top of the level that ``[demand]`` gives it, cut at the highest
    level. All of it is drawn ahead: it does not depend on when keys arrive, as ``[[fel]]`` does.
    """

    count: int = field(
        "jobs at a time: so many places, in each of which jobs and gaps take turns",
        f"an integer 1 .. {MOST_JOBS}",
        default=10,
        ge=1,
        le=MOST_JOBS,
    )
    members: int = field(
        "members of a job, beside its hub and its owner",
        f"an integer 1 .. {MOST_MEMBERS}, at least two fewer than there are nodes",
        default=6,
        ge=1,
        le=MOST_MEMBERS,
    )
    periods: Periods = field(
        "slots from the start of a round to that of the next; each job draws one of them",
        f"a list of 1 to 100 integers 2 .. {LONGEST_PERIOD}",
        default=(3, 4, 5, 6, 8),
        min_length=1,
        max_length=100,
    )
    sizes: Sizes = field(
        "levels that a member and the hub ask for in a round; each member of a job draws one of "
        "them, and keeps it",
        "a list of 1 to 1000 integers 1 .. demand.levels - 1",
        default=(5, 6, 7, 8),
        min_length=1,
        max_length=1000,
    )
    owner_sizes: Sizes = field(
        "levels that the hub and the owner ask for, likewise",
        "a list of at most 1000 integers 1 .. demand.levels - 1; without any they are sizes",
        default=(),
        max_length=1000,
    )
    more_rounds: float = field(
        "mean number of a job's rounds beside the first, geometric from 0",
        "a number 0 .. 10000",
        default=20.0,
        ge=0,
        le=10_000,
    )
    gap_slots: float = field(
        "mean number of slots from a job's last round to the next job, geometric from 0",
        "a number 0 .. 1000000",
        default=10.0,
        ge=0,
        le=1e6,
    )
    delay: float = field(
        "probability that the round after a round starts one slot late, and all later ones with it",
        "a number 0 .. 1",
        default=0.05,
        ge=0,
        le=1,
    )
    drop_out: float = field(
        "probability that a member leaves out a round",
        "a number 0 .. 1",
        default=0.1,
        ge=0,
        le=1,
    )
    nodes: Literal["all"] | Nodes = field(
        "nodes on which jobs may be; there is one request for each pair of them",
        "'all' or a list of nodes, each once",
        default="all",
    )
