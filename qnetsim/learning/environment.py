"""The environment as arrays over worlds: results equal the kernel's, without an event queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, SupportsInt

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.case import Case
from qnetsim.forecast import Forecast
from qnetsim.learning.admitted import refuse_large_actions, refuse_unsupported
from qnetsim.learning.reservation_costs import ReservationCosts
from qnetsim.network import LoadTable, RouteTable
from qnetsim.policies.learned.features import Float32Array, Units
from qnetsim.policies.learned.node_demand import most_pairs
from qnetsim.policies.learned.spec import Spec, ordered
from qnetsim.scenario import LearningTable
from qnetsim.world.demand import Levels

#: Number of a world, or its number among those of a training seed after that of the seed.
World = SupportsInt | tuple[int, ...]
#: Slots of demand drawn at once for a world.
CHUNK = 1024


class PlayedSlot(NamedTuple):
    """What a slot brought, by world: levels of the groups, and what was lit on demand."""

    levels: npt.NDArray[np.int16]
    channels: IntArray
    wavelengths: IntArray


def _name(world: World) -> tuple[int, ...]:
    return world if isinstance(world, tuple) else (int(world),)


def agent_spec(table: LearningTable, forecast: Forecast) -> Spec:
    """What the agents of a scenario see, and what their actions mean."""
    return Spec(
        table.history,
        ordered(table.observe),
        table.decide_by,
        table.most_channels,
        table.most_wavelengths,
        table.km_action,
        table.channels_by,
        most_pairs(forecast) if "pairs" in table.observe else 0,
    )


class ArrayEnvironment:
    """Worlds side by side, each with all its units.

    Nothing is blocked here, so a fibre's totals do not depend on the order of its requests.

    Parameters
    ----------
    case : Case
    worlds : sequence of int or of tuples of int
        Numbers of the worlds; those of one number have the same demand.
    purpose : str
        Of the worlds, for example "train": other purposes are other worlds.
    seed : int, optional
        Of the demand's levels, where it is not the scenario's.

    Attributes
    ----------
    units : Units
    costs : ReservationCosts
    loads : ndarray of int64, shape (worlds, fibres)
        Channels that the last slot's demand needed.
    cost : ndarray of float64, shape (worlds, fibres)
        Of the last slot, realised.
    """

    def __init__(
        self, case: Case, worlds: Sequence[World], purpose: str, seed: int | None = None
    ) -> None:
        refuse_unsupported(case.scenario)
        self.case = case
        self._purpose = purpose
        self._seed = case.scenario.run.seed if seed is None else seed
        self._names = tuple(map(_name, worlds))
        self.worlds = len(self._names)
        self.table = case.scenario.learning
        self.routes: RouteTable = case.setting.shortest_routes()
        self.units = Units(case.setting, self.routes, agent_spec(self.table, case.forecast))
        refuse_large_actions(case.network, self.units)
        self.costs = ReservationCosts(case, self.units, self.routes)
        management = case.scenario.key_management
        self._store = management.store_bits
        self._kept = management.key_lifetime_slots
        granularity = management.granularity
        levels = case.forecast.level_count
        self._bits = case.network.channel_bits
        need = case.network.request_bits(levels, granularity)
        self._need = LoadTable(self.routes, case.forecast.group, need)
        self.reset()

    def reset(self, worlds: Sequence[World] | None = None) -> None:
        """Begin again at slot 0 of the same worlds, or of others.

        Parameters
        ----------
        worlds : sequence of int or of tuples of int, optional
        """
        if worlds is not None:
            self._names = tuple(map(_name, worlds))
            self.worlds = len(self._names)
        units = self.units
        shape = (self.worlds, self.units.count)
        self._open_worlds()
        self.slot = 0
        self._past: Float32Array = np.zeros((*shape, self.table.history, 2), np.float32)
        self._last_levels: npt.NDArray[np.int16] | None = None
        self._demand: Float32Array = np.broadcast_to(
            units.typical[None, :, None], (*shape, self.table.history)
        ).copy()
        fibres = self.case.network.fibres
        self.pools = np.zeros((2, self.worlds, fibres), np.int64)
        # bits of each pool by the slot that made them, the oldest first
        self._ages = np.zeros((self._kept, 2, self.worlds, fibres), np.int64)

    def _open_worlds(self) -> None:
        """Open the demand of the worlds, at its start."""
        self._levels = [
            Levels(
                self.case.forecast,
                self.case.scenario.regimes,
                self._seed,
                ("learning", self._purpose, *name),
            )
            for name in self._names
        ]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """State at the end of a slot, except for the number of the slot."""
        return {
            "pools": self.pools,
            "ages": self._ages,
            "past": self._past,
            "demand": self._demand,
        }

    def restore(self, slot: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go back to the end of a slot; the demand up to it is drawn again."""
        self.reset()
        for first in range(0, slot, CHUNK):
            self._draw(first // CHUNK)
            if slot <= first + CHUNK:
                self._last_levels = self._drawn[:, slot - 1 - first]
        self.slot = slot
        self.pools = arrays["pools"].copy()
        self._ages = arrays["ages"].copy()
        self._past = arrays["past"].copy()
        self._demand = arrays["demand"].copy()

    def _draw(self, chunk: int) -> None:
        self._drawn = np.stack([levels.draw(chunk, CHUNK) for levels in self._levels])

    def observe(self) -> Float32Array:
        """What the units see, shape (worlds, units, inputs)."""
        pools = self.units.pools(*self.pools)
        return self.units.observation(self._past, self._demand, pools, self._last_levels)

    def step(self, action: npt.NDArray[np.floating[Any]]) -> Float32Array:
        """Play a slot.

        Parameters
        ----------
        action : ndarray, shape (worlds, units, 2)

        Returns
        -------
        ndarray of float32, shape (worlds, units)
            Rewards.

        Raises
        ------
        UsageError
            An action is not finite, or their shape is another one; nothing has changed then.
        """
        channels, wavelengths = self.units.reservations(action)
        levels, lit, extra = self._play(channels, wavelengths)
        self.loads = self.units.loads(levels)
        self.cost = self.costs.realised(channels, wavelengths, lit, extra) + self._penalties()
        self.reserved = channels, wavelengths
        self.lit = lit, extra
        reward = self.costs.reward(channels, wavelengths, self.cost, self.loads)
        self._past = np.roll(self._past, -1, axis=2)
        self._past[:, :, -1] = self.units.past(channels, wavelengths)
        self._demand = np.roll(self._demand, -1, axis=2)
        self._demand[:, :, -1] = self.units.demand(self.loads)
        self._last_levels = levels
        self.slot += 1
        return reward

    def begin(self, epoch: int) -> None:
        """Begin an epoch: the worlds go on where the last one left them."""

    def _play(self, channels: IntArray, wavelengths: IntArray) -> PlayedSlot:
        """Realised levels, and channels and wavelengths lit on demand."""
        row = self.slot % CHUNK
        if row == 0:
            self._draw(self.slot // CHUNK)
        levels = self._drawn[:, row]
        return PlayedSlot(levels, *self._serve(channels, wavelengths, levels))

    def _penalties(self) -> FloatArray | float:
        """Costs of the slot beside those of reservations and of what is bought."""
        return 0.0

    def _serve(
        self, channels: IntArray, wavelengths: IntArray, levels: npt.NDArray[np.int16]
    ) -> tuple[IntArray, IntArray]:
        """Channels and wavelengths lit on demand; moves the pools."""
        need, count = self._need.loads(levels)
        lit = self._take(need, channels * self._bits, self._bits)
        return lit, np.maximum(count - wavelengths, 0)

    def _take(self, need: IntArray, made: IntArray, bits: IntArray) -> IntArray:
        """Channels lit on demand, of so many bits each, where so much is made; moves the pools."""
        first = np.minimum(need, self.pools[0] + made)
        rest = need - first
        lit: IntArray = -(-np.maximum(rest - self.pools[1], 0) // bits)
        if self._store and self._kept:
            self._keep(np.stack([made, lit * bits]), np.stack([first, rest]))
        return lit

    def _keep(self, made: IntArray, used: IntArray) -> None:
        """End of the slot: the oldest bits were used first, then some expire or overflow."""
        self._ages = np.concatenate([self._ages, made[None]])
        before = np.cumsum(self._ages, axis=0) - self._ages
        self._ages -= np.clip(used[None] - before, 0, self._ages)
        self._ages = self._ages[1:]
        over = np.maximum(self._ages.sum(axis=0) - self._store, 0)
        before = np.cumsum(self._ages, axis=0) - self._ages
        self._ages -= np.clip(over[None] - before, 0, self._ages)
        self.pools = self._ages.sum(axis=0)
