"""How many chunks of a world a run serves and writes as one."""

from __future__ import annotations

from qnetsim.case import Case
from qnetsim.kernel.serving.jit import Served
from qnetsim.policies import Policy
from qnetsim.trace.hdf5.chunks import BLOCKS_OF_LONG, LONG_RUN
from qnetsim.world.realisation import CHUNK_SLOTS

PACKAGE = __name__.partition(".")[0]
#: Bytes that such chunks take at most.
MOST_BYTES = 2**24
#: Numbers of 8 bytes that a slot has, about, for each fibre, for each request, and where requests
#: come and stay as they like.
NUMBERS_OF_FIBRE = 16
NUMBERS_OF_REQUEST = 1
NUMBERS_OF_SESSION = 5


def blocks_at_once(case: Case, policy: Policy, served_by: Served) -> int:
    """Chunks of the world, each a block of the trace, that are served and written as one.

    Python costs as much for many slots as for one, and compiled code takes many as long as they
    stay in caches. Nothing that a policy sees depends on it: those that look ahead to the end of a
    chunk, or learn from all slots since their last decision, get each chunk by itself. So do those
    of others, for nobody knows how long they think: a run that fails keeps all blocks before it.
    """
    setting = case.setting
    told = policy.sees_future or type(policy).learn is not Policy.learn
    foreign = not type(policy).__module__.startswith(f"{PACKAGE}.")
    if told or foreign or served_by != "numba" or setting.slots < LONG_RUN:
        return 1
    demand = case.scenario.demand
    alike = demand.arrivals == "slot_start" and demand.holding_slots == 1
    each = NUMBERS_OF_REQUEST if alike else NUMBERS_OF_SESSION
    numbers = NUMBERS_OF_FIBRE * setting.network.fibres + each * setting.forecast.requests
    size = 8 * numbers * CHUNK_SLOTS
    return next((count for count in (BLOCKS_OF_LONG, 2) if count * size <= MOST_BYTES), 1)
