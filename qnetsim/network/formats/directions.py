"""Two opposite links that are one fibre: which belongs to which, and what counts if they differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from qnetsim.network.formats.distances import number_of
from qnetsim.network.formats.foreign import refuse, some
from qnetsim.network.formats.joining import Candidate, groups
from qnetsim.plain_text import counted
from qnetsim.scenario import TopologyTable

#: Lengths that differ by less, relatively, are equal: files round both directions apart.
ALIKE = 1e-6

_Pair = tuple[Candidate, Candidate]


def have_directions(
    links: Sequence[Candidate], directed: bool | None, multigraph: bool, table: TopologyTable
) -> bool:
    """Whether opposite links are the two directions of one fibre.

    They are in a directed file; where every link stands in both directions, unless the file has
    several links between two nodes by its own word or by their names; and where a key says what
    becomes of them.
    """
    if directed:
        return True
    if multigraph:
        return False
    if table.directions in {"shortest", "longest", "mean"}:
        return True
    named = directed is False and any(link.fibre.name for link in links)
    return not named and _listed_both_ways(links)


def _listed_both_ways(links: Sequence[Candidate]) -> bool:
    """Whether every link stands in both directions, one opposite for each."""
    if not links:
        return False
    for group in groups(links).values():
        ahead = sum(link.fibre.source == group[0].fibre.source for link in group)
        if 2 * ahead != len(group):
            return False
    return True


def merge_directions(
    name: str, links: Sequence[Candidate], table: TopologyTable, notes: list[str]
) -> list[Candidate]:
    """Make one fibre of two opposite links.

    Raises
    ------
    TopologyError
        Two are unlike, and the table does not say which counts; or several stand beside each
        other, and nothing says which two belong together.
    """
    if table.directions == "separate":
        return list(links)
    kept: list[Candidate] = []
    unlike: list[str] = []
    mingled: list[str] = []
    merged = 0
    for group in groups(links).values():
        source = group[0].fibre.source
        ahead = [link for link in group if link.fibre.source == source]
        back = [link for link in group if link.fibre.source != source]
        merged += min(len(ahead), len(back))
        pairs, ahead, back = _paired(ahead, back)
        rest = list(zip(_by_length(ahead), _by_length(back), strict=False))
        one_each = len(ahead) == len(back) == 1
        if rest and not one_each and table.directions != "equal" and not _all_shortest(table):
            others = some([_short(link) for link in back])
            mingled.append(f"{ahead[0].title}: may belong to {others}")
        if table.directions == "equal":
            unlike += [_unlike(a, b) for a, b in (*pairs, *rest) if not _equal(a, b)]
        kept += [_chosen(a, b, table.directions, unlike) for a, b in (*pairs, *rest)]
        kept += [*_by_length(ahead)[len(rest) :], *_by_length(back)[len(rest) :]]
    text = (
        'network.directions = "shortest", "longest" or "mean" makes one fibre of such two, '
        'and "separate" two'
    )
    refuse(unlike, text, name)
    text = (
        'give both directions of a fibre one name; or network.directions = "separate" keeps all, '
        'and "shortest" with network.parallel_fibres = "shortest" one between two nodes'
    )
    refuse(mingled, text, name)
    if merged:
        notes.append(f"both directions of {counted(merged, 'fibre')} are one fibre each")
    return sorted(kept, key=lambda link: link.order)


def _paired(
    ahead: list[Candidate], back: list[Candidate]
) -> tuple[list[_Pair], list[Candidate], list[Candidate]]:
    """Opposite links that belong together, and the others.

    By their names; by keys that are no mere count; by length and losses; by keys that are one,
    since NetworkX counts anew in each direction.
    """
    pairs: list[_Pair] = []
    ways: tuple[Callable[[Candidate], Hashable], ...] = (
        lambda link: link.fibre.name or None,
        lambda link: link.key if link.key and not link.key.isdecimal() else None,
        lambda link: (str(link.fibre.length_km), *_losses(link)),
    )
    for tag in ways:
        found, ahead, back = _matched(ahead, back, tag)
        pairs += found
    found, ahead, back = _matched_by_length(ahead, back)
    pairs += found
    found, ahead, back = _matched(ahead, back, lambda link: link.key or None)
    return [*pairs, *found], ahead, back


def _matched(
    ahead: list[Candidate], back: list[Candidate], tag: Callable[[Candidate], Hashable]
) -> tuple[list[_Pair], list[Candidate], list[Candidate]]:
    """Those whose tags are one, the n-th with the n-th where a tag stands several times alike."""
    waiting: dict[Hashable, list[Candidate]] = {}
    counts = Counter(map(tag, ahead)), Counter(map(tag, back))
    for link in reversed(back):
        waiting.setdefault(tag(link), []).append(link)
    pairs: list[_Pair] = []
    left = []
    taken = set()
    for link in ahead:
        mark = tag(link)
        # a name that stands twice in one direction tells nothing, a length does
        usable = isinstance(mark, tuple) or counts[0][mark] == counts[1][mark] == 1
        if mark is not None and usable and waiting.get(mark):
            other = waiting[mark].pop()
            taken.add(other.order)
            pairs.append((link, other))
        else:
            left.append(link)
    return pairs, left, [link for link in back if link.order not in taken]


def _matched_by_length(
    ahead: list[Candidate], back: list[Candidate]
) -> tuple[list[_Pair], list[Candidate], list[Candidate]]:
    """Those that are equal but for rounding."""
    pairs: list[_Pair] = []
    first, second = _by_length(ahead), _by_length(back)
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        if _equal(a, b):
            pairs.append((a, b))
            i, j = i + 1, j + 1
        elif _order(a) <= _order(b):
            i += 1
        else:
            j += 1
    taken = {link.order for pair in pairs for link in pair}
    rest = [[link for link in side if link.order not in taken] for side in (ahead, back)]
    return pairs, rest[0], rest[1]


def _order(link: Candidate) -> tuple[tuple[str, str], bool, float]:
    """Links that may be equal stand beside each other; those without a number stand last."""
    return _losses(link), math.isnan(link.km), 0.0 if math.isnan(link.km) else link.km


def _by_length(links: Sequence[Candidate]) -> list[Candidate]:
    return sorted(links, key=_order)


def _losses(link: Candidate) -> tuple[str, str]:
    return str(link.fibre.attenuation_db_km), str(link.fibre.extra_loss_db)


def _equal(a: Candidate, b: Candidate) -> bool:
    alike = str(a.fibre.length_km) == str(b.fibre.length_km)
    return _losses(a) == _losses(b) and (alike or math.isclose(a.km, b.km, rel_tol=ALIKE))


def _all_shortest(table: TopologyTable) -> bool:
    """Whether one link between two nodes is left, so that pairs do not matter."""
    return table.directions == table.parallel_fibres == "shortest"


def _short(link: Candidate) -> str:
    return f"that of {link.fibre.length_km} km at {link.fibre.where}"


def _unlike(a: Candidate, b: Candidate) -> str:
    unlike = " in length" if not math.isclose(a.km, b.km, rel_tol=ALIKE) else ""
    return (
        f"{a.title}: is unlike{unlike} the opposite one ({b.title}), a duplicate of it if fibres "
        "are undirected"
    )


def _chosen(a: Candidate, b: Candidate, how: str, problems: list[str]) -> Candidate:
    """One of two opposite links, or what lies between both."""
    first, second = sorted((a, b), key=lambda link: link.order)
    if how == "equal" or _equal(a, b):
        return first
    if how == "mean":
        return _mean(first, second, problems)
    pick: Callable[..., Candidate] = max if how == "longest" else min
    # of equal lengths the losses decide
    picked = pick((first, second), key=lambda link: (link.km, _decibels(link) or 0.0))
    return replace(picked, order=first.order)


def _decibels(link: Candidate) -> float | None:
    """Loss of a fibre as far as the file gives it; None where it is no number."""
    fibre = link.fibre
    given = [number_of(fibre.attenuation_db_km or 0.0), number_of(fibre.extra_loss_db or 0.0)]
    return None if None in given else (given[0] or 0.0) * link.km + (given[1] or 0.0)


def _mean(a: Candidate, b: Candidate, problems: list[str]) -> Candidate:
    """A link with the mean length of two, and the mean of their losses in dB."""
    km = (a.km + b.km) / 2
    if math.isnan(km) or km == 0 or None in (_decibels(a), _decibels(b)):
        # no numbers: what is wrong with them is told by the checks of a topology
        return a if math.isnan(a.km) or _decibels(a) is None else b
    fibre = replace(a.fibre, length_km=km)
    for key in ("attenuation_db_km", "extra_loss_db"):
        one, other = (getattr(link.fibre, key) for link in (a, b))
        if str(one) == str(other):
            continue
        if one is None or other is None:
            problems.append(
                f"{a.title}: only one direction has {key}, so there is no mean with the opposite "
                f"one ({b.title})"
            )
            continue
        given = [number_of(one) or 0.0, number_of(other) or 0.0]
        if key == "attenuation_db_km":
            given = [given[0] * a.km / km, given[1] * b.km / km]
        both = sum(given) / 2
        fibre = (
            replace(fibre, attenuation_db_km=both)
            if key == "attenuation_db_km"
            else replace(fibre, extra_loss_db=both)
        )
    return replace(a, fibre=fibre)
