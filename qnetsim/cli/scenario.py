"""``qnetsim scenario check`` and ``qnetsim scenario schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qnetsim.errors import QnetsimError
from qnetsim.scenario import Scenario


@click.group()
def scenario() -> None:
    """Check scenario files, print their schema."""


@scenario.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check FILES and print every error as file:line: key: what is wrong; what is allowed."""
    from qnetsim.simulate import load

    failed = False
    for path in files:
        try:
            load(path)
        except QnetsimError as error:
            failed = True
            click.echo(str(error), err=True)
        else:
            click.echo(f"{path}: ok")
    if failed:
        raise click.exceptions.Exit(2)


@scenario.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    document = Scenario.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "qnetsim scenario"
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))
