"""Prints the reference page of the trace format from the schema: ``make docs``."""

from __future__ import annotations

from qnetsim.plain_text import counted
from qnetsim.trace.column import Column
from qnetsim.trace.hdf5.chunks import BLOCKS_OF_LONG, LONG_RUN
from qnetsim.trace.request_columns import SINCE_REQUESTS
from qnetsim.trace.schema import (
    BEFORE_REQUESTS,
    BY_PATH,
    CHUNK_ROWS,
    FILETYPE,
    VERSION,
    WORLD_FILETYPE,
)

HEAD = f"""\
# Trace format {VERSION[0]}.{VERSION[1]}

This page is made by `make docs` from `qnetsim/trace/schema.py`; a test fails where they differ.

A trace is an HDF5 file with one run of one policy in one world.
[How to read it](../tutorials/read-a-trace.md) with numpy, pandas, xarray, h5py, h5dump, MATLAB and
Julia. A recorded world (`qnetsim demand`) is a file of the same format without the run: `filetype`
is `{WORLD_FILETYPE}`, it has the groups `fibres`, `world` and `faults`, the nodes of `trust`, and a
provenance without policy and plan.

## Root

| attribute | meaning |
|---|---|
| `filetype` | `{FILETYPE}` |
| `version` | two integers, `[{BEFORE_REQUESTS[0]}, {BEFORE_REQUESTS[1]}]`, with the group \
`requests` `[{SINCE_REQUESTS[0]}, {SINCE_REQUESTS[1]}]`, with figures on held-out records \
(`rounds/test_loss`) `[{VERSION[0]}, {VERSION[1]}]`; readers refuse another first number |
| `status` | `complete`, `interrupted` (Ctrl-C), `failed` (an error), `incomplete` (killed) |
| `provenance` | JSON: software, environment, scenario, seed, replication, policy, plan |
| `policy`, `replication` | what was run, and in which world |
| `slot_s`, `level_bits` | length of a slot in s, bits that one demand level asks for in a slot |
| `sees_future` | 1 where the policy was told the realised demand |
| `world_digest` | SHA-256 of topology, slot length, node pairs, demand, yields and faults |
| `content_digest` | SHA-256 of all columns that are not volatile |
| `file_digest` | SHA-256 of content digest, volatile columns, other root attributes (since 1.4) |

The scalar dataset `committed_slots` counts the slots that are completely in the file. It is
written after the rows of a flush, so a reader that keeps to it never sees half a slot.

A run of at most 1024 slots is written in one go when it is over. The file of a longer one is
written in HDF5's SWMR mode: `h5py.File(path, swmr=True)` reads it while it grows, and at every step
of its completion. After a kill (`SIGKILL`, power loss) it is still marked as being written:
`qnetsim` and `h5py.File(path, swmr=True)` read it as it is; for other readers clear
the mark with HDF5's own `h5clear -s`. After an error or Ctrl-C it is closed and cut to whole slots;
where the disk has no room even for that, it stays as after a kill.
`qnetsim run … --resume` completes it: the run starts at slot 0, is held against every stored row,
and the new file takes the old one's place once it holds as much. A file is written by one process
at a time: a lock `.NAME.lock` stands beside it meanwhile, and the system gives it back if that
process dies. While a new file is not yet worth its name it is called `.NAME.RANDOM.part`; one that
a kill left goes with the next write to `NAME`.

In the provenance, `counterfactual` is there where a trace was followed to a slot and then left: the
slot (`from_slot`), the policy that was followed (`before`), the one that decides from there
(`after`, null where it is the same), and the reservations that were forced (`forced`). A policy of
the user's own (`FILE.py:Class` without its folder, or `module:Class`) has `source_sha256`, the
SHA-256 of its file; reading a trace imports nothing, and `qnetsim verify --policy` runs it again.

`locations` is there where the topology says where nodes are: by the name of the node a table with
`name` (of the place, where it differs), `longitude` and `latitude` in degrees. Maps use it, and no
result does: it is no part of the content digest. Readers of 0.1.0 pass it over.

`fibre_names` is there where fibres have names of their own, as several fibres between two nodes
must: a list with the name of each fibre, empty text for one that has none. The digests of network
and world cover it.

`fibre_losses` is there where the topology file gives losses of fibres: a list with a table for each
fibre, of `attenuation_db_km` where it is not the network's, and `extra_loss_db` where there is any.
Key rates go by it (`fibres/channel_bits`); losses that the scenario gives are in the scenario.

## Tables

Each group is a table of its own: its dimensions are HDF5 dimension scales in the same group. The
first dimension of a column that grows is `slot`. Rows are written in chunks of {CHUNK_ROWS}, where
a run has at least {counted(LONG_RUN, "slot")} those of columns with one number a slot in chunks of
{BLOCKS_OF_LONG * CHUNK_ROWS}, shuffled and compressed by gzip at level 1; each flush takes the rows
that have come since the last one. A chunk of fill values (zeros unless the table says otherwise) is
not stored and reads as such. Text is variable-length UTF-8. Volatile columns carry the attribute
`volatile = 1`.
"""

