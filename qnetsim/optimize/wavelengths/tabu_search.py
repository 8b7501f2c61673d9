"""Tabu search for a colouring of paths: paths that share a fibre get different colours.

A partial colouring is kept proper; a move colours one path that has none and takes the colour away
from the paths that share a fibre with it, which then may not have it back for some moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.network import Route

#: A path that loses its colour may not have it back for ``TENURE_SHARE`` times the number of paths
#: without a colour plus a random number below ``TENURE_DRAW`` of moves.
TENURE_SHARE = 0.6
TENURE_DRAW = 10


def conflicts(routes: Sequence[Route], fibres: int) -> npt.NDArray[np.bool_]:
    """Which paths share a fibre, shape (paths, paths); no path conflicts with itself."""
    uses = np.zeros((len(routes), fibres), dtype=np.float32)
    for i, route in enumerate(routes):
        uses[i, list(route.fibres)] = 1.0
    shared = (uses @ uses.T) > 0
    np.fill_diagonal(shared, False)
    return shared


def tenure(lacking: int, draw: int) -> int:
    """Moves for which a colour stays forbidden, for a number of paths without colour and a draw."""
    return int(TENURE_SHARE * lacking) + draw % TENURE_DRAW


def greedy(conflict: npt.NDArray[np.bool_], colours: int) -> IntArray:
    """Colour the path with the fewest colours left first (DSATUR); −1 where none is left."""
    paths = conflict.shape[0]
    chosen = np.full(paths, -1)
    near = np.zeros((paths, colours), dtype=np.int64)
    degree = conflict.sum(axis=1)
    open_ = np.ones(paths, dtype=bool)
    for _ in range(paths):
        taken = (near > 0).sum(axis=1)
        key = np.where(open_, taken * (paths + 1) + degree, -1)
        path = int(key.argmax())
        open_[path] = False
        free = np.flatnonzero(near[path] == 0)
        if free.size:
            chosen[path] = free[0]
            near[conflict[path], free[0]] += 1
    return chosen


def improve(
    conflict: npt.NDArray[np.bool_], chosen: IntArray, colours: int, moves: int
) -> IntArray:
    """Colour as many paths as can be; −1 where none was found.

    Parameters
    ----------
    conflict : ndarray of bool, shape (paths, paths)
    chosen : ndarray of int64, shape (paths,)
        A proper partial colouring to start from.
    colours, moves : int
    """
    chosen = chosen.copy()
    paths = chosen.size
    near = np.zeros((paths, colours), dtype=np.int64)
    for path in np.flatnonzero(chosen >= 0).tolist():
        near[conflict[path], chosen[path]] += 1
    tabu = np.zeros((paths, colours), dtype=np.int64)
    best = chosen.copy()
    best_open = int((chosen < 0).sum())
    draws = seeds.words(seeds.stream(0, "colouring"), 2 * moves)
    for move in range(moves):
        lacking = np.flatnonzero(chosen < 0)
        if lacking.size < best_open:
            best = chosen.copy()
            best_open = int(lacking.size)
        if not lacking.size:
            break
        displaced = near[lacking]
        allowed = (tabu[lacking] <= move) | (lacking.size - 1 + displaced < best_open)
        price = np.where(allowed, displaced, paths + 1)
        least = np.flatnonzero(price == price.min())
        pick = int(least[int(draws[2 * move]) % least.size])
        path = int(lacking[pick // colours])
        colour = pick % colours
        out = np.flatnonzero(conflict[path] & (chosen == colour))
        chosen[path] = colour
        near[conflict[path], colour] += 1
        until = move + 1 + tenure(lacking.size, int(draws[2 * move + 1]))
        for other in out.tolist():
            chosen[other] = -1
            near[conflict[other], colour] -= 1
            tabu[other, colour] = until
    return best
