"""Prints the reference page of plan files from their columns: ``make docs``."""

from __future__ import annotations

from qnetsim.trace.files.plan_file import FILETYPE, HEAD_BYTES, PLAN_COLUMNS, VERSION

HEAD = f"""\
# Plan files {VERSION[0]}.{VERSION[1]}

This page is made by `make docs` from `qnetsim/trace/files/plan_file.py`; a test fails where they
differ.

`qnetsim plan SCENARIO --out plan.h5` writes one, `inspect` shows it, `diff` compares two, and
`qnetsim run SCENARIO --plan plan.h5` runs it. It is an HDF5 file; any HDF5 reader opens it.

The first {HEAD_BYTES} bytes, which HDF5 leaves to the user, hold the line `{FILETYPE}` and SHA-256
(hexadecimal) of all bytes that follow them. qnetsim compares it before anything else, so a damaged
file is refused whatever the damage.

## Root

| attribute | meaning |
|---|---|
| `filetype` | `{FILETYPE}` |
| `version` | two integers, `[{VERSION[0]}, {VERSION[1]}]`; readers refuse another first number |
| `provenance` | JSON: software, environment, scenario, policy, the plan's summary; see below |
| `content_digest` | SHA-256 of scenario, policy, `fibre_names`, `fibre_losses`, summary without \
its wall-clock time, and tables |

Where the topology file gives them, the provenance has `fibre_names` and `fibre_losses` too, fibre
by fibre as in a trace.

## Tables

Positions count from 0. A request that is blocked at a level takes the route whose `start` is −1.
QKD wavelengths of a request at a level are `qkd[qkd_first : qkd_first + qkd_count]`, the same on
all fibres of its route. Plans without a colouring have no wavelengths; without limits any that keep
continuity are given.

| column | dimensions | type | unit | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """Text of the page, in Markdown."""
    rows = [
        f"| `{path}` | {' × '.join(dims)} | {kind} | {units or '—'} | {meaning} |\n"
        for path, dims, kind, units, meaning in PLAN_COLUMNS
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
