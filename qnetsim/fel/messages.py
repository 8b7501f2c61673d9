"""Messages of the protocol, and flows of messages that run side by side.

A *flow* is a generator: it yields messages that are sent at the same time, and is told for each
whether it was delivered. Flows know no time, and do not encrypt the channel. A flow that yields no
message has begun to compute: it goes on when the flows beside it have begun too.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

#: Bytes of a signed number that is not a ciphertext: parameters and counts.
NUMBER_BYTES = 8
#: Bytes of a signed number that needs more: learning rates and losses.
LONG_BYTES = 16
#: Bytes of a token of the private set intersection.
TOKEN_BYTES = 32


class MessageKind(NamedTuple):
    """Step 1 … 5 of the paper, and purpose."""

    step: int
    purpose: str


#: Every kind of message. Steps 1 to 3 are the set-up: step 3 of the paper is local, and what is
#: sent there here is sent once, for the learning rates.
KINDS: tuple[MessageKind, ...] = (
    MessageKind(1, "parameters"),
    MessageKind(2, "signing key"),
    MessageKind(2, "blinded records"),
    MessageKind(2, "blind signatures"),
    MessageKind(2, "tokens"),
    MessageKind(2, "encrypted records"),
    MessageKind(2, "common records"),
    MessageKind(3, "public key"),
    MessageKind(3, "class counts"),
    MessageKind(3, "weights"),
    MessageKind(3, "residuals"),
    MessageKind(3, "masked gradient"),
    MessageKind(3, "curvature"),
    MessageKind(4, "public key"),
    MessageKind(4, "scores"),
    MessageKind(4, "masked scores"),
    MessageKind(5, "rates"),
    MessageKind(5, "residuals"),
    MessageKind(5, "masked gradient"),
    MessageKind(5, "loss"),
)
#: Kinds of messages of horizontal tasks, which stand behind the others where there are such tasks.
HORIZONTAL_KINDS: tuple[MessageKind, ...] = (
    MessageKind(3, "masks"),
    MessageKind(3, "masked numbers"),
    MessageKind(3, "sums"),
    MessageKind(3, "missing workers"),
    MessageKind(3, "mask corrections"),
    MessageKind(3, "totals"),
    MessageKind(3, "rates"),
    MessageKind(4, "parameters"),
    MessageKind(5, "masks"),
    MessageKind(5, "masked numbers"),
    MessageKind(5, "sums"),
    MessageKind(5, "missing workers"),
    MessageKind(5, "mask corrections"),
)


def message_kinds(*, horizontal: bool) -> tuple[MessageKind, ...]:
    """Kinds of messages of a run, in the order of its trace.

    Parameters
    ----------
    horizontal : bool
        Whether it has a horizontal task.
    """
    return (*KINDS, *HORIZONTAL_KINDS) if horizontal else KINDS


@dataclass(frozen=True)
class Message:
    """One message of the protocol.

    Attributes
    ----------
    kind : MessageKind
        One of ``KINDS`` or ``HORIZONTAL_KINDS``.
    source, target : str
    numbers : tuple of int
        Content; without encryption, the values in place of their ciphertexts.
    width : int
        Bytes of each number.
    padded : bool
        Under one-time pad; every message is authenticated.
    part : int
        Tells messages of one kind between the same two parties apart.
    """

    kind: MessageKind
    source: str
    target: str
    numbers: tuple[int, ...]
    width: int
    padded: bool
    part: int = 0

    @property
    def step(self) -> int:
        """Step 1 … 5 of the paper."""
        return self.kind.step

    @property
    def purpose(self) -> str:
        """What the message is for."""
        return self.kind.purpose

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.numbers) * self.width

    @property
    def key_bytes(self) -> int:
        """Key bytes for pad and tag."""
        from qnetsim.fel.pads import key_bytes

        return key_bytes(self.size, padded=self.padded)

    def payload(self) -> bytes:
        """The bytes on the wire, big-endian; numbers of up to ``LONG_BYTES`` have a sign."""
        signed = self.width <= LONG_BYTES
        return b"".join(n.to_bytes(self.width, "big", signed=signed) for n in self.numbers)


Result = TypeVar("Result")
Batch = tuple[Message, ...]
Answers = Sequence[bool]
#: Yields batches of messages, is sent whether each was delivered, and returns a result.
Flow = Generator[Batch, Answers, Result]
#: A flow without a result.
Steps = Flow[None]


class MessageLostError(Exception):
    """A message did not arrive, so the flow that sent it ends."""


def send(message: Message) -> Flow[bool]:
    """Send one message; nothing is sent from a party to itself.

    Raises
    ------
    MessageLostError
        It was not delivered.
    """
    if message.source != message.target:
        answers = yield (message,)
        if not answers[0]:
            raise MessageLostError(
                f"{message.purpose} from {message.source} to {message.target} was not delivered"
            )
    return True


def send_numbers(
    kind: MessageKind,
    source: str,
    target: str,
    numbers: Sequence[int],
    width: int = NUMBER_BYTES,
) -> Flow[bool]:
    """Send numbers that are no ciphertexts, under one-time pad.

    Parameters
    ----------
    kind : MessageKind
    source, target : str
    numbers : sequence of int
    width : int
        Bytes of each number.

    Raises
    ------
    MessageLostError
        The message was not delivered.
    """
    return send(Message(kind, source, target, tuple(numbers), width=width, padded=True))


def gather(flows: Sequence[Flow[Result]], *, all_needed: bool = False) -> Flow[list[Result | None]]:
    """Run flows side by side, batch by batch; None stands for a flow that lost a message.

    Raises
    ------
    MessageLostError
        One did, and all are needed.
    """
    results: list[Result | None] = [None] * len(flows)
    batches: dict[int, Batch] = {}

    def resume(number: int, answers: Answers | None) -> None:
        batches.pop(number, None)
        try:
            if answers is None:
                batches[number] = next(flows[number])
            else:
                batches[number] = flows[number].send(answers)
        except StopIteration as end:
            results[number] = end.value
        except MessageLostError:
            if all_needed:
                raise

    for number in range(len(flows)):
        resume(number, None)
    while batches:
        # all that can be begun is begun before anybody waits for it
        while computing := [number for number, batch in batches.items() if not batch]:
            yield ()
            for number in computing:
                resume(number, ())
        if not batches:
            break
        sent = dict(sorted(batches.items()))
        answers = yield tuple(message for batch in sent.values() for message in batch)
        at = 0
        for number, batch in sent.items():
            resume(number, answers[at : at + len(batch)])
            at += len(batch)
    return results


def gather_all(flows: Sequence[Flow[Result]]) -> Flow[list[Result]]:
    """Run flows side by side, none of which may lose a message.

    Raises
    ------
    MessageLostError
        One did.
    """
    results = yield from gather(flows, all_needed=True)
    return [result for result in results if result is not None]
