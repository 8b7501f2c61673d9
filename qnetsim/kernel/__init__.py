"""The slotted event simulation: SimPy orders the barriers, arrays serve what lies between."""

from qnetsim.kernel.ledger import Ledger, SlotBlock
from qnetsim.kernel.relay import DeliveredKey, Relay
from qnetsim.kernel.serving.jit import Kernel
from qnetsim.kernel.simulation import Simulation

__all__ = ["DeliveredKey", "Kernel", "Ledger", "Relay", "Simulation", "SlotBlock"]
