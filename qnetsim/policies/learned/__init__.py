"""Policies with trained weights; running them takes numpy only."""

from qnetsim.policies.learned.policies import MAPPO, MASAC, DecPPO, DecSAC, FedSAC

__all__ = ["MAPPO", "MASAC", "DecPPO", "DecSAC", "FedSAC"]
