"""The slotted event simulation: SimPy orders the barriers, arrays serve what lies between."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use
from qnetsim.kernel.ledger import Ledger, SlotBlock
from qnetsim.kernel.serving.jit import Kernel
from qnetsim.kernel.simulation import Simulation

if TYPE_CHECKING:
    from qnetsim.kernel.relay import DeliveredKey, Relay
else:
    __getattr__ = on_first_use(
        __name__, dict.fromkeys(("DeliveredKey", "Relay"), "qnetsim.kernel.relay")
    )

__all__ = ["DeliveredKey", "Kernel", "Ledger", "Relay", "Simulation", "SlotBlock"]
