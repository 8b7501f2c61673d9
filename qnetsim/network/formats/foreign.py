"""What a topology file says, before it is a network: nodes and links with all their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qnetsim.errors import TopologyError
from qnetsim.plain_text import listed

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class ForeignNode:
    """A node of a file.

    Attributes
    ----------
    name : str
    where : str
        Its place, for messages.
    attributes : mapping
        Everything else that the file says of it, by name.
    plane : tuple of (float, float), optional
        Where it is drawn.
    """

    name: str
    where: str
    attributes: Attributes = field(default_factory=dict)
    plane: tuple[float, float] | None = None


@dataclass(frozen=True)
class ForeignLink:
    """A link of a file.

    Attributes
    ----------
    source, target : str
    where : str
        Its place, for messages.
    attributes : mapping
        Everything else that the file says of it, by name.
    key : str
        Tells it from other links between its ends; "" where the file does not.
    """

    source: str
    target: str
    where: str
    attributes: Attributes = field(default_factory=dict)
    key: str = ""

    @property
    def title(self) -> str:
        """Its place and its ends, for messages."""
        return f"{self.where}: fibre {self.source}–{self.target}"


@dataclass(frozen=True)
class Silence:
    """Attributes of a format that are known to say nothing of fibres.

    Attributes
    ----------
    drawn : frozenset of str
        Never told of: drawings, identifiers, results of others. In small letters.
    traffic : frozenset of str
        Rates and capacities of classical traffic: told of, and no error. In small letters.
    """

    drawn: frozenset[str] = frozenset()
    traffic: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ForeignGraph:
    """What a file says.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    links : tuple of ForeignLink
    nodes : tuple of ForeignNode or None
        None where the format lists none.
    directed : bool or None
        Whether links have a direction; None where the format does not say.
    multigraph : bool
        Whether the file says that several links may join two nodes.
    attributes : mapping
        Of the network as a whole.
    silence : Silence
    notes : tuple of str
        What the reader did of its own accord.
    """

    name: str
    links: tuple[ForeignLink, ...]
    nodes: tuple[ForeignNode, ...] | None = None
    directed: bool | None = None
    multigraph: bool = False
    attributes: Attributes = field(default_factory=dict)
    silence: Silence = Silence()
    notes: tuple[str, ...] = ()


#: Deepest nesting of attributes that is named part by part.
MOST_PARTS = 5


def flat(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes by their names, those within others as ``outer.inner``."""
    found: dict[str, Any] = {}
    waiting = [("", 0, attributes)]
    while waiting:
        ahead, depth, part = waiting.pop()
        for key, value in part.items():
            if isinstance(value, Mapping) and depth < MOST_PARTS:
                waiting.append((f"{ahead}{key}.", depth + 1, value))
            else:
                found.setdefault(f"{ahead}{key}", value)
    return found


#: How values of a link are called that have no name, with their place on the line.
UNNAMED = "value "
#: Most problems of one kind that are spelled out.
MOST_TOLD = 20


def refuse(problems: list[str], remedy: str = "", name: str = "") -> None:
    """Raise what is wrong, if anything is: at most some of one kind, then what mends it.

    Raises
    ------
    TopologyError
    """
    if not problems:
        return
    told = problems[:MOST_TOLD]
    if len(problems) > MOST_TOLD:
        told.append(f"{name}: and {len(problems) - MOST_TOLD:,} more")
    if remedy:
        told.append(f"{name}: {remedy}")
    raise TopologyError(told)


def some(names: list[str], most: int = 5) -> str:
    """Some names of many, for a message."""
    return listed([name if len(name) <= 60 else f"{name[:60]}…" for name in names], most)
