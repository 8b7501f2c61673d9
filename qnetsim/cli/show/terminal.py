"""The terminal as rich draws on it; imported only where something is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Return a bar on stderr that leaves nothing behind; it draws nothing but on a terminal."""
    screen = PlainConsole(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )


@contextmanager
def status_line(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr what is going on, on a terminal only; yields a function that says more."""
    screen = PlainConsole(stderr=True)
    if not screen.is_terminal:
        yield lambda text: None
        return
    with screen.status(Text(visible(what))) as status:
        yield lambda text: status.update(Text(visible(f"{what}: {text}")))
