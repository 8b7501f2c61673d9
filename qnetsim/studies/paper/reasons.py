"""Why a verdict is what it is, in words; each sentence goes with one verdict alone."""

from __future__ import annotations

from qnetsim.studies.paper.paper_claims import PaperClaim
from qnetsim.studies.paper.verdicts import ClaimVerdict

_SHARED = (
    "the ratio is that of one request on one fibre: reservations, demand and prices all scale with "
    "the requests on a fibre, so neither |R| nor the topology matters"
)
_LITERAL = (
    "read literally, a fibre reserves at most |Ω| channels for all its requests, so the "
    "part that is bought on demand grows with |R|, and the ratio too"
)
_SCENARIOS = (
    "per request, the uniform draw widens with |Ω| as the mean does, and the ratio stays below the "
    "claim; read literally, it rises with |Ω| and passes through the claim"
)
_HALF = (
    "per request the random reservation is mostly too high; read literally it is too low, and "
    "cheap on-demand channels make up for that"
)
_MORE_LEVELS = "more scenarios come with a higher mean, and every scheme pays for that"
_ADVANTAGE = (
    "over SIP it is lost, for EVF reserves the mean whatever the prices are; over QBN-Random it "
    "shrinks per request, and grows where random reserves little, read literally"
)
_EPOCHS = (
    "it converges, at another epoch: an epoch is a number of slots and updates, which the paper "
    "does not give, and where the mean action is near C* already, drawn ones lose their noise alone"
)
_LEARNING = (
    "whose cost is the reward decides; see the settings in "
    "[learning](learning-paper.md#fig-9-how-fast)"
)
_OPEN = "was not computed in this run"
_OPEN_EPOCHS = (
    "the paper's own settings did not run, or not on each topology, or for fewer epochs than the "
    "claim; tuned ones are other parameters than the paper states "
    "([full runs](learning-paper.md#fig-9-how-fast))"
)
REASONS: dict[tuple[str, ClaimVerdict], str] = {
    (
        "loss-falls",
        ClaimVerdict.HOLDS,
    ): "where the loss rises at a step, the orders of the features that were drawn leave open that "
    "it does not. Iris has four features: one worker, no curve",
    (
        "loss-hires",
        ClaimVerdict.HOLDS,
    ): "by construction: each channel that is held at the same time serves one worker",
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
    ): "the best level is the quantile 1 − reserved price / on-demand price of the demand, which "
    "Table II and the Poisson law give; it is not the level that the paper says",
    (
        "crossing",
        ClaimVerdict.HOLDS,
    ): "at the best level what one more channel costs is about what it "
    "saves in expectation; the costs of the stages need not be equal",
    ("requests-rise", ClaimVerdict.HOLDS): "every request adds the cost of its route",
    (
        "requests-gaps",
        ClaimVerdict.HOLDS,
    ): "all costs are sums over requests, so differences grow too",
    ("scenarios-rise", ClaimVerdict.HOLDS): _MORE_LEVELS,
    ("scenarios-gaps", ClaimVerdict.HOLDS): _MORE_LEVELS,
    ("requests-evf", ClaimVerdict.HOLDS): _SHARED,
    ("requests-random", ClaimVerdict.READING): _LITERAL,
    ("requests-random", ClaimVerdict.FAILS): _LITERAL,
    ("requests-random", ClaimVerdict.ORDER): _LITERAL,
    (
        "scenarios-evf",
        ClaimVerdict.HOLDS,
    ): "the mean is a little below the best level, whatever |Ω| is",
    ("scenarios-random", ClaimVerdict.ORDER): _SCENARIOS,
    ("scenarios-random", ClaimVerdict.READING): _SCENARIOS,
    (
        "exponential",
        ClaimVerdict.FAILS,
    ): "reservations of these schemes do not depend on the on-demand "
    "prices, so the expected cost is a constant plus the multiplier times what is bought on "
    "demand: a straight line",
    ("half-random", ClaimVerdict.ORDER): _HALF,
    ("half-random", ClaimVerdict.READING): _HALF,
    (
        "half-evf",
        ClaimVerdict.HOLDS,
    ): "at half the on-demand prices the best level is the one that EVF reserves, the mean",
    (
        "double-evf",
        ClaimVerdict.ORDER,
    ): "dearer on-demand channels raise the best level further above the mean; the prices of "
    "Table II give no more than this",
    ("double-advantage", ClaimVerdict.READING): _ADVANTAGE,
    (
        "on-demand-rise",
        ClaimVerdict.HOLDS,
    ): "both buy on demand what they reserved too little of, at any price",
    ("double-random", ClaimVerdict.READING): "the claim lies between the two readings",
    ("double-random", ClaimVerdict.ORDER): "the claim lies between the two readings",
    ("usnet-dearer", ClaimVerdict.ORDER): "twice the requests, on routes of more fibres",
    ("converge", ClaimVerdict.READING): _LEARNING,
    ("converge", ClaimVerdict.FAILS): _LEARNING,
    ("epochs-sac-ppo", ClaimVerdict.READING): _LEARNING,
    ("epochs-sac-ppo", ClaimVerdict.FAILS): _LEARNING,
    ("epochs-fedsac-sac", ClaimVerdict.READING): _LEARNING,
    ("epochs-fedsac-sac", ClaimVerdict.FAILS): _LEARNING,
    ("epochs-order", ClaimVerdict.READING): _LEARNING,
    (
        "epochs-order",
        ClaimVerdict.FAILS,
    ): "all three come in this order under no reading of the reward; see the settings in "
    "[learning](learning-paper.md#fig-9-how-fast)",
    ("epochs-usnet", ClaimVerdict.READING): _LEARNING,
    (
        "epochs-usnet",
        ClaimVerdict.FAILS,
    ): "under no reading of the reward do all three need fewer epochs there; see the settings in "
    "[learning](learning-paper.md#fig-9-how-fast)",
}


def reason(claim: PaperClaim, verdict: ClaimVerdict) -> str:
    """Why, for this verdict; empty where nothing is known."""
    if verdict is ClaimVerdict.OPEN:
        return _OPEN_EPOCHS if claim.figure == "fig9" else _OPEN
    if claim.judge == "epochs" and verdict is not ClaimVerdict.HOLDS:
        return _EPOCHS if verdict is ClaimVerdict.ORDER else _LEARNING
    return REASONS.get((claim.id, verdict), "")
