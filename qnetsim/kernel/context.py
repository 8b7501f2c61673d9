"""What every part of one simulation goes by: the setting, the key layer's rules, the relays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

from qnetsim.compiling import compiled
from qnetsim.forecast import Forecast
from qnetsim.kernel.serving import sums
from qnetsim.kernel.serving.jit import Served
from qnetsim.network import Network
from qnetsim.policies import Setting
from qnetsim.scenario import KeyManagementTable
from qnetsim.units import seconds_to_ticks

if TYPE_CHECKING:
    from qnetsim.kernel.followed_requests import FollowedRequests
    from qnetsim.kernel.relay import Relay


@dataclass(frozen=True)
class SimulationContext:
    """What one simulation carries through controllers, key managers and FEL rounds.

    Attributes
    ----------
    setting : Setting
        What the policy was prepared for.
    key_management : KeyManagementTable
    title : str
        Name of the policy in messages.
    check : callable
        Called ahead of every decision and now and then between; raises to stop the run.
    kernel : {"numba", "numpy", "loop"}
        What serves the requests; the results are the same.
    relay : Relay or None
        Carries the keys of all requests as real bytes.
    task_relay : Relay or None
        Carries the keys of real FEL tasks as bytes.
    followed : FollowedRequests or None
        Which requests are followed one by one.
    """

    setting: Setting
    key_management: KeyManagementTable
    title: str
    check: Callable[[], None]
    kernel: Served = "numpy"
    relay: Relay | None = None
    task_relay: Relay | None = None
    followed: FollowedRequests | None = None

    @property
    def network(self) -> Network:
        """The network."""
        return self.setting.network

    @property
    def forecast(self) -> Forecast:
        """Requests, and the distribution of their levels."""
        return self.setting.forecast

    @cached_property
    def slot_ticks(self) -> int:
        """Length of a slot in ticks."""
        return seconds_to_ticks(self.setting.slot_s)

    @property
    def compiled_sums(self) -> ModuleType | None:
        """Compiled sums over slots, where the requests are served by compiled code too."""
        return compiled(sums) if self.kernel == "numba" else None

    @property
    def run_ticks(self) -> int:
        """Length of the run in ticks."""
        return self.setting.slots * self.slot_ticks
