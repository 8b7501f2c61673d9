"""Exact answers of theory: stationary distributions are solved here, never typed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import product
from math import exp, factorial

import numpy as np
from scipy import sparse, stats
from scipy.sparse.linalg import spsolve

#: Where a chain goes from a state: pairs of state and probability.
Moves = Iterable[tuple[Hashable, float]]
#: Probability by number.
Law = Mapping[int, float]


def binomial(trials: int, share: float) -> dict[int, float]:
    """Law of the number of successes."""
    return {k: float(stats.binom.pmf(k, trials, share)) for k in range(trials + 1)}


def poisson(mean: float) -> dict[int, float]:
    """Poisson law, cut where its tail is below 1e-14."""
    most = int(stats.poisson.isf(1e-14, mean))
    return {k: float(stats.poisson.pmf(k, mean)) for k in range(most + 1)}


def stationary(start: Hashable, moves: Callable[[Hashable], Moves]) -> dict[Hashable, float]:
    """Stationary distribution of the chain that ``start`` reaches."""
    states = {start: 0}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    order = [start]
    for state in order:
        for after, probability in moves(state):
            if probability and after not in states:
                states[after] = len(order)
                order.append(after)
            if probability:
                rows.append(states[after])
                columns.append(states[state])
                values.append(probability)
    size = len(order)
    balance = sparse.coo_matrix((values, (rows, columns)), (size, size)).tolil()
    balance.setdiag(balance.diagonal() - 1)
    balance[0] = 1
    right = np.zeros(size)
    right[0] = 1
    found = spsolve(balance.tocsc(), right)
    return dict(zip(order, found.tolist(), strict=True))


def left_waiting(requests: int, share: float) -> float:
    """E[requests left] after a slot that serves one of Bin(requests, share) arrivals."""
    return requests * (requests - 1) * share**2 / (2 * (1 - requests * share))


def slots_waited(requests: int, share: float, slots: int) -> float:
    """P(a request waits so many slots), first come first served, one served a slot.

    A request waits for those left over and for those ahead of it in its own slot. Both are
    generating functions' coefficients here: the chain is cut far beyond any wait that counts.
    """
    arrivals = binomial(requests, share)
    most = 400

    def moves(left: Hashable) -> Moves:
        assert isinstance(left, int)
        for came, probability in arrivals.items():
            yield min(max(left + came - 1, 0), most), probability

    left = stationary(0, moves)
    mean = requests * share
    ahead = [sum(p for k, p in arrivals.items() if k > j) / mean for j in range(requests)]
    return sum(left.get(slots - j, 0.0) * ahead[j] for j in range(min(slots, requests - 1) + 1))


def session_loss(arrivals: Law, stay: float, channels: int) -> float:
    """Share of sessions lost: so many begin in a slot, each lasts on with probability ``stay``."""

    def moves(held: Hashable) -> Moves:
        assert isinstance(held, int)
        for came, probability in arrivals.items():
            served = min(held + came, channels)
            for left, share in binomial(served, stay).items():
                yield left, probability * share

    law = stationary(0, moves)
    mean = sum(k * p for k, p in arrivals.items())
    lost = sum(
        law[held] * p * max(0, int(held) + came - channels)  # type: ignore[call-overload]
        for held in law
        for came, p in arrivals.items()
    )
    return lost / mean


def fixed_holding_loss(share: float, holding: int, channels: int) -> float:
    """Share of sessions lost where at most one begins in a slot and all last equally long."""

    def moves(window: Hashable) -> Moves:
        assert isinstance(window, tuple)
        kept = window[1:]
        yield (*kept, 0), 1 - share
        yield (*kept, int(sum(window) < channels)), share

    law = stationary((0,) * (holding - 1), moves)
    return sum(p for window, p in law.items() if sum(window) >= channels)  # type: ignore[arg-type]


def two_rate_loss(shares: Sequence[float], stay: float, channels: int) -> list[float]:
    """Loss of sessions of one channel and of two; at most one of either begins in a slot."""

    def moves(state: Hashable) -> Moves:
        assert isinstance(state, tuple)
        begun = [(state, 1 - sum(shares))]
        for k, share in enumerate(shares, start=1):
            fits = state[0] + 2 * state[1] + k <= channels
            more = (state[0] + (k == 1), state[1] + (k == 2)) if fits else state
            begun.append((more, share))
        for (one, two), probability in begun:
            for left_one, p in binomial(one, stay).items():
                for left_two, q in binomial(two, stay).items():
                    yield (left_one, left_two), probability * p * q

    law = stationary((0, 0), moves)
    return [
        sum(p for (one, two), p in law.items() if one + 2 * two + k > channels)  # type: ignore[misc]
        for k in (1, 2)
    ]


def line_loss(share: float, stay: float, channels: int) -> list[float]:
    """Loss of sessions ab, bc and ac on a line a-b-c; they are asked for in this order."""
    fibres = ((0,), (1,), (0, 1))

    def fits(state: tuple[int, ...], kind: int) -> bool:
        load = [state[0] + state[2], state[1] + state[2]]
        return all(load[fibre] < channels for fibre in fibres[kind])

    def served(state: tuple[int, ...], asked: Sequence[int]) -> tuple[tuple[int, ...], list[int]]:
        lost = []
        for kind in range(3):
            if asked[kind] and fits(state, kind):
                state = tuple(n + (i == kind) for i, n in enumerate(state))
            elif asked[kind]:
                lost.append(kind)
        return state, lost

    def patterns() -> Iterable[tuple[tuple[int, ...], float]]:
        for asked in product((0, 1), repeat=3):
            yield asked, share ** sum(asked) * (1 - share) ** (3 - sum(asked))

    def moves(state: Hashable) -> Moves:
        assert isinstance(state, tuple)
        for asked, probability in patterns():
            held, _ = served(state, asked)
            laws = [binomial(n, stay) for n in held]
            for left in product(*(law.items() for law in laws)):
                after = tuple(n for n, _ in left)
                yield after, probability * float(np.prod([p for _, p in left]))

    losses = [0.0, 0.0, 0.0]
    for state, p in stationary((0, 0, 0), moves).items():
        for asked, probability in patterns():
            for kind in served(state, asked)[1]:  # type: ignore[arg-type]
                losses[kind] += p * probability / share
    return losses


def bucket_loss(supply: Law, demand: Law, cap: int) -> dict[int, float]:
    """P(a demand finds too few tokens), by its size; what is left is kept up to the cap."""

    def moves(kept: Hashable) -> Moves:
        assert isinstance(kept, int)
        for came, p in supply.items():
            for size, q in demand.items():
                tokens = kept + came
                yield min(tokens - size if size <= tokens else tokens, cap), p * q

    law = stationary(cap, moves)
    return {
        size: sum(
            p * q
            for kept, p in law.items()
            for came, q in supply.items()
            if int(kept) + came < size  # type: ignore[call-overload]
        )
        for size in demand
    }


def batch_bucket_loss(arrivals: Law, cap: int) -> float:
    """Share of unit demands lost where one token comes a slot and ``cap`` are kept."""

    def moves(kept: Hashable) -> Moves:
        assert isinstance(kept, int)
        for came, p in arrivals.items():
            yield min(max(kept + 1 - came, 0), cap), p

    law = stationary(cap, moves)
    mean = sum(k * p for k, p in arrivals.items())
    return (
        sum(
            p * q * max(0, came - int(kept) - 1)  # type: ignore[call-overload]
            for kept, p in law.items()
            for came, q in arrivals.items()
        )
        / mean
    )


def erlang_b(load: float, channels: int) -> float:
    """Erlang's loss formula."""
    terms = [load**n / factorial(n) for n in range(channels + 1)]
    return terms[-1] / sum(terms)


