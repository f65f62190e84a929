r"""
Chapter 4: Convolution by hand
==============================

How does a computer see an edge?  With nine numbers, some multiplications and a sum.  This chapter does one
convolution with every number in view, then turns the same nine numbers loose on a photograph, and ends with
filters that nobody wrote down: they were learned.
"""

import sys

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    from matplotlib.animation import FuncAnimation
    from scipy import ndimage, signal

    folder = tg.data.fetch("photographs", download=False)
    photograph = tg.data.load_image(folder / "chelsea.png")
except (OSError, ImportError) as error:
    sys.exit(f"chapter 4: {error} (pip install 'tinygrad-cnn[examples]')")

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

# %%
# Half tens, half zeros
# ---------------------
#
# The picture has 6 x 6 pixels.  Its left half is bright, ten in each pixel; its right half is dark, zero.  Between
# them runs a vertical edge.  The *filter*, also called `kernel`__, has 3 x 3 numbers: it adds up the column on the left
# and takes off the column on the right.
#
# __ https://en.wikipedia.org/wiki/Kernel_(image_processing)

x = np.array([[10, 10, 10, 0, 0, 0]] * 6)
w = np.array([[1, 0, -1]] * 3)

# %%
# Lay the filter on a corner of the picture, multiply what lies on top of each other, and add up the nine products.
# That is one number of the result.  Move on by one pixel and do it again.  The filter fits at four places in a row
# and at four in a column, so the result has 4 x 4 numbers:
#
# .. math:: y_{h,v} = \sum_{i=0}^{2} \sum_{j=0}^{2} x_{h+i,\,v+j}\, w_{i,j}

y = np.zeros((4, 4), int)
products = {}
for h in range(4):
    for v in range(4):
        products[h, v] = x[h : h + 3, v : v + 3] * w
        y[h, v] = products[h, v].sum()
print(y)
assert y.tolist() == [[0, 30, 30, 0]] * 4

# %%
# Here it is at work.  Bright and dark meet under the filter only where the answer is 30.


def table(ax, values, title, **look):
    """Numbers as a picture of squares."""
    ax.imshow(values, **look)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            ax.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=10)
    ax.set_title(title, fontsize=11)
    ax.set(xticks=[], yticks=[])


LIGHT = {"cmap": "gray", "vmin": -15, "vmax": 10}
SIGNS = {"cmap": "RdBu", "vmin": -60, "vmax": 60}

fig = plt.figure(figsize=(8, 2.6), layout="constrained")
axes = fig.subplots(1, 4, width_ratios=[6, 3, 3, 4])


def frame(step):
    """One place of the filter: the window, the products, their sum."""
    h, v = divmod(step, 4)
    for ax in axes:
        ax.clear()
    table(axes[0], x, "picture", **LIGHT)
    axes[0].add_patch(plt.Rectangle((v - 0.5, h - 0.5), 3, 3, fill=False, ec=ORANGE, lw=3))
    table(axes[1], w, "x  filter", cmap="RdBu", vmin=-3, vmax=3)
    table(axes[2], products[h, v], "=  products", cmap="RdBu", vmin=-25, vmax=25)
    done = np.where(np.arange(16).reshape(4, 4) <= step, y, np.nan)
    table(axes[3], done, f"sum  {y[h, v]}", **SIGNS)
    axes[3].add_patch(plt.Rectangle((v - 0.5, h - 0.5), 1, 1, fill=False, ec=ORANGE, lw=3))


animation = FuncAnimation(fig, frame, frames=16, interval=700)
fig.canvas.draw()  # begins it, also where there is no window

# %%
# And the same on one sheet: all sixteen places, all nine products of each, and their sums.

fig, axes = plt.subplots(4, 4, figsize=(7, 7.6), layout="constrained")
for (h, v), values in products.items():
    title = f"row {h}, column {v}: {y[h, v]}"
    table(axes[h, v], values, title, cmap="RdBu", vmin=-25, vmax=25)

