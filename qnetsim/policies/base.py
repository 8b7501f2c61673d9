"""The seam between policies and everything that runs them.

A policy is prepared once for a run, asked at the start of a slot by each controller, and told
afterwards what came of it. It knows the network and the forecast, never the seed and, unless
``sees_future`` says so, never the realised demand.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import PolicyError, QnetsimError
from qnetsim.forecast import Forecast
from qnetsim.network import LoadTable, Network, RouteTable
from qnetsim.optimize.routing import ShortestRoutes, by_level_weight
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.plain_text import one_line
from qnetsim.scenario import KeyManagementTable, RegimesTable, RiskTable
from qnetsim.streams import users_words

if TYPE_CHECKING:
    from qnetsim.optimize import Plan

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Setting:
    """What a policy knows before the first slot.

    Attributes
    ----------
    network : Network
    forecast : Forecast
    slots : int
        Length of the run.
    slot_s : float
        Length of a slot in seconds.
    solver : Solver
        Solver that the scenario names.
    risk : RiskTable or None
        Risk aversion that the scenario asks of ``sip``.
    key_management : KeyManagementTable or None
        What the pools keep, and for how long.
    regimes : RegimesTable or None
        Law of the regimes, where the demand has any. The forecast is the long-run distribution.
    """

    network: Network
    forecast: Forecast
    slots: int
    slot_s: float
    solver: Solver = HIGHS
    risk: RiskTable | None = None
    key_management: KeyManagementTable | None = None
    regimes: RegimesTable | None = None

    def shortest_routes(self, weight: int | None = None) -> RouteTable:
        """Shortest routes of all requests under ``c_km + w·c_qkd``.

        Parameters
        ----------
        weight : int, optional
            w. Unless given, the expected channel cost g of a newsvendor reservation for the
            request's own distribution.
        """
        if weight is None:
            return self._shortest.routes
        routes = by_level_weight(self.network, self.forecast.pairs, weight)
        return RouteTable.by_pair(self.forecast.pairs, routes, self.forecast.level_count)

    @property
    def planning_lengths(self) -> tuple[Fraction, ...]:
        """Length ``c_km + g·c_qkd`` of each fibre, by which detours are chosen.

        g is the mean over the requests.
        """
        return self._shortest.lengths

    def channel_loads(self, routes: RouteTable) -> LoadTable:
        """Channels and KM wavelengths that realised levels need on each fibre.

        Those of the shortest routes are worked out once.
        """
        if routes is self._shortest.routes:
            return self._shortest.loads
        return self.forecast.channel_loads(self.network, routes)

    def once(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What follows from the setting, made by the first run that asks for it and kept.

        Parameters
        ----------
        key : hashable
            Says what it is, and all that it follows from beside the setting.
        make : callable
            Makes it; nobody may change it afterwards.
        """
        if key not in self._kept:
            self._kept[key] = make()
        return cast(Kept, self._kept[key])

    def with_solver(self, solver: Solver) -> Setting:
        """Copy with another solver; the shortest routes of both are worked out once."""
        copy = replace(self, solver=solver)
        vars(copy).update(_shortest=self._shortest, _kept=self._kept)
        return copy

    @cached_property
    def _kept(self) -> dict[Hashable, object]:
        return {}

    @cached_property
    def _shortest(self) -> ShortestRoutes:
        return ShortestRoutes(self.network, self.forecast)

    def requests_per_fibre(self, routes: RouteTable) -> IntArray:
        """Count the requests routed over each fibre, shape (fibres,)."""
        return routes.requests_per_fibre(self.network.fibres)


@dataclass(frozen=True)
class Future:
    """The realised demand of the next slots; only for policies with ``sees_future``.

    Attributes
    ----------
    levels : ndarray of int16, shape (slots, groups)
        Starting with the slot that is being decided, up to the end of its chunk of the world.
    """

    levels: npt.NDArray[np.int16]


@dataclass(frozen=True)
class TaskWait:
    """Keys that a message of a FEL task waits for.

    Attributes
    ----------
    task : int
        Which ``[[fel]]`` table, from 0.
    source, target : int
        Nodes, as positions in topology order.
    bits : int
        End-to-end key bits that are missing.
    """

    task: int
    source: int
    target: int
    bits: int


