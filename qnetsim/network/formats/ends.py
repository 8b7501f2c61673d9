"""The two ends of a link: under which names files give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qnetsim.errors import TopologyError
from qnetsim.network.formats.foreign import some

#: Names under which files give the two ends of a link, in this order.
SOURCES = ("source", "src", "from", "origin", "node1", "node_1", "node a", "a", "start", "u")
TARGETS = ("target", "dst", "to", "destination", "node2", "node_2", "node b", "b", "end", "v")


def find_ends(
    where: str,
    names: Sequence[str],
    find: Callable[[str], str | None],
    wanted: tuple[str, str] | None,
) -> tuple[str, str]:
    """Names of both ends among those of a file.

    Parameters
    ----------
    where : str
        For messages.
    names : sequence of str
        Columns or fields of links.
    find : callable
        The one of them that a name means; None for none.
    wanted : tuple of (str, str) or None
        What ``network.ends`` says.

    Raises
    ------
    TopologyError
        There are none, or several could be meant; with the key that names them.
    """
    if wanted is not None:
        found = [find(name) for name in wanted]
        missing = [name for name, there in zip(wanted, found, strict=True) if there is None]
        if missing:
            text = f"nothing is called {' or '.join(map(repr, missing))} (network.ends)"
            raise TopologyError([f"{where}: {text}; links have {some(list(names), 12)}"])
        if found[0] == found[1]:
            raise TopologyError([f"{where}: network.ends names {found[0]!r} twice; give two"])
        return str(found[0]), str(found[1])
    for source, target in zip(SOURCES, TARGETS, strict=True):
        a, b = find(source), find(target)
        if a is not None and b is not None:
            return a, b
    # words of two pairs, as source and destination, where no other is there
    sources, targets = (
        [n for n in names if n in set(map(find, few))] for few in (SOURCES, TARGETS)
    )
    if len(sources) == len(targets) == 1 and sources != targets:
        return sources[0], targets[0]
    pair = [*sources[:1], *targets[:1]]
    pair = pair if len(pair) == 2 else list(names[:2])
    example = [name.replace('"', "") for name in pair] if len(pair) == 2 else ["source", "target"]
    text = "no two names are known to be the ends of links, as 'source' and 'target' are"
    has = f"; links have {some(list(names), 12)}" if names else ""
    key = f'network.ends = ["{example[0]}", "{example[1]}"] names both, in this order'
    raise TopologyError([f"{where}: {text}{has}; {key}"])
