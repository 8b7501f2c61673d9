"""What a command says of recorded demand: which rows of the file it uses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from qnetsim.case import rows_used
from qnetsim.cli.show.echo import echo
from qnetsim.plain_text import visible
from qnetsim.scenario import Scenario


def say_recording(scenario: Scenario) -> None:
    """Say on stderr which rows of its recording a scenario uses; nothing without one."""
    used = rows_used(scenario)
    if used is not None and scenario.recording is not None:
        echo(f"{visible(scenario.recording.file)}: {visible(used.text)}", err=True)


def recording_json(scenario: Scenario) -> dict[str, Any] | None:
    """The same for JSON."""
    used = rows_used(scenario)
    return None if used is None else asdict(used)
