"""The slotted event simulation: SimPy orders the barriers, arrays serve what lies between."""

from qnetsim.kernel.recording import Recording, SlotBlock
from qnetsim.kernel.simulation import Simulation

__all__ = ["Recording", "Simulation", "SlotBlock"]
