"""Building blocks of the tables of a scenario file."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
)

from qnetsim.errors import ScenarioError

MAX_LEVELS = 1000
COUNT_MAX = 10**9


def field(meaning: str, allowed: str, **constraints: Any) -> Any:
    """Describe a key: its meaning, and in words what is allowed; a limit above is always said."""
    most = constraints.get("le")
    if most is not None and not _says(allowed, most):
        power = math.log10(most)
        shown = f"10^{power:g}" if power >= 6 and power.is_integer() else f"{most:.16g}"
        allowed += f" (at most {shown})"
    return Field(description=meaning, json_schema_extra={"allowed": allowed}, **constraints)


def _says(allowed: str, most: float) -> bool:
    """Whether a text has a number, written out or as a power of ten or two."""
    forms = {f"{most:g}", f"{most:.16g}", f"10^{math.log10(most):g}", f"2^{math.log2(most):g}"}
    return bool(forms & set(allowed.replace(";", " ").replace(",", " ").split()))


class Table(BaseModel):
    """Base of all tables: frozen, strict, unknown keys refused.

    Its checks are built on first use: most commands check a whole scenario and no table alone.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def not_given(cls) -> Self:
        """All defaults, as the table is where a scenario does not give it; builds no checks."""
        return cls.model_construct()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with other values, which are not checked; see ``Scenario.with_changes``.

        Raises
        ------
        ScenarioError
            A key that the table does not have.
        """
        names = sorted(type(self).model_fields)
        for key in (update or {}).keys() - set(names):
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ScenarioError([f"{key}: unknown key; {hint}allowed: {', '.join(names)}"])
        return super().model_copy(update=dict(update or {}), deep=deep)


def without_late_keys(
    table: Table, dump: SerializerFunctionWrapHandler, keys: Iterable[str]
) -> dict[str, Any]:
    """Dump of a table without those keys that came later and say what was meant before."""
    found: dict[str, Any] = dump(table)
    fields = type(table).model_fields
    for key in keys:
        if getattr(table, key) == fields[key].default:
            found.pop(key, None)
    return found


def _node_name(value: object) -> object:
    """Read an integer as the name of a node; anything else is left for validation."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


NodeName = Annotated[str, BeforeValidator(_node_name)]


def as_tuple(value: object) -> object:
    """TOML has arrays only; a frozen model wants tuples."""
    return tuple(value) if isinstance(value, list) else value


#: Two nodes, and the fibre's own name where several join them.
FibreEnds = Annotated[
    tuple[NodeName, ...], BeforeValidator(as_tuple), Field(min_length=2, max_length=3)
]
Pair = Annotated[tuple[NodeName, NodeName], BeforeValidator(as_tuple)]
Pairs = Annotated[tuple[Pair, ...], BeforeValidator(as_tuple)]
Probabilities = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
