r"""
Chapter 2: Parameter sharing and sparsity of connections
========================================================

Two ideas make a convolutional layer small.  The same few numbers are used everywhere, and each output looks at a few
inputs only.  Both can be counted, and both can be *seen*: in the Jacobian, the table of all derivatives of a layer's
outputs with respect to its inputs.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    raise SystemExit(f"chapter 2: {error}") from None

# %%
# Counting
# --------
#
# A colour picture of 32 x 32 pixels is to become six maps of 28 x 28.  A dense layer connects every number with every
# number.  A convolution with six 5 x 5 filters has :math:`5 \cdot 5 \cdot 3` weights and a bias for each of them.

dense = nn.Linear(32 * 32 * 3, 28 * 28 * 6)
convolution = nn.Conv2d(3, 6, 5)
assert convolution(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 28, 28, 6)

for name, layer in {"dense": dense, "convolution": convolution}.items():
    print(f"{name:12} {layer.num_parameters():>12,} parameters")
assert dense.num_parameters() == 3072 * 4704 + 4704 == 14_455_392
assert convolution.num_parameters() == 5 * 5 * 3 * 6 + 6 == 456
print(f"{'ratio':12} {dense.num_parameters() / convolution.num_parameters():>12,.0f}")

# %%
# The same shape of output, from 31,700 times fewer numbers.  Where did they go?

assert dense.num_parameters() // convolution.num_parameters() == 31_700

# %%
# Seeing: the Jacobian
# --------------------
#
# Take a small case, a 6 x 6 picture and a 3 x 3 filter, so a 4 x 4 result.  The Jacobian has a row for each of the
# 16 outputs and a column for each of the 36 inputs.  Automatic differentiation finds it; nothing about convolutions
# needs to be known.

rng = np.random.default_rng(0)
image = rng.standard_normal((1, 6, 6, 1))
filters = rng.standard_normal((3, 3, 1, 1))
weights = rng.standard_normal((36, 16)) / 6


def conv_layer(x):
    return tg.reshape(tg.conv2d(tg.reshape(x, (1, 6, 6, 1)), filters), (16,))


def dense_layer(x):
    return x @ weights


jacobians = {
    "dense": tg.jacobian(dense_layer, image.ravel()),
    "convolution": tg.jacobian(conv_layer, image.ravel()),
}

fig, axes = plt.subplots(2, 1, figsize=(7, 6.4), layout="constrained")
for ax, (name, jacobian) in zip(axes, jacobians.items(), strict=True):
    shown = ax.imshow(jacobian, cmap="RdBu", vmin=-2.5, vmax=2.5)
    ax.set(xlabel="input pixel, row by row", ylabel="output pixel")
    filled = np.count_nonzero(jacobian)
    ax.set_title(f"{name}: {filled} of {jacobian.size} are not zero", loc="left")
fig.colorbar(shown, ax=axes, shrink=0.6, label="derivative of the output in the input")

# %%
# The dense layer's block is full.  The convolution's is empty but for diagonal bands: three bands of three, since a
# window has three rows of three pixels.  Along each diagonal the value is the same.  A matrix like this is called
# *Toeplitz* (here in blocks), and the two ideas are its two properties.
#
# **Sparsity**: each row has 9 entries that are not zero, out of 36.  **Sharing**: in the whole matrix there are
# only 9 different numbers, those of the filter.

jacobian = jacobians["convolution"]
assert (np.count_nonzero(jacobian, axis=1) == 9).all()
assert len(np.unique(jacobian[jacobian != 0])) == 9
assert np.array_equal(np.unique(jacobian[jacobian != 0]), np.unique(filters))
assert np.allclose(jacobian @ image.ravel(), conv_layer(image.ravel()))  # it is linear

# %%
# Entry by entry, output :math:`(h, v)` and input :math:`(r, c)` are connected by the weight at their difference,
# and by 0 where the filter has no such place:
#
# .. math:: \frac{\partial y_{h,v}}{\partial x_{r,c}} = w_{r-h,\;c-v}

for h, v, r, c in np.ndindex(4, 4, 6, 6):
    inside = 0 <= r - h < 3 and 0 <= c - v < 3
    weight = filters[r - h, c - v, 0, 0] if inside else 0
    assert jacobian[4 * h + v, 6 * r + c] == weight

# %%
# What sharing does to the gradient
# ---------------------------------
#
# To see sharing at work, undo it: give every place a filter of its own (such a layer is called *locally
# connected*), but start all of them with the same numbers.  The output is the same.  The gradient tells, for each
# place, how *that* copy should change.

places = np.broadcast_to(filters[:, :, 0, 0], (4, 4, 3, 3))
copies = tg.Tensor(places, requires_grad=True)
patches = np.lib.stride_tricks.sliding_window_view(image[0, :, :, 0], (3, 3))
target = rng.standard_normal((4, 4))

local = tg.sum(copies * patches, axis=(2, 3))
(per_place,) = tg.grad(tg.mse_loss(local, target), [copies])

shared = tg.Tensor(filters, requires_grad=True)
output = tg.conv2d(image, shared)
(together,) = tg.grad(tg.mse_loss(output[0, :, :, 0], target), [shared])

assert np.allclose(local.data, output.data[0, :, :, 0])
assert np.allclose(per_place.sum(axis=(0, 1)), together[:, :, 0, 0])

fig = plt.figure(figsize=(7.4, 3.6), layout="constrained")
axes = fig.subplots(1, 2, width_ratios=[2, 1])
limit = np.abs(together).max()
tiles = np.full((4 * 4 - 1, 4 * 4 - 1), np.nan)
for h, v in np.ndindex(4, 4):
    tiles[4 * h : 4 * h + 3, 4 * v : 4 * v + 3] = per_place[h, v]
axes[0].imshow(tiles, cmap="RdBu", vmin=-limit / 3, vmax=limit / 3)
axes[0].set_title("at each of the 16 places (colours x 3)", fontsize=11)
axes[1].imshow(together[:, :, 0, 0], cmap="RdBu", vmin=-limit, vmax=limit)
axes[1].set_title("their sum: the shared gradient", fontsize=11)
for ax in axes:
    ax.set(xticks=[], yticks=[])

# %%
# *The gradient of a shared weight is the sum of the gradients at all places where it is used.*
#
# .. math:: \bar{w}_{i,j} = \sum_{h,v} \bar{y}_{h,v}\; x_{h+i,\,v+j}
#
# A filter of a network learns from every place of every picture at once.  That is why so few examples can teach it,
# and it is the first reason for what comes next.
#
# Fewer numbers, less to learn by heart
# -------------------------------------
#
# Two networks learn handwritten digits of 8 x 8 pixels from few examples: a dense one, and a convolutional one with
# fewer weights.  Both learn their examples by heart.  On digits that they have not seen the convolutional one makes
# fewer mistakes, since what it learns at one place it knows at all others.


def dense_network(seed):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64, rng=rng), nn.ReLU(),
        nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng),
    )  # fmt: skip


def convolutional_network(seed):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same", rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same", rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10, rng=rng),
    )  # fmt: skip


train, test = data.digits()
sizes, seeds = (50, 100, 200, 400), range(3)
mistakes = {}
for make in (dense_network, convolutional_network):
    for size in sizes:
        few = data.Subset(train, np.arange(size))
        for seed in seeds:
            model = make(seed)
            settings = {"epochs": 12_000 // size, "batch_size": 25, "lr": 2e-3, "seed": seed}
            tg.fit(model, few, **settings, progress=False)
            assert tg.evaluate(model, few)["accuracy"] == 1  # learnt by heart
            found = 1 - tg.evaluate(model, test)["accuracy"]
            mistakes.setdefault((make, size), []).append(found)
    print(f"{make.__name__:22} {model.num_parameters():>6,} weights")

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for make, color, marker in (
    (dense_network, "#D55E00", "s--"),
    (convolutional_network, "#0072B2", "o-"),
):
    means = [100 * np.mean(mistakes[make, size]) for size in sizes]
    ax.plot(sizes, means, marker, color=color, label=make.__name__.replace("_", " "))
    for size in sizes:
        each = np.multiply(100, mistakes[make, size])
        ax.plot([size] * 3, each, "_", color=color, alpha=0.6)
ax.set(xscale="log", xlabel="digits to learn from", ylim=0)
ax.set_ylabel("mistakes on others, percent")
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.minorticks_off()
ax.set_title("Fewer weights, fewer mistakes (three seeds each)", loc="left")
ax.legend(frameon=False)
for size in sizes:
    fewer, more = mistakes[convolutional_network, size], mistakes[dense_network, size]
    assert np.mean(fewer) < np.mean(more)

# %%
# Exercises
# ---------
#
# 1. A layer makes 16 maps of 28 x 28 from 6 maps of 32 x 32, with 5 x 5 filters.  How many weights and biases
#    has it, and how many would a dense layer have?
# 2. What share of the entries of a convolution's Jacobian is not zero, for a 28 x 28 picture and a 3 x 3 filter?
#    Check it without building the whole matrix.
# 3. Two 3 x 3 convolutions follow each other.  How many inputs does an output of the second one depend on?

# %%
# Solutions
# ---------
#
# 1. Count what a filter covers, and multiply.

layer = nn.Conv2d(6, 16, 5)
assert layer.num_parameters() == 5 * 5 * 6 * 16 + 16 == 2416
dense_parameters = (32 * 32 * 6 + 1) * 28 * 28 * 16
print(f"convolution {layer.num_parameters():,}, dense {dense_parameters:,}")

# %%
# 2. Nine of 784 in each row.  The gradient of one output is one row of the Jacobian.

X = tg.Tensor(rng.standard_normal((1, 28, 28, 1)), requires_grad=True)
(row,) = tg.grad(tg.conv2d(X, filters)[0, 13, 7, 0], [X])
print(f"{np.count_nonzero(row) / row.size:.2%}")
assert np.count_nonzero(row) == 9
assert row.size == 784

# %%
# 3. On 5 x 5: the second window covers 3 x 3 results, whose windows together cover 5 x 5 pixels.

twice = tg.conv2d(tg.conv2d(X, filters), filters)
(row,) = tg.grad(twice[0, 10, 10, 0], [X])
assert np.count_nonzero(row) == 25

# %%
# Next: what a convolution does when the picture moves.
