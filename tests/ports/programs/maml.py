"""MAML on sine waves: two inner steps for each task, and the gradient of the loss after them in the first weights."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, TASKS, SHOTS, INNER = 10, 4, 10, 0.02


def given(dtype):
    rng = np.random.default_rng(0)
    x = rng.uniform(-5, 5, (STEPS, TASKS, 2, SHOTS, 1))
    amplitude, phase = rng.uniform(0.1, 5, (STEPS, TASKS, 1, 1, 1)), rng.uniform(0, np.pi, (STEPS, TASKS, 1, 1, 1))
    return {"x": x.astype(dtype), "y": (amplitude * np.sin(x - phase)).astype(dtype)}


def theirs(x, y):
    import torch
    import torch.nn.functional as F
    from torch.func import functional_call

    model = torch.nn.Sequential(
        torch.nn.Linear(1, 20), torch.nn.ReLU(), torch.nn.Linear(20, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1)
    )
    yield model.state_dict()
    meta = torch.optim.Adam(model.parameters(), lr=1e-3)
    for tasks in zip(torch.from_numpy(x), torch.from_numpy(y), strict=True):
        meta.zero_grad()
        outer = 0.0
        for (x_support, x_query), (y_support, y_query) in zip(*tasks, strict=True):
            fast = dict(model.named_parameters())
            for _ in range(2):
                loss = F.mse_loss(functional_call(model, fast, (x_support,)), y_support)
                grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
                fast = {name: p - INNER * g for (name, p), g in zip(fast.items(), grads, strict=True)}
            outer = outer + F.mse_loss(functional_call(model, fast, (x_query,)), y_query) / TASKS
        outer.backward()
        meta.step()
        yield outer.item()


def ours(start, x, y):
    model = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 1)).to(x.dtype)
    tg.io.from_torch(model, start)
    meta = optim.Adam(model.parameters(), lr=1e-3)
    for tasks in zip(x, y, strict=True):
        meta.zero_grad()
        outer = 0.0
        for (x_support, x_query), (y_support, y_query) in zip(*tasks, strict=True):
            fast = dict(model.named_parameters())
            for _ in range(2):
                loss = tg.mse_loss(tg.functional_call(model, fast, x_support), y_support)
                grads = tg.grad(loss, list(fast.values()), create_graph=True)
                fast = {name: p - INNER * g for (name, p), g in zip(fast.items(), grads, strict=True)}
            outer = outer + tg.mse_loss(tg.functional_call(model, fast, x_query), y_query) / TASKS
        outer.backward()
        meta.step()
        yield outer.item()