# %%
# One operation, many names
# -------------------------
#
# Every framework does exactly this, for a batch of pictures and a bank of filters at once, and each has its own name
# for it.
#
# ======================================  ======================================================================
# :math:`x * w`                           in mathematics, where the asterisk stands for a convolution; that one takes
#                                         the filter in the mirror, which chapter 6 is about
# ``conv_forward(x, w)``                  in lecture notes, where loops as above are wrapped up as a function
# ``tf.nn.conv2d(x, w, 1, "VALID")``      TensorFlow: pictures (N, H, W, C), filters (I, J, C, O)
# ``keras.layers.Conv2D(1, 3)``           Keras: the same as a layer that owns its filters and learns them
# ``tg.conv2d(x, w)``                     here: the same axes as in TensorFlow
# ``nn.Conv2d(1, 1, 3)``                  here: the same as a layer
# ======================================  ======================================================================
#
# N counts pictures, H and W are their height and width, C their channels, I and J the window's, and O the filters.


def convolve(picture, filters):
    """`tg.conv2d` for one grey picture (H,W) and one filter (I,J)."""
    return tg.conv2d(picture[None, :, :, None], filters[:, :, None, None])[0, :, :, 0]


assert np.array_equal(convolve(x, w), y)

layer = nn.Conv2d(1, 1, 3, bias=False)
layer.weight.assign(w[:, :, None, None])
assert np.array_equal(layer(x[None, :, :, None].astype(np.float32)).data[0, :, :, 0], y)

# %%
# Light to dark, dark to light
# ----------------------------
#
# The sign tells in which direction the edge goes.  Mirror the picture, and 30 becomes -30.  If the direction does not
# matter, take the absolute value.

mirrored = x[:, ::-1]
assert convolve(mirrored, w).tolist() == [[0, -30, -30, 0]] * 4

fig = plt.figure(figsize=(8, 2.6), layout="constrained")
axes = fig.subplots(1, 4, width_ratios=[6, 4, 6, 4])
table(axes[0], x, "light to dark", **LIGHT)
table(axes[1], y, "30", **SIGNS)
table(axes[2], mirrored, "dark to light", **LIGHT)
table(axes[3], convolve(mirrored, w), "-30", **SIGNS)

# %%
# On a photograph
# ---------------
#
# Now 300 x 451 pixels of a cat, in grey.  The filter turned by a quarter finds horizontal edges.

grey = photograph @ np.array([0.299, 0.587, 0.114])  # how bright each looks
assert grey.shape == (300, 451)

edges = {"vertical edges": convolve(grey, w), "horizontal edges": convolve(grey, w.T)}
edges["both: square root of the sum of squares"] = np.hypot(*edges.values())

# sphinx_gallery_thumbnail_number = 4
fig, axes = plt.subplots(2, 2, figsize=(8, 5.8), layout="constrained")
axes[0, 0].imshow(grey, cmap="grey")
axes[0, 0].set_title("the photograph", fontsize=11)
for ax, (title, values) in zip(axes.flat[1:], edges.items(), strict=True):
    signed = values.min() < 0
    ax.imshow(values, cmap="RdBu" if signed else "Greys", vmin=-0.8 * signed, vmax=0.8)
    ax.set_title(title, fontsize=11)
for ax in axes.flat:
    ax.axis("off")

# %%
# Blue is light to dark, from left to right or from top to bottom; red is dark to light.  Both sides of a whisker
# show, one in each colour.
#
# Sobel and Scharr
# ----------------
#
# Why should the three rows count alike?  The middle one is nearest.  Sobel counts it twice, Scharr about three times.

FILTERS = {
    "plain": np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]),
    "Sobel": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
    "Scharr": np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]),
}

# %%
# Libraries carry them ready-made.  SciPy's Sobel goes from dark to light, so its sign is the other one.  Its answer
# is as large as the picture; there is more on borders in the next chapter.

inside = (slice(1, -1), slice(1, -1))
assert np.allclose(convolve(grey, FILTERS["Sobel"]), -ndimage.sobel(grey, axis=1)[inside])
for filters in FILTERS.values():
    scipys = signal.correlate2d(grey, filters, mode="valid")
    assert np.allclose(convolve(grey, filters), scipys)

# %%
# What is gained?  Let a soft edge run through the picture at any angle.  The answers to the filter and to its turned
# twin are the two components of a vector, and the vector should point across the edge.  How far is it off?

rows, columns = np.mgrid[-20:21, -20:21]
angles = np.radians(np.arange(0, 91))
errors = {name: [] for name in FILTERS}
for angle in angles:
    waves = np.sin(0.8 * (np.cos(angle) * columns + np.sin(angle) * rows))
    for name, filters in FILTERS.items():
        across, down = convolve(waves, filters)[19, 19], convolve(waves, filters.T)[19, 19]
        errors[name].append(np.degrees(np.arctan2(-down, -across) - angle))

fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
looks = {"plain": (ORANGE, ":"), "Sobel": (BLUE, "--"), "Scharr": (GREEN, "-")}
for name, (color, line) in looks.items():
    ax.plot(np.degrees(angles), errors[name], line, color=color, label=name)
ax.set(xlabel="direction of the edge, degrees", ylabel="error, degrees")
ax.set_title("How well the direction of an edge is found", loc="left")
ax.legend(frameon=False)

worst = {name: np.abs(values).max() for name, values in errors.items()}
for name, degrees in worst.items():
    print(f"{name:7} off by {degrees:.2f} degrees at most")
assert 1.5 < worst["plain"] < 1.7 and 0.7 < worst["Sobel"] < 0.9 and worst["Scharr"] < 0.2

# %%
# The plain filter is off by up to 1.6 degrees, Sobel by about half of that, Scharr by less than a fifth of a degree.
#
# A filter that is learned
# ------------------------
#
# Who finds numbers like 3, 10, 3?  Nobody has to.  Show gradient descent a picture and what Sobel makes of it, start
# with nine random numbers, and let it lower the mean squared error.  The picture first: pure noise.


def learn(picture, lr, steps, seed=0):
    """Filters (steps + 1, 3, 3) on the way from random numbers towards Sobel's."""
    wanted = convolve(picture, FILTERS["Sobel"])
    start = np.random.default_rng(seed).standard_normal((3, 3))
    filters = tg.Tensor(start, requires_grad=True)
    way = [filters.data]
    for _ in range(steps):
        loss = tg.mse_loss(convolve(picture, filters), wanted)
        (slope,) = tg.grad(loss, [filters])
        filters.assign(filters.data - lr * slope)
        way.append(filters.data)
    return np.array(way)


noise = np.random.default_rng(1).standard_normal((64, 64))
way = learn(noise, lr=0.3, steps=60)
assert np.allclose(way[-1], FILTERS["Sobel"])

fig, axes = plt.subplots(1, 5, figsize=(8, 2.1), layout="constrained")
for ax, step in zip(axes, (0, 1, 2, 5, 60), strict=True):
    ax.imshow(way[step], cmap="RdBu", vmin=-2.5, vmax=2.5)
    for (i, j), value in np.ndenumerate(way[step].round(1) + 0.0):
        ax.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=9)
    ax.set_title(f"step {step}", fontsize=11)
    ax.set(xticks=[], yticks=[])

# %%
# It *is* Sobel's filter.  How quickly, and does it work on the photograph too?

small = grey[::3, ::3] - grey.mean()
slow_way = learn(small, lr=0.3 / (9 * small.var()), steps=300)
ways = {"noise": way, "the photograph": slow_way}
sobel = FILTERS["Sobel"]
distances = {name: np.linalg.norm(way - sobel, axis=(1, 2)) for name, way in ways.items()}

fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for name, color in {"noise": BLUE, "the photograph": ORANGE}.items():
    ax.semilogy(distances[name], color=color, label=f"learned from {name}")
ax.set(xlabel="step of gradient descent", ylabel="distance to Sobel's filter", ylim=1e-18)
ax.set_title("Gradient descent finds Sobel's filter", loc="left")
ax.legend(frameon=False)
for name, values in distances.items():
    steps = len(values) - 1
    print(f"{name:14} {values[0]:.2f} at first, {values[-1]:.1e} after {steps} steps")
assert distances["noise"][-1] < 1e-9
assert 0.1 < distances["the photograph"][-1] < 1

# %%
# From noise, the distance falls at a steady rate until rounding stops it.  From the photograph it goes the same way,
# but slowly: neighbouring pixels are so alike there that exchanging one for the next hardly changes the answer, so
# the loss has a long, nearly level valley.  Better optimisers, such as Adam, are answers to such valleys.
#
# A deep network learns filters in the same manner, with one difference: nobody tells it what each filter should
# answer.  It gets whatever filters lower the loss at its end.
#
# Edges that people see
# ---------------------
#
# Sobel answers to every hair.  Asked to draw the edges of this picture, you would leave out the fur.  The network HED
# [1]_ learned from such drawings: 13 convolutions deep, it weighs what is an edge of the cat.  Its weights are a
# download, ``tinygrad-cnn fetch hed``.  Without them, you see here the filters that a smaller network learned for its
# first layer, from photographs of a thousand kinds of things.  Two of them lean towards Sobel's and its turned twin.
#
# .. [1] S. Xie, Z. Tu, *Holistically-nested edge detection*, 2015.


