"""What all figures share: styles, units, reproducible files."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, cast

from qnetsim.analysis.figures.room import lay_out
from qnetsim.plain_text import visible
from qnetsim.trace.hdf5.files import write_whole

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.text import Text

P = ParamSpec("P")

#: Colour of text and lines; in a page it becomes the colour of the page's own text.
TEXT_COLOUR = "#2b2b2c"
#: Colours of utilisation, from none to all: a part of viridis whose ends both stand out from a
#: white and from a dark page, and which is the darker in print the more is used.
UTILISATION_COLOURS = ("#7ad151", "#34b679", "#1f968b", "#2b758e", "#3b528b")
#: Files that a figure is written to.
FORMATS = ("png", "svg", "pdf")
#: What their metadata says: nothing that differs from run to run.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "pdf": {"CreationDate": None},
}


@dataclass(frozen=True)
class Style:
    """Where a figure is shown, and what it looks like there.

    Attributes
    ----------
    name : str
    width_in : float or None
        Exact width in inches; None leaves each figure its own.
    tallest_in : float
        Height in inches that no figure exceeds.
    font_pt, small_pt : float
        Size of text, and of the text of ticks, legends and labels.
    line : float
        Factor on the widths of lines and on markers.
    dpi : int
        Resolution of PNG files.
    """

    name: str
    width_in: float | None
    tallest_in: float
    font_pt: float
    small_pt: float
    line: float
    dpi: int

    @property
    def placed(self) -> bool:
        """Whether it stands in a document with a caption of its own.

        Such a figure has no title, its text stays text, and marks beside colours tell its lines
        and bars apart.
        """
        return self.width_in is not None

    @property
    def narrow(self) -> bool:
        """Whether panels stand below each other for want of width."""
        return self.width_in is not None and self.width_in < 5

    def canvas(self, width: float, height: float) -> Figure:
        """An empty figure; ``width`` and ``height`` in inches are those for the screen."""
        from matplotlib.figure import Figure

        if self.width_in is not None:
            width = self.width_in
            height *= self.font_pt / SCREEN.font_pt
        return Figure(figsize=(width, min(height, self.tallest_in)), layout="constrained")

    def settings(self) -> dict[Any, Any]:
        """What matplotlib is told while a figure is drawn or written."""
        names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        found: dict[Any, Any] = dict.fromkeys(names, TEXT_COLOUR)
        found |= {
            # names are no formulas, whatever dollars are in them
            "text.parse_math": False,
            # labels name the unit; a factor at the end of an axis is overlooked
            "axes.formatter.useoffset": False,
            "axes.formatter.limits": (-12, 12),
            "font.size": self.font_pt,
            "axes.titlesize": self.font_pt,
            "legend.fontsize": self.small_pt,
            "legend.frameon": False,
            "svg.hashsalt": "qnetsim",
            "svg.fonttype": "none" if self.placed else "path",
            "pdf.fonttype": 42,
        }
        if self.placed:
            found |= {
                "xtick.labelsize": self.small_pt,
                "ytick.labelsize": self.small_pt,
                "axes.linewidth": 0.6 * self.line,
                "hatch.linewidth": 0.5 * self.line,
                "legend.handlelength": 1.5,
                "legend.handletextpad": 0.5,
                "legend.columnspacing": 1.0,
            }
        return found


SCREEN = Style("screen", None, math.inf, font_pt=10, small_pt=8, line=1.0, dpi=150)
#: Styles by name. The widths are those of IEEE's journals: one column, and a page of two.
STYLES = {
    style.name: style
    for style in (
        SCREEN,
        Style("ieee-column", 3.5, 8.5, font_pt=8, small_pt=7, line=0.8, dpi=300),
        Style("ieee-page", 7.16, 8.5, font_pt=8, small_pt=7, line=0.8, dpi=300),
        Style("slide", 10.0, 5.6, font_pt=12, small_pt=10, line=1.4, dpi=300),
    )
}


class Unit(NamedTuple):
    """What numbers are divided by on an axis, and how its label says so."""

    factor: float
    text: str


def power_unit(largest: float) -> Unit:
    """Power of a thousand that leaves numbers between 1 and 1000: ``", 10⁶"``, or nothing."""
    power = _thousands(largest)
    return Unit(10.0**power, f", {power_of_ten(power)}" if power else "")


def power_of_ten(exponent: int) -> str:
    """``"10⁶"``, which needs no formula."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def bit_unit(largest: float) -> Unit:
    """Multiple of a bit that leaves numbers between 1 and 1000: ``"kbit"``."""
    power = min(max(_thousands(largest), 0), 15)
    return Unit(10.0**power, f"{('', 'k', 'M', 'G', 'T', 'P')[power // 3]}bit")


def _thousands(largest: float) -> int:
    size = abs(largest)
    return 3 * math.floor(math.log10(size) / 3) if 0 < size < math.inf else 0


def text_size(text: str, size_pt: float) -> tuple[float, float]:
    """Width and height of a line of text in pt."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=size_pt)
    width, high = _measured(text, font)
    # a line is as high as its highest letters, whatever stands in it
    return width, max(high, _measured("lp", font)[1])


@lru_cache(maxsize=4096)
def _measured(text: str, font: FontProperties) -> tuple[float, float]:
    from matplotlib.textpath import text_to_path

    width, high, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width), float(high)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in its ``style``, without changing matplotlib's own settings.

    The style is a keyword of what is decorated, and the screen's unless given.
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib

        style = cast("Style", kwargs.get("style", SCREEN))
        with matplotlib.rc_context(style.settings()):
            figure = draw(*args, **kwargs)
            for text in _texts(figure):
                text.set_text(visible(text.get_text()))
            lay_out(figure)
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


def hide_frame(axes: Axes) -> None:
    """Hide the upper and the right side of the frame."""
    axes.spines[["top", "right"]].set_visible(False)


def svg(figure: Figure) -> str:
    """Render to the text of an SVG file, on white."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    with matplotlib.rc_context(SCREEN.settings()):
        figure.set_dpi(SCREEN.dpi)
        # savefig would draw it twice: once more for a layout that is done
        cast("Any", FigureCanvasSVG(figure)).print_svg(buffer, metadata=METADATA["svg"])
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


def save(figure: Figure, path: Path, style: Style = SCREEN) -> None:
    """Write a PNG, SVG or PDF by the path's suffix, over what is there, whole or not at all.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    image = io.BytesIO()
    _save(figure, image, path.suffix[1:], style)
    write_whole(path, image.getvalue())


def _save(figure: Figure, where: Any, kind: str, style: Style) -> None:
    import matplotlib

    with matplotlib.rc_context(style.settings()):
        figure.savefig(where, format=kind, dpi=style.dpi, metadata=METADATA[kind])