@dataclass(frozen=True)
class Observation:
    """What a controller sees at the start of a slot. All arrays are read-only copies.

    Attributes
    ----------
    slot : int
        The slot that is being decided.
    slots_left : int
        Slots from this one to the end of the run; the longest useful hold.
    controller : int
    fibres : ndarray of int64, shape (owned,)
        Fibres that this controller owns, ascending.
    reservation_pool_bits, on_demand_pool_bits : ndarray of int64, shape (owned,)
        Bits in the pools of the owned fibres.
    waiting : int
        Requests that wait to be served.
    outages : tuple of int
        Fibres that the control plane knows to be down, all of the network's.
    generator : numpy.random.Generator
        The controller's own random stream.
    future : Future or None
    tasks : tuple of TaskWait
        What messages of FEL tasks wait for, all of the network's.
    """

    slot: int
    slots_left: int
    controller: int
    fibres: IntArray
    reservation_pool_bits: IntArray
    on_demand_pool_bits: IntArray
    waiting: int
    outages: tuple[int, ...]
    generator: np.random.Generator
    future: Future | None
    tasks: tuple[TaskWait, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a controller reserves on its fibres.

    Attributes
    ----------
    qkd_channels, km_wavelengths : array_like of integers ≥ 0
        Shape (owned,) for one decision, or (hold_slots, owned) for a schedule of one decision
        for each slot.
    hold_slots : int
        Slots for which the decision stands. Holding is the same as deciding anew each slot.
    routes : RouteTable, optional
        Routes of the requests from this slot on; only where one controller owns all fibres.
        Unless ever given, requests take ``Setting.shortest_routes()``.
    """

    qkd_channels: npt.ArrayLike
    km_wavelengths: npt.ArrayLike
    hold_slots: int = 1
    routes: RouteTable | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of the decisions for consecutive slots. All arrays are read-only copies.

    Attributes
    ----------
    first_slot : int
    levels : ndarray of int16, shape (slots, groups)
        Realised level of each group of requests.
    qkd_channels, km_wavelengths : ndarray of int64, shape (slots, fibres)
        Reserved.
    on_demand_channels, on_demand_wavelengths : ndarray of int64, shape (slots, fibres)
        Bought on demand.
    cost : ndarray of float64, shape (slots, 6)
        By kind: reserved QKD, reserved KM, on-demand QKD, on-demand KM, blocking, exposure.
    served, blocked : ndarray of int64, shape (slots,)
        Requests.
    """

    first_slot: int
    levels: npt.NDArray[np.int16]
    qkd_channels: IntArray
    km_wavelengths: IntArray
    on_demand_channels: IntArray
    on_demand_wavelengths: IntArray
    cost: FloatArray
    served: IntArray
    blocked: IntArray


@contextmanager
def guarded(title: str, what: str) -> Iterator[None]:
    """Turn whatever a policy's code raises into a ``PolicyError`` that names the policy.

    ``SystemExit`` and ``GeneratorExit`` count too; only an interruption passes.
    """
    try:
        with users_words():
            yield
    except QnetsimError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        place = _place_in_user_code(error)
        said = one_line(str(error))
        text = f"{place}policy {title} failed in {what}: {type(error).__name__}: {said}"
        raise PolicyError(text) from error


@contextmanager
def steady_foresight(policy: Policy, title: str) -> Iterator[None]:
    """Refuse a policy that changes within what it says of its foresight.

    Raises
    ------
    PolicyError
    """
    foresees = policy.sees_future
    yield
    if policy.sees_future != foresees:
        raise PolicyError(
            f"policy {title} changes sees_future when it is set up; declare it in the class, for "
            "it stands in every table and trace"
        )


def _place_in_user_code(error: BaseException) -> str:
    """``file:line: `` of the user's file that failed; empty where installed code did."""
    import sysconfig

    installed = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    places = [Path(__file__).parents[1], *map(Path, installed)]
    outside = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(Path(frame.filename).is_relative_to(place) for place in places)
    ]
    if not outside:
        return ""
    # the simulator calls the user's file, which may fail in a library that it calls
    file = outside[0].filename
    line = [frame.lineno for frame in outside if frame.filename == file][-1]
    return f"{file}:{line}: "


class PolicyOptions(BaseModel):
    """Base of a policy's options: the further keys of its ``[[policy]]`` table."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True
    )


class Policy:
    """Base class of all policies.

    Subclasses implement :meth:`decide`; the rest has defaults. One object serves one run. A policy
    with options of its own names their model and declares the attribute with that type::

        Options = MyOptions
        options: MyOptions

    Attributes
    ----------
    Options : type of PolicyOptions
        Model of the policy's options.
    options : PolicyOptions
        The given options, else the defaults of ``Options``.
    sees_future : bool
        Asks for ``Observation.future``. Shown in every table and trace: the cost of such a
        policy is a bound, which no other policy can reach.
    reroutes : bool
        Asks for :meth:`recourse`; may be set in :meth:`prepare`. Slots are then served one by one.
    """

    Options: ClassVar[type[PolicyOptions]] = PolicyOptions
    sees_future: ClassVar[bool] = False
    reroutes: bool = False
    options: PolicyOptions

    def __init__(self, options: PolicyOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def owners(self, network: Network) -> IntArray:
        """Controller 0, 1, … that owns each fibre, shape (fibres,); one manager by default."""
        return np.zeros(network.fibres, dtype=np.int64)

    def weights_sha256(self, network: Network) -> str | None:
        """SHA-256 of the trained weights that decide; None for a policy without any."""
        return None

    def plan(self, setting: Setting) -> Plan | None:
        """Solve for what can be decided in advance; None for a policy that does not plan."""
        return None

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Get ready for a run.

        Parameters
        ----------
        setting : Setting
        plan : Plan or None
            What :meth:`plan` returned for this setting.
        """

    def decide(self, observation: Observation) -> Decision:
        """Decide for the fibres of one controller."""
        raise NotImplementedError(f"{type(self).__name__} does not implement decide")

    def recourse(self, slot: int, levels: IntArray) -> RouteTable | None:
        """Second stage: routes for the realised demand of a slot, once it has arrived.

        Asked only of a policy that sets ``reroutes``, in every slot, after the decisions and
        before any request is served; it cannot change what is reserved. Unserved requests of
        earlier slots take these routes too.

        Parameters
        ----------
        slot : int
        levels : ndarray of int64, shape (requests,)
            Realised level of each request that arrives in the slot.

        Returns
        -------
        RouteTable or None
            None keeps the routes of the last decision.
        """
        return None

    def learn(self, outcome: Outcome) -> None:
        """Take note of what came of the decisions; called at the end of every interval."""
