"""Why a verdict is what it is, in words; each sentence goes with one verdict alone."""

from __future__ import annotations

from qnetsim.studies.paper.paper_claims import PaperClaim
from qnetsim.studies.paper.verdicts import ClaimVerdict

_SHARED = (
    "the ratio is that of one request on one fibre: reservations, demand and prices all scale with "
    "the requests on a fibre, so neither |R| nor the topology matters"
)
_LITERAL = (
    "read literally, a fibre reserves at most |Ω| channels for all its requests, so almost all of "
    "the demand is bought on demand and the ratio grows with |R|"
)
_SCENARIOS = (
    "per request, the uniform draw widens with |Ω| as the mean does, and the ratio stays below the "
    "claim; read literally, it rises with |Ω| and passes through the claim"
)
_EPOCHS = (
    "it converges, at another epoch: an epoch is a number of slots and updates, which the paper "
    "does not give, and where the mean action is near C* already, drawn ones lose their noise alone"
)
_LEARNING = (
    "whose cost is the reward decides; see the settings in [learning](learning.md#fig-9-how-fast)"
)
_OPEN = "was not computed in this run"
_OPEN_EPOCHS = (
    "the paper's own settings did not run, or for fewer epochs than the claim; tuned ones are "
    "other parameters than the paper states ([full runs](learning.md#fig-9-how-fast))"
)
REASONS: dict[tuple[str, ClaimVerdict], str] = {
    (
        "loss-falls",
        ClaimVerdict.ORDER,
    ): "the loss falls overall; where a block of features says little, "
    "one more worker may raise it a little after 30 rounds. Iris has four features: one worker, "
    "no curve",
    (
        "loss-digits",
        ClaimVerdict.ORDER,
    ): "with one worker the features decide, with all of them step and rounds, which the paper "
    "leaves open ([measured](fel.md#fig-4-loss-against-key-rate))",
    ("first-rises", ClaimVerdict.HOLDS): "reserved channels are paid whether they are used or not",
    ("second-falls", ClaimVerdict.HOLDS): "what is reserved need not be bought",
    (
        "best-level",
        ClaimVerdict.FAILS,
    ): "in Table II on-demand channels cost four times the reserved "
    "ones on every fibre, so the best level is the 3/4 quantile of the demand; a Poisson law of "
    "mean 3 reaches it one level higher than the paper says",
    (
        "crossing",
        ClaimVerdict.HOLDS,
    ): "at the best level what one more channel costs equals what it "
    "saves in expectation; the costs of the stages need not be equal",
    ("requests-rise", ClaimVerdict.HOLDS): "every request adds the cost of its route",
    (
        "requests-gaps",
        ClaimVerdict.HOLDS,
    ): "all costs are sums over requests, so differences grow too",
    ("requests-evf", ClaimVerdict.HOLDS): _SHARED,
    ("requests-random", ClaimVerdict.READING): _LITERAL,
    ("requests-random", ClaimVerdict.FAILS): _LITERAL,
    ("requests-random", ClaimVerdict.ORDER): _LITERAL,
    (
        "scenarios-evf",
        ClaimVerdict.HOLDS,
    ): "the mean is one or two levels below the best one, whatever |Ω| is",
    ("scenarios-random", ClaimVerdict.ORDER): _SCENARIOS,
    ("scenarios-random", ClaimVerdict.READING): _SCENARIOS,
    (
        "exponential",
        ClaimVerdict.ORDER,
    ): "reservations of these schemes do not depend on the on-demand "
    "prices, so the expected cost is a constant plus the multiplier times what is bought on "
    "demand: a straight line",
    (
        "half-random",
        ClaimVerdict.ORDER,
    ): "the random reservation is mostly too high for a mean of 3 out "
    "of 10 levels, and cheap on-demand channels do not help what is reserved in excess",
    (
        "half-random",
        ClaimVerdict.READING,
    ): "per request the random reservation is mostly too high; read "
    "literally it is too low, and cheap on-demand channels make up for that",
    (
        "half-evf",
        ClaimVerdict.HOLDS,
    ): "at half the on-demand prices the best level is the median, which is the mean",
    (
        "double-evf",
        ClaimVerdict.ORDER,
    ): "the best level rises to the 7/8 quantile, which the mean lies "
    "below; the prices of Table II give no more than this",
    ("double-random", ClaimVerdict.READING): "the claim lies between the two readings",
    ("double-random", ClaimVerdict.ORDER): "the claim lies between the two readings",
    ("usnet-dearer", ClaimVerdict.ORDER): "twice the requests, on routes of more fibres",
    ("converge", ClaimVerdict.READING): _LEARNING,
    ("converge", ClaimVerdict.FAILS): _LEARNING,
    ("epochs-order", ClaimVerdict.READING): _LEARNING,
    (
        "epochs-order",
        ClaimVerdict.FAILS,
    ): "the epochs come in this order under no reading of the reward; see the settings in "
    "[learning](learning.md#fig-9-how-fast)",
    ("epochs-usnet", ClaimVerdict.READING): _LEARNING,
    ("epochs-usnet", ClaimVerdict.FAILS): _LEARNING,
}


def reason(claim: PaperClaim, verdict: ClaimVerdict) -> str:
    """Why, for this verdict; empty where nothing is known."""
    if verdict is ClaimVerdict.OPEN:
        return _OPEN_EPOCHS if claim.figure == "fig9" else _OPEN
    if claim.judge == "epochs" and verdict is not ClaimVerdict.HOLDS:
        return _EPOCHS if verdict is ClaimVerdict.ORDER else _LEARNING
    return REASONS.get((claim.id, verdict), "")
