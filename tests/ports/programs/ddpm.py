"""A denoising diffusion model: a small U-Net with time embeddings predicts the noise; AdamW and averaged weights."""

import copy
import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, T, WIDTH = 10, 12, 50, 8


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, _ = train.batch(slice(STEPS * SIZE))
    return {
        "images": (images * 2 - 1).reshape(STEPS, SIZE, 8, 8, 1).astype(dtype),
        "times": rng.integers(0, T, (STEPS, SIZE)),
        "noise": rng.standard_normal((STEPS, SIZE, 8, 8, 1)).astype(dtype),
    }


def theirs(images, times, noise):
    import torch
    import torch.nn.functional as F
    from torch import nn

    def timestep_embedding(t, dim):
        half = dim // 2
        freqs = torch.exp(-math.log(10000) * torch.arange(0, half, dtype=images.dtype) / half)
        args = t[:, None] * freqs[None]
        return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)

    class Block(nn.Module):
        def __init__(self, cin, cout, emb):
            super().__init__()
            self.norm1 = nn.GroupNorm(2, cin)
            self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
            self.emb = nn.Linear(emb, cout)
            self.norm2 = nn.GroupNorm(2, cout)
            self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
            self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

        def forward(self, x, temb):
            h = self.conv1(F.silu(self.norm1(x)))
            h = h + self.emb(F.silu(temb))[:, :, None, None]
            h = self.conv2(F.silu(self.norm2(h)))
            return h + self.skip(x)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.time = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 16))
            self.head = nn.Conv2d(1, WIDTH, 3, padding=1)
            self.down1 = Block(WIDTH, WIDTH, 16)
            self.pool = nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)
            self.down2 = Block(WIDTH, 2 * WIDTH, 16)
            self.mid = Block(2 * WIDTH, 2 * WIDTH, 16)
            self.up = nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, stride=2, padding=1)
            self.up1 = Block(2 * WIDTH, WIDTH, 16)
            self.out = nn.Conv2d(WIDTH, 1, 3, padding=1)

        def forward(self, x, t):
            temb = self.time(timestep_embedding(t, 16))
            h1 = self.down1(self.head(x), temb)
            h2 = self.mid(self.down2(self.pool(h1), temb), temb)
            h = torch.cat([self.up(h2), h1], dim=1)
            return self.out(F.silu(self.up1(h, temb)))

    model = UNet()
    yield model.state_dict()
    images, noise = torch.from_numpy(images).permute(0, 1, 4, 2, 3), torch.from_numpy(noise).permute(0, 1, 4, 2, 3)
    betas = torch.linspace(1e-4, 0.02, T, dtype=images.dtype)
    alphas_bar = torch.cumprod(1.0 - betas, dim=0)
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)

    def q_sample(x0, t, eps):
        a = alphas_bar[t].view(-1, 1, 1, 1)
        return a.sqrt() * x0 + (1 - a).sqrt() * eps

    for x, t, eps in zip(images, torch.from_numpy(times), noise, strict=True):
        xt = q_sample(x, t, eps)
        loss = F.mse_loss(model(xt, t), eps)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        with torch.no_grad():
            for p_ema, p in zip(ema.parameters(), model.parameters(), strict=True):
                p_ema.mul_(0.9).add_(p, alpha=0.1)
            smooth = F.mse_loss(ema(xt, t), eps)
        yield loss.item(), smooth.item()


def timestep_embedding(t, dim, dtype):
    half = dim // 2
    freqs = tg.exp(-math.log(10000) * tg.arange(0, half, dtype=dtype) / half)
    args = t[:, None].astype(dtype) * freqs[None]  # NumPy's product of int64 and float32 is float64
    return tg.concatenate([tg.cos(args), tg.sin(args)], axis=-1)


class Block(nn.Module):
    def __init__(self, cin, cout, emb):
        self.norm1 = nn.GroupNorm(2, cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.emb = nn.Linear(emb, cout)
        self.norm2 = nn.GroupNorm(2, cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x, temb):
        h = self.conv1(tg.silu(self.norm1(x)))
        h = h + self.emb(tg.silu(temb))[:, None, None, :]
        h = self.conv2(tg.silu(self.norm2(h)))
        return h + self.skip(x)


class UNet(nn.Module):
    def __init__(self):
        self.time = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 16))
        self.head = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.down1 = Block(WIDTH, WIDTH, 16)
        self.pool = nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.down2 = Block(WIDTH, 2 * WIDTH, 16)
        self.mid = Block(2 * WIDTH, 2 * WIDTH, 16)
        self.up = nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, stride=2, padding=1)
        self.up1 = Block(2 * WIDTH, WIDTH, 16)
        self.out = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, x, t):
        temb = self.time(timestep_embedding(t, 16, x.dtype))
        h1 = self.down1(self.head(x), temb)
        h2 = self.mid(self.down2(self.pool(h1), temb), temb)
        h = tg.concatenate([self.up(h2), h1], axis=-1)
        return self.out(tg.silu(self.up1(h, temb)))


def ours(start, images, times, noise):
    model = UNet().to(images.dtype)
    tg.io.from_torch(model, start, flatten={})
    betas = tg.linspace(1e-4, 0.02, T, dtype=images.dtype)
    alphas_bar = tg.cumprod(1.0 - betas, axis=0)
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    opt = optim.AdamW(model.parameters(), lr=2e-3)

    def q_sample(x0, t, eps):
        a = alphas_bar[t].reshape(-1, 1, 1, 1)
        return a.sqrt() * x0 + (1 - a).sqrt() * eps

    for x, t, eps in zip(images, times, noise, strict=True):
        xt = q_sample(x, t, eps)
        loss = tg.mse_loss(model(xt, t), eps)
        opt.zero_grad()
        loss.backward()
        opt.step()
        with tg.no_grad():
            for p_ema, p in zip(ema.parameters(), model.parameters(), strict=True):
                p_ema *= 0.9
                p_ema += 0.1 * p
            smooth = tg.mse_loss(ema(xt, t), eps)
        yield loss.item(), smooth.item()
