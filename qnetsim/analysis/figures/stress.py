"""Places in a plane whose distances are as near as can be to given ones."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray

#: Steps at most, and the share of the stress that a step must take away to be followed by another.
_STEPS = 500
_LEAST_GAIN = 1e-7


def path_lengths(nodes: int, ends: np.ndarray, lengths: FloatArray) -> FloatArray:
    """Lengths of the shortest paths between all nodes, infinite where there is none.

    Parameters
    ----------
    nodes : int
    ends : ndarray of int64, shape (fibres, 2)
    lengths : ndarray of float64, shape (fibres,)

    Returns
    -------
    ndarray of float64, shape (nodes, nodes)
    """
    found = np.full((nodes, nodes), np.inf)
    np.fill_diagonal(found, 0)
    for (source, target), length in zip(ends.tolist(), lengths.tolist(), strict=True):
        found[source, target] = found[target, source] = min(found[source, target], length)
    for via in range(nodes):  # Floyd and Warshall
        np.minimum(found, found[:, via, None] + found[via], out=found)
    return found


def least_stress(wanted: FloatArray) -> FloatArray:
    """Places of least stress: the sum over all pairs of (distance / wanted distance - 1)².

    Kamada and Kawai's picture, by majorisation (Gansner, Koren and North, 2004), from a circle and
    from the principal axes of the distances; the better one. Its width is its longer side.

    Parameters
    ----------
    wanted : ndarray of float64, shape (nodes, nodes)
        Finite; zero on the diagonal alone.

    Returns
    -------
    ndarray of float64, shape (nodes, 2)
        Around zero, within ±1.
    """
    if len(wanted) == 1:
        return np.zeros((1, 2))
    wanted = wanted / wanted.mean()
    weights = np.zeros_like(wanted)
    others = wanted > 0
    weights[others] = wanted[others] ** -2.0
    inverse = np.asarray(np.linalg.pinv(_laplacian(weights), hermitian=True), dtype=np.float64)
    found = (
        _majorised(start, wanted, weights, inverse)
        for start in (_circle(len(wanted)), _principal_axes(wanted))
    )
    places = min(found, key=lambda pair: pair[0])[1]
    places = _turned(places - places.mean(axis=0))
    return np.asarray(places / np.abs(places).max())


def _majorised(
    places: FloatArray, wanted: FloatArray, weights: FloatArray, inverse: FloatArray
) -> tuple[float, FloatArray]:
    """Stress and places after steps that never raise the stress."""
    stress = np.inf
    for _ in range(_STEPS):
        apart = np.linalg.norm(places[:, None] - places, axis=2)
        before, stress = stress, float((weights * (apart - wanted) ** 2).sum())
        if before - stress <= _LEAST_GAIN * stress:
            break
        pulls = np.divide(weights * wanted, apart, out=np.zeros_like(apart), where=apart > 0)
        places = inverse @ (_laplacian(pulls) @ places)
    return stress, places


def _laplacian(weights: FloatArray) -> FloatArray:
    return np.diag(weights.sum(axis=1)) - weights


def _circle(nodes: int) -> FloatArray:
    angles = 2 * np.pi * np.arange(nodes) / nodes
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _principal_axes(wanted: FloatArray) -> FloatArray:
    """Places by classical scaling (Torgerson)."""
    centring = np.eye(len(wanted)) - 1 / len(wanted)
    values, vectors = np.linalg.eigh(-centring @ wanted**2 @ centring / 2)
    return np.asarray(vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0)))


def _turned(places: FloatArray) -> FloatArray:
    """The same picture with its long side across, and its first node up and to the left."""
    _, axes = np.linalg.eigh(places.T @ places)
    turned = places @ axes[:, ::-1]
    signs = np.where(turned[0] > 0, 1.0, -1.0) * np.array([-1.0, 1.0])
    return np.asarray(turned * signs)
