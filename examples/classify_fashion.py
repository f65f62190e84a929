r"""
Classify clothes
================

Which of ten kinds of clothing is in this picture?  A small residual network [1]_ learns to tell from 60,000 pictures
of Fashion-MNIST [2]_, and is then asked about 10,000 that it has never seen.

.. code-block:: sh

    python examples/classify_fashion.py                        # on what this machine has
    python examples/classify_fashion.py --full --out clothes   # on all; fetches 31 MB first

Without ``--full`` nothing is downloaded: training is short, on a part of the data set if it is on this machine
already, and else on the 2,000 pictures that come inside the package.

.. [1] K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition*, 2016.
.. [2] H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST*, 2017; Zalando SE, MIT licence.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, optim
from tinygrad_cnn.data import transforms as T

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    sys.exit(f"classify_fashion: {error}")

parser = argparse.ArgumentParser(
    description="Train a residual network on pictures of clothes."
)
parser.error = lambda message: sys.exit(
    f"classify_fashion: {message}; --help lists all options"
)
parser.add_argument(
    "--full",
    action="store_true",
    help="train on all pictures, six times; download them if need be",
)
parser.add_argument(
    "--data-dir", help="the folder of the four IDX files, if they are somewhere unusual"
)
parser.add_argument("--epochs", type=int, help="how often to go through the pictures")
parser.add_argument("--images", type=int, help="train on the first so many pictures only")
parser.add_argument(
    "--seed",
    type=int,
    default=0,
    help="of the weights, the order and the augmentation (0)",
)
parser.add_argument(
    "--out",
    help="a folder for the pictures and the weights; without it nothing is written",
)
options = parser.parse_args()
if any(n is not None and n < 1 for n in (options.epochs, options.images, options.seed + 1)):
    parser.error("--epochs and --images go from 1 up, --seed from 0")
if options.out and not Path(options.out).absolute().parent.is_dir():
    parser.error(
        f"--out: there is no folder {Path(options.out).absolute().parent} to put it in"
    )

# %%
# The pictures
# ------------
#
# Each is 28x28 pixels of grey, and belongs to one of ten classes, of which there are equally many.  They are looked
# for in ``--data-dir``, where Debian's package ``dataset-fashion-mnist`` puts them, and in the cache.


def clothes():
    """Training and test set, and which ones they are."""
    if options.data_dir:
        return data.fashion_mnist(options.data_dir), f"Fashion-MNIST from {options.data_dir}"
    try:
        return data.fashion_mnist(download=False), "Fashion-MNIST, which is on this machine"
    except FileNotFoundError:
        if options.full:
            folder = data.fetch("fashion-mnist")
            return data.fashion_mnist(folder), "Fashion-MNIST, just fetched"
        return data.fashion_mnist_sample(), "the slice of Fashion-MNIST in the package"


try:
    (train, test), which = clothes()
except (OSError, ValueError, ImportError) as error:
    sys.exit(f"classify_fashion: {error}")
few = options.images or (len(train) if options.full else 8_000)
train = data.Subset(train, np.arange(min(few, len(train))))
print(f"data: {which}")
print(f"{len(train):,} pictures to learn from, {len(test):,} to be asked about")

fig, axes = plt.subplots(5, 10, figsize=(8, 4.6), layout="constrained")
x, labels = train.batch(np.arange(min(500, len(train))))
for k, column in enumerate(axes.T):
    for ax, picture in zip(column, x[labels == k], strict=False):
        ax.imshow(picture[..., 0], cmap="gray_r")
    column[0].set_title(test.classes[k], fontsize=8.5)
for ax in axes.flat:
    ax.set_axis_off()

# %%
# Some variety for free
# ---------------------
#
# A shoe that points to the left is as much a shoe, and one pixel higher or lower makes no difference.  So each time
# that a picture is used, it is mirrored or not, and shifted by up to a pixel; the network hardly ever sees the same
# one twice.  Afterwards pixels are scaled to mean 0 and standard deviation 1.

scale = T.Normalize(0.2860, 0.3530)  # mean and standard deviation of all training pixels
vary = T.Compose([T.RandomCrop(28, padding=1), T.RandomFlip()])
rng = np.random.default_rng(options.seed)

fig, axes = plt.subplots(2, 8, figsize=(8, 2.1), layout="constrained")
for row, picture in zip(axes, x[[0, 3]], strict=True):
    for ax, variant in zip(row, vary(np.stack([picture] * len(row)), rng), strict=True):
        ax.imshow(variant[..., 0], cmap="gray_r")
        ax.set(xticks=[], yticks=[])

# %%
# The network
# -----------
#
# ResNet-8: a convolution, then three blocks with 16, 32 and 64 channels, each of which adds two convolutions to its
# own input, then the mean over all places and one dense layer.

network = tg.models.build("resnet8", (28, 28, 1), 10, rng=options.seed)
print(f"{network.num_parameters():,} parameters")
assert network.num_parameters() == 77_754

# %%
# Training
# --------
#
# Stochastic gradient descent with Nesterov's momentum and a little weight decay.  The learning rate climbs for the
# first third of the way, so that nothing breaks while all weights are still random, and then falls to zero.

epochs = options.epochs or (6 if options.full else max(1, 24_000 // len(train)))
size = 128 if len(train) > 5000 else 50
changes = T.Compose([vary, scale])
batches = data.DataLoader(
    train, size, shuffle=True, seed=options.seed, transform=changes, prefetch=2
)
held_out = data.DataLoader(test, 500, transform=scale)
optimizer = optim.SGD(
    network.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4
)
schedule = optim.OneCycleLR(optimizer, max_lr=0.2, total_steps=epochs * len(batches))

begin = time.perf_counter()
history = tg.fit(
    network, batches, validation=held_out, epochs=epochs, optimizer=optimizer,
    schedule=schedule, seed=options.seed, progress=options.full or sys.stdout.isatty(),
)  # fmt: skip
seconds = time.perf_counter() - begin

# %%
# What came of it
# ---------------
#
# Someone who guesses is right one time in ten.  With ``--full`` the network is right at least 91 times in a hundred.

logits = tg.predict(network, scale(test.images, rng))
guess = logits.argmax(axis=1)
accuracy = (guess == test.labels).mean()
print(
    f"accuracy {accuracy:.4f} on {len(test):,} pictures that it never saw; "
    f"epochs: {epochs}, in {seconds:.0f} s"
)
if options.full:
    assert accuracy >= 0.91

curves = tg.plots.curves(history)

# %%
# Row by row, what became of the pictures of each class.  Trousers, bags and shoes are told apart easily.  Shirts are
# the trouble: 28x28 pixels are few to tell one from a T-shirt, a pullover or a coat.

confusion = tg.plots.confusion_matrix(test.labels, guess, test.classes)
for k in np.argsort([(guess[test.labels == k] == k).mean() for k in range(10)]):
    print(f"{(guess[test.labels == k] == k).mean():6.1%} of class {test.classes[k]}")

# %%
# These it got wrong with the greatest confidence.  Look at them before you call it a mistake.

mistakes = tg.plots.most_confused(logits, test)

# %%
# And this is what it looks at first: the sixteen 3x3 filters of the first convolution.  Nobody made them.  Some are
# edge detectors, as in chapter 4; red is positive, blue negative.

filters = tg.plots.filters(network.stem[0])

# %%
# Pictures and weights are written only if ``--out`` asks for it.

if options.out:
    folder = Path(options.out)
    try:
        folder.mkdir(exist_ok=True)
        for name in ("curves", "confusion", "mistakes", "filters"):
            globals()[name].savefig(folder / f"{name}.png", dpi=150)
        tg.save(folder / "network.safetensors", network)
    except OSError as error:
        sys.exit(f"classify_fashion: --out: {error}")
    print(f"written: {folder}")
