"""The words that kernel, trace and readers share: pools, flows, costs, statuses, causes.

A word that stands in a file stands here once. The order of the names is part of the trace format.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

#: The two pools of a fibre's key managers.
POOLS = ("reservation", "on_demand")
#: What happens to the bits of a pool in a slot, and what is left.
FLOWS = ("produced", "consumed", "expired", "overflowed", "stored")
#: Costs of a slot, by what was reserved or lit.
COST_COLUMNS = (
    "qkd_reserved_cost",
    "km_reserved_cost",
    "qkd_on_demand_cost",
    "km_on_demand_cost",
)
#: Everything that a slot is billed for.
BILL_COLUMNS = (*COST_COLUMNS, "blocking_cost", "exposure_cost")
#: What can fail.
CAUSES = ("fibre", "trusted_relay", "untrusted_relay", "node")


class PlanStatus(StrEnum):
    """What is known about a plan's objective."""

    #: Proved: objective and bound agree within the tolerance.
    OPTIMAL = "optimal"
    #: A valid plan with a bound that may be apart from it.
    FEASIBLE = "feasible"
    #: A rule, not an optimisation: the objective is its expected cost, and there is no bound.
    EXPECTATION = "expectation"
    #: The routes may need more wavelengths than there are: requests may be blocked, and the
    #: objective is what the demand would cost without the limits.
    OVER_LIMIT = "over_limit"
    #: Numbers of wavelengths are kept, but no assignment that keeps continuity was found.
    UNCOLOURED = "uncoloured"


#: Status of the plan behind a decision, as a trace counts it.
PLAN_STATUS = ("no_plan", *map(str, PlanStatus))


class RoundStatus(IntEnum):
    """How far a round of a FEL task has come."""

    NOT_BEGUN = 0
    RUNNING = 1
    DONE = 2
    LOST = 3


#: Names of the statuses of a round, as a trace writes them.
ROUND_STATUS = tuple(status.name.lower() for status in RoundStatus)
