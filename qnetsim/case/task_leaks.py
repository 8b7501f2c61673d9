"""Which admitted attacks the settings of a FEL task leave open, for its users to know."""

from __future__ import annotations

from collections.abc import Iterator

from qnetsim.scenario import FelTable


def open_leaks(table: FelTable) -> Iterator[str]:
    """What somebody can learn under these settings, and the setting that prevents it."""
    if table.kind == "horizontal":
        yield "the owner learns the sum of the workers' parameters in every round"
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
