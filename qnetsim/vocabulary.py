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


class RequestFate(IntEnum):
    """What became of a request; the last two open ones are cut off by the end of the run."""

    SERVED = 0
    BLOCKED = 1
    INTERRUPTED = 2
    WAITING = 3
    HOLDING = 4


class RequestCause(IntEnum):
    """Why a request was not served when it asked."""

    #: It was served.
    NONE = 0
    #: The fibre keeps too few bits, and its channels yield none in this slot.
    NO_KEY = 1
    #: The fibre keeps too few bits, and all channels that may still be lit yield too few.
    NO_CHANNEL = 2
    #: The fibre keeps too few bits, and channels lit then deliver after the slot's end.
    TOO_LATE = 3
    #: All KM wavelengths of the fibre are in use.
    NO_WAVELENGTH = 4
    #: The fibre is down.
    FIBRE_DOWN = 5
    #: The fibre is known to be down, and there is no way around.
    NO_DETOUR = 6
    #: The fibre is known to be down, and requests give up then.
    OUTAGE = 7
    #: The policy refuses the request at its level.
    REFUSED = 8


#: Names of fates and causes, as a trace writes them.
REQUEST_FATES = tuple(fate.name.lower() for fate in RequestFate)
REQUEST_CAUSES = tuple(cause.name.lower() for cause in RequestCause)
#: Figures of a model that rounds have where records are held out.
HELD_OUT = ("auc", "test_loss", "test_accuracy", "test_auc")
