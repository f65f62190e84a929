"""
A penalty on a gradient
=======================

A Wasserstein GAN replaces the discriminator's yes or no by a critic's score, which may rise by at most one per unit of
distance between pictures; the gap in scores then says how far generated pictures are from real ones.  WGAN-GP [1]_
teaches the critic this limit by a loss on its own gradient: a derivative of a derivative, which takes one line here::

    python examples/wgan_gp_digits.py [--steps 400] [--out PICTURE]

.. [1] I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, *Improved training of Wasserstein GANs*, 2017.
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
    sys.exit(f"wgan_gp_digits: {error}")

parser = argparse.ArgumentParser(description="Train a WGAN with a gradient penalty on digits.")
parser.add_argument("--steps", type=int, default=400, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# Both know which digit is meant.  The generator gets 32 numbers of noise and ten more, of which the digit's is 1; the
# critic gives ten scores, of which the digit's counts.  It has no batch norm: the penalty is about each picture alone.

tg.manual_seed(0)
network = nn.Sequential(
    nn.Linear(32 + 10, 512, bias=False), nn.Lambda(lambda h: h.reshape(-1, 2, 2, 128)),
    nn.BatchNorm2d(128), nn.ReLU(),
    nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
    nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Sigmoid(),
)  # fmt: skip
scores = nn.Sequential(
    nn.Conv2d(1, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
    nn.Conv2d(64, 128, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(512, 10),
)  # fmt: skip


def generate(which):  # which digits (N,) -> pictures (N,8,8,1)
    return network(tg.concatenate([tg.randn(len(which), 32, rng=rng), tg.one_hot(which, 10)], axis=1))


def critic(x, which):  # pictures (N,8,8,1), which digits (N,) -> scores (N,)
    return (scores(x) * tg.one_hot(which, 10)).sum(axis=1)


def excess(x, which):  # how far the slope of the score at each picture is from 1, and differentiable again
    return ((tg.norm(tg.grad(critic(x, which).sum(), x, create_graph=True), axis=(1, 2, 3)) - 1) ** 2).mean()


# %%
# Five steps of the critic for each of the generator; the penalty, somewhere between a real and a generated picture.

train, _ = data.digits()
of_network = optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.9))
of_scores = optim.Adam(scores.parameters(), lr=1e-3, betas=(0.0, 0.9))
average = optim.EMA(network, 0.98)  # of the weights in some 50 steps: a calmer generator than the last one
rng = np.random.default_rng(0)
distances = []

for step in range(options.steps):
    for _ in range(5):
        real, which = train.batch(rng.integers(len(train), size=64))
        fake = generate(which).data  # without its graph: this step is the critic's alone
        part = rng.random((64, 1, 1, 1), np.float32)
        between = tg.Tensor(part * real + (1 - part) * fake, requires_grad=True)
        distance = (critic(real, which) - critic(fake, which)).mean()
        penalty = excess(between, which)
        of_scores.zero_grad()
        (10 * penalty - distance).backward()
        of_scores.step()
    of_network.zero_grad()
    (-critic(generate(which), which).mean()).backward()
    of_network.step()
    average.update()
    distances.append(distance.item())
    if step % 100 == 0:
        print(f"step {step:3d}  distance {distance.item():6.3f}  penalty {penalty.item():.4f}")

# %%
# Unlike the losses of other GANs, the distance says how training goes: it falls as the digits get better.

network.eval()
with tg.no_grad(), average.apply():
    fake = generate(np.arange(100) % 10)
rows = tg.pad(fake, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(10, 10, 10, 10).swapaxes(1, 2)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
left.imshow(rows.reshape(100, 100).data, cmap="gray_r")
left.set(title="Generated digits", xlabel="digit that was asked for", yticks=[])
left.set_xticks(np.arange(4.5, 100, 10), range(10))
right.plot(distances, color="#0072B2")
right.set(title="Distance from real digits", xlabel="step", ylabel="difference of mean scores", ylim=(0, None))
if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# The penalty as a graph: the critic from its last layer back to the pixels, then the norm of what arrives there.

graph = tg.draw(penalty, title="The gradient penalty")

# %%
# Try
# ---
#
# * Leave the penalty out: slopes grow to hundreds, and the distance jumps about and says nothing any more.
# * Give one row of noise to all ten digits, ``np.arange(10)``: they look as if one hand had written them.
