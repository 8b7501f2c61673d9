"""XML as a tree, without what makes it dangerous: document types, entities, deep nesting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from qnetsim.errors import TopologyError

#: Deepest nesting that is read.
MOST_DEPTH = 200


@dataclass
class XmlElement:
    """An element, its name and its attributes without namespaces."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[XmlElement] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> Iterator[XmlElement]:
        """Elements of this name below it, at any depth, in the order of the file."""
        stack = list(reversed(self.children))
        while stack:
            element = stack.pop()
            if element.tag == tag:
                yield element
            stack.extend(reversed(element.children))

    def named(self, tag: str) -> list[XmlElement]:
        """Its own children of this name."""
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> XmlElement | None:
        """First element of this name below it."""
        return next(self.all(tag), None)

    def first_text(self, tag: str) -> str | None:
        """Text of the first element of this name below it; None where there is none."""
        found = self.first(tag)
        return None if found is None else found.text.strip() or None


def read_xml(name: str, data: bytes) -> XmlElement:
    """Parse XML.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    data : bytes

    Raises
    ------
    TopologyError
        It is no XML, or has a document type or entities, which are never read.
    """
    builder = _Builder(name)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        kind = expat.errors.messages.get(error.code, str(error))
        raise TopologyError(
            [f"{name}:{error.lineno}: is not XML: {kind}; write the file anew, or mend this line"]
        ) from None
    except (ValueError, LookupError) as error:
        # unknown encodings
        raise TopologyError([f"{name}: is not readable XML: {error}; give it as UTF-8"]) from None
    assert builder.root is not None
    return builder.root


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.root: XmlElement | None = None
        self.open: list[XmlElement] = []
        self.parts: list[list[str]] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.refuse
        parser.EntityDeclHandler = self.refuse
        self.parser = parser

    def refuse(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        text = "has a document type (<!DOCTYPE …>), which may hold entities and name other files"
        raise TopologyError([f"{self.name}:{line}: {text}; remove it, up to its >"])

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.open) >= MOST_DEPTH:
            raise TopologyError([f"{self.name}: is nested deeper than {MOST_DEPTH} elements"])
        bare = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        element = XmlElement(tag.rpartition(":")[2], self.parser.CurrentLineNumber, bare)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.parts.append([])

    def end(self, tag: str) -> None:
        self.open.pop().text = "".join(self.parts.pop())

    def characters(self, text: str) -> None:
        self.parts[-1].append(text)
