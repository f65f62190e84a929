"""A neural ordinary differential equation fits a spiral; gradients go back through each step of Runge and Kutta.

The source is Chen, Rubanova, Bettencourt, Duvenaud, "Neural Ordinary Differential Equations" (2018).
"""

from itertools import pairwise

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, TIMES, SIZE = 12, 6, 8


def given(dtype):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 0.5, TIMES)
    y0 = rng.uniform(-2, 2, (STEPS, SIZE, 2))
    turn = 2.0 * t[:, None, None, None]  # the exact solution of dy/dt = y @ [[-0.1, 2], [-2, -0.1]]
    rotated = y0 * np.cos(turn) + (y0[..., ::-1] * [-1, 1]) * np.sin(turn)
    y = np.exp(-0.1 * t)[:, None, None, None] * rotated
    return {"t": t.astype(dtype), "y": np.moveaxis(y, 0, 1).astype(dtype)}


def theirs(t, y):
    import torch
    from torch import nn

    class ODEFunc(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))
            for m in self.net.modules():
                if isinstance(m, nn.Linear):
                    nn.init.normal_(m.weight, mean=0, std=0.1)
                    nn.init.constant_(m.bias, val=0)

        def forward(self, t, y):
            return self.net(y**3)

    def rk4_step(func, t, dt, y):
        k1 = func(t, y)
        k2 = func(t + dt / 2, y + dt * k1 / 2)
        k3 = func(t + dt / 2, y + dt * k2 / 2)
        k4 = func(t + dt, y + dt * k3)
        return y + (k1 + 2 * k2 + 2 * k3 + k4) * dt / 6

    def odeint(func, y0, t):
        ys = [y0]
        for t0, t1 in pairwise(t):
            ys.append(rk4_step(func, t0, t1 - t0, ys[-1]))
        return torch.stack(ys, 0)

    func = ODEFunc()
    yield func.state_dict()
    optimizer = torch.optim.RMSprop(func.parameters(), lr=5e-3)
    t = torch.from_numpy(t)
    for batch_y in torch.from_numpy(y):
        optimizer.zero_grad()
        pred_y = odeint(func, batch_y[0], t)
        loss = torch.mean(torch.abs(pred_y - batch_y))
        loss.backward()
        optimizer.step()
        yield loss.item()


class ODEFunc(nn.Module):
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, t, y):
        return self.net(y**3)


def rk4_step(func, t, dt, y):
    k1 = func(t, y)
    k2 = func(t + dt / 2, y + dt * k1 / 2)
    k3 = func(t + dt / 2, y + dt * k2 / 2)
    k4 = func(t + dt, y + dt * k3)
    return y + (k1 + 2 * k2 + 2 * k3 + k4) * dt / 6


def odeint(func, y0, t):
    ys = [y0]
    for t0, t1 in pairwise(t):
        ys.append(rk4_step(func, t0, t1 - t0, ys[-1]))
    return tg.stack(ys, 0)


def ours(start, t, y):
    func = ODEFunc().to(y.dtype)
    tg.io.from_torch(func, start)
    optimizer = optim.RMSprop(func.parameters(), lr=5e-3)
    for batch_y in y:
        optimizer.zero_grad()
        pred_y = odeint(func, batch_y[0], t)
        loss = tg.mean(tg.abs(pred_y - batch_y))
        loss.backward()
        optimizer.step()
        yield loss.item()
