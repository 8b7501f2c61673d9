"""Random runs whose requests are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.case import Case
from qnetsim.network import RouteTable
from tests.support.helpers import Scripted
from tests.support.random_cases import following, random_case, random_routes


def a_run(seed: int, folder: Path, **trace: Any) -> tuple[Case, Scripted, RouteTable]:
    """A random case whose requests are followed, a policy for it, and the routes of that."""
    rng = np.random.default_rng(seed)
    case = following(random_case(rng, folder), **trace)
    routes = random_routes(rng, case)
    shape = (case.scenario.run.slots, case.network.fibres)
    policy = Scripted(rng.integers(0, 6, shape), rng.integers(0, 4, shape), routes=routes)
    return case, policy, routes
