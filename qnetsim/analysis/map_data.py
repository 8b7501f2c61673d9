"""Data of the map that a reader explores: keys of each fibre over time, small enough for a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from qnetsim.analysis.figures.layout import Layout, network_layout
from qnetsim.analysis.figures.node_labels import Box, place_labels
from qnetsim.analysis.figures.style import UTILISATION_COLOURS, text_size
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.plain_text import visible
from qnetsim.trace import Trace
from qnetsim.vocabulary import POOLS

#: Bins of time where they fit into the page; half of them until they do.
BINS = 24
#: Most characters of the data in a page.
MOST_CHARACTERS = 200_000
#: A value is a number of parts of the largest of its fibre, which has so many.
PARTS = 999
#: What is shown of a fibre, in bit in a slot: what it is called, and the columns that it sums.
SERIES = {
    "made": tuple(f"slots/{pool}_produced_bits" for pool in POOLS),
    "consumed": tuple(f"slots/{pool}_consumed_bits" for pool in POOLS),
    "in reserved pool": (f"slots/{POOLS[0]}_stored_bits",),
    "in on-demand pool": (f"slots/{POOLS[1]}_stored_bits",),
}
#: Longer side of the map, room for names beside and above it, and sizes, in px.
EXTENT = 560
MARGIN = np.array([70.0, 24.0])
NAME_PX = 11
NODE_PX = 5


def map_data(first: Mapping[str, Trace], reference: str) -> str | None:
    """Map, and keys of each fibre in bins of time, as JSON that is safe in a page.

    Parameters
    ----------
    first : mapping from policy to Trace
        Its open trace of the first world.
    reference : str
        The policy that is shown first.

    Returns
    -------
    str or None
        None where the network is too large for a page.
    """
    slots = min(trace.slots for trace in first.values())
    edges = np.unique(np.linspace(0, slots, min(BINS, slots) + 1).astype(np.int64))
    sums = np.stack([_sums(trace, edges) for trace in first.values()])
    shown = [number for number in range(len(SERIES)) if number < 2 or sums[:, number].any()]
    sums = sums[:, shown]
    frame = {
        "policies": [visible(name) for name in first],
        "first": list(first).index(reference),
        "ramp": UTILISATION_COLOURS,
        "series": [list(SERIES)[number] for number in shown],
        **_map(network_layout(first[reference])),
    }
    slot_s = first[reference].slot_s
    while True:
        times = {"edges_s": [round(float(edge) * slot_s, 9) for edge in edges]}
        text = _page_json(frame | times | _parts(sums / np.diff(edges)[:, None]))
        if len(text) <= MOST_CHARACTERS:
            return text
        if len(edges) == 2:
            return None
        first_of_pair = np.arange(0, len(edges) - 1, 2)
        sums = np.add.reduceat(sums, first_of_pair, axis=2)
        edges = np.append(edges[first_of_pair], edges[-1])


def _sums(trace: Trace, edges: IntArray) -> FloatArray:
    """Bits of each series in each bin on each fibre, shape (series, bins, fibres)."""
    fibres = len(trace.column("fibres/fibre"))
    found = np.zeros((len(SERIES), len(edges) - 1, fibres))
    for number, columns in enumerate(SERIES.values()):
        for column in columns:
            start = 0
            for block in trace.blocks(column):
                ahead = np.concatenate([np.zeros((1, fibres)), np.cumsum(block, axis=0)])
                found[number] += np.diff(ahead[np.clip(edges - start, 0, len(block))], axis=0)
                start += len(block)
    return found


def _parts(means: FloatArray) -> dict[str, Any]:
    """Values as parts of the largest of their fibre; what is not zero has one part at least."""
    largest = means.max(axis=(0, 1, 2))
    scale = np.where(largest > 0, largest, 1.0) / PARTS
    parts = np.maximum(np.round(means / scale), means > 0).astype(np.int64)
    return {
        "scale_bits": [float(f"{value:.6g}") for value in scale],
        "parts": parts.transpose(0, 1, 3, 2).tolist(),
    }


def _map(layout: Layout) -> dict[str, Any]:
    """Places of nodes in px with their names, and the fibres between them."""
    low = layout.places.min(axis=0)
    extent = np.ptp(layout.places, axis=0)
    factor = EXTENT / max(float(extent.max()), 1e-12)
    dots = (layout.places - low) * factor + MARGIN
    lines = (layout.lines - low) * factor + MARGIN
    width, height = (extent * factor + 2 * MARGIN).tolist()
    labels = [visible(label) for label in layout.labels]
    degrees = np.bincount(layout.fibres.ravel(), minlength=len(dots))
    boxes = place_labels(
        dots,
        [text_size(label, NAME_PX) for label in labels],
        np.argsort(-degrees, kind="stable").tolist(),
        lines,
        Box(0, 0, width, height),
        NODE_PX,
    )
    return {
        "size": [round(width), round(height)],
        # y goes down in a page
        "nodes": [[round(x, 1), round(height - y, 1)] for x, y in dots.tolist()],
        "names": labels,
        "labels": [
            [node, round(box.left, 1), round(height - box.low - 2, 1)]
            for node, box in boxes.items()
        ],
        "fibres": layout.fibres.tolist(),
        **_beside(layout, lines, height),
    }


def _beside(layout: Layout, lines: FloatArray, height: float) -> dict[str, Any]:
    """Own names of fibres where they have some, and their lines where some are parallel."""
    found: dict[str, Any] = {}
    if layout.fibre_labels:
        found["fibre_labels"] = [visible(label) for label in layout.fibre_labels]
    if layout.parallel:
        found["lines"] = [
            [round(x1, 1), round(height - y1, 1), round(x2, 1), round(height - y2, 1)]
            for x1, y1, x2, y2 in lines.reshape(-1, 4).tolist()
        ]
    return found


def _page_json(data: Mapping[str, Any]) -> str:
    """JSON in which nothing ends the script that holds it, or begins a tag."""
    text = json.dumps(data, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
