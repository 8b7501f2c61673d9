"""What each party of a federated task has before it, and what can be worked out from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from qnetsim.fel.arithmetic import PARAMETER_BITS, SCORE_BITS, ClassBalance
from qnetsim.fel.channels import Channels
from qnetsim.fel.encryption_schemes import PaillierScheme
from qnetsim.fel.messages import Message, MessageKind
from qnetsim.fel.paillier import unpack
from qnetsim.fel.preparation import FEATURE_BITS
from tests.support.federated import KEY_BITS
from tests.support.one_ciphertext import decrypt


@dataclass(frozen=True)
class Heard:
    """A message as somebody on the links hears it."""

    kind: MessageKind
    source: str
    target: str
    body: bytes
    key: bytes

    def numbers(self, width: int) -> list[int]:
        """The body cut into numbers, as the protocol does."""
        parts = range(0, len(self.body), width)
        return [int.from_bytes(self.body[at : at + width], "big") for at in parts]


def on_the_wire(parties: Sequence[str], sent: Sequence[Message], seed: int = 3) -> list[Heard]:
    """Seal every message with keys of its own; ``key`` is what a relay of these keys sees."""
    channels = Channels(parties)
    rng = np.random.default_rng(seed)
    found = []
    for message in sent:
        key = rng.bytes(message.key_bytes)
        channels.add_keys(message.source, message.target, key)
        body = channels.seal(message).body
        found.append(Heard(message.kind, message.source, message.target, body, key))
    return found


def relayed(heard: Heard) -> bytes:
    """What a relay of its keys makes of a padded message."""
    pad = heard.key[32:]
    return bytes(a ^ b for a, b in zip(heard.body, pad, strict=True)) if pad else heard.body


def tokens_of(heard: Sequence[Heard], *, by: str = "listener") -> dict[str, set[bytes]]:
    """32-byte tokens by worker, as a listener or a relay reads them."""
    found = {}
    for one in heard:
        if one.kind.purpose == "tokens":
            body = one.body if by == "listener" else relayed(one)
            found[one.source] = {body[at : at + 32] for at in range(0, len(body), 32)}
    return found


@dataclass(frozen=True)
class LabelHolderView:
    """Everything that the label holder has: its own data, and the messages that came to it.

    Masks are zero in counted mode, so what came under a mask is what it holds once it took it off.
    """

    block: np.ndarray
    balance: ClassBalance
    received: list[Message]
    slots: int
    samples: int
    classes: int
    #: Its part of the point of each round, where that is a direction.
    points: list[np.ndarray] = field(default_factory=list)

    def opened_sums(self) -> list[np.ndarray]:
        """Sums of the others' scores, round by round, where they were opened."""
        found = []
        for message in self.received:
            if message.kind == MessageKind(4, "masked scores"):
                flat: list[int] = []
                for number in message.numbers:
                    flat += unpack(number, min(self.slots, self.samples * self.classes - len(flat)))
                found.append(np.array(flat).reshape(self.samples, self.classes))
        return found

    def rates(self) -> list[list[Fraction]]:
        """Learning rates, round by round."""
        found = []
        for message in self.received:
            if message.purpose == "rates":
                pairs = zip(message.numbers[::2], message.numbers[1::2], strict=True)
                found.append([Fraction(a, b) for a, b in pairs])
        return found


def moves_of(view: LabelHolderView, sums: list[np.ndarray]) -> np.ndarray:
    """How the others' scores move from round to round, over the rate: −X·Xᵀ·r, one column each."""
    rates = [np.array([float(x) for x in rate]) for rate in view.rates()]
    return np.hstack(
        [
            (b - a) / 2.0**SCORE_BITS / rate
            for a, b, rate in zip(sums, sums[1:], rates, strict=False)
        ]
    )


def features_from_moves(moves: np.ndarray, known: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Features of all records, given those of some: their columns are spanned by the moves."""
    left, values, _ = np.linalg.svd(moves, full_matrices=False)
    # as many directions as there are features, and no more than the known records tell apart
    count = min(features.shape[1], len(known), int((values > values[0] * 1e-7).sum()))
    basis = left[:, :count]
    return basis @ np.linalg.lstsq(basis[known], features[known], rcond=None)[0]


def share_explained(true: np.ndarray, found: np.ndarray, known: np.ndarray) -> float:
    """R² over the records that were not known, beside guessing the mean of those that were."""
    unknown = np.setdiff1d(np.arange(len(true)), known)
    residue = ((true[unknown] - found[unknown]) ** 2).sum()
    total = ((true[unknown] - true[known].mean(axis=0)) ** 2).sum()
    return float(1 - residue / total)


def own_scores(block: np.ndarray, gradients: list[np.ndarray], rates: list[list[Fraction]]):
    """A worker's scores round by round, from its features and its gradients alone."""
    samples = len(block)
    parameters = np.zeros(gradients[0].shape, dtype=np.int64)
    found = [block @ parameters]
    shift = FEATURE_BITS + 16 - PARAMETER_BITS
    for gradient, rate in zip(gradients, rates, strict=True):
        for c, one in enumerate(rate):
            divisor = (one.denominator * samples) << shift
            parameters[:, c] -= [int(g) * one.numerator // divisor for g in gradient[:, c]]
        found.append(block @ parameters)
    return found


def labels_from(ciphertexts: list[int], scheme: PaillierScheme, classes: int) -> np.ndarray:
    """Labels of records whose residuals were opened: negative residuals are those of +1."""
    n = scheme.public
    opened = [decrypt(scheme, value) for value in ciphertexts]
    around = [value - n if value > n // 2 else value for value in opened]
    rows = np.array([unpack(value, classes) for value in around])
    return np.where(rows < 0, 1, -1)


def residuals_in(heard, how) -> list[int]:
    one = next(h for h in heard if h.kind == MessageKind(5, "residuals"))
    body = how(one)
    width = KEY_BITS // 4
    return [int.from_bytes(body[at : at + width], "big") for at in range(0, len(body), width)]


class Thief:
    """A worker that sends residuals in place of its gradient, as many as plaintexts hold."""

    def __init__(self, classes: int, features: int) -> None:
        self.classes, self.features = classes, features
        self.slots = (KEY_BITS - 1) // 64 // classes

    def gradient(self, scheme, residuals) -> list[int]:
        places = [1 << (64 * self.classes * j) for j in range(self.slots)]
        taken = [residuals[f * self.slots :][: self.slots] for f in range(self.features)]
        return [scheme.weigh(part, places[: len(part)]) for part in taken]

    def labels(self, values: list[int]) -> np.ndarray:
        rows = [unpack(value, self.slots * self.classes) for value in values]
        return np.where(np.array(rows).reshape(-1, self.classes) < 0, 1, -1)
