"""
A variational autoencoder
=========================

An autoencoder squeezes a picture into a few numbers, its code, and draws the picture again from them.  A *variational*
one [1]_ gives a small cloud of codes for each picture, and keeps all clouds together in a standard normal distribution,
so that codes that no picture had are drawn as digits too::

    python examples/vae_digits.py [--steps 2000] [--out PICTURE]

.. [1] D. P. Kingma and M. Welling, *Auto-encoding variational Bayes*, 2014.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    sys.exit(f"vae_digits: {error}")

parser = argparse.ArgumentParser(description="Train a variational autoencoder on digits.")
parser.add_argument("--steps", type=int, default=2000, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# Two networks
# ------------
#
# The encoder gives four numbers for each picture: the centre of its cloud in the plane, and the logarithms of its
# variances.  The decoder goes the other way, from a point of the plane to logits of 8x8 pixels.

tg.manual_seed(0)
encoder = nn.Sequential(
    nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),  # 4x4
    nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),  # 2x2
    nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 2 * 2),
)  # fmt: skip
decoder = nn.Sequential(
    nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(),
    nn.Lambda(lambda h: h.reshape(-1, 2, 2, 64)),
    nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.ReLU(),  # 4x4
    nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),  # 8x8
)  # fmt: skip

# %%
# A loss in two terms
# -------------------
#
# A random draw has no derivative, but ``centre + deviation * noise`` has one in centre and deviation: this is the
# *reparametrisation trick*.  The first term of the loss asks that the picture can be drawn from its code.  The second,
# the Kullback-Leibler divergence of the cloud from a standard normal distribution, keeps the clouds together.

train, test = data.digits()
optimizer = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
schedule = optim.CosineLR(optimizer, steps=options.steps)
rng = np.random.default_rng(0)

for step in range(options.steps):
    x, _ = train.batch(rng.integers(len(train), size=128))
    centre, log_variance = tg.split(encoder(x), 2, axis=1)
    z = centre + tg.exp(log_variance / 2) * tg.randn_like(centre, rng=rng)
    reconstruction = tg.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / len(x)
    divergence = 0.5 * (centre**2 + tg.exp(log_variance) - 1 - log_variance).sum() / len(x)
    optimizer.zero_grad()
    (reconstruction + divergence).backward()
    optimizer.step()
    schedule.step()
    if step % 400 == 0:
        print(f"step {step:4d}  reconstruction {reconstruction.item():5.2f}  divergence {divergence.item():.2f}")

# %%
# Left: where the encoder puts test digits, which it has never seen.  Right: what the decoder draws on a grid of the
# same plane.  Neighbours look alike, and gaps are few.

with tg.no_grad():
    codes = encoder(test.images).data[:, :2]
    side = np.linspace(-2.2, 2.2, 13, dtype=np.float32)
    plane = tg.sigmoid(decoder(np.array([(a, b) for b in side[::-1] for a in side])))
    stops = [codes[test.labels == digit].mean(axis=0) for digit in (4, 6, 0, 3, 2)]
    way = np.concatenate([np.linspace(a, b, 4) for a, b in pairwise(stops)])
    walk = tg.sigmoid(decoder(way))

    rows = [tg.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(-1, n, 10, 10) for x, n in ((plane, 13), (walk, 16))]
    plane, walk = (x.swapaxes(1, 2).reshape(x.shape[0] * 10, -1).data for x in rows)

places = [["codes", "plane"], ["walk", "walk"]]
fig, axes = plt.subplot_mosaic(places, figsize=(9, 5.7), height_ratios=(7, 1), layout="constrained")
for digit in range(10):
    axes["codes"].scatter(*codes[test.labels == digit].T, marker=f"${digit}$", s=30, lw=0.3)
axes["codes"].plot(*np.array(stops).T, "k-o", lw=1, ms=3)
axes["codes"].set(title="Codes of test digits, and a walk", aspect="equal")
axes["plane"].imshow(plane, cmap="gray_r", extent=(-2.4, 2.4, -2.4, 2.4))
axes["plane"].set(title="What the decoder draws there")
for ax in (axes["codes"], axes["plane"]):
    ax.set(xlabel="first number of the code", ylabel="second number", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4))
axes["walk"].imshow(walk, cmap="gray_r")
axes["walk"].set_title("What it draws along the walk, from 4 via 6, 0 and 3 to 2")
axes["walk"].set_axis_off()
if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Weigh ``divergence`` with 4: all clouds end up at the same place, and the decoder draws one grey average everywhere.
# * Give the code eight numbers instead of two (``2 * 2`` becomes ``2 * 8``, and the decoder starts with 8): the first
#   term goes below 20.  There is no map to look at then, but ``decoder(tg.randn(25, 8))`` draws digits.
