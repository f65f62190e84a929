"""
More pixels than the camera had
===============================

A network learns to enlarge pictures: it sees small ones, and what they looked like before they were made small.  All
its convolutions work on the small picture; a last step makes 4x4 pixels of the 16 channels at each place, which is
called pixel shuffle, or sub-pixel convolution [1]_::

    python examples/super_resolution.py [--steps 1500] [--out PICTURE]

.. [1] W. Shi et al., *Real-time single image and video super-resolution using an efficient sub-pixel convolutional
   neural network*, 2016.
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
    sys.exit(f"super_resolution: {error}")

parser = argparse.ArgumentParser(description="Train a network that enlarges pictures of clothes.")
parser.add_argument("--steps", type=int, default=1500, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# Clothes of 28x28 pixels, from the package; small ones have the means of 4x4 pixels each, 7x7 of them.  What there is
# to beat is bicubic interpolation, which passes a smooth surface through the small picture.

FACTOR = 4
train, test = data.fashion_mnist_sample()


def reduce(large):  # (N,28,28,1) -> (N,7,7,1)
    return tg.avg_pool2d(large, FACTOR)


def bicubic(small):  # (N,7,7,1) -> (N,28,28,1)
    return tg.resize(small, 28, mode="bicubic")


def psnr(guess, truth):  # peak signal to noise ratio of each picture in decibels; larger is better
    return -10 * np.log10(np.mean((guess - truth) ** 2, axis=(1, 2, 3)))


# %%
# The network only adds what bicubic interpolation lacks, and starts with nothing: the last layer begins with zeros.

tg.manual_seed(0)
detail = nn.Sequential(
    nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
    nn.Conv2d(64, FACTOR**2, 3, padding=1, init="zeros"),
)  # fmt: skip


def enlarge(small):  # (N,7,7,1) -> (N,28,28,1)
    return bicubic(small) + tg.pixel_shuffle(detail(small), FACTOR)


# %%
# Each picture is learned from twice: as it is and mirrored.

optimizer = optim.Adam(detail.parameters(), lr=2e-3)
schedule = optim.CosineLR(optimizer, steps=options.steps)
rng = np.random.default_rng(0)
for step in range(options.steps):
    large, _ = train.batch(rng.integers(len(train), size=64))
    large = large[:, :, :: 1 - step % 2 * 2]
    loss = tg.mse_loss(enlarge(reduce(large)), large)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 300 == 0:
        print(f"step {step:4d}  loss {loss.item():.5f}")

# %%
# One picture of each class, none of which the network has seen.  It does not know what is lost, but it knows clothes:
# it makes edges sharp and straight, and gives shirts their sleeves.

truth, smooth = test.images, tg.clip(bicubic(reduce(test.images)), 0, 1)
with tg.no_grad():
    ours = tg.clip(enlarge(reduce(truth)), 0, 1).data
before, after = psnr(smooth, truth), psnr(ours, truth)
print(f"PSNR on {len(test)} new pictures: bicubic {before.mean():.2f} dB, network {after.mean():.2f} dB")
print(f"the network is nearer to the truth in {np.mean(after > before):.0%} of them")

rows = {
    "small": reduce(truth), f"bicubic\n{before.mean():.1f} dB": smooth,
    f"network\n{after.mean():.1f} dB": ours, "truth": truth,
}  # fmt: skip
fig, axes = plt.subplots(4, 10, figsize=(9, 3.9), layout="constrained")
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for k, ax in enumerate(line):
        ax.imshow(pictures[test.labels == k][0, ..., 0], cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
fig.suptitle(f"Clothes enlarged {FACTOR} times")
if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Set ``FACTOR`` to 2: from 14x14 pixels, both come much nearer to the truth.
# * Use ``tg.l1_loss``: it asks for the median of all pictures that are possible instead of their mean.
# * Train on nothing but shoes, classes 5, 7 and 9: shirts lose their sleeves, and trousers fray.
