"""The parties of a federated task, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qnetsim.errors import UsageError


@dataclass(frozen=True)
class TaskRoles:
    """A model owner, cluster heads, and their workers; the last worker holds the labels too.

    Parameters
    ----------
    owner : str
    clusters : mapping from str to sequence of str
        Workers of each cluster head.
    key_holder_role : {"head", "owner"}
        Who holds the private key: the label holder's cluster head, or the owner.

    Raises
    ------
    UsageError
        One name stands for two parties, or there is no worker.
    """

    owner: str
    clusters: Mapping[str, Sequence[str]]
    key_holder_role: Literal["head", "owner"] = "head"

    def __post_init__(self) -> None:
        if not self.workers:
            raise UsageError("a task needs a worker")
        if len(set(self.names)) != len(self.names):
            raise UsageError("owner, heads and workers need different names: one channel each")

    @property
    def workers(self) -> tuple[str, ...]:
        """All workers, cluster by cluster."""
        return tuple(worker for group in self.clusters.values() for worker in group)

    @property
    def names(self) -> tuple[str, ...]:
        """Owner, heads and workers."""
        return (self.owner, *self.clusters, *self.workers)

    @property
    def head_of(self) -> dict[str, str]:
        """Cluster head of each worker."""
        return {worker: head for head, group in self.clusters.items() for worker in group}

    @property
    def label_holder(self) -> str:
        """The worker that holds the labels."""
        return self.workers[-1]

    @property
    def head(self) -> str:
        """Cluster head of the label holder."""
        return self.head_of[self.label_holder]

    @property
    def key_holder(self) -> str:
        """The party that holds the private key."""
        return self.owner if self.key_holder_role == "owner" else self.head
