"""Feasibility of limits by force: a program over all simple paths and wavelengths, for one slot."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from qnetsim.case import Case
from tests.support.own_demand import all_paths


def fits_with_continuity(
    case: Case, levels: list[int], sigma: int | None, kappa: int | None
) -> bool:
    """Whether requests of these levels have paths and wavelengths within the limits.

    Written apart from the product: a binary for each request, path and wavelength.

    Parameters
    ----------
    case : Case
    levels : list of int
        Level of each request.
    sigma, kappa : int or None
        Wavelengths of each fibre; None where they are not limited.
    """
    rho = case.network.level_channels(case.forecast.level_count)
    paths = [all_paths(case, pair) for pair in case.forecast.pairs]
    columns = [(r, path) for r, listed in enumerate(paths) for path in listed]
    size = len(columns)
    rows: list[dict[int, float]] = []
    low: list[float] = []
    high: list[float] = []

    def add(row: dict[int, float], least: float, most: float) -> None:
        rows.append(row)
        low.append(least)
        high.append(most)

    for r in range(len(paths)):
        add({i: 1.0 for i, (owner, _) in enumerate(columns) if owner == r}, 1.0, 1.0)
    for limit, of_channels in ((sigma, True), (kappa, False)):
        if limit is None:
            continue
        first = size
        size += len(columns) * limit
        for i, (r, path) in enumerate(columns):
            width = 3 * int(rho[levels[r], path].max()) if of_channels else 1
            own = {first + i * limit + c: 1.0 for c in range(limit)}
            add({**own, i: -float(width)}, 0.0, 0.0)
        for fibre in range(case.network.fibres):
            mine = [i for i, (_, path) in enumerate(columns) if fibre in path]
            for c in range(limit):
                add({first + i * limit + c: 1.0 for i in mine}, 0.0, 1.0)
    places = [(i, j, v) for i, row in enumerate(rows) for j, v in row.items()]
    i, j, v = zip(*places, strict=True)
    found = milp(
        np.zeros(size),
        constraints=LinearConstraint(
            sparse.csr_array((v, (i, j)), shape=(len(rows), size)), low, high
        ),
        bounds=Bounds(0.0, 1.0),
        integrality=np.ones(size),
    )
    assert found.status in {0, 2}
    return found.status == 0
