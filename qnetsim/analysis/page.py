"""The frame of a report's page: its style, its contents and its sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qnetsim.analysis.html_tables import html_text

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
html { scroll-padding-top: 3.5rem; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 0 1rem; }
h1 { margin: 2rem 0 .2rem; line-height: 1.2; }
h2 { margin-top: 2.2rem; break-after: avoid; }
nav { position: sticky; top: 0; z-index: 1; margin: 0 -1rem; padding: .45rem 1rem;
  background: Canvas; border-bottom: 1px solid var(--line); overflow-x: auto; }
nav ul { display: flex; gap: 1.1rem; margin: 0; padding: 0; list-style: none;
  white-space: nowrap; }
nav a { color: inherit; text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
.findings { font-size: 1.1em; border-left: .25rem solid var(--line); padding-left: .9rem; }
.findings::first-line { font-weight: 600; }
.nothing { margin-top: -.4rem; font-size: .9em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .3rem .55rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th { vertical-align: bottom; }
th.text, td.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: break-word; min-width: 6rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; }
figcaption { font-size: .9em; }
code, pre { font-size: .85em; background: var(--soft); overflow-wrap: anywhere; }
pre { padding: .8rem; overflow-x: auto; white-space: pre-wrap; }
summary { cursor: pointer; padding: .3rem 0; }
@media (max-width: 40rem) {
  body { font-size: 14px; }
  h1 { font-size: 1.5rem; }
  th, td { padding: .25rem .4rem; }
  th:first-child, td:first-child { position: sticky; left: 0; max-width: 9rem;
    background: Canvas; }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; margin: 0; font-size: 11px; }
  .wide { overflow: visible; }
  table { font-size: .9em; }
  thead { display: table-header-group; }
  figure, table, tr, .findings { break-inside: avoid; }
  caption { break-after: avoid; }
  td, th { white-space: normal; padding: .2rem .35rem; }
  nav, details, .controls { display: none; }
}
"""


class Section(NamedTuple):
    """A part of the page under a heading."""

    anchor: str
    heading: str
    body: str


def html_page(
    title: str, subtitle: str, opening: str, sections: Sequence[Section], style: str = STYLE
) -> str:
    """The page: opening, contents and sections; sections without a body are left out.

    Parameters
    ----------
    title, subtitle : str
        Plain text.
    opening : str
        HTML ahead of the first section.
    sections : sequence of Section
    style : str
        CSS.
    """
    there = [section for section in sections if section.body]
    links = "".join(f'<li><a href="#{x.anchor}">{html_text(x.heading)}</a></li>' for x in there)
    parts = "\n".join(
        f'<section id="{x.anchor}">\n<h2>{html_text(x.heading)}</h2>\n{x.body}\n</section>'
        for x in there
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>qnetsim: {html_text(subtitle)}</title>
<style>{style}</style>
</head>
<body>
<h1>{html_text(title)}</h1>
<p>{html_text(subtitle)}</p>
<nav aria-label="Contents"><ul>{links}</ul></nav>
{opening}
{parts}
</body>
</html>
"""
