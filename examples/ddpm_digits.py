"""
From noise to digits, step by step
==================================

A diffusion model [1]_ learns to undo noise: digits are mixed with more and more of it until nothing else is left, and a
network learns to say which digit is underneath.  Run backwards, from pure noise, this draws new digits::

    python examples/ddpm_digits.py [--steps 1200] [--out PICTURE]

.. [1] J. Ho, A. Jain and P. Abbeel, *Denoising diffusion probabilistic models*, 2020.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    sys.exit(f"ddpm_digits: {error}")

parser = argparse.ArgumentParser(description="Train a diffusion model on digits.")
parser.add_argument("--steps", type=int, default=1200, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# After t of 100 steps a picture is ``sqrt(kept[t]) * digit + sqrt(1 - kept[t]) * noise``, where ``kept`` falls from
# 1 to almost 0.  A sum of normal noises is normal, so no step in between has to be computed.

T = 100
kept = np.cos(np.linspace(0, 0.99, T + 1, dtype=np.float32) * np.pi / 2) ** 2

# %%
# The network is a small U-Net: 8x8 pixels, then 4x4, and 8x8 again with what was seen on the way down.  It is given the
# time and the digit that is wanted as rows of 64 numbers, which reach the channels of every block.


class Block(nn.Module):  # pictures (N,H,W,c), hint (N,64) -> (N,H,W,o)
    def __init__(self, c, o):
        self.first, self.hint = nn.Conv2d(c, o, 3, padding=1), nn.Linear(64, o)
        self.second, self.shortcut = nn.Conv2d(o, o, 3, padding=1), nn.Conv2d(c, o, 1)

    def forward(self, x, hint):
        h = self.first(tg.relu(x)) + self.hint(hint)[:, None, None, :]
        return self.shortcut(x) + self.second(tg.relu(h))


class UNet(nn.Module):  # noisy pictures (N,8,8,1), times (N,), classes (N,) -> the digits (N,8,8,1)
    def __init__(self):
        self.times, self.classes = nn.Embedding(T + 1, 64), nn.Embedding(10, 64)
        self.start, self.end = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 1, 3, padding=1, init="zeros")
        self.down, self.middle, self.up = Block(32, 32), Block(32, 64), Block(96, 32)

    def forward(self, x, t, which):
        hint = tg.relu(self.times(t) + self.classes(which))
        fine = self.down(self.start(x), hint)
        coarse = tg.resize(self.middle(tg.avg_pool2d(fine, 2), hint), 8)
        return self.end(tg.relu(self.up(tg.concatenate([fine, coarse], axis=3), hint)))


# %%
# Training mixes a digit and noise at a random time, and asks for the digit; [1]_ asks for the noise, to the same end.

tg.manual_seed(0)
train, _ = data.digits()
network = UNet()
optimizer = optim.Adam(network.parameters(), lr=2e-3)
average = optim.EMA(network, 0.99)
rng = np.random.default_rng(0)
for step in range(options.steps):
    pixels, which = train.batch(rng.integers(len(train), size=64))
    digit, noise = 2 * pixels - 1, rng.standard_normal(pixels.shape, np.float32)
    t = rng.integers(1, T + 1, size=64)
    part = kept[t].reshape(-1, 1, 1, 1)
    loss = tg.mse_loss(network(part**0.5 * digit + (1 - part) ** 0.5 * noise, t, which), digit)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update()
    if step % 200 == 0:
        print(f"step {step:4d}  loss {loss.item():.4f}")

# %%
# Sampling: the network says which digit it sees, and one step back goes a part of the way there, equation (7) of [1]_.

which, x = np.arange(100) % 10, rng.standard_normal((100, 8, 8, 1), np.float32)
chain = [x]
with tg.no_grad(), average.apply():
    for t in range(T, 0, -1):
        digit = tg.clip(network(x, np.full(100, t), which), -1, 1).data
        a, b, c = kept[t] / kept[t - 1], kept[t - 1], 1 - kept[t]
        x = (b**0.5 * (1 - a) * digit + a**0.5 * (1 - b) * x) / c  # the mean; and its fresh noise:
        x = x + ((1 - a) * (1 - b) / c) ** 0.5 * rng.standard_normal(x.shape, np.float32)
        chain.append(x)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for ax, pictures in ((left, np.stack(chain[::10], axis=1)[:10]), (right, x.reshape(10, 10, 8, 8, 1))):
    rows = np.pad(pictures[..., 0], ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1)
    ax.imshow(np.block([list(row) for row in rows]), cmap="gray_r", vmin=-1, vmax=1)
left.set(title="From noise to digits", xlabel="time t", yticks=[])
left.set_xticks(np.arange(4.5, 110, 10), range(T, -1, -10))
right.set(title="Ten of each", xlabel="digit that was asked for", yticks=[])
right.set_xticks(np.arange(4.5, 100, 10), range(10))
if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Change your mind on the way: ``np.full(100, 3 if t > 30 else 8)`` in the place of ``which`` makes eights of threes.
# * Leave the fresh noise out: all samples of a digit come to look the same.
