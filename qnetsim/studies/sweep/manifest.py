"""The manifest of a sweep: one line a job, each of which says all that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

SCHEMA = "qnetsim.sweep-manifest/1"
NAME = "manifest.jsonl"
#: Hexadecimal digits of a job's digest.
DIGITS = 32
Kind = Literal["train", "plan", "run"]
#: Where the result of each kind of job goes.
PLACES: dict[Kind, tuple[str, str]] = {
    "train": ("weights", ".safetensors"),
    "plan": ("plans", ".h5"),
    "run": ("traces", ".h5"),
}


@dataclass(frozen=True)
class SweepJob:
    """One job: a trace, a plan or trained weights.

    Attributes
    ----------
    kind : {"train", "plan", "run"}
    scenario : str
        A shipped name, or an absolute path.
    changes : mapping from str to value
        Keys of the scenario that have other values, dotted.
    scenario_digest, network_digest : str
        Of the scenario with these changes, and of its fibres; a job whose files have changed fails.
    policy : mapping
        ``name``, ``label``, ``options``, ``sees_future``, ``source`` of code of a user's own,
        ``weights`` (their SHA-256) and ``trained`` (the job that makes them).
    replication : int
        Of a run; 0 otherwise.
    plan : str
        Digest of the job that makes the plan of a run; empty where the run makes its own.
    points : tuple of int
        Points of the design that it serves.
    planned_for : str
        Digest of all that a plan depends on; empty for other kinds.
    """

    kind: Kind
    scenario: str
    changes: Mapping[str, Any]
    scenario_digest: str
    network_digest: str
    policy: Mapping[str, Any]
    replication: int = 0
    plan: str = ""
    points: tuple[int, ...] = ()
    planned_for: str = ""

    @cached_property
    def digest(self) -> str:
        """Names the job and its result: what comes out, and not where its files are."""
        options = dict(self.policy.get("options", {}))
        if self.policy.get("weights"):
            options.pop("model", None)
        source = self.policy.get("source") or {}
        parts: dict[str, Any] = {
            "kind": self.kind,
            "network": self.network_digest,
            "policy": {
                "name": self.policy["name"],
                "label": self.policy.get("label"),
                "options": options,
                "source": source.get("sha256"),
                "weights": self.policy.get("weights"),
                "trained": self.policy.get("trained"),
            },
        }
        if self.kind == "plan":
            # one plan serves all scenarios that differ in nothing it depends on
            parts["planned_for"] = self.planned_for
        else:
            parts |= {"scenario": self.scenario_digest, "replication": self.replication}
        return digest_of(parts)

    @property
    def title(self) -> str:
        """Title of the policy."""
        return str(self.policy["label"] or str(self.policy["name"]).rpartition(":")[2])

    @property
    def needs(self) -> tuple[str, ...]:
        """Jobs that go first."""
        return tuple(filter(None, (self.policy.get("trained"), self.plan)))

    def place(self, folder: Path) -> Path:
        """Its result."""
        room, suffix = PLACES[self.kind]
        return folder / room / f"{self.digest}{suffix}"

    def line(self) -> str:
        """One line of JSON, without its end."""
        return json.dumps({"job": self.digest, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def of_line(cls, line: str) -> SweepJob:
        """The job of a line.

        Raises
        ------
        ValueError
            It is no line of a manifest, or was changed.
        """
        data = json.loads(line)
        named = data.pop("job")
        job = cls(**{**data, "points": tuple(data["points"])})
        if job.kind not in PLACES or job.digest != named:
            raise ValueError("the job is not what its digest says")
        return job


class Cell(NamedTuple):
    """One row of the table: a point, the title of a policy, a replication."""

    point: int
    policy: str
    replication: int


@dataclass(frozen=True)
class Manifest:
    """All jobs of a sweep.

    Attributes
    ----------
    name : str
    sweep : str
        The sweep file, an absolute path.
    design : str
    factors : tuple of str
        Their keys.
    values : tuple of tuple
        Values of the factors in each point.
    policies : tuple of str
        Their titles.
    replications : int
    reference : str
        Policy that the others are paired with.
    stopping : mapping or None
        The ``[stopping]`` table.
    jobs : tuple of SweepJob
        Those that others need go first.
    """

    name: str
    sweep: str
    design: str
    factors: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    policies: tuple[str, ...]
    replications: int
    reference: str
    stopping: Mapping[str, Any] | None
    jobs: tuple[SweepJob, ...] = field(repr=False)

    @cached_property
    def by_digest(self) -> dict[str, SweepJob]:
        """Jobs by their digests."""
        return {job.digest: job for job in self.jobs}

    @cached_property
    def runs(self) -> dict[Cell, SweepJob]:
        """The job behind each row of the table; rows may share one."""
        return {
            Cell(point, job.title, job.replication): job
            for job in self.jobs
            if job.kind == "run"
            for point in job.points
        }

    def cells(self) -> Iterator[Cell]:
        """All rows of the table, in its order."""
        for point in range(len(self.values)):
            for policy in self.policies:
                for replication in range(self.replications):
                    yield Cell(point, policy, replication)

    def looks_digest(self, point: int) -> str:
        """Digest of all that the looks at a point follow from: the rule, and its runs."""
        runs = [
            self.runs[Cell(point, policy, replication)].digest
            for policy in self.policies
            for replication in range(self.replications)
        ]
        rule = [self.stopping, self.replications, self.reference, self.policies]
        return digest_of([rule, self.values[point], runs])

    def text(self) -> str:
        """The file: a line on the sweep, with a digest over all, then a line a job."""
        head = {"schema": SCHEMA, **{k: getattr(self, k) for k in HEAD}}
        lines = [job.line() for job in self.jobs]
        sealed = {**head, "digest": digest_of([head, lines])}
        return "\n".join([json.dumps(sealed), *lines, ""])


#: What the first line has, beside the schema.
HEAD = (
    *("name", "sweep", "design", "factors", "values"),
    *("policies", "replications", "reference", "stopping"),
)


def digest_of(parts: object) -> str:
    """Digest of anything that JSON can say."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
