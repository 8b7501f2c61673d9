"""Messages of the protocol, and how flows of them are run side by side.

A *flow* is a generator: it yields messages that go at the same time and takes, for each, whether
it was delivered. Nothing here waits, encrypts a channel or knows time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qnetsim.fel.pads import key_bytes

#: Bytes of a number that is sent as such, with a sign: parameters and counts; the others.
NUMBER_BYTES = 8
LONG_BYTES = 16
#: Bytes of a token of the private set intersection.
TOKEN_BYTES = 32

#: Every kind of message: step of the paper, and purpose. Steps 1 to 3 are the set-up, for step 3
#: itself is local: what is sent there is worked out once and makes the learning rates.
KINDS: tuple[tuple[int, str], ...] = (
    (1, "parameters"),
    (2, "signing key"),
    (2, "blinded records"),
    (2, "blind signatures"),
    (2, "tokens"),
    (2, "encrypted records"),
    (2, "common records"),
    (3, "public key"),
    (3, "class counts"),
    (3, "weights"),
    (3, "residuals"),
    (3, "masked gradient"),
    (3, "curvature"),
    (4, "public key"),
    (4, "scores"),
    (4, "masked scores"),
    (5, "rates"),
    (5, "residuals"),
    (5, "masked gradient"),
    (5, "loss"),
)


@dataclass(frozen=True)
class Message:
    """One message of the protocol.

    Attributes
    ----------
    step : int
        Step 1 … 5 of the paper.
    purpose, source, target : str
    numbers : tuple of int
        What it says; without encryption, what stands for the ciphertexts.
    width : int
        Bytes of each number.
    padded : bool
        Under one-time pad; every message is authenticated.
    part : int
        Which of several messages of one purpose between two parties.
    """

    step: int
    purpose: str
    source: str
    target: str
    numbers: tuple[int, ...]
    width: int
    padded: bool
    part: int = 0

    @property
    def kind(self) -> tuple[int, str]:
        """Step and purpose, one of ``KINDS``."""
        return self.step, self.purpose

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.numbers) * self.width

    @property
    def key_bytes(self) -> int:
        """Key bytes for pad and tag."""
        return key_bytes(self.size, padded=self.padded)

    def payload(self) -> bytes:
        """The bytes on the wire."""
        signed = self.width <= LONG_BYTES
        return b"".join(n.to_bytes(self.width, "big", signed=signed) for n in self.numbers)


Result = TypeVar("Result")
Batch = tuple[Message, ...]
Answers = Sequence[bool]
#: What yields batches of messages and ends in a result.
Flow = Generator[Batch, Answers, Result]
Steps = Flow[None]


class LostError(Exception):
    """A message did not arrive, so the flow that sent it ends."""


def send(message: Message) -> Flow[bool]:
    """Send one message; what stays with one party is not sent at all.

    Raises
    ------
    LostError
        It was not delivered.
    """
    if message.source != message.target:
        answers = yield (message,)
        if not answers[0]:
            raise LostError(
                f"{message.purpose} from {message.source} to {message.target} was not delivered"
            )
    return True


def together(flows: Sequence[Flow[Result]], *, needed: bool = False) -> Flow[list[Result | None]]:
    """Run flows side by side, batch by batch; None stands for a flow that lost a message.

    Raises
    ------
    LostError
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
        except LostError:
            if needed:
                raise

    for number in range(len(flows)):
        resume(number, None)
    while batches:
        sent = dict(batches)
        answers = yield tuple(message for batch in sent.values() for message in batch)
        at = 0
        for number, batch in sent.items():
            resume(number, answers[at : at + len(batch)])
            at += len(batch)
    return results


def all_of(flows: Sequence[Flow[Result]]) -> Flow[list[Result]]:
    """Run flows side by side, none of which may lose a message.

    Raises
    ------
    LostError
        One did.
    """
    results = yield from together(flows, needed=True)
    return [result for result in results if result is not None]
