"""
A generator against a discriminator
===================================

Two networks play a game: the generator turns noise into pictures, and the discriminator learns to tell them from real
ones; each gets better because the other does [1]_.  With convolutions, transposed ones in the generator, batch norm,
and Adam with little momentum, the game becomes stable enough for pictures: the DCGAN [2]_::

    python examples/dcgan_digits.py [--steps 1500] [--out PICTURE]

.. [1] I. Goodfellow et al., *Generative adversarial nets*, 2014.
.. [2] A. Radford, L. Metz and S. Chintala, *Unsupervised representation learning with deep convolutional generative
   adversarial networks*, 2016.
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
    sys.exit(f"dcgan_digits: {error}")

parser = argparse.ArgumentParser(description="Train a DCGAN on digits.")
parser.add_argument("--steps", type=int, default=1500, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# The two players
# ---------------
#
# A transposed convolution stamps its filter on a larger image: 32 numbers of noise become 2x2 pixels with 128
# channels, then 4x4 with 64, then 8x8 with one.  The discriminator goes the same way back, to one logit: is it real?

tg.manual_seed(0)
generator = nn.Sequential(
    nn.Linear(32, 512, bias=False), nn.Lambda(lambda h: h.reshape(-1, 2, 2, 128)),
    nn.BatchNorm2d(128), nn.ReLU(),
    nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
    nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Sigmoid(),
)  # fmt: skip
discriminator = nn.Sequential(
    nn.Conv2d(1, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
    nn.Conv2d(64, 128, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(512, 1),
)  # fmt: skip

# %%
# The game
# --------
#
# Each step is a move of both.  The generator wants its pictures to be called real; its gradient comes back through the
# discriminator, which wants the opposite.  Samples are drawn with an average of the generator's last weights.

train, _ = data.digits()
of_generator = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
of_discriminator = optim.Adam(discriminator.parameters(), lr=5e-4, betas=(0.5, 0.999))
average = optim.EMA(generator, 0.99)
rng = np.random.default_rng(0)
losses = []


def loss_if(logits, real):
    """Cross-entropy of the answers if all pictures were real (1) or none (0)."""
    return tg.binary_cross_entropy_with_logits(logits, tg.full_like(logits, real))


for step in range(options.steps):
    real, _ = train.batch(rng.integers(len(train), size=64))
    fake = generator(tg.randn(64, 32, rng=rng))
    telling = loss_if(discriminator(real), 1) + loss_if(discriminator(fake.detach()), 0)
    of_discriminator.zero_grad()
    telling.backward()
    of_discriminator.step()

    fooling = loss_if(discriminator(fake), 1)
    of_generator.zero_grad()
    fooling.backward()
    of_generator.step()
    average.update()
    losses.append((telling.item(), fooling.item()))
    if step % 250 == 0:
        print(f"step {step:4d}  discriminator {telling.item():.3f}  generator {fooling.item():.3f}")

# %%
# Neither loss falls to zero: as long as the two are a match for each other, both stay where they are.  The samples are
# the first that come, not the best of many.

with tg.no_grad(), average.apply():
    fake = generator(tg.randn(64, 32, rng=rng))

places = [["real", "generated"], ["losses", "losses"]]
fig, axes = plt.subplot_mosaic(places, figsize=(8, 6.6), height_ratios=(3, 2), layout="constrained")
for name, pictures in (("real", real), ("generated", fake)):
    rows = tg.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(8, 8, 10, 10).swapaxes(1, 2)
    axes[name].imshow(rows.reshape(80, 80).data, cmap="gray_r")
    axes[name].set(title=f"{name.capitalize()} digits", xticks=[], yticks=[])
for curve, name in zip(np.array(losses).T, ("discriminator", "generator"), strict=True):
    axes["losses"].plot(np.convolve(curve, np.ones(25) / 25, mode="valid"), label=name)
axes["losses"].set(xlabel="step", ylabel="loss (mean of 25 steps)", title="Neither wins")
axes["losses"].legend(frameon=False)
if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Remove the batch norms of the generator: the losses take three times as long to settle.
# * Go from one noise to another in ten steps: does a digit turn into another, or does it jump?
