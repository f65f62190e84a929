"""Contrastive learning of two views of each image (SimCLR): the NT-Xent loss on normalised projections.

The source is Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations" (2020).
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, TEMPERATURE = 10, 16, 0.5


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * SIZE))
    images = images.reshape(STEPS, SIZE, 8, 8, 1)
    noise = 0.1 * rng.standard_normal((2, *images.shape))
    first, second = np.roll(images, 1, axis=2) + noise[0], np.roll(images, 1, axis=3) + noise[1]
    return {"first": first.astype(dtype), "second": second.astype(dtype)}


def theirs(first, second):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class SimCLR(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            )  # fmt: skip
            self.projector = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x):
            return self.projector(self.encoder(x))

    def nt_xent(z_i, z_j):
        n = z_i.shape[0]
        z = F.normalize(torch.cat([z_i, z_j], dim=0), dim=1)
        similarity = torch.mm(z, z.t()) / TEMPERATURE
        similarity.masked_fill_(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
        labels = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
        return F.cross_entropy(similarity, labels)

    def alignment(z_i, z_j):
        return F.cosine_similarity(z_i, z_j).mean()

    model = SimCLR()
    yield model.state_dict()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    first, second = (torch.from_numpy(views).permute(0, 1, 4, 2, 3) for views in (first, second))
    for x_i, x_j in zip(first, second, strict=True):
        z_i, z_j = model(x_i), model(x_j)
        loss = nt_xent(z_i, z_j)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield alignment(z_i, z_j).item(), loss.item()


class SimCLR(nn.Module):
    def __init__(self):
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.projector = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, x):
        return self.projector(self.encoder(x))


def nt_xent(z_i, z_j):
    n = z_i.shape[0]
    z = tg.concatenate([z_i, z_j], 0)
    z = z / tg.norm(z, axis=1, keepdims=True)
    similarity = tg.matmul(z, z.T) / TEMPERATURE
    similarity[np.eye(2 * n, dtype=bool)] = float("-inf")
    labels = np.concatenate([np.arange(n, 2 * n), np.arange(n)])
    return tg.softmax_cross_entropy(similarity, labels)


def alignment(z_i, z_j):
    return tg.cosine_similarity(z_i, z_j).mean()


def ours(start, first, second):
    model = SimCLR().to(first.dtype)
    tg.io.from_torch(model, start, input_shape=(8, 8, 1))
    optimizer = optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-2)
    scheduler = optim.CosineLR(optimizer, STEPS)
    for x_i, x_j in zip(first, second, strict=True):
        z_i, z_j = model(x_i), model(x_j)
        loss = nt_xent(z_i, z_j)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield alignment(z_i, z_j).item(), loss.item()
