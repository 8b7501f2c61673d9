"""Options that say what happens to results that are there, and how new ones are written."""

from __future__ import annotations

from dataclasses import dataclass

import click

from qnetsim.errors import refuse_resume_by_force

resume_option = click.option(
    "--resume", is_flag=True, help="Go on after an interruption; what is complete is kept."
)


@dataclass(frozen=True)
class Keeping:
    """What happens to a file that is there, and how its successor is written.

    Attributes
    ----------
    force, resume, durable : bool
        As in ``qnetsim.run``.

    Raises
    ------
    UsageError
        Two that contradict each other.
    """

    force: bool
    resume: bool
    durable: bool = False

    def __post_init__(self) -> None:
        refuse_resume_by_force(self.resume, self.force)
