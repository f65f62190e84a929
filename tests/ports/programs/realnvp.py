"""A normalising flow of coupling layers (RealNVP) on two moons: exact log-likelihood by log-determinants.

The source is Dinh, Sohl-Dickstein, Bengio, "Density Estimation Using Real NVP" (2017).
"""

import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIZE, LAYERS, HIDDEN = 10, 64, 4, 16


def given(dtype):
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, math.pi, STEPS * SIZE)
    lower = rng.integers(0, 2, STEPS * SIZE) == 1
    x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    points = np.stack([x, y], 1) + 0.05 * rng.standard_normal((STEPS * SIZE, 2))
    return {
        "points": points.reshape(STEPS, SIZE, 2).astype(dtype),
        "codes": rng.standard_normal((SIZE, 2)).astype(dtype),
    }


def theirs(points, codes):
    import torch
    from torch import nn

    def net(last):
        return nn.Sequential(
            nn.Linear(2, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, 2), *last
        )

    class RealNVP(nn.Module):
        def __init__(self, masks):
            super().__init__()
            self.mask = nn.Parameter(masks, requires_grad=False)
            self.t = torch.nn.ModuleList([net([]) for _ in range(len(masks))])
            self.s = torch.nn.ModuleList([net([nn.Tanh()]) for _ in range(len(masks))])

        def g(self, z):
            x = z
            for i in range(len(self.t)):
                x_ = x * self.mask[i]
                s = self.s[i](x_) * (1 - self.mask[i])
                t = self.t[i](x_) * (1 - self.mask[i])
                x = x_ + (1 - self.mask[i]) * (x * torch.exp(s) + t)
            return x

        def f(self, x):
            log_det_J, z = x.new_zeros(x.shape[0]), x
            for i in reversed(range(len(self.t))):
                z_ = self.mask[i] * z
                s = self.s[i](z_) * (1 - self.mask[i])
                t = self.t[i](z_) * (1 - self.mask[i])
                z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
                log_det_J -= s.sum(dim=1)
            return z, log_det_J

        def log_prob(self, x):
            z, logp = self.f(x)
            prior = torch.distributions.MultivariateNormal(torch.zeros_like(z[0]), torch.eye(2, dtype=z.dtype))
            return prior.log_prob(z) + logp

    masks = torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (LAYERS // 2))
    flow = RealNVP(masks)
    yield flow.state_dict()
    optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=5e-3)
    codes = torch.from_numpy(codes)
    for x in torch.from_numpy(points):
        loss = -flow.log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
        with torch.no_grad():
            samples = flow.g(codes)
            back, _ = flow.f(samples)
        assert torch.allclose(back, codes, atol=1e-4)
        yield samples.std().item(), loss.item()


def net(last):
    return nn.Sequential(
        nn.Linear(2, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, 2), *last
    )


class RealNVP(nn.Module):
    def __init__(self, masks):
        self.mask = nn.Parameter(masks, requires_grad=False)
        self.t = nn.ModuleList([net([]) for _ in range(len(masks))])
        self.s = nn.ModuleList([net([nn.Tanh()]) for _ in range(len(masks))])

    def g(self, z):
        x = z
        for i in range(len(self.t)):
            x_ = x * self.mask[i]
            s = self.s[i](x_) * (1 - self.mask[i])
            t = self.t[i](x_) * (1 - self.mask[i])
            x = x_ + (1 - self.mask[i]) * (x * tg.exp(s) + t)
        return x

    def f(self, x):
        log_det_J, z = tg.zeros(x.shape[0], dtype=x.dtype), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s = self.s[i](z_) * (1 - self.mask[i])
            t = self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * tg.exp(-s) + z_
            log_det_J -= s.sum(1)
        return z, log_det_J

    def log_prob(self, x):
        z, logp = self.f(x)
        prior = -0.5 * (z**2).sum(1) - math.log(2 * math.pi)
        return prior + logp


def ours(start, points, codes):
    masks = np.array([[0.0, 1.0], [1.0, 0.0]] * (LAYERS // 2))
    flow = RealNVP(masks).to(points.dtype)
    tg.io.from_torch(flow, start)
    optimizer = optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=5e-3)
    for x in points:
        loss = -flow.log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
        with tg.no_grad():
            samples = flow.g(codes)
            back, _ = flow.f(samples)
        assert np.allclose(back, codes, atol=1e-4)
        yield samples.std(ddof=1).item(), loss.item()