def sobel_and_hed(weights):
    """The edges of the photograph by nine numbers, and by almost 15 million."""
    from tinygrad_cnn.models.vgg16 import MEAN

    network = tg.models.hed_edges(weights)
    assert network.num_parameters() == 14_716_171
    with tg.no_grad():
        bgr = 255 * photograph[None, :, :, ::-1] - np.float32(MEAN)
        learned = network(bgr).data[0, :, :, 0]
    strength = np.hypot(convolve(grey, sobel), convolve(grey, sobel.T))
    _, axes = plt.subplots(2, 1, figsize=(6.5, 9), layout="constrained")
    axes[0].imshow(strength, cmap="Greys", vmax=1.5)
    axes[0].set_title("Sobel: 9 numbers, given", fontsize=11)
    axes[1].imshow(learned, cmap="Greys", vmin=0, vmax=1)
    axes[1].set_title("HED: 14,716,171 numbers, learned from drawings", fontsize=11)
    for ax in axes:
        ax.axis("off")
    assert strength.shape == (298, 449) and learned.shape == grey.shape


def learned_bank(weights):
    """The 32 filters of a first layer, and which of them is most like Sobel's."""
    bank = tg.models.efficientnet_lite0(weights=weights).stem[0].weight.data
    _, axes = plt.subplots(4, 8, figsize=(8, 4.4), layout="constrained")
    for k, ax in enumerate(axes.flat):
        ax.imshow(0.5 + 0.5 * bank[..., k] / np.abs(bank[..., k]).max())
        ax.set_title(f"{k}", fontsize=9)
        ax.axis("off")
    answers = bank.sum(axis=2)  # to a grey picture
    for kind, wanted in {"vertical": sobel, "horizontal": sobel.T}.items():
        sizes = np.linalg.norm(answers, axis=(0, 1)) * np.linalg.norm(wanted)
        alike = np.abs(np.tensordot(wanted, answers, axes=2) / sizes)
        best = alike.argmax()
        print(f"nearest to Sobel, {kind} edges: filter {best}, cosine {alike[best]:.2f}")
        assert alike[best] > 0.75


try:
    sobel_and_hed(tg.data.fetch("hed", download=False))
except (OSError, ImportError) as missing:
    print(f"The first layer of a smaller network is shown, since {missing}")
    try:
        learned_bank(tg.data.fetch("efficientnet-lite0", download=False))
    except OSError as error:
        sys.exit(f"chapter 4: {error}")

# %%
# Exercises
# ---------
#
# 1. Make the picture of tens and zeros brighter by five everywhere.  What changes in the answer, and why?
# 2. Sobel's filter is a column times a row.  Which, and how many multiplications does that save?
# 3. Nine unknown numbers, thousands of equations: find Sobel's filter from the photograph without gradient descent.

# %%
# Solutions
# ---------
#
# 1. Nothing: the nine numbers of the filter add up to zero, so whatever is the same everywhere cancels.

assert w.sum() == 0
assert np.array_equal(convolve(x + 5, w), y)

# %%
# 2. A blur from top to bottom, a difference from left to right.  Two convolutions with three numbers each do the same
#    as one with nine: 6 multiplications a pixel instead of 9, and for a filter of 15 x 15, 30 instead of 225.

column, row = np.array([[1], [2], [1]]), np.array([[1, 0, -1]])
assert np.array_equal(column @ row, sobel)
assert np.allclose(convolve(convolve(grey, column), row), convolve(grey, sobel))

# %%
# 3. Each place is a linear equation in the nine numbers of the filter.  Cut out all windows, one a row, and solve the
#    equations by least squares: the valley that was long for gradient descent is no matter here.

windows = np.lib.stride_tricks.sliding_window_view(grey, (3, 3)).reshape(-1, 9)
wanted = convolve(grey, sobel).ravel()
solved, *_ = np.linalg.lstsq(windows, wanted)
print(np.round(solved.reshape(3, 3), 6) + 0.0)
assert len(windows) == 298 * 449 and np.allclose(solved.reshape(3, 3), sobel)

# %%
# Next: what to do at the border, and how to make pictures smaller on purpose.
