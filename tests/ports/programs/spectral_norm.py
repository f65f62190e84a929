"""A GAN whose critic has spectral norm in each layer, with the hinge loss and two critic steps for each of the other.

The source is Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks" (2018).
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, CRITIC, SIZE, CODE = 10, 2, 12, 6


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * CRITIC * SIZE))
    return {
        "images": (images * 2 - 1).reshape(STEPS, CRITIC, SIZE, 8, 8, 1).astype(dtype),
        "noise": rng.standard_normal((STEPS, CRITIC + 1, SIZE, CODE)).astype(dtype),
    }


def theirs(images, noise):
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.utils.parametrizations import spectral_norm

    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = spectral_norm(nn.Conv2d(1, 8, 3, 1, 1))
            self.conv2 = spectral_norm(nn.Conv2d(8, 16, 4, 2, 1))
            self.fc = spectral_norm(nn.Linear(16 * 4 * 4, 1))

        def forward(self, x):
            x = F.leaky_relu(self.conv1(x), 0.1)
            x = F.leaky_relu(self.conv2(x), 0.1)
            return self.fc(x.flatten(1))

    D = Critic()
    G = nn.Sequential(nn.Linear(CODE, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh())
    yield {"D": D.state_dict(), "G": G.state_dict()}
    optD = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.9))
    optG = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
    images, noise = torch.from_numpy(images).permute(0, 1, 2, 5, 3, 4), torch.from_numpy(noise)
    for real, z in zip(images, noise, strict=True):
        for k in range(CRITIC):
            optD.zero_grad()
            fake = G(z[k]).view(-1, 1, 8, 8)
            d_loss = F.relu(1.0 - D(real[k])).mean() + F.relu(1.0 + D(fake.detach())).mean()
            d_loss.backward()
            optD.step()
        optG.zero_grad()
        g_loss = -D(G(z[CRITIC]).view(-1, 1, 8, 8)).mean()
        g_loss.backward()
        optG.step()
        yield d_loss.item(), g_loss.item()


class Critic(nn.Module):
    def __init__(self):
        self.conv1 = nn.spectral_norm(nn.Conv2d(1, 8, 3, 1, 1))
        self.conv2 = nn.spectral_norm(nn.Conv2d(8, 16, 4, 2, 1))
        self.fc = nn.spectral_norm(nn.Linear(16 * 4 * 4, 1))

    def forward(self, x):
        x = tg.leaky_relu(self.conv1(x), 0.1)
        x = tg.leaky_relu(self.conv2(x), 0.1)
        return self.fc(tg.flatten(x, 1))


def ours(start, images, noise):
    D = Critic().to(images.dtype)
    G = nn.Sequential(nn.Linear(CODE, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh()).to(images.dtype)
    tg.io.from_torch(D, start["D"], input_shape=(8, 8, 1))
    tg.io.from_torch(G, start["G"])
    optD = optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.9))
    optG = optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
    for real, z in zip(images, noise, strict=True):
        for k in range(CRITIC):
            optD.zero_grad()
            fake = G(z[k]).reshape(-1, 8, 8, 1)
            d_loss = tg.relu(1.0 - D(real[k])).mean() + tg.relu(1.0 + D(fake.detach())).mean()
            d_loss.backward()
            optD.step()
        optG.zero_grad()
        g_loss = -D(G(z[CRITIC]).reshape(-1, 8, 8, 1)).mean()
        g_loss.backward()
        optG.step()
        yield d_loss.item(), g_loss.item()
