"""A DCGAN: transposed convolutions against convolutions, batch norm in both, two optimisers in turn."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

from ..porting import channels_first

STEPS, SIZE, CODE = 10, 16, 8


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * SIZE))
    return {
        "images": (images * 2 - 1).reshape(STEPS, SIZE, 8, 8, 1).astype(dtype),
        "noise": rng.standard_normal((STEPS, SIZE, 1, 1, CODE)).astype(dtype),
    }


def theirs(images, noise):
    import torch

    netG = torch.nn.Sequential(
        torch.nn.ConvTranspose2d(CODE, 16, 4, 1, 0, bias=False),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(True),
        torch.nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
        torch.nn.Tanh(),
    )
    netD = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 4, 2, 1, bias=False),
        torch.nn.LeakyReLU(0.2, inplace=True),
        torch.nn.Conv2d(8, 16, 3, 1, 1, bias=False),
        torch.nn.BatchNorm2d(16),
        torch.nn.LeakyReLU(0.2, inplace=True),
        torch.nn.Conv2d(16, 1, 4, 1, 0, bias=False),
        torch.nn.Sigmoid(),
    )
    yield {"G": netG.state_dict(), "D": netD.state_dict()}
    criterion = torch.nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    images, noise = channels_first(images), channels_first(noise)
    for real, z in zip(images, noise, strict=True):
        netD.zero_grad()
        label = torch.ones(SIZE, dtype=real.dtype)
        errD_real = criterion(netD(real).view(-1), label)
        errD_real.backward()
        fake = netG(z)
        label.fill_(0)
        errD_fake = criterion(netD(fake.detach()).view(-1), label)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        label.fill_(1)
        errG = criterion(netD(fake).view(-1), label)
        errG.backward()
        optimizerG.step()
        yield errD_real.item() + errD_fake.item(), errG.item()


def ours(start, images, noise):
    netG = nn.Sequential(
        nn.ConvTranspose2d(CODE, 16, 4, 1, 0, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    ).to(images.dtype)
    netD = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4, 1, 0, bias=False),
        nn.Sigmoid(),
    ).to(images.dtype)
    tg.io.from_torch(netG, start["G"])
    tg.io.from_torch(netD, start["D"])
    criterion = nn.BCELoss()
    optimizerD = optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    real_label, fake_label = np.ones(SIZE, images.dtype), np.zeros(SIZE, images.dtype)
    for real, z in zip(images, noise, strict=True):
        netD.zero_grad()
        errD_real = criterion(netD(real).reshape(-1), real_label)
        errD_real.backward()
        fake = netG(z)
        errD_fake = criterion(netD(fake.detach()).reshape(-1), fake_label)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        errG = criterion(netD(fake).reshape(-1), real_label)
        errG.backward()
        optimizerG.step()
        yield errD_real.item() + errD_fake.item(), errG.item()
