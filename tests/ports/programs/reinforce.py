"""REINFORCE: a policy learns to hold a pole upright, from whole episodes and their discounted, standardised returns.

Actions are chosen by numbers drawn beforehand: both sides play the same episodes as long as their policies agree.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

EPISODES, LONGEST, GAMMA = 15, 40, 0.99


class CartPole:
    """A cart that carries a pole and is pushed left or right."""

    def reset(self, state):
        self.state = np.array(state)
        return self.state

    def step(self, action):
        _, v, angle, w = self.state
        force = 10.0 if action else -10.0
        push = (force + 0.05 * w**2 * np.sin(angle)) / 1.1
        turn = (9.8 * np.sin(angle) - np.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
        slide = push - 0.05 * turn * np.cos(angle) / 1.1
        self.state = self.state + 0.02 * np.array([v, slide, w, turn])
        done = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095
        return self.state, 1.0, done


def given(dtype):
    rng = np.random.default_rng(0)
    return {
        "starts": rng.uniform(-0.05, 0.05, (EPISODES, 4)).astype(dtype),
        "chances": rng.random((EPISODES, LONGEST)).astype(dtype),
    }


def discounted(rewards):
    returns, R = [], 0.0
    for r in rewards[::-1]:
        R = r + GAMMA * R
        returns.insert(0, R)
    return returns


def theirs(starts, chances):
    import torch
    import torch.nn.functional as F

    class Policy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1 = torch.nn.Linear(4, 24)
            self.affine2 = torch.nn.Linear(24, 2)

        def forward(self, x):
            return F.softmax(self.affine2(F.relu(self.affine1(x))), dim=1)

    policy = Policy()
    yield policy.state_dict()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    env = CartPole()
    for begin, chance in zip(starts, chances, strict=True):
        state, rewards, log_probs = env.reset(begin), [], []
        for u in chance:
            probs = policy(torch.from_numpy(state.astype(starts.dtype)).unsqueeze(0))
            m = torch.distributions.Categorical(probs)
            action = torch.tensor([int(u > probs[0, 0].item())])
            log_probs.append(m.log_prob(action))
            state, reward, done = env.step(action.item())
            rewards.append(reward)
            if done:
                break
        returns = torch.tensor(discounted(rewards), dtype=probs.dtype)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        policy_loss = [-log_prob * R for log_prob, R in zip(log_probs, returns, strict=True)]
        optimizer.zero_grad()
        loss = torch.cat(policy_loss).sum()
        loss.backward()
        optimizer.step()
        yield loss.item(), len(rewards)


class Policy(nn.Module):
    def __init__(self):
        self.affine1 = nn.Linear(4, 24)
        self.affine2 = nn.Linear(24, 2)

    def forward(self, x):
        return tg.softmax(self.affine2(tg.relu(self.affine1(x))), axis=1)


def ours(start, starts, chances):
    policy = Policy().to(starts.dtype)
    tg.io.from_torch(policy, start)
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    env = CartPole()
    for begin, chance in zip(starts, chances, strict=True):
        state, rewards, log_probs = env.reset(begin), [], []
        for u in chance:
            probs = policy(state.astype(starts.dtype)[None])
            action = int(u > probs[0, 0].item())
            log_probs.append(tg.log(probs[:, action]))
            state, reward, done = env.step(action)
            rewards.append(reward)
            if done:
                break
        returns = np.array(discounted(rewards), starts.dtype)
        returns = (returns - returns.mean()) / (returns.std(ddof=1) + 1e-8)
        policy_loss = [-log_prob * R for log_prob, R in zip(log_probs, returns, strict=True)]
        optimizer.zero_grad()
        loss = tg.concatenate(policy_loss).sum()
        loss.backward()
        optimizer.step()
        yield loss.item(), len(rewards)
