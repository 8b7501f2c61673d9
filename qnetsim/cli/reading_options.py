"""Options that say how a topology file is read: the keys of ``[network]``, spelled as options."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from qnetsim.errors import TopologyError, UsageError
from qnetsim.scenario import TopologyTable

#: Keys, and how they are called here.
NAMES = {
    "route_factor": "--factor",
    "min_length_km": "--min-km",
    "parts": "--largest-component",
}
_KEY = re.compile(r'network\.(\w+)(?: = ("[^"]*"|\[[^\]]*\]|[\d.]+))?')


class _Choice(click.Choice[str]):
    """Words of a scenario as options have them; the scenario's own form is taken too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(str(value).replace("_", "-"), param, ctx)


def _choice(*words: str) -> _Choice:
    return _Choice([word.replace("_", "-") for word in words])


_OPTIONS = (
    click.option(
        "--ends", metavar="SOURCE,TARGET", help="Columns or fields of both ends of links."
    ),
    click.option("--length-key", metavar="NAME", help="Attribute of links that is their length."),
    click.option("--length-unit", type=_choice("m", "km", "mi"), help="Unit of the lengths."),
    click.option(
        "--coordinates",
        type=_choice("great_circle", "plane"),
        help="Lengths that are missing, from the coordinates of the ends.",
    ),
    click.option(
        "--factor", "route_factor", type=float, help="Length over distance, with --coordinates."
    ),
    click.option("--min-km", "min_length_km", type=float, help="Length of shorter fibres."),
    click.option(
        "--missing-length",
        metavar="drop|KM",
        help="What becomes of links that have no length otherwise.",
    ),
    click.option(
        "--directions",
        type=_choice("equal", "shortest", "longest", "mean", "separate"),
        help="What two opposite links of a directed file are.",
    ),
    click.option(
        "--parallel-fibres",
        type=_choice("distinct", "keep", "shortest", "refuse"),
        help="What several links between two nodes are.",
    ),
    click.option(
        "--merge", is_flag=True, help="One fibre, the shortest, for each two nodes that links join."
    ),
    click.option("--largest-component", is_flag=True, help="Only the part with the most nodes."),
    click.option(
        "--duplicate-nodes",
        type=_choice("refuse", "first"),
        help="What becomes of a node listed twice with unlike attributes.",
    ),
    click.option(
        "--self-loops", type=_choice("refuse", "drop"), help="What becomes of links to themselves."
    ),
    click.option("--attenuation-key", metavar="NAME", help="Attribute of links in dB/km."),
    click.option("--extra-loss-key", metavar="NAME", help="Attribute of links in dB beside that."),
    click.option(
        "--total-loss-key", metavar="NAME", help="Attribute of links in dB, of the whole fibre."
    ),
    click.option("--ignore", metavar="NAME", multiple=True, help="Attribute that means nothing."),
)
_PARAMETERS = (
    *(key for key in TopologyTable.model_fields if key not in {"topology", "parts"}),
    "merge",
    "largest_component",
)


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets them as ``reading``, a mapping from keys to values."""

    @functools.wraps(command)
    def with_reading(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _PARAMETERS}
        command(reading=_keys(chosen), **given)

    for option in reversed(_OPTIONS):
        with_reading = option(with_reading)
    return with_reading


def _keys(chosen: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in chosen.items() if value not in (None, (), False)}
    if found.pop("merge", False):
        for key in ("directions", "parallel_fibres"):
            if key in found:
                raise UsageError(f"--merge decides {_option(key)}; give one of them")
            found[key] = "shortest"
    if found.pop("largest_component", False):
        found["parts"] = "largest"
    if (ends := found.get("ends")) is not None:
        found["ends"] = tuple(name.strip() for name in ends.split(","))
        if len(found["ends"]) != 2 or not all(found["ends"]):
            raise UsageError(f"--ends {ends}: give two names with a comma between, SOURCE,TARGET")
    if found.get("coordinates") == "great-circle":
        found["coordinates"] = "great_circle"
    if (missing := found.get("missing_length")) not in (None, "drop"):
        try:
            found["missing_length"] = float(missing)
        except ValueError:
            raise UsageError(f"--missing-length {missing}: give 'drop' or a length in km") from None
    return found


def topology_table(topology: str, reading: dict[str, Any]) -> TopologyTable:
    """The table of a topology and the options that were given.

    Raises
    ------
    UsageError
        A value is out of range.
    """
    if not reading:
        return TopologyTable.model_construct(topology=topology)
    for key, value in reading.items():
        try:
            TopologyTable.__pydantic_validator__.validate_assignment(
                TopologyTable.model_construct(topology=topology), key, value
            )
        except ValueError:
            extra = TopologyTable.model_fields[key].json_schema_extra
            allowed = extra.get("allowed") if isinstance(extra, dict) else ""
            raise UsageError(
                f"{_option(key)} {value}: is not allowed; allowed: {allowed}"
            ) from None
    return TopologyTable.model_construct(topology=topology, **reading)


def _option(key: str) -> str:
    return NAMES.get(key, f"--{key.replace('_', '-')}")


@contextmanager
def speaking_of_reading_options() -> Iterator[None]:
    """Have errors name options in place of keys of a scenario."""
    try:
        yield
    except TopologyError as error:
        raise TopologyError([_KEY.sub(_as_option, text) for text in error.problems]) from None


def _as_option(found: re.Match[str]) -> str:
    key, value = found.groups()
    if key not in TopologyTable.model_fields:
        return found[0]
    option = _option(key)
    if value is None or key == "parts":
        return option
    words = re.findall(r'"([^"]*)"', value) or [value]
    plain = [word if re.fullmatch(r"[\w.-]+", word) else f"'{word}'" for word in words]
    if key == "coordinates":
        plain = [word.replace("_", "-") for word in plain]
    if key == "ends":
        both = ",".join(words)
        return f"{option} {both}" if re.fullmatch(r"[\w.,-]+", both) else f"{option} '{both}'"
    return " ".join(f"{option} {word}" for word in plain)
