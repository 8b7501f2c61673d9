"""Requests on one fibre alone: no continuity binds them, so they take what is free, last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice
from typing import NamedTuple

from qnetsim.network import Network
from qnetsim.network.model import MoreWavelengths
from qnetsim.optimize.wavelengths.colouring import Colouring, Colours, Level


class Coloured(NamedTuple):
    """Requests of a level, and their wavelengths."""

    level: Level
    colouring: Colouring


def split_level(level: Level, fibre: int) -> tuple[Level, Level]:
    """The requests of a level without those on this fibre alone, and those."""
    alone = [route.fibres == (fibre,) for route in level.routes]
    others = _part(level, [i for i, here in enumerate(alone) if not here])
    return others, _part(level, [i for i, here in enumerate(alone) if here])


def _part(level: Level, places: Sequence[int]) -> Level:
    return Level(
        [level.requests[i] for i in places],
        [level.routes[i] for i in places],
        [level.channels[i] for i in places],
    )


def joined(network: Network, more: MoreWavelengths, others: Coloured, alone: Level) -> Coloured:
    """Give the requests on one fibre alone what the others leave of it.

    Parameters
    ----------
    network : Network
        Its limits hold on every other fibre.
    more : MoreWavelengths
        The fibre, and what it has beyond the limits.
    others : Coloured
        Within the limits of the network, if its colouring fits.
    alone : Level
        The requests on the fibre alone.
    """
    level = others.level
    wider = network.with_more_wavelengths(more.qkd, more.km)
    chosen: list[Colours] = []
    fits = others.colouring.fits
    for colours, demands, limit in (
        (others.colouring.qkd, alone.demands, wider.qkd_wavelengths),
        (others.colouring.km, [1] * len(alone.routes), wider.km_wavelengths),
    ):
        taken = {
            w
            for route, mine in zip(level.routes, colours, strict=True)
            if more.fibre in route.fibres
            for w in mine
        }
        free = (w for w in count() if w not in taken)
        own = tuple(tuple(islice(free, demand)) for demand in demands)
        if limit is not None and any(w >= limit for mine in own for w in mine):
            fits = None
        chosen.append((*colours, *own))
    both = Level(
        [*level.requests, *alone.requests],
        [*level.routes, *alone.routes],
        [*level.channels, *alone.channels],
    )
    qkd, km = chosen
    return Coloured(both, Colouring(qkd, km, fits))
