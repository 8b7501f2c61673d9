"""``qnetsim explain``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from qnetsim.analysis.request_story import Explanation, RequestStory, Turn, explain_request
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, json_option
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.trace import open_trace


@click.command(cls=StrictCommand)
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--request", type=int, required=True, help="Number of the request, from 0.")
@click.option("--slot", type=int, required=True, help="Slot that is asked about.")
@json_option
def explain(trace: Path, request: int, slot: int, as_json: bool) -> None:
    """Say why a request waited in a slot of TRACE, or what else happened to it there.

    The trace must follow requests one by one: [trace] requests = "all" in its scenario.
    """
    with open_trace(trace, whole=False) as opened:
        found = explain_request(opened, request, slot)
    if as_json:
        emit("explain", {"trace": trace, **asdict(found)})
    else:
        _show(found)


def _show(found: Explanation) -> None:
    who = f"request {found.request}, {found.source} to {found.target}"
    echo(f"{who}, class {found.request_class}, in slot {found.slot}")
    for story in found.stories:
        _show_story(story)
    if found.note:
        echo(found.note)


def _show_story(story: RequestStory) -> None:
    echo(f"\nThe one that arrived in slot {story.arrival_slot}, at level {story.level}:")
    for turn in story.in_slot:
        echo(f"  {_line(turn)}")
    earlier = [turn for turn in story.turns if turn not in story.in_slot]
    if earlier:
        echo("  at other times:")
        for turn in earlier:
            echo(f"    {_line(turn)}")
    echo(f"  {story.ending}")


def _line(turn: Turn) -> str:
    state = "gets" if turn.cause == "none" else "waits:"
    return f"from {turn.from_s:,.6g} s on it {state} {turn.words}"