def kaufman_roberts(loads: Mapping[int, float], channels: int) -> dict[int, float]:
    """Loss by number of channels asked for, after Kaufman and Roberts."""
    weights = [1.0]
    for n in range(1, channels + 1):
        total = sum(k * load * weights[n - k] for k, load in loads.items() if k <= n)
        weights.append(total / n)
    return {k: sum(weights[channels - k + 1 :]) / sum(weights) for k in loads}


def kelly_line(load: float, channels: int) -> list[float]:
    """Loss of ab, bc and ac on a line by the product form of loss networks."""
    weights = {
        state: float(np.prod([load**n / factorial(n) for n in state]))
        for state in product(range(channels + 1), repeat=3)
        if state[0] + state[2] <= channels and state[1] + state[2] <= channels
    }
    total = sum(weights.values())

    def loss(full: Callable[[int, int], bool]) -> float:
        lost = (w for (ab, bc, ac), w in weights.items() if full(ab + ac, bc + ac))
        return sum(lost) / total

    return [
        loss(lambda left, right: left == channels),
        loss(lambda left, right: right == channels),
        loss(lambda left, right: channels in (left, right)),
    ]


def reduced_load_line(load: float, channels: int) -> list[float]:
    """Erlang's fixed point on the line: fibres lose independently of each other."""
    loss = 0.0
    for _ in range(1000):
        loss = erlang_b(load + load * (1 - loss), channels)
    return [loss, loss, 1 - (1 - loss) ** 2]


def sessions_without_limit(share: float, stay: float) -> tuple[float, float, float]:
    """Mean, variance and lag-1 correlation of the sessions going on, none of which is lost.

    One begins in a slot with probability ``share``, and is there ``j`` slots later with
    ``stay**j``, whatever the others do: sums of independent events.
    """
    there = share * stay ** np.arange(2000)
    variance = float((there * (1 - there)).sum())
    # of a session begun j slots ago: that it is there, and one slot later too
    both = float((there * stay - there * there * stay).sum())
    return float(there.sum()), variance, both / variance


def outlasts(availability: float, patience_s: float, repair_s: float) -> float:
    """P(an arrival meets an outage that lasts longer than its patience)."""
    return (1 - availability) * exp(-patience_s / repair_s)
