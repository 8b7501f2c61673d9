"""The slotted event simulation: SimPy orders the barriers, arrays serve what lies between."""

from qnetsim.kernel.jit import Kernel
from qnetsim.kernel.recording import Recording, SlotBlock
from qnetsim.kernel.relay import DeliveredKey, Relay
from qnetsim.kernel.simulation import Simulation

__all__ = ["DeliveredKey", "Kernel", "Recording", "Relay", "Simulation", "SlotBlock"]
