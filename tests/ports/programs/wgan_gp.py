"""A Wasserstein GAN with a gradient penalty, on points of a ring: the critic's loss needs a gradient of a gradient."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, CRITIC, SIZE, CODE, LAMBDA = 10, 3, 32, 4, 10.0


def given(dtype):
    rng = np.random.default_rng(0)
    angle = rng.random((STEPS, CRITIC, SIZE)) * 2 * np.pi
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1) + 0.05 * rng.standard_normal((STEPS, CRITIC, SIZE, 2))
    noise = rng.standard_normal((STEPS, CRITIC + 1, SIZE, CODE))
    return {
        "ring": ring.astype(dtype),
        "noise": noise.astype(dtype),
        "mix": rng.random((STEPS, CRITIC, SIZE, 1)).astype(dtype),
    }


def theirs(ring, noise, mix):
    import torch

    netG = torch.nn.Sequential(
        torch.nn.Linear(CODE, 24),
        torch.nn.ReLU(True),
        torch.nn.Linear(24, 24),
        torch.nn.ReLU(True),
        torch.nn.Linear(24, 2),
    )
    netD = torch.nn.Sequential(
        torch.nn.Linear(2, 24),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(24, 24),
        torch.nn.Tanh(),
        torch.nn.Linear(24, 1),
    )

    def calc_gradient_penalty(real_data, fake_data, alpha):
        interpolates = (alpha * real_data + (1 - alpha) * fake_data).requires_grad_(True)
        disc_interpolates = netD(interpolates)
        gradients = torch.autograd.grad(
            outputs=disc_interpolates,
            inputs=interpolates,
            grad_outputs=torch.ones_like(disc_interpolates),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )[0]
        return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA

    yield {"G": netG.state_dict(), "D": netD.state_dict()}
    optimizerD = torch.optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.9))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.9))
    for reals, codes, alphas in zip(*map(torch.from_numpy, (ring, noise, mix)), strict=True):
        for p in netD.parameters():
            p.requires_grad = True
        for real, z, alpha in zip(reals, codes, alphas, strict=False):
            netD.zero_grad()
            fake = netG(z).detach()
            penalty = calc_gradient_penalty(real, fake, alpha)
            D_cost = netD(fake).mean() - netD(real).mean() + penalty
            D_cost.backward()
            optimizerD.step()
        for p in netD.parameters():
            p.requires_grad = False
        netG.zero_grad()
        G_cost = -netD(netG(codes[-1])).mean()
        G_cost.backward()
        optimizerG.step()
        yield D_cost.item(), penalty.item(), G_cost.item()


def ours(start, ring, noise, mix):
    netG = nn.Sequential(nn.Linear(CODE, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2)).to(ring.dtype)
    netD = nn.Sequential(nn.Linear(2, 24), nn.LeakyReLU(0.2), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)).to(
        ring.dtype
    )

    def calc_gradient_penalty(real_data, fake_data, alpha):
        interpolates = tg.Tensor(alpha * real_data + (1 - alpha) * fake_data.data, requires_grad=True)
        disc_interpolates = netD(interpolates)
        gradients = tg.grad(
            disc_interpolates,
            interpolates,
            grad_outputs=tg.ones_like(disc_interpolates),
            create_graph=True,
        )
        return ((tg.norm(gradients, axis=1) - 1) ** 2).mean() * LAMBDA

    tg.io.from_torch(netG, start["G"])
    tg.io.from_torch(netD, start["D"])
    optimizerD = optim.Adam(netD.parameters(), lr=1e-3, betas=(0.5, 0.9))
    optimizerG = optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.9))
    for reals, codes, alphas in zip(ring, noise, mix, strict=True):
        netD.requires_grad_(True)
        for real, z, alpha in zip(reals, codes, alphas, strict=False):
            netD.zero_grad()
            fake = netG(z).detach()
            penalty = calc_gradient_penalty(real, fake, alpha)
            D_cost = netD(fake).mean() - netD(real).mean() + penalty
            D_cost.backward()
            optimizerD.step()
        netD.requires_grad_(False)
        netG.zero_grad()
        G_cost = -netD(netG(codes[-1])).mean()
        G_cost.backward()
        optimizerG.step()
        yield D_cost.item(), penalty.item(), G_cost.item()
