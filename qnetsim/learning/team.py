"""What agents that are trained together share: one view of all, and one reward."""

from __future__ import annotations

from torch import Tensor


def joint(each: Tensor, agents: int) -> Tensor:
    """Put what agents see or do side by side.

    Parameters
    ----------
    each : Tensor, shape (seeds × agents, batch, width)
    agents : int

    Returns
    -------
    Tensor, shape (seeds, batch, agents × width)
    """
    _, batch, width = each.shape
    return each.reshape(-1, agents, batch, width).transpose(1, 2).reshape(-1, batch, agents * width)


def team_reward(reward: Tensor, agents: int) -> Tensor:
    """Mean reward of the agents of a seed, for each of them, shape (seeds × agents, batch, 1)."""
    grouped = reward.reshape(-1, agents, *reward.shape[1:])
    return grouped.mean(dim=1, keepdim=True).expand_as(grouped).reshape(reward.shape)
