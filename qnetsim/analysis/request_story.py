"""Why a request waited, or what else became of it: its entry in a trace, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.fault_words import Faults
from qnetsim.errors import UsageError, argument
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.units import TICKS_PER_SECOND
from qnetsim.vocabulary import REQUEST_CAUSES, REQUEST_FATES, RequestCause, RequestFate


@dataclass(frozen=True)
class Turn:
    """From when on a request got keys over a way, or got none for a cause.

    Attributes
    ----------
    from_s : float
        From the run's start.
    cause : str
        One of ``vocabulary.REQUEST_CAUSES``; ``none`` where it got keys.
    fibre : str
        Of the cause; empty for none.
    way : tuple of str
        Fibres over which keys went.
    words : str
        The same as a sentence without its end.
    """

    from_s: float
    cause: str
    fibre: str
    way: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class RequestStory:
    """What became of one request.

    Attributes
    ----------
    arrival_slot, level : int
    fate : str
        One of ``vocabulary.REQUEST_FATES``.
    end_slot : int
        Slot in which the fate fell.
    wait_s : float
        Until its first keys, or until its end without any.
    service_slot : int or None
    way : tuple of str
        Fibres of its first keys.
    deliveries, detours : int
    turns : tuple of Turn
    in_slot : tuple of Turn
        Those that the slot is in which was asked for.
    ending : str
        What became of it in the end, as a sentence.
    """

    arrival_slot: int
    level: int
    fate: str
    end_slot: int
    wait_s: float
    service_slot: int | None
    way: tuple[str, ...]
    deliveries: int
    detours: int
    turns: tuple[Turn, ...]
    in_slot: tuple[Turn, ...]
    ending: str


@dataclass(frozen=True)
class Explanation:
    """The answer to why a request waited in a slot.

    Attributes
    ----------
    request, slot : int
    source, target : str
    request_class : int
    followed : str
        Which requests the trace follows.
    stories : tuple of RequestStory
        Of the requests of this number that were there in the slot, the oldest first.
    note : str
        Why there are none, or no more.
    """

    request: int
    slot: int
    source: str
    target: str
    request_class: int
    followed: str
    stories: tuple[RequestStory, ...]
    note: str


def explain_request(trace: Trace, request: int, slot: int) -> Explanation:
    """Say what happened to a request in a slot, and why.

    Parameters
    ----------
    trace : Trace
        Of a scenario that follows requests.
    request, slot : int

    Raises
    ------
    UsageError
        The trace follows no requests, or has no such request or slot.
    """
    followed = followed_requests(trace)
    sources = trace.column("world/request_source")
    for name, value, end in (("request", request, len(sources)), ("slot", slot, trace.slots)):
        if not 0 <= value < end:
            raise UsageError(
                f"{argument(name, str(value))}: is not in {trace.path}; "
                + (f"allowed: 0 .. {end - 1}" if end else f"it has no {name}s")
            )
    reader = _StoryReader(trace, slot)
    stories = tuple(reader.story(entry) for entry in _entries(trace, request, slot))
    return Explanation(
        request=request,
        slot=slot,
        source=str(sources[request]),
        target=str(trace.column("world/request_target")[request]),
        request_class=int(trace.column("world/request_class")[request]),
        followed=followed,
        stories=stories,
        note=_note(trace, followed, slot, stories),
    )


def followed_requests(trace: Trace) -> str:
    """Which requests a trace follows: ``"blocked"``, ``"sample"`` or ``"all"``.

    Raises
    ------
    UsageError
        None of them.
    """
    found = str(trace.provenance["scenario"].get("trace", {}).get("requests", "none"))
    if found == "none":
        raise UsageError(
            f"{trace.path}: follows no requests one by one; give its scenario "
            '[trace] requests = "all" and run it again'
        )
    return found


def _note(trace: Trace, followed: str, slot: int, stories: tuple[RequestStory, ...]) -> str:
    own = any(story.arrival_slot == slot for story in stories)
    if own:
        return ""
    if slot >= trace.followed_slots:
        return (
            f"The one that arrived in slot {slot} has no entry: the trace was not closed, and "
            "holds requests whose fates fell in the first "
            f"{counted(trace.followed_slots, 'slot')} only."
        )
    told = {
        "all": "has no entry",
        "sample": "has no entry: it is not in the sample, or its fate had not fallen",
        "blocked": "has no entry: it was neither blocked nor interrupted",
    }[followed]
    cut = ""
    if trace.slots < int(trace.provenance["scenario"]["run"]["slots"]):
        cut = (
            f"; the trace was cut short after {counted(trace.slots, 'slot')}, and requests whose "
            "fate was open then have none"
        )
    return f"The one that arrived in slot {slot} {told}{cut}."


def _entries(trace: Trace, request: int, slot: int) -> list[int]:
    """Entries of the requests of a number that were there in a slot, the oldest first."""
    found = []
    first = 0
    names = ("request", "arrival_slot", "end_slot")
    for blocks in zip(*(trace.blocks(f"requests/{name}") for name in names), strict=True):
        number, arrival, end = blocks
        here = np.flatnonzero((number == request) & (arrival <= slot) & (slot <= end))
        found += [(int(arrival[row]), first + row) for row in here.tolist()]
        first += len(number)
    return [entry for _, entry in sorted(found)]


#: Columns that tell a story.
_OF_AN_ENTRY = (
    "request",
    "arrival_slot",
    "level",
    "end_slot",
    "wait_ns",
    "service_slot",
    "first_way",
    "deliveries",
    "detours",
    "fate",
    "cause",
    "cause_fibre",
)


class _StoryReader:
    """Reads entries and puts them into words."""

    def __init__(self, trace: Trace, slot: int) -> None:
        self._trace = trace
        self._slot = slot
        self._slot_ticks = round(trace.slot_s * TICKS_PER_SECOND)
        self._fibres = trace.fibre_names()
        self._keys = trace.provenance["scenario"]["key_management"]
        self._faults = Faults.of(trace)
        self._ends = [0, *trace.column("requests/way_end").tolist()]
        self._hops = trace.column("requests/hop_fibre").tolist()

    def story(self, entry: int) -> RequestStory:
        """The story of one entry."""
        row = {
            name: int(self._trace.column(f"requests/{name}", entry, entry + 1)[0])
            for name in _OF_AN_ENTRY
        }
        turns = tuple(self._turns(entry, row))
        service = row["service_slot"]
        return RequestStory(
            arrival_slot=row["arrival_slot"],
            level=row["level"],
            fate=REQUEST_FATES[row["fate"]],
            end_slot=row["end_slot"],
            wait_s=row["wait_ns"] / TICKS_PER_SECOND,
            service_slot=None if service < 0 else service,
            way=self._way(row["first_way"]),
            deliveries=row["deliveries"],
            detours=row["detours"],
            turns=turns,
            in_slot=self._in_slot(turns),
            ending=self._ending(row),
        )

    def _turns(self, entry: int, row: dict[str, int]) -> Iterator[Turn]:
        column = self._trace.column
        of_entry = column("requests/turn_entry")
        first, end = np.searchsorted(of_entry, [entry, entry + 1]).tolist()
        if first == end:
            arrival = column("world/arrival_ns", row["arrival_slot"], row["arrival_slot"] + 1)
            tick = row["arrival_slot"] * self._slot_ticks + int(arrival[0, row["request"]])
            got = row["deliveries"] > 0
            cause = RequestCause.NONE if got else RequestCause(row["cause"])
            yield self._turn(tick, cause, row["cause_fibre"], row["first_way"])
            return
        parts = [
            column(f"requests/turn_{name}", first, end).tolist()
            for name in ("tick_ns", "cause", "fibre", "way")
        ]
        for tick, number, fibre, way in zip(*parts, strict=True):
            yield self._turn(tick, RequestCause(number), fibre, way)

    def _turn(self, tick: int, cause: RequestCause, fibre: int, way: int) -> Turn:
        got = cause is RequestCause.NONE
        fibres = self._way(way)
        return Turn(
            from_s=tick / TICKS_PER_SECOND,
            cause=REQUEST_CAUSES[cause],
            fibre="" if got or fibre < 0 else self._fibres[fibre],
            way=fibres if got else (),
            words=f"keys over {', '.join(fibres)}" if got else self._why(cause, fibre, tick),
        )

    def _way(self, way: int) -> tuple[str, ...]:
        if way < 0:
            return ()
        return tuple(self._fibres[f] for f in self._hops[self._ends[way] : self._ends[way + 1]])

    def _why(self, cause: RequestCause, fibre: int, tick: int) -> str:
        """A cause in words."""
        if cause is RequestCause.REFUSED:
            return "refused by the policy at this level"
        name = self._fibres[fibre]
        short = "it keeps too few bits, and"
        known = round(self._keys.get("control_delay_s", 0.0) * TICKS_PER_SECOND)
        delay = 0 if cause is RequestCause.FIBRE_DOWN else known
        down = f"fibre {name} down ({self._faults.words(fibre, tick - delay)})"
        return {
            RequestCause.NO_KEY: f"no key on fibre {name}: {short} its channels yield none now",
            RequestCause.NO_CHANNEL: (
                f"no channel on fibre {name}: {short} all channels that may still be lit yield "
                "too few"
            ),
            RequestCause.TOO_LATE: (
                f"no time on fibre {name}: {short} a channel lit now delivers after the slot's end"
            ),
            RequestCause.NO_WAVELENGTH: (
                f"no wavelength on fibre {name}: all its KM wavelengths are in use"
            ),
            RequestCause.FIBRE_DOWN: down,
            RequestCause.NO_DETOUR: f"{down}, and no way around",
            RequestCause.OUTAGE: f"{down}, and requests give up then",
        }[cause]

    def _in_slot(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """Turns that reach into the slot."""
        slot_s = self._trace.slot_s
        begin, end = self._slot * slot_s, (self._slot + 1) * slot_s
        untils = [*(turn.from_s for turn in turns[1:]), float("inf")]
        return tuple(
            turn
            for turn, until in zip(turns, untils, strict=True)
            if turn.from_s < end and until > begin
        )

    def _ending(self, row: dict[str, int]) -> str:
        fate = RequestFate(row["fate"])
        wait = f"{row['wait_ns'] / TICKS_PER_SECOND:,.6g} s"
        deliveries = counted(row["deliveries"], "delivery", "deliveries")
        got = ""
        if row["deliveries"]:
            got = f"First keys in slot {row['service_slot']}, " + (
                f"after {wait}" if row["wait_ns"] else "at once"
            )
            if row["detours"]:
                got += f"; {row['detours']:,} of {deliveries} over a detour"
            got += ". "
        return (
            got
            + {
                RequestFate.SERVED: f"Served to its end in slot {row['end_slot']}",
                RequestFate.BLOCKED: f"Blocked in slot {row['end_slot']}, {self._left(row, wait)}",
                RequestFate.INTERRUPTED: (
                    f"Interrupted in slot {row['end_slot']}, after {deliveries}"
                ),
                RequestFate.WAITING: f"Waits when the run ends, since {wait}",
                RequestFate.HOLDING: "Goes on when the run ends",
            }[fate]
            + "."
        )

    def _left(self, row: dict[str, int], wait: str) -> str:
        if RequestCause(row["cause"]) in (RequestCause.OUTAGE, RequestCause.REFUSED):
            return "when it was sent away" + (f" after {wait}" if row["wait_ns"] else "")
        if not row["wait_ns"]:
            return "at once: it has no patience"
        return f"when its patience of {wait} was over"
