"""What the agents of learning policies see, and what their actions mean, as numbers.

The paper's POMDP (Section V.A): the state is an agent's last l reservations, an action is two
numbers in [−1, 1]. Everything is an array over worlds and decision *units*, an agent each or, where
``decide_by`` says so, a fibre each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast import Forecast
from qnetsim.network import RouteTable
from qnetsim.network.ownership import agents_of
from qnetsim.plain_text import counted
from qnetsim.policies.base import Setting
from qnetsim.policies.learned.node_demand import SUMS, NodeDemand
from qnetsim.policies.learned.spec import ACTIONS, Spec
from qnetsim.policies.learned.trained_network import TrainedAgents

Float32Array = npt.NDArray[np.float32]
#: Pools are observed up to so many times the most that a slot can ask for.
MOST_POOLS = 4.0


class Units:
    """The decision units of a network: their fibres, and the translation of actions.

    Parameters
    ----------
    setting : Setting
    routes : RouteTable
    spec : Spec
    trained : TrainedAgents, optional
        Agents of a training, and the order of its nodes; those of the network unless given.

    Attributes
    ----------
    agents : int
    owners : ndarray of int64, shape (fibres,)
        Agent of each fibre.
    unit : ndarray of int64, shape (fibres,)
        Unit of each fibre.
    agent_of : ndarray of int64, shape (units,)
    names : tuple of str
        Node or fibre of each unit.
    requests : ndarray of int64, shape (fibres,)
        Requests routed over each fibre.
    top : int
        Most channels for each routed request.
    step : ndarray of int64, shape (fibres,)
        Channels between one amount that an action can reserve and the next.
    steps : ndarray of int64, shape (fibres,)
        Of these from none to the most.
    most_wavelengths : ndarray of int64, shape (fibres,)
        Most KM wavelengths that an action can reserve.
    mean_levels : ndarray of float64, shape (groups,)
        What is observed of single pairs ahead of the first slot.
    """

    def __init__(
        self,
        setting: Setting,
        routes: RouteTable,
        spec: Spec,
        trained: TrainedAgents | None = None,
    ) -> None:
        network = setting.network
        topology = network.topology
        forecast = setting.forecast
        self.spec = spec
        agents = agents_of(topology) if trained is None else trained.agents
        self.nodes = agents.nodes
        self.owners = agents.owners
        self.agents = len(self.nodes)
        fibres = network.fibres
        by_fibre = spec.decide_by == "fibre"
        self.unit: IntArray = np.arange(fibres) if by_fibre else self.owners
        self.count = fibres if by_fibre else self.agents
        self.agent_of: IntArray = self.owners if by_fibre else np.arange(self.agents)
        self.names = tuple(
            map(topology.fibre_name, range(fibres))
            if by_fibre
            else (topology.nodes[node] for node in self.nodes)
        )
        self.requests = setting.requests_per_fibre(routes)
        self.member: FloatArray = np.zeros((fibres, self.count))
        self.member[np.arange(fibres), self.unit] = 1.0
        self._total = np.maximum(self.requests @ self.member, 1.0)
        self._rho = network.level_channels(forecast.level_count)
        self.top = spec.most_channels or max(int(self._rho.max()), 1)
        by_request = spec.channels_by == "request"
        self.step: IntArray = (
            np.maximum(self.requests, 1) if by_request else np.ones_like(self.requests)
        )
        self.steps: IntArray = self.requests * self.top // self.step
        self._scale = spec.most_wavelengths
        self.most_wavelengths = np.floor(self._scale * self.requests + 0.5).astype(np.int64)
        self._most_bits = np.maximum(self.requests * self.top * network.channel_bits, 1)
        self._moments = self._request_moments(setting, routes)
        self._context = self._describe(setting)
        self._loads = setting.channel_loads(routes)
        self.typical = self.demand(self._mean_load(setting)[None])[0]
        self.mean_levels = _mean_levels(forecast)
        self._most_share = max(2.0 * (forecast.level_count - 1) / self.top - 1.0, 1.0)
        self._around = None
        if {"pairs", "neighbours"} & set(spec.observe):
            of_unit = np.array(self.nodes, dtype=np.int64)[self.agent_of]
            order = None if trained is None else trained.nodes
            self._around = NodeDemand(topology, forecast, of_unit, self.top, order)

    def reservations(self, action: npt.NDArray[np.floating[Any]]) -> tuple[IntArray, IntArray]:
        """Channels and KM wavelengths that actions reserve.

        Parameters
        ----------
        action : ndarray, shape (worlds, units, 2)
            In [−1, 1]: channels, scaled to [0, top] for each routed request and rounded half up,
            for each request or for the fibre; and KM wavelengths for each routed request.

        Returns
        -------
        channels, wavelengths : ndarray of int64, shape (worlds, fibres)

        Raises
        ------
        UsageError
            An action has another shape, or is not finite: NaN would reserve without bound.
        """
        wanted = np.asarray(action, dtype=np.float64)
        if wanted.shape[1:] != (self.count, ACTIONS):
            raise UsageError(
                f"actions have shape {wanted.shape}; what is wanted is (worlds, {self.count}, "
                f"{ACTIONS}): {counted(ACTIONS, 'number')} in [-1, 1] for each agent"
            )
        if not np.isfinite(wanted).all():
            world, unit, _ = np.argwhere(~np.isfinite(wanted))[0]
            raise not_an_action(self.names[unit], wanted[world, unit])
        share = np.clip((wanted + 1) / 2, 0, 1)[:, self.unit]
        channels = np.floor(share[..., 0] * self.steps + 0.5) * self.step
        each = self.spec.wavelengths(share[..., 1])
        wavelengths = np.floor(each * self.requests + 0.5)
        return channels.astype(np.int64), wavelengths.astype(np.int64)

    def nearest_action(self, channels: IntArray, wavelengths: IntArray) -> Float32Array:
        """Actions that reserve most nearly this on the fibres of each unit.

        Parameters
        ----------
        channels, wavelengths : ndarray of int64, shape (slots, fibres)

        Returns
        -------
        ndarray of float32, shape (slots, units, 2)
            In [−1, 1].
        """
        channel_share = channels @ self.member / (self._total * self.top)
        km_share = self.spec.share_of(wavelengths @ self.member / self._total)
        both = np.stack([channel_share, km_share], axis=-1)
        # any action is the same to units without requests: they act as the others do on average
        idle = self.requests @ self.member == 0
        if idle.any() and not idle.all():
            both[:, idle] = both[:, ~idle].mean(axis=1, keepdims=True)
        return np.asarray(np.clip(2 * both - 1, -1, 1), dtype=np.float32)

    def past(self, channels: IntArray, wavelengths: IntArray) -> Float32Array:
        """Reservations as the state remembers them, shape (worlds, units, 2), in [−1, 1]."""
        q = channels @ self.member / (self._total * self.top)
        x = wavelengths @ self.member / (self._total * self._scale)
        return (2 * np.stack([q, x], axis=-1) - 1).astype(np.float32)

    def demand(self, load: npt.ArrayLike) -> Float32Array:
        """Realised channels for each routed request, shape (worlds, units), in [−1, 1]."""
        share = np.asarray(load, dtype=np.float64) @ self.member / (self._total * self.top)
        return np.asarray(2 * share - 1, dtype=np.float32)

    def loads(self, levels: npt.NDArray[np.int16]) -> IntArray:
        """Channels that realised levels ask for, shape (slots, fibres)."""
        return self._loads.loads(levels).amounts

    def pools(self, reservation: IntArray, on_demand: IntArray) -> Float32Array:
        """Pools beside the most that a slot can ask for, shape (worlds, units, 2)."""
        whole = self._most_bits @ self.member
        both = [pool @ self.member / whole for pool in (reservation, on_demand)]
        return np.asarray(np.minimum(np.stack(both, axis=-1), MOST_POOLS), dtype=np.float32)

    def bounds(self) -> tuple[Float32Array, Float32Array]:
        """Least and greatest of what any unit sees, each of shape (spec.size,).

        They hold for all units, so that one policy may serve them all. What is fixed about the
        fibres lies in [−1, 1], or as far beyond as it does in this network.
        """
        history = self.spec.history
        past = self.past((self.requests * self.top)[None], self.most_wavelengths[None])[0]
        demand = self.demand((self.requests * self._rho.max(axis=0))[None])[0]
        fixed = self._context
        least = {
            "actions": np.full(ACTIONS * history, -1.0),
            "demand": np.full(history, -1.0),
            "pools": np.zeros(2),
            "context": np.minimum(fixed.min(axis=0), -1.0),
            "pairs": np.full(self.spec.pairs, -1.0),
            "neighbours": np.full(SUMS, -1.0),
        }
        greatest = {
            "actions": np.tile(np.maximum(past.max(axis=0), 1.0), history),
            "demand": np.full(history, max(float(demand.max()), 1.0)),
            "pools": np.full(2, MOST_POOLS),
            "context": np.maximum(fixed.max(axis=0), 1.0),
            "pairs": np.full(self.spec.pairs, self._most_share),
            "neighbours": np.full(SUMS, self._most_share),
        }
        low, high = (
            np.concatenate([side[name] for name in self.spec.observe]).astype(np.float32)
            for side in (least, greatest)
        )
        return low, high

    def observation(
        self,
        past: Float32Array,
        demand: Float32Array,
        pools: Float32Array,
        last_levels: npt.NDArray[Any] | None = None,
    ) -> Float32Array:
        """Put together what the units see.

        Parameters
        ----------
        past : ndarray, shape (worlds, units, history, 2)
        demand : ndarray, shape (worlds, units, history)
        pools : ndarray, shape (worlds, units, 2)
        last_levels : ndarray, shape (worlds, groups), optional
            Of the last slot; unless given, the mean levels.

        Returns
        -------
        ndarray of float32, shape (worlds, units, spec.size)
        """
        worlds = len(past)
        blocks = {
            "actions": past.reshape(worlds, self.count, -1),
            "demand": demand,
            "pools": pools,
            "context": np.broadcast_to(self._context, (worlds, *self._context.shape)),
        }
        if self._around is not None:
            last = self.mean_levels[None] if last_levels is None else last_levels
            if self.spec.pairs:
                pairs = self._around.pair_block(last, self.spec.pairs)
                blocks["pairs"] = np.broadcast_to(pairs, (worlds, *pairs.shape[1:]))
            if "neighbours" in self.spec.observe:
                sums = self._around.neighbour_block(last)
                blocks["neighbours"] = np.broadcast_to(sums, (worlds, *sums.shape[1:]))
        return np.concatenate([blocks[name] for name in self.spec.observe], axis=-1)

    def _describe(self, setting: Setting) -> Float32Array:
        """Channels that a request asks for, and the prices' ratios.

        Their mean for each mean level, as a power of two, and their deviation over it: fibres of
        half or twice the key rate stand one unit apart.
        """
        costs = setting.network.costs
        mean, second = self._moments
        deviation = np.sqrt(np.maximum(second - mean**2, 0))
        dearest = [
            np.divide(r, o, out=np.ones_like(r), where=o > 0)
            for r, o in (
                (costs.qkd_reserved, costs.qkd_on_demand),
                (costs.km_reserved, costs.km_on_demand),
            )
        ]
        usual = max(_mean_level(setting.forecast), 1e-9)
        scaled = np.log2(np.maximum(mean, 1e-9) / usual)
        columns = [scaled, deviation / np.maximum(mean, 1e-9) - 0.5, *dearest]
        weights = np.maximum(self.requests, 1e-9)[:, None] * self.member
        weights /= weights.sum(axis=0)
        return np.stack([column @ weights for column in columns], axis=-1).astype(np.float32)

    def _request_moments(
        self, setting: Setting, routes: RouteTable
    ) -> tuple[FloatArray, FloatArray]:
        """First and second moment of the channels of a request, by fibre.

        Where requests have distributions of their own, of one drawn at random from those that are
        routed over the fibre, or from all where there are none.
        """
        forecast = setting.forecast
        first = forecast.probabilities @ self._rho
        second = forecast.probabilities @ np.square(self._rho)
        if forecast.shared:
            return first[0], second[0]
        crossing = routes.uses(setting.network.fibres)[routes.choice[:, 0]]
        kinds = range(len(forecast.distributions))
        counts = np.array([crossing[forecast.kind == kind].sum(axis=0) for kind in kinds])
        every = np.bincount(forecast.kind, minlength=len(counts))[:, None]
        weights = np.where(self.requests > 0, counts, every)
        weights = weights / weights.sum(axis=0)
        return (weights * first).sum(axis=0), (weights * second).sum(axis=0)

    def _mean_load(self, setting: Setting) -> FloatArray:
        return np.asarray(self._moments[0] * self.requests, dtype=np.float64)


def not_an_action(name: str, value: object) -> UsageError:
    """Say that this is no action of this agent."""
    return UsageError(
        f"agent {name!r} acts by {value}; an action is {ACTIONS} finite numbers, in [-1, 1]"
    )


def _mean_levels(forecast: Forecast) -> FloatArray:
    """Mean level of each group of requests."""
    means = np.array([distribution.mean for distribution in forecast.distributions])
    return np.asarray(means[forecast.group_kind])


def _mean_level(forecast: Forecast) -> float:
    """Mean level of a request, over all requests."""
    if forecast.shared:
        return forecast.levels.mean
    means = np.array([distribution.mean for distribution in forecast.distributions])
    return float(means[forecast.kind].mean())
