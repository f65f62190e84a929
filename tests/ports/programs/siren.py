"""SIREN, a network of sines, that sees only the Laplacian of an image: third derivatives in all."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIDE, WIDTH, OMEGA = 10, 9, 16, 10.0


def given(dtype):
    axis = np.linspace(-1, 1, SIDE)
    coords = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    laplacian = -25 * np.sin(3 * coords[:, :1]) * np.cos(4 * coords[:, 1:])  # of sin(3x) cos(4y)
    return {"coords": coords.astype(dtype), "laplacian": laplacian.astype(dtype)}


def theirs(coords, laplacian):
    import torch

    class SineLayer(torch.nn.Module):
        def __init__(self, in_features, out_features, is_first=False):
            super().__init__()
            self.linear = torch.nn.Linear(in_features, out_features)
            bound = 1 / in_features if is_first else np.sqrt(6 / in_features) / OMEGA
            with torch.no_grad():
                self.linear.weight.uniform_(-bound, bound)

        def forward(self, x):
            return torch.sin(OMEGA * self.linear(x))

    def gradient(y, x):
        return torch.autograd.grad(y, [x], grad_outputs=torch.ones_like(y), create_graph=True)[0]

    def divergence(y, x):
        div = 0.0
        for i in range(y.shape[-1]):
            div += torch.autograd.grad(y[..., i], x, torch.ones_like(y[..., i]), create_graph=True)[0][..., i : i + 1]
        return div

    siren = torch.nn.Sequential(SineLayer(2, WIDTH, is_first=True), SineLayer(WIDTH, WIDTH), torch.nn.Linear(WIDTH, 1))
    yield siren.state_dict()
    optimizer = torch.optim.Adam(lr=1e-3, params=siren.parameters())
    laplacian = torch.from_numpy(laplacian)
    for _ in range(STEPS):
        x = torch.from_numpy(coords).clone().detach().requires_grad_(True)
        found = divergence(gradient(siren(x), x), x)
        loss = ((found - laplacian) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features):
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x):
        return tg.sin(OMEGA * self.linear(x))


def gradient(y, x):
    return tg.grad(y, x, grad_outputs=tg.ones_like(y), create_graph=True)


def divergence(y, x):
    div = 0.0
    for i in range(y.shape[-1]):
        div += tg.grad(y[..., i], x, grad_outputs=tg.ones_like(y[..., i]), create_graph=True)[..., i : i + 1]
    return div


def ours(start, coords, laplacian):
    siren = nn.Sequential(SineLayer(2, WIDTH), SineLayer(WIDTH, WIDTH), nn.Linear(WIDTH, 1)).to(coords.dtype)
    tg.io.from_torch(siren, start)
    optimizer = optim.Adam(lr=1e-3, params=siren.parameters())
    for _ in range(STEPS):
        x = tg.Tensor(coords, requires_grad=True)
        found = divergence(gradient(siren(x), x), x)
        loss = ((found - laplacian) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
