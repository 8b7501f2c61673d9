"""Rows of the benchmark as JSON: in files that people hand on, and in the shipped reference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import read_text_input
from qnetsim.plain_text import counted
from qnetsim.version import __version__

SCHEMA: Final = "qnetsim.bench-run/1"
#: Longest row file that is read.
MOST_BYTES = 2**24

BoundStatus = Literal["optimal plan", "plan within its gap", "wait-and-see bound"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Costs = Annotated[tuple[float, ...], Field(min_length=1)]


class _Record(BaseModel):
    """Base of what is stored as JSON: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class WorldRecord(_Record):
    """What is stored of a world of the benchmark.

    Attributes
    ----------
    name : str
    world_digest, setup_digest : str
        Of what happens in all replications; of all settings but the policies.
    bound_status : str
        What kind of bound it is.
    expected : float or None
        Proved lower bound on the expected cost per slot of any policy without foresight; None
        where the bound is no plan's.
    bound_costs : tuple of float
        Bound on the cost per slot, by replication.
    """

    name: str
    world_digest: Digest
    setup_digest: Digest
    bound_status: BoundStatus
    expected: float | None
    bound_costs: Costs

    @property
    def bound(self) -> float:
        """Mean over the replications."""
        return float(np.mean(self.bound_costs))

    def ratio_of(self, costs: tuple[float, ...]) -> ConfidenceInterval:
        """Mean cost over the mean bound, paired by replication.

        Raises
        ------
        ValueError
            There are not as many costs as replications.
        """
        if len(costs) != len(self.bound_costs):
            raise ValueError(
                f"{counted(len(costs), 'cost')} for {counted(len(self.bound_costs), 'replication')}"
            )
        ratio = paired_ratio(np.array(costs), np.array(self.bound_costs))
        assert ratio is not None  # every world costs something
        return ratio


class BenchmarkRow(_Record):
    """One policy in one world of the benchmark.

    Attributes
    ----------
    world, policy : str
        Name of the world, title of the policy.
    cost_per_slot : float
        Mean over the replications.
    ratio, low, high : float
        Cost over the bound, and its paired 95 % interval.
    world_digest, setup_digest : str
        Of the world that it was run in.
    bound : float
    bound_status : str
    sees_future : bool
    blocked : float
        Share of the requests.
    name : str
        Of the policy: registered, ``FILE.py:Class`` without its folder, or ``module:Class``.
    options : dict
    source_sha256, weights_sha256 : str or None
        Of code of a user's own, and of trained weights, where there are any.
    costs : tuple of float
        Cost per slot of each replication.
    content_digests : tuple of str
        Of the trace of each replication.
    """

    world: str
    policy: str
    cost_per_slot: float
    ratio: float
    low: float | None
    high: float | None
    world_digest: Digest
    setup_digest: Digest
    bound: float
    bound_status: BoundStatus
    sees_future: bool
    blocked: float
    name: str
    options: dict[str, Any]
    source_sha256: Digest | None
    weights_sha256: Digest | None
    costs: Costs
    content_digests: tuple[Digest, ...]

    @property
    def incredible(self) -> bool:
        """Whether it is below what is proved for policies without foresight, beyond chance.

        An honest row is so in one of forty cases at most; the wait-and-see bound is refused before.
        """
        return not self.sees_future and self.high is not None and self.high < 1.0


class RowFile(_Record):
    """Rows with the version of qnetsim that made them.

    Attributes
    ----------
    form : str
        Name and version of the format, ``schema`` in JSON.
    version : str
    rows : tuple of BenchmarkRow
    """

    form: Literal["qnetsim.bench-run/1"] = Field(default=SCHEMA, alias="schema")
    version: str = __version__
    rows: Annotated[tuple[BenchmarkRow, ...], Field(min_length=1)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of rows.

        Raises
        ------
        UsageError
            It is none, with every key that is wrong.
        """
        text = read_text_input(path, "row file", MOST_BYTES)
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problems = "; ".join(_said(one["loc"], one["msg"]) for one in error.errors()[:5])
            raise UsageError(
                f"{path}: is not a row file of `qnetsim bench run` ({SCHEMA}): {problems}"
            ) from None
        except RecursionError:
            raise UsageError(f"{path}: is nested too deeply for a row file") from None

    def text(self) -> str:
        """The file as it is written."""
        return self.model_dump_json(indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write them to a new file.

        Raises
        ------
        UsageError
            The file is there already, or cannot be written.
        """
        refuse_present(path)
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(self.text())
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def refuse_present(path: Path) -> None:
    """Refuse to write over anything: rows of others are kept.

    Raises
    ------
    UsageError
    """
    if os.path.lexists(path):
        raise UsageError(f"{path}: exists, and is not overwritten; give another {argument('out')}")


def _said(where: tuple[int | str, ...], what: str) -> str:
    place = ".".join(map(str, where))
    return f"{place}: {what}" if place else what
