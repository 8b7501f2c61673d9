"""Checks of a trace that need no simulation: form, ledger, costs, digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.analysis.request_audit import unlike_requests
from qnetsim.errors import TraceFormatError
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.trace.contents import FIRST_WITH_FILE_DIGEST
from qnetsim.trace.schema import VERSION, WORLD
from qnetsim.vocabulary import COST_COLUMNS, FLOWS, POOLS

Check = Callable[[Trace], str | None]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes
    ----------
    name : str
    passed : bool or None
        None where it could not be done.
    text : str
        What was found.
    """

    name: str
    passed: bool | None
    text: str


def audit(trace: Trace) -> Iterator[Finding]:
    """Check a trace or a recorded world without running it again."""
    version = ".".join(map(str, trace.version))
    newer = " (newer than this qnetsim: what it added is not checked)"
    text = f"format {version}{newer if trace.version > VERSION else ''}, {trace.status}"
    known = trace.status == "complete" and trace.version <= VERSION
    yield Finding(
        "file",
        True if known else None,
        f"{trace.kind.noun}, {text}, {counted(trace.slots, 'slot')}",
    )
    yield _contents(trace)
    if trace.kind is not WORLD:
        yield from (_run_check(trace, name, check) for name, check in _CHECKS.items())
    if trace.follows_requests:
        yield _run_check(trace, "followed requests", unlike_requests)
    yield from _digests(trace)


def _contents(trace: Trace) -> Finding:
    """Whether the file holds what its format has, and nothing else."""
    try:
        foreign = trace.foreign_contents()
    except TraceFormatError as error:
        return Finding("contents", False, str(error))
    if not foreign:
        return Finding("contents", True, "objects, attributes and rows of the format, no others")
    more = f"; and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    return Finding("contents", False, foreign[0] + more)


def _run_check(trace: Trace, name: str, check: Check) -> Finding:
    """Run one check; a file that cannot be read fails it."""
    try:
        wrong = check(trace)
    except TraceFormatError as error:
        return Finding(name, False, str(error))
    if wrong:
        return Finding(name, False, wrong)
    return Finding(name, True, _MEANING[name])


def _digests(trace: Trace) -> Iterator[Finding]:
    """Compare the stored digests with those of the columns."""
    try:
        digest = trace.digest()
    except TraceFormatError as error:
        yield Finding("content digest", False, str(error))
        return
    for name, found in (
        ("content_digest", digest.hexdigest()),
        ("file_digest", digest.file_hexdigest(trace.attributes)),
    ):
        title = name.replace("_", " ")
        stored = trace.attribute(name)
        if name == "file_digest" and trace.version < FIRST_WITH_FILE_DIGEST:
            yield Finding(title, None, "not in this format")
        elif stored == found:
            yield Finding(title, True, found[:16])
        elif stored:
            yield Finding(title, False, f"{found[:16]}, and {stored[:16]} is stored")
        elif trace.status != "incomplete" and (
            name == "content_digest" or trace.version >= FIRST_WITH_FILE_DIGEST
        ):
            yield Finding(title, False, "is missing")
        else:
            text = "not yet written" if trace.status == "incomplete" else "not in this format"
            yield Finding(title, None, text)


def _blocks(trace: Trace, *names: str) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
    """Blocks of columns side by side, by name, each with its first slot."""
    first = 0
    for blocks in zip(*(trace.blocks(name) for name in names), strict=True):
        yield first, dict(zip(names, blocks, strict=True))
        first += len(blocks[0])


