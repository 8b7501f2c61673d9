"""``qnetsim scenario check`` and ``qnetsim scenario schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, json_option
from qnetsim.errors import QnetsimError
from qnetsim.scenario import Scenario


@click.group()
def scenario() -> None:
    """Check scenario files, print their schema."""


@scenario.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@json_option
def check(files: tuple[Path, ...], changes: Changes, as_json: bool) -> None:
    """Check FILES and print every error as file:line: key: what is wrong; what is allowed."""
    from qnetsim.case import load

    problems: dict[Path, list[str]] = {}
    for path in files:
        try:
            load(path, changes=changes)
            problems[path] = []
        except QnetsimError as error:
            problems[path] = str(error).splitlines()
        if not as_json:
            for problem in problems[path]:
                echo(problem, err=True)
            if not problems[path]:
                echo(f"{path}: ok")
    if as_json:
        emit("check", {"files": [{"file": p, "problems": found} for p, found in problems.items()]})
    if any(problems.values()):
        raise click.exceptions.Exit(2)


@scenario.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    document = Scenario.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "qnetsim scenario"
    echo(json.dumps(document, indent=1, ensure_ascii=False))
