"""The terminal as rich draws on it; imported only where something is drawn."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from qnetsim.plain_text import visible


class PlainConsole(Console):
    """A console that shows texts as they are: no markup, no emoji, no control characters.

    Names come from files of others.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **how: Any) -> Text:
        """Turn a string into text; all strings in tables and titles come through here."""
        return super().render_str(visible(text), **how)


def progress_bar() -> Progress:
    """Return a bar on stderr that leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=PlainConsole(stderr=True),
        transient=True,
    )