#: What is said of a group ahead of its columns.
ABOUT = {
    "requests": """
Only in traces of scenarios with `[trace] requests = "all"`, `"sample"` or `"blocked"`. Its tables
have dimensions of their own, which grow by as many rows as there is to tell: `entries[s]`,
`turns[s]`, `ways[s]` and `hops[s]` say how many rows belong to the slots up to `s`. An *entry* is a
request of one slot, written in the slot in which its fate fell; within a slot entries come in order
of arrival, class and number. Requests that wait or go on when the run ends come last, with the
fates `waiting` and `holding`; a run that is cut short has no entry of them. A *turn* begins where a
try of the request came to something else than the one before; requests that had a single turn
have none here, since the entry tells it: served over `first_way` from `service_slot` on, or never,
for `cause`. The fibres of way `w` are `hop_fibre[way_end[w - 1] : way_end[w]]`.
Chunks over `way` and `hop` are neither shuffled nor compressed.

`cause` says why the request got no keys: `no_key` (the fibre keeps too few bits, and its channels
yield none in the slot), `no_channel` (too few bits, and all channels that may still be lit yield
too few), `too_late` (too few bits, and channels lit then deliver after the slot's end),
`no_wavelength` (all KM wavelengths of the fibre are in use), `fibre_down`, `no_detour` (the fibre
is known to be down, and there is no way around), `outage` (it is known to be down, and requests
give up then), `refused` (by the policy, at its level).
""",
}

TAIL = f"""
## Content digest

For each column that is not volatile, in the order above: SHA-256 of the text `group/name type`,
followed by the column's blocks of {CHUNK_ROWS} rows (the last one shorter). A block adds the
word `block`, its shape as Python prints a tuple, and the SHA-256 of its little-endian values (in
formats 1.0 and 1.1 the values themselves); a block that holds nothing but the fill value adds
`zeros` and its shape. A column of text adds one JSON list. The content digest is SHA-256 over
`group/name` and the column's digest, column by column.

## File digest

SHA-256 of the content digest as text, then for each volatile column, in order of its name,
`group/name` and the column's digest, then for each root attribute but `file_digest`, in order of
its name, the JSON list of name and value. `qnetsim verify` works both digests out again.
"""


def page() -> str:
    """Text of the page, in Markdown."""
    parts = [HEAD]
    columns = BY_PATH.values()
    for group in dict.fromkeys(column.group for column in columns):
        parts.append(f"\n### `{group}`\n{ABOUT.get(group, '')}")
        parts.append("\n| column | dimensions | type | unit | meaning |\n")
        parts.append("|---|---|---|---|---|\n")
        for c in columns:
            if c.group == group:
                volatile = " (volatile)" if c.volatile else ""
                parts.append(
                    f"| `{c.name}` | {' × '.join(c.dims)} | {c.kind} | {c.units or '—'} | "
                    f"{c.meaning}{_flags(c)}{volatile}{_since(c)} |\n"
                )
    return "".join([*parts, TAIL])


def _since(column: Column) -> str:
    return f" (since {column.since[0]}.{column.since[1]})" if column.since > (1, 0) else ""


def _flags(column: Column) -> str:
    if not column.flags:
        return ""
    return ": " + ", ".join(f"{i} {flag}" for i, flag in enumerate(column.flags))


if __name__ == "__main__":
    print(page(), end="")
