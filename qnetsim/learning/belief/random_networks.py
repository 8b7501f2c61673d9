"""Networks drawn at random, so that a policy learns no single one by heart."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from qnetsim import seeds
from qnetsim.network import Topology

#: Mean length of a fibre, about that of NSFNET.
MEAN_KM = 1000.0


def random_topology(bits: np.random.BitGenerator, nodes: tuple[int, int]) -> Topology:
    """Nodes at random places, joined where no third one lies between two (a Gabriel graph).

    Such a graph is connected and plane, as networks of fibres mostly are.

    Parameters
    ----------
    bits : BitGenerator
    nodes : (int, int)
        Least and greatest number of nodes.
    """
    least, most = nodes
    count = least + int(seeds.integers(bits, most - least + 1, 1)[0])
    x, y = seeds.uniform(bits, 2 * count).reshape(2, count)
    squares = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    fibres = [
        (a, b)
        for a, b in combinations(range(count), 2)
        if not any(
            squares[a, c] + squares[b, c] < squares[a, b] for c in range(count) if c not in (a, b)
        )
    ]
    lengths = np.array([np.sqrt(squares[a, b]) for a, b in fibres])
    lengths = np.maximum(np.rint(lengths * MEAN_KM / lengths.mean()), 1.0)
    names = tuple(str(node + 1) for node in range(count))
    return Topology("random", names, tuple(fibres), tuple(lengths.tolist()))
