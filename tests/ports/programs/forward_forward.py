"""The forward-forward algorithm: each layer has a loss and an optimiser of its own, and no gradient between layers.

Digits carry their label in the first ten pixels; with a wrong label they are negative examples.  The source is Hinton,
"The Forward-Forward Algorithm: Some Preliminary Investigations" (2022).
"""

from itertools import pairwise

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, THRESHOLD = 10, 48, 2.0


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, labels = train.batch(slice(SIZE))
    return {
        "images": images.reshape(SIZE, 64).astype(dtype),
        "labels": labels,
        "wrong": (labels + rng.integers(1, 10, SIZE)) % 10,
    }


def theirs(images, labels, wrong):
    import torch

    class Layer(torch.nn.Linear):
        def __init__(self, in_features, out_features):
            super().__init__(in_features, out_features)
            self.opt = torch.optim.Adam(self.parameters(), lr=0.03)

        def forward(self, x):
            direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
            return torch.relu(torch.mm(direction, self.weight.T) + self.bias.unsqueeze(0))

        def train_step(self, x_pos, x_neg):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + THRESHOLD, g_neg - THRESHOLD]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            return self.forward(x_pos).detach(), self.forward(x_neg).detach(), loss.item()

    class Net(torch.nn.Module):
        def __init__(self, dims):
            super().__init__()
            self.layers = torch.nn.ModuleList([Layer(a, b) for a, b in pairwise(dims)])

        def train_step(self, x_pos, x_neg):
            losses = []
            for layer in self.layers:
                x_pos, x_neg, loss = layer.train_step(x_pos, x_neg)
                losses.append(loss)
            return tuple(losses)

        @torch.no_grad()
        def predict(self, x):
            goodness = []
            for label in range(10):
                h, per_layer = overlay(x, label), []
                for layer in self.layers:
                    h = layer(h)
                    per_layer.append(h.pow(2).mean(1))
                goodness.append(sum(per_layer).unsqueeze(1))
            return torch.cat(goodness, 1)

    def overlay(x, y):
        x_ = x.clone()
        x_[:, :10] *= 0.0
        x_[range(x.shape[0]), y] = x.max()
        return x_

    net = Net([64, 40, 30])
    yield net.state_dict()
    x, y, y_wrong = torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(wrong)
    x_pos, x_neg = overlay(x, y), overlay(x, y_wrong)
    for _ in range(STEPS):
        losses = net.train_step(x_pos, x_neg)
        yield net.predict(x).max(1).values.mean().item(), *losses


class Layer(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.opt = optim.Adam(self.parameters(), lr=0.03)

    def forward(self, x):
        direction = x / (tg.norm(x, 1, keepdims=True) + 1e-4)
        return tg.relu(tg.matmul(direction, self.weight) + self.bias)

    def train_step(self, x_pos, x_neg):
        g_pos = (self.forward(x_pos) ** 2).mean(1)
        g_neg = (self.forward(x_neg) ** 2).mean(1)
        loss = tg.log(1 + tg.exp(tg.concatenate([-g_pos + THRESHOLD, g_neg - THRESHOLD]))).mean()
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return self.forward(x_pos).detach(), self.forward(x_neg).detach(), loss.item()


class Net(nn.Module):
    def __init__(self, dims):
        self.layers = nn.ModuleList([Layer(a, b) for a, b in pairwise(dims)])

    def train_step(self, x_pos, x_neg):
        losses = []
        for layer in self.layers:
            x_pos, x_neg, loss = layer.train_step(x_pos, x_neg)
            losses.append(loss)
        return tuple(losses)

    @tg.no_grad()
    def predict(self, x):
        goodness = []
        for label in range(10):
            h, per_layer = overlay(x, label), []
            for layer in self.layers:
                h = layer(h)
                per_layer.append((h**2).mean(1))
            goodness.append(sum(per_layer)[:, None])
        return tg.concatenate(goodness, 1)


def overlay(x, y):
    x_ = x.copy()
    x_[:, :10] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


def ours(start, images, labels, wrong):
    net = Net([64, 40, 30]).to(images.dtype)
    tg.io.from_torch(net, start)
    x_pos, x_neg = overlay(images, labels), overlay(images, wrong)
    for _ in range(STEPS):
        losses = net.train_step(x_pos, x_neg)
        yield net.predict(images).max(1).mean().item(), *losses
