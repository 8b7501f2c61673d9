"""The map of a report in which one chooses policy, time and fibre; hidden without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from qnetsim.analysis.figures.style import UTILISATION_COLOURS
from qnetsim.analysis.map_data import map_data
from qnetsim.trace import Trace

STYLE = f"""
#map-explorer {{ border: 1px solid var(--line); padding: .8rem; margin: 1.5rem 0; }}
#map-explorer label {{ margin-right: 1.2rem; }}
#map-explorer svg {{ display: block; width: 100%; max-width: 42rem; margin: .6rem auto; }}
#map-explorer g {{ cursor: pointer; }}
#map-explorer .ramp {{ display: inline-block; width: 8rem; height: .7rem; background:
  linear-gradient(90deg, {", ".join(UTILISATION_COLOURS)}); }}
@media print {{ #map-explorer {{ display: none; }} }}
"""


def explorer(first: Mapping[str, Trace], reference: str) -> str:
    """Return the part of the page, its data and its script; empty where the network is too large.

    Parameters
    ----------
    first : mapping from policy to Trace
        Its open trace of the first world.
    reference : str
        The policy that is shown first.
    """
    data = map_data(first, reference)
    if data is None:
        return ""
    script = (resources.files("qnetsim.analysis") / "map_explorer.js").read_text("utf-8")
    return f"""<section id="map-explorer" aria-label="map of the first world" hidden>
<p><label>Policy <select name="map-policy"></select></label>
<label>Time <input name="map-time" type="range" min="0" max="0" value="0"></label>
<span data-time></span></p>
<div data-map></div>
<p>Keys consumed over keys made: 0 <span class="ramp"></span> 1; dashed: made none. First world.</p>
<p><label>Fibre <select name="map-fibre"></select></label> or click one in the map.</p>
<div data-chart></div>
<p aria-live="polite" data-said></p>
</section>
<script type="application/json" id="map-data">{data}</script>
<script type="module">
{script}</script>"""
