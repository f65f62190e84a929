"""A variational autoencoder of digits, with its two terms summed over the batch, and Adam."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, CODE = 12, 32, 6


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * SIZE))
    return {
        "images": images.reshape(STEPS, SIZE, 64).astype(dtype),
        "noise": rng.standard_normal((STEPS, SIZE, CODE)).astype(dtype),
    }


def theirs(images, noise):
    import torch
    import torch.nn.functional as F

    class VAE(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = torch.nn.Linear(64, 40)
            self.fc21 = torch.nn.Linear(40, CODE)
            self.fc22 = torch.nn.Linear(40, CODE)
            self.fc3 = torch.nn.Linear(CODE, 40)
            self.fc4 = torch.nn.Linear(40, 64)

        def encode(self, x):
            h = F.relu(self.fc1(x))
            return self.fc21(h), self.fc22(h)

        def decode(self, z):
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

        def forward(self, x, eps):
            mu, logvar = self.encode(x)
            z = mu + eps * torch.exp(0.5 * logvar)
            return self.decode(z), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        bce = F.binary_cross_entropy(recon_x, x, reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return bce + kld

    model = VAE()
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, eps in zip(torch.from_numpy(images), torch.from_numpy(noise), strict=True):
        optimizer.zero_grad()
        recon, mu, logvar = model(x, eps)
        loss = loss_function(recon, x, mu, logvar)
        loss.backward()
        optimizer.step()
        yield loss.item()


class VAE(nn.Module):
    def __init__(self):
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, CODE)
        self.fc22 = nn.Linear(40, CODE)
        self.fc3 = nn.Linear(CODE, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h = tg.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return tg.sigmoid(self.fc4(tg.relu(self.fc3(z))))

    def forward(self, x, eps):
        mu, logvar = self.encode(x)
        z = mu + eps * tg.exp(0.5 * logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = tg.binary_cross_entropy(recon_x, x, reduction="sum")
    kld = -0.5 * tg.sum(1 + logvar - mu**2 - tg.exp(logvar))
    return bce + kld


def ours(start, images, noise):
    model = VAE().to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for x, eps in zip(images, noise, strict=True):
        optimizer.zero_grad()
        recon, mu, logvar = model(x, eps)
        loss = loss_function(recon, x, mu, logvar)
        loss.backward()
        optimizer.step()
        yield loss.item()
