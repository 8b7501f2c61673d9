"""``qnetsim scenario``: list, copy and check scenarios, and print their schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, json_option, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import QnetsimError
from qnetsim.scenario import Scenario
from qnetsim.shipped import shipped_scenarios, summary_of


@click.group()
def scenario() -> None:
    """List, copy and check scenarios, print their schema."""


@scenario.command("list", cls=StrictCommand)
@json_option
def list_shipped(as_json: bool) -> None:
    """List the scenarios that come with qnetsim; every command takes them by name."""
    found = [
        {"name": name, "summary": summary_of(path.read_text("utf-8")), "file": path}
        for name, path in shipped_scenarios().items()
    ]
    if as_json:
        emit("scenarios", {"scenarios": found})
        return
    rows = table("shipped scenarios", ["name", "what it is"], left=2)
    for item in found:
        rows.add_row(str(item["name"]), str(item["summary"]))
    print_table(rows)
    echo("your own: `qnetsim scenario new NAME` writes a copy to begin with")


@scenario.command(cls=StrictCommand)
@click.argument("name")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="File to write; NAME.toml.")
@json_option
def new(name: str, out: Path | None, as_json: bool) -> None:
    """Write a copy of the shipped scenario NAME, with its comments, to begin your own with.

    The topology or recording that it reads is written beside it. Nothing is overwritten.
    """
    from qnetsim.scenario.shipped_copy import copy_shipped

    scenario_path, *others = copy_shipped(name, out or Path(f"{Path(name).stem}.toml"))
    if as_json:
        emit("scenario", {"scenario": scenario_path, "reads": others})
        return
    echo(f"scenario      {scenario_path}")
    for path in others:
        echo(f"which reads   {path}")


@scenario.command(cls=StrictCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@json_option
def check(files: tuple[Path, ...], changes: Changes, as_json: bool) -> None:
    """Check FILES and print every error as file:line: key: what is wrong; what is allowed."""
    from qnetsim.case import load
    from qnetsim.cli.show.learning_data import data_json, say_data
    from qnetsim.cli.show.recording import recording_json, say_recording

    problems: dict[Path, list[str]] = {}
    recordings: dict[Path, dict[str, object] | None] = {}
    data: dict[Path, list[dict[str, object]]] = {}
    for path in files:
        try:
            spec = load(path, changes=changes)
            problems[path] = []
            recordings[path] = recording_json(spec)
            data[path] = data_json(spec)
            if not as_json:
                say_recording(spec)
                say_data(data[path])
        except QnetsimError as error:
            problems[path] = str(error).splitlines()
        if not as_json:
            for problem in problems[path]:
                echo(problem, err=True)
            if not problems[path]:
                echo(f"{path}: ok")
    if as_json:
        emit(
            "check",
            {
                "files": [
                    {
                        "file": p,
                        "problems": found,
                        "recording": recordings.get(p),
                        "data": data.get(p, []),
                    }
                    for p, found in problems.items()
                ]
            },
        )
    if any(problems.values()):
        raise click.exceptions.Exit(2)


@scenario.command(cls=StrictCommand)
@json_option
def schema(as_json: bool) -> None:
    """Print the JSON Schema of scenario files, for editors.

    With --json it stands in a document with a schema name, as with every command.
    """
    document = Scenario.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "qnetsim scenario"
    if as_json:
        emit("scenario-schema", {"json_schema": document})
        return
    echo(json.dumps(document, indent=1, ensure_ascii=False), copied=True)
