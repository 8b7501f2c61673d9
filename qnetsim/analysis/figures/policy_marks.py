"""What tells policies apart in a figure: colours, and dashes and markers for print in grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.figures.style import Style, text_size
from qnetsim.arrays import FloatArray
from qnetsim.plain_text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of policies, in turn: apart for colour-blind readers, on white and on black.
POLICY_COLOURS = ("#3b7fb5", "#e08a2c", "#1b9e77", "#b0609a", "#8a8a8a", "#c8553d", "#7a6fc0")
#: Their dashes and markers, which stay apart in grey; in pt along the line: drawn, left out, …
POLICY_DASHES = (
    "-",
    (0, (5, 1.6)),
    (0, (1, 1.3)),
    (0, (6, 1.6, 1, 1.6)),
    (0, (10, 2.4)),
    (0, (4, 1.4, 1, 1.4, 1, 1.4)),
    (0, (2.4, 1.2)),
)
#: Length of the dashes of equal lines, in line widths.
TURN = 6.0
POLICY_MARKERS = ("o", "s", "^", "D", "v", "X", "P")


def policy_colour(number: int) -> str:
    """Colour of the policy of this number."""
    return POLICY_COLOURS[number % len(POLICY_COLOURS)]


def policy_line(number: int, style: Style, width: float = 1.4) -> dict[str, Any]:
    """How the line of the policy of this number is drawn; ``width`` in pt on the screen."""
    if style.placed:
        return marked_line(number, style, width)
    look: dict[str, Any] = {"color": policy_colour(number), "lw": width * style.line}
    # colours come back after seven policies, dashes do not
    turn = number // len(POLICY_COLOURS)
    return look | {"ls": POLICY_DASHES[turn % len(POLICY_DASHES)]}


def marked_line(number: int, style: Style, width: float = 1.4) -> dict[str, Any]:
    """How a line is drawn that stays apart in grey wherever it stands; ``width`` as above."""
    turn, place = divmod(number, len(POLICY_COLOURS))
    return {
        "color": policy_colour(number),
        "lw": width * style.line,
        "ls": POLICY_DASHES[place],
        "marker": POLICY_MARKERS[(place + turn) % len(POLICY_MARKERS)],
        "ms": 4.0 * style.line,
        # along the line, not at every point, and not where the others have theirs
        "markevery": (0.02 + 0.16 * place / len(POLICY_COLOURS), 0.16),
    }


def policy_lines(
    values: Sequence[FloatArray], style: Style, width: float = 1.4
) -> list[dict[str, Any]]:
    """How the lines of policies with these values are drawn; those that are equal take turns.

    On the screen an equal line would hide the ones before it, so each has a dash where the others
    leave one out. In a document dashes and markers of each policy do that.
    """
    looks = [policy_line(number, style, width) for number in range(len(values))]
    if style.placed:
        return looks
    for alike in _equal(values):
        for turn, number in enumerate(alike if len(alike) > 1 else ()):
            others = len(alike) - 1
            # how far into its pattern each begins
            start = TURN * ((len(alike) - turn) % len(alike))
            looks[number]["ls"] = (start, (TURN, TURN * others))
    return looks


def _equal(values: Sequence[FloatArray]) -> list[list[int]]:
    """Numbers of the policies, those with equal values together."""
    groups: list[list[int]] = []
    for number, mine in enumerate(values):
        for group in groups:
            if np.array_equal(values[group[0]], mine):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def policy_legend(
    where: Figure | Axes, names: Sequence[str], style: Style, look: dict[str, Any]
) -> None:
    """Write a legend of policies in their order, whatever of them could be drawn.

    Parameters
    ----------
    where : Figure or Axes
    names : sequence of str
    style : Style
    look : dict
        Where the legend stands, as matplotlib says it.
    """
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], label=name, **(policy_line(number, style) | {"markevery": None}))
        for number, name in enumerate(names)
    ]
    where.legend(handles=lines, handlelength=2.8 if style.placed else 2.0, **look)


def legend_below(figure: Figure, style: Style, names: Sequence[str], most: int) -> dict[str, Any]:
    """Place of a legend below the panels, with as many columns as fit; at most ``most``."""
    widest = max((text_size(visible(name), style.small_pt)[0] for name in names), default=0.0)
    column_pt = widest + 5 * style.small_pt
    columns = int(72 * figure.get_figwidth() / column_pt)
    return {"loc": "outside lower center", "ncols": min(max(columns, 1), most)}