def _ledger(trace: Trace) -> str | None:
    """Say where keys are not conserved, slot by slot and in total; None where they are.

    Produced + stored before = consumed + expired + overflowed + stored, by fibre and pool; ahead of
    the first slot the reservation pools hold ``initial_bits``.
    """
    initial = int(trace.provenance["scenario"]["key_management"].get("initial_bits", 0))
    for pool in POOLS:
        names = [f"slots/{pool}_{flow}_bits" for flow in FLOWS]
        totals = {flow: np.zeros(len(trace.column("fibres/fibre")), np.int64) for flow in FLOWS}
        before = totals["stored"] + (initial if pool == POOLS[0] else 0)
        for first, block in _blocks(trace, *names):
            flow = dict(zip(FLOWS, block.values(), strict=True))
            negative = np.any([values < 0 for values in flow.values()], axis=0)
            earlier = np.concatenate([before[None], flow["stored"][:-1]])
            out = flow["consumed"] + flow["expired"] + flow["overflowed"] + flow["stored"]
            wrong = (earlier + flow["produced"] != out) | negative
            if wrong.any():
                row, fibre = np.argwhere(wrong)[0].tolist()
                numbers = ", ".join(f"{name} {int(flow[name][row, fibre])}" for name in FLOWS)
                return (
                    f"slot {first + row}, {_fibre_label(trace, fibre)}, {pool} pool: keys are not "
                    f"conserved: {numbers}, stored before {int(earlier[row, fibre])}"
                )
            before = flow["stored"][-1]
            for name in FLOWS:
                totals[name] = before if name == "stored" else totals[name] + flow[name].sum(axis=0)
        if trace.status == "incomplete":
            continue  # its totals may belong to a flush that was not counted
        for name, total in totals.items():
            stored = trace.column(f"ledger/{pool}_{name}_bits")
            if (stored != total).any():
                fibre = int(np.argmax(stored != total))
                return (
                    f"ledger, {_fibre_label(trace, fibre)}: {pool}_{name}_bits is "
                    f"{int(stored[fibre])}, and the slots add up to {int(total[fibre])}"
                )
    return None


def _costs(trace: Trace) -> str | None:
    """Say which cost is not the prices times what was reserved and lit; None where all are."""
    amounts = (
        "decisions/qkd_channels",
        "decisions/km_wavelengths",
        "slots/on_demand_channels",
        "slots/on_demand_wavelengths",
    )
    for cost, amount in zip(COST_COLUMNS, amounts, strict=True):
        price = trace.column(f"fibres/{cost}")
        for first, block in _blocks(trace, f"slots/{cost}", amount):
            stored = block[f"slots/{cost}"]
            due = block[amount] @ price
            wrong = ~np.isclose(stored, due, rtol=1e-9, atol=1e-6)
            if wrong.any():
                row = int(np.argmax(wrong))
                return (
                    f"slot {first + row}: {cost} is {stored[row]:.12g}, and {amount} at its prices "
                    f"costs {due[row]:.12g}"
                )
    return None


def _counts(trace: Trace) -> str | None:
    """Say where requests are not conserved; None where they are.

    Waiting before + arrived = served + blocked + waiting.
    """
    waiting = 0
    names = [f"slots/{name}" for name in ("arrived", "served", "blocked", "waiting")]
    for first, block in _blocks(trace, *names):
        came, served, blocked, now = (block[name].astype(np.int64) for name in names)
        earlier = np.concatenate([[waiting], now[:-1]])
        wrong = (earlier + came - served - blocked != now) | (np.minimum(served, blocked) < 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            return (
                f"slot {first + row}: {counted(earlier[row], 'request')} waited, {came[row]} came, "
                f"{served[row]} were served and {blocked[row]} blocked, but {now[row]} wait"
            )
        waiting = int(now[-1])
    return None


def _wall_clock(trace: Trace) -> str | None:
    """Say which time nobody can have measured; None where all can be."""
    for column in trace.kind.columns_in(trace.version):
        if not (column.volatile and column.grows):
            continue
        for first, block in _blocks(trace, column.path):
            values = block[column.path]
            wrong = ~(np.isfinite(values) & (values >= 0))
            if wrong.any():
                row = int(np.argmax(wrong))
                return f"slot {first + row}: {column.name} is {values[row]}"
    return None


def _fibre_label(trace: Trace, number: int) -> str:
    return f"fibre {trace.fibre_names()[number]}"


#: Checks by name; each says what is wrong, or None.
_CHECKS: dict[str, Check] = {
    "ledger": _ledger,
    "costs": _costs,
    "requests": _counts,
    "times": _wall_clock,
}
#: What holds where a check passes.
_MEANING = {
    "ledger": "produced = consumed + stored + expired + overflowed, in every slot and in total",
    "costs": "reserved and lit amounts at their prices, in every slot",
    "requests": "waiting + arrived = served + blocked + waiting after, in every slot",
    "followed requests": "their fates and first keys are those that the slots count",
    "times": "wall-clock times are numbers of seconds; what they were, no file can prove",
}
