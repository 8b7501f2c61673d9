"""What all figures share: colours, text that takes the colour of its page, reproducible files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from qnetsim.plain_text import visible
from qnetsim.trace.hdf5.files import write_whole

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

P = ParamSpec("P")

#: Colour of text and lines; in a page it becomes the colour of the page's own text.
TEXT_COLOUR = "#2b2b2c"
#: Colours of policies, in turn: apart for colour-blind readers, on white and on black.
POLICY_COLOURS = ("#3b7fb5", "#e08a2c", "#1b9e77", "#b0609a", "#8a8a8a", "#c8553d", "#7a6fc0")
#: Files that a figure is written to.
FORMATS = ("png", "svg", "pdf")
#: Resolution of PNG files.
DPI = 150


def policy_colour(number: int) -> str:
    """Colour of the policy of this number."""
    return POLICY_COLOURS[number % len(POLICY_COLOURS)]


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in the shared text colour, without changing matplotlib's own settings."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib

        names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        settings: dict[Any, Any] = dict.fromkeys(names, TEXT_COLOUR)
        # names are no formulas, whatever dollars are in them
        settings["text.parse_math"] = False
        with matplotlib.rc_context(settings):
            figure = draw(*args, **kwargs)
            for text in _texts(figure):
                text.set_text(visible(text.get_text()))
            # laid out once, not for every file, and without drawing anything for it
            engine = figure.get_layout_engine()
            if engine is not None:
                engine.execute(figure)
                figure.set_layout_engine("none")
            return figure

    return drawn


def _texts(artist: Artist) -> Iterator[Text]:
    """Texts in a figure, but for those at ticks: numbers, or names that were made visible."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    for child in artist.get_children():
        if isinstance(child, Text):
            yield child
        elif isinstance(child, Axis):
            # to ask it for its children makes ticks, which the limits to come have no use for
            yield child.label
        else:
            yield from _texts(child)


def literal(text: str) -> str:
    """Text for a figure in which others are formulas: shown as it is, dollars included."""
    return visible(text).replace("$", r"\$")


def hide_frame(axes: Axes) -> None:
    """Hide the upper and the right side of the frame."""
    axes.spines[["top", "right"]].set_visible(False)


def svg(figure: Figure) -> str:
    """Render to the text of an SVG file, on white."""
    buffer = io.StringIO()
    _save(figure, buffer, "svg")
    return buffer.getvalue()


def page_svg(text: str, name: str) -> str:
    """Make an SVG file a part of a page: on its ground, in its text colour, identifiers apart.

    Parameters
    ----------
    text : str
        The file.
    name : str
        Keeps the identifiers of several figures in one page apart.
    """
    text = text[text.index("<svg") :].replace(TEXT_COLOUR, "currentColor")
    text = text.replace('style="fill: #ffffff"', 'style="fill: none"')
    return re.sub(r'((?: id="|href="#|url\(#))', rf"\1{name}-", text)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, SVG or PDF by the path's suffix, over what is there, whole or not at all.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    image = io.BytesIO()
    _save(figure, image, path.suffix[1:])
    write_whole(path, image.getvalue())


def _save(figure: Figure, where: Any, kind: str) -> None:
    import matplotlib

    # nothing that differs from run to run
    metadata = {
        "png": {"Software": None},
        "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
        "pdf": {"CreationDate": None},
    }[kind]
    with matplotlib.rc_context({"svg.hashsalt": "qnetsim", "svg.fonttype": "path"}):
        figure.savefig(where, format=kind, dpi=DPI, metadata=metadata)
