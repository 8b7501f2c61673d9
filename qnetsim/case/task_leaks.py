"""Which admitted attacks the settings of a FEL task leave open, for its users to know."""

from __future__ import annotations

from collections.abc import Iterator

from qnetsim.scenario import FelTable


def open_leaks(table: FelTable) -> Iterator[str]:
    """What somebody can learn under these settings, and the setting that prevents it."""
    if table.kind == "horizontal":
        yield from _open_sums(table)
        return
    privacy = table.privacy
    workers = sum(map(len, table.workers))
    if privacy.scores == "opened" and workers > 1:
        yield (
            "the label holder can work out the others' features from how scores move "
            "(privacy.scores = 'encrypted' prevents it)"
        )
    if privacy.label_epsilon is None:
        yield (
            "a malicious worker can have residuals decrypted in place of its gradient, and so read "
            "labels (privacy.label_epsilon blurs them)"
        )
    if not table.pad_ciphertexts:
        yield (
            "a listener reads how many records workers share, and the holder of the private key "
            "opens what it overhears (pad_ciphertexts = true prevents both)"
        )
    elif privacy.avoid == "none":
        yield (
            "parties that relay keys can read messages of others (privacy.avoid = 'key_holders' or "
            "'readers' prevents it)"
        )
    if table.key_holder == "head":
        yield (
            "the head that adds up scores holds the key that opens them (key_holder = 'owner' "
            "prevents it, unless both collude)"
        )


def _open_sums(table: FelTable) -> Iterator[str]:
    """What somebody can learn of the sums of a horizontal task."""
    yield (
        "an owner that names a worker as missing which is not, and a head that gives it the "
        "worker's masked numbers, open these"
    )
    if sum(map(len, table.workers)) == 2:
        yield "each of two workers works out the other's part of every sum (a third prevents it)"
    if not table.pad_ciphertexts:
        yield (
            "an owner that overhears masked numbers which do not reach the head opens them "
            "(pad_ciphertexts = true prevents it)"
        )
        if table.privacy.avoid in ("none", "key_holders"):
            yield (
                "a worker that relays all masks of another but its own, and overhears its masked "
                "numbers, opens these (privacy.avoid = 'readers' or pad_ciphertexts = true "
                "prevents it)"
            )
    if table.privacy.avoid == "none":
        yield (
            "heads and owner that relay masks take them off (privacy.avoid = 'key_holders' "
            "prevents it)"
        )
