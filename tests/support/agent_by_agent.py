"""SAC and FedSAC one agent after the other, with torch.nn and torch.optim: slow and plain."""

from __future__ import annotations

import copy

import torch
from torch import nn


def network(layers, row):
    """An agent's network, with the parameters of one row of a stack."""
    parts = []
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[2])
        with torch.no_grad():
            linear.weight.copy_(weight[row].T)
            linear.bias.copy_(bias[row, 0])
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def parameters(net):
    """Parameters in the order and shape of a stack's row."""
    found = []
    for part in net:
        if isinstance(part, nn.Linear):
            found += [part.weight.T, part.bias[None]]
    return found


def act(policy, seen, noise):
    mean, log_deviation = policy(seen).chunk(2, dim=-1)
    deviation = log_deviation.clamp(-20, 2).exp()
    law = torch.distributions.Normal(mean, deviation)
    raw = mean + deviation * noise
    action = torch.tanh(raw)
    # the textbook's form, which loses digits where tanh rounds to one
    density = law.log_prob(raw) - torch.log(1 - action.square() + 1e-12)
    return action, density.sum(-1, keepdim=True)


class Agents:
    """The same agents as a learner's, taken apart."""

    def __init__(self, learner):
        table = learner.table
        self.table = table
        self.managers = learner.managers.tolist()
        count = len(self.managers)
        self.policy = [network(learner.policy, a) for a in range(learner.stack)]
        self.q = [(network(learner.q, m), network(learner.q, count + m)) for m in range(count)]
        self.target = copy.deepcopy(self.q)
        self.q_adam = [
            torch.optim.Adam([*one.parameters(), *two.parameters()], lr=table.q_rate)
            for one, two in self.q
        ]
        self.policy_adam = [
            torch.optim.Adam(p.parameters(), lr=table.policy_rate) for p in self.policy
        ]

    def update(self, batch, next_noise, noise, lender, average):
        table = self.table
        for place, agent in enumerate(self.managers):
            seen, action, reward, following = (
                x[agent]
                for x in (batch.observation, batch.action, batch.reward, batch.next_observation)
            )
            with torch.no_grad():
                fresh, density = act(self.policy[agent], following, next_noise[agent])
                pair = torch.cat([following, fresh], -1)
                least = torch.minimum(*(q(pair) for q in self.target[place]))
                y = reward + table.discount * (least - table.temperature * density)
            pair = torch.cat([seen, action], -1)
            loss = sum((q(pair) - y).square().mean() for q in self.q[place])
            self.q_adam[place].zero_grad()
            loss.backward()
            self.q_adam[place].step()
            with torch.no_grad():
                for target, q in zip(self.target[place], self.q[place], strict=True):
                    for old, new in zip(target.parameters(), q.parameters(), strict=True):
                        old.lerp_(new, table.target_coefficient)
        for agent, policy in enumerate(self.policy):
            fresh, density = act(policy, batch.observation[agent], noise[agent])
            pair = torch.cat([batch.observation[agent], fresh], -1)
            least = torch.minimum(*(q(pair) for q in self.q[lender[agent]]))
            self.policy_adam[agent].zero_grad()
            (table.temperature * density - least).mean().backward()
            self.policy_adam[agent].step()
        if average:
            with torch.no_grad():
                for same in zip(*(p.parameters() for p in self.policy), strict=True):
                    mean = torch.stack(same).mean(0)
                    for parameter in same:
                        parameter.copy_(mean)
