"""What a command says of the files that federated tasks learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qnetsim.cli.show.echo import echo
from qnetsim.plain_text import counted, visible
from qnetsim.scenario import Scenario

#: Classes that a line names.
MOST_NAMED = 6


def data_json(scenario: Scenario) -> list[dict[str, Any]]:
    """Each file of data with its records, features and classes."""
    found = []
    for number, table in enumerate(scenario.fel):
        if table.data is None:
            continue
        from qnetsim.case.task_data import own_data_of

        data = own_data_of(table)
        found.append(
            {
                "task": number + 1,
                "file": Path(table.data).name,
                "records": len(data.labels),
                "features": list(data.features),
                "classes": {name: data.labels.count(name) for name in data.classes},
                "sha256": table.sha256,
            }
        )
    return found


def say_data(found: list[dict[str, Any]]) -> None:
    """Say on stderr what is read from the files of data; nothing without any."""
    for entry in found:
        classes = [f"{name} ({count:,})" for name, count in entry["classes"].items()]
        shown = ", ".join(classes[:MOST_NAMED]) + (" …" if len(classes) > MOST_NAMED else "")
        positive = f"; {list(entry['classes'])[1]} counts as +1" if len(classes) == 2 else ""
        echo(
            visible(
                f"{entry['file']}: task {entry['task']}: {counted(entry['records'], 'record')}, "
                f"{counted(len(entry['features']), 'feature')}, "
                f"{counted(len(classes), 'class', 'classes')}: {shown}{positive}"
            ),
            err=True,
        )
