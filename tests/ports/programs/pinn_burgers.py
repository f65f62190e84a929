"""A physics-informed network for Burgers' equation, u_t + u u_x = nu u_xx: third derivatives in all."""

from itertools import pairwise

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, INSIDE, EDGE, NU = 15, 60, 20, 0.01 / np.pi
LAYERS = [2, 16, 16, 1]


def given(dtype):
    rng = np.random.default_rng(0)
    x_begin = rng.uniform(-1, 1, (EDGE, 1))
    x_wall = rng.choice([-1.0, 1.0], (EDGE, 1))
    x = np.concatenate([x_begin, x_wall])
    t = np.concatenate([np.zeros((EDGE, 1)), rng.random((EDGE, 1))])
    u = np.concatenate([-np.sin(np.pi * x_begin), np.zeros((EDGE, 1))])
    x_f, t_f = rng.uniform(-1, 1, (INSIDE, 1)), rng.random((INSIDE, 1))
    return {name: a.astype(dtype) for name, a in {"x": x, "t": t, "u": u, "x_f": x_f, "t_f": t_f}.items()}


def theirs(x, t, u, x_f, t_f):
    import torch

    class DNN(torch.nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(a, b) for a, b in pairwise(layers)])

        def forward(self, x, t):
            h = torch.cat([x, t], dim=1)
            for layer in self.layers[:-1]:
                h = torch.tanh(layer(h))
            return self.layers[-1](h)

    dnn = DNN(LAYERS)

    def net_f(x, t):
        u = dnn(x, t)
        ones = torch.ones_like(u)
        u_t = torch.autograd.grad(u, t, grad_outputs=ones, retain_graph=True, create_graph=True)[0]
        u_x = torch.autograd.grad(u, x, grad_outputs=ones, retain_graph=True, create_graph=True)[0]
        u_xx = torch.autograd.grad(u_x, x, grad_outputs=ones, retain_graph=True, create_graph=True)[0]
        return u_t + u * u_x - NU * u_xx

    yield dnn.state_dict()
    optimizer = torch.optim.Adam(dnn.parameters(), lr=5e-3)
    x, t, u = map(torch.from_numpy, (x, t, u))
    x_f, t_f = torch.from_numpy(x_f).requires_grad_(), torch.from_numpy(t_f).requires_grad_()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_u = torch.mean((u - dnn(x, t)) ** 2)
        loss_f = torch.mean(net_f(x_f, t_f) ** 2)
        loss = loss_u + loss_f
        loss.backward()
        optimizer.step()
        yield loss_u.item(), loss_f.item()


class DNN(nn.Module):
    def __init__(self, layers):
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(layers)])

    def forward(self, x, t):
        h = tg.concatenate([x, t], axis=1)
        for layer in self.layers[:-1]:
            h = tg.tanh(layer(h))
        return self.layers[-1](h)


def ours(start, x, t, u, x_f, t_f):
    dnn = DNN(LAYERS).to(x.dtype)
    tg.io.from_torch(dnn, start)

    def net_f(x, t):
        u = dnn(x, t)
        ones = tg.ones_like(u)
        u_t = tg.grad(u, t, grad_outputs=ones, create_graph=True)
        u_x = tg.grad(u, x, grad_outputs=ones, create_graph=True)
        u_xx = tg.grad(u_x, x, grad_outputs=ones, create_graph=True)
        return u_t + u * u_x - NU * u_xx

    optimizer = optim.Adam(dnn.parameters(), lr=5e-3)
    x_f, t_f = tg.Tensor(x_f, requires_grad=True), tg.Tensor(t_f, requires_grad=True)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_u = tg.mean((u - dnn(x, t)) ** 2)
        loss_f = tg.mean(net_f(x_f, t_f) ** 2)
        loss = loss_u + loss_f
        loss.backward()
        optimizer.step()
        yield loss_u.item(), loss_f.item()
