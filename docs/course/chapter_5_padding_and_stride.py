r"""
Chapter 5: Padding and stride
=============================

A 6 x 6 picture convolved with a 3 x 3 filter leaves 4 x 4 numbers.  Ten such layers eat 20 rows and 20 columns.  And
the pixels at the border are hardly looked at.  Padding answers both; stride makes pictures smaller when that is wanted.
"""

import itertools

import numpy as np

import tinygrad_cnn as tg

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    raise SystemExit(f"chapter 5: {error}") from None

BLUE, ORANGE = "#0072B2", "#D55E00"

# %%
# The picture shrinks
# -------------------
#
# A window of :math:`f` pixels fits into a row of :math:`n` pixels at :math:`n - f + 1` places.

image = np.zeros((1, 6, 6, 1))
filters = np.zeros((3, 3, 1, 1))
assert tg.conv2d(image, filters).shape == (1, 4, 4, 1)

for n, f in itertools.product(range(1, 20), range(1, 8)):
    if f <= n:
        y = tg.conv2d(np.zeros((1, n, n, 1)), np.zeros((f, f, 1, 1)))
        assert y.shape == (1, n - f + 1, n - f + 1, 1)

# %%
# Layer after layer, nothing is left of it.  No padding at all is called ``"valid"``, since every number comes from
# a window that lies inside the picture.

x = np.zeros((1, 32, 32, 1))
sides = {"valid": [32], "same": [32]}
for padding, seen in sides.items():
    maps = x
    for _ in range(15):
        maps = tg.conv2d(maps, filters, padding=padding)
        seen.append(maps.shape[1])
assert sides["valid"][-1] == 2
assert sides["same"][-1] == 32

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(sides["valid"], "o-", color=ORANGE, label='padding="valid"')
ax.plot(sides["same"], "s--", color=BLUE, label='padding="same"')
ax.set(xlabel="layers of 3 x 3 filters", ylabel="side of the map, pixels", ylim=0)
ax.set_title("A picture of 32 x 32, layer by layer", loc="left")
ax.legend(frameon=False)

# %%
# The neglected border
# --------------------
#
# In how many windows does a pixel take part?  No counting is needed: let the filter be all ones, add all outputs
# up, and ask for the gradient.  The derivative of the sum in a pixel *is* the number of windows that see it.


def times_used(n, f, **settings):
    """How many windows of f x f see each pixel of an n x n picture."""
    x = tg.Tensor(np.zeros((1, n, n, 1)), requires_grad=True)
    (count,) = tg.grad(tg.conv2d(x, np.ones((f, f, 1, 1)), **settings).sum(), [x])
    return count[0, :, :, 0].astype(int)


valid, same = times_used(6, 3), times_used(6, 3, padding="same")
fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
for ax, counts, title in zip(axes, (valid, same), ('"valid"', '"same"'), strict=True):
    ax.imshow(counts, cmap="Blues", vmin=0, vmax=16)
    for (h, v), count in np.ndenumerate(counts):
        ax.text(v, h, f"{count}", ha="center", va="center", fontsize=12)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"windows that see each pixel, {title}", fontsize=11)
assert valid[0, 0] == 1
assert valid[2, 2] == 9
assert same[0, 0] == 4

# %%
# A corner pixel takes part once, an inner one nine times.  With a border of zeros around the picture, the corner
# takes part four times: better, though not equal.
#
# How much padding?
# -----------------
#
# With :math:`p` zeros on each side, :math:`n + 2p - f + 1` numbers come out.  The size stays the same if
#
# .. math:: n + 2p - f + 1 = n \quad\Longleftrightarrow\quad p = \frac{f - 1}{2}
#
# which is a whole number if :math:`f` is odd.  That is one reason why filters have odd sides; the other is that an
# odd filter has a pixel in its middle, so that one can say *where* it looks.

for f in (1, 3, 5, 7):
    p = (f - 1) // 2
    padded = tg.conv2d(np.zeros((1, 6, 6, 1)), np.zeros((f, f, 1, 1)), padding=p)
    assert padded.shape == (1, 6, 6, 1)

# %%
# An even filter has its middle between pixels, so one side must get more.  By the convention used here, the odd pixel
# goes to the bottom and to the right.

row = np.arange(1.0, 6.0).reshape(1, 1, 5, 1)
pair = np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
pairs = tg.conv2d(row, pair, padding="same").ravel()
print("pairs x + 10 * next, after the last comes 0:", pairs)
assert pairs.tolist() == [21, 32, 43, 54, 5]

# %%
# Stride
# ------
#
# Move the window by :math:`s` pixels at a time instead of by one, and the map becomes smaller by that factor.

n, f, s = 7, 3, 2
fig, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for step, ax in enumerate(axes):
    ax.imshow(np.ones((n, n)), cmap="Greys", vmin=0, vmax=8)
    ax.add_patch(plt.Rectangle((step * s - 0.5, -0.5), f, f, color=BLUE, alpha=0.5))
    ax.set_xticks(np.arange(-0.5, n), minor=True)
    ax.set_yticks(np.arange(-0.5, n), minor=True)
    ax.grid(which="minor", color="white")
    ax.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
    ax.set_title(f"column {step}: pixels {step * s} to {step * s + f - 1}", fontsize=11)
assert tg.conv2d(np.zeros((1, n, n, 1)), filters, stride=s).shape == (1, 3, 3, 1)

# %%
# The one formula
# ---------------
#
# Together:
#
# .. math:: \left\lfloor \frac{n + 2p - f}{s} \right\rfloor + 1
#
# The brackets mean: round down.  A window that would stick out is not computed.  Here the formula is held against
# what the kernels do, for every combination up to 12 pixels, in both directions at once.

checked = 0
for n, f, p, s in itertools.product(range(1, 13), range(1, 6), range(4), range(1, 5)):
    if n + 2 * p < f:
        continue  # no window fits; tg.conv2d says so
    m = n + 1  # another height than width
    y = tg.conv2d(np.zeros((1, m, n, 1)), np.zeros((f, f, 1, 1)), padding=p, stride=s)
    assert y.shape == (1, (m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, 1)
    checked += 1
print(f"{checked} combinations of n, f, p and s agree")
assert checked == 908

try:
    tg.conv2d(np.zeros((1, 5, 5, 1)), np.zeros((7, 7, 1, 1)))
except ValueError as error:
    print(error)

# %%
# What rounding down leaves out is worth a look.  A picture of 6 pixels, a window of 3, a stride of 2: the last
# column is never seen.

print(times_used(6, 3, stride=2))
assert times_used(6, 3, stride=2)[:, 5].sum() == 0
assert times_used(7, 3, stride=2).min() == 1

# %%
# Two meanings of "same"
# ----------------------
#
# With a stride, ``"same"`` can no longer mean the same size.  TensorFlow's rule, which is the one here, makes
# :math:`\lceil n/s \rceil` outputs and adds as few zeros as that takes, the odd one at the end.  In PyTorch one
# writes ``padding=1`` for a 3 x 3 window, at any stride, which adds a zero on both sides whatever the size.  The
# number of outputs is often equal, but the windows sit elsewhere.

row = np.arange(8.0).reshape(1, 1, 8, 1)
middle = np.array([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1)  # shows the middle of each window
tensorflow = tg.conv2d(row, middle, stride=2, padding="same").ravel()
pytorch = tg.conv2d(row, middle, stride=2, padding=((0, 0), (1, 1))).ravel()
print("TensorFlow's middles:", tensorflow, "  PyTorch's:", pytorch)
assert tensorflow.tolist() == [1, 3, 5, 7]
assert pytorch.tolist() == [0, 2, 4, 6]

fig, axes = plt.subplots(2, 1, figsize=(7, 2.6), layout="constrained", sharex=True)
for ax, middles, color, name in (
    (axes[0], tensorflow, BLUE, 'TensorFlow: "same" adds one zero, at the end'),
    (axes[1], pytorch, ORANGE, "PyTorch: padding=1 adds one on each side"),
):
    ax.plot(np.arange(8), np.zeros(8), "s", ms=15, color="#CCCCCC")
    ax.plot(middles, np.zeros(4), "s", ms=15, color=color)
    zeros = [8] if color == BLUE else [-1, 8]
    ax.plot(zeros, np.zeros(len(zeros)), "s", ms=15, mfc="white", mec="#999999")
    ax.set(yticks=[], xlim=(-1.6, 8.6))
    ax.tick_params(length=0)
    ax.set_title(name, loc="left", fontsize=11)
    ax.spines[:].set_visible(False)
axes[1].set_xlabel("pixel; filled: the middles of the windows, hollow: added zeros")

# %%
# So weights that were trained in one framework give slightly different pictures in the other, unless the padding is
# spelled out.  It can be: ``padding=((top, bottom), (left, right))``.
#
# Exercises
# ---------
#
# 1. A picture of 227 pixels, a window of 11, a stride of 4, no padding.  What comes out?  What does a pooling of 3 with
#    stride 2 make of it?
# 2. Which padding keeps the size for a 3 x 3 window with dilation 2, which leaves out every other pixel?
# 3. For which sizes :math:`n` do the two meanings of "same" agree, for a 3 x 3 window and stride 2?

# %%
# Solutions
# ---------
#
# 1. 55, then 27.

y = tg.conv2d(np.zeros((1, 227, 227, 1)), np.zeros((11, 11, 1, 1)), stride=4)
assert y.shape[1] == (227 - 11) // 4 + 1 == 55
assert tg.max_pool2d(y, 3, stride=2).shape[1] == 27

# %%
# 2. The window covers 5 pixels, so :math:`p = (5 - 1)/2 = 2`.

assert tg.conv2d(np.zeros((1, 9, 9, 1)), filters, dilation=2, padding=2).shape[1] == 9

# %%
# 3. For odd ones: there TensorFlow's rule adds a zero on each side too.

for n in range(3, 30):
    row = np.random.default_rng(n).standard_normal((1, n, n, 1))
    window = np.random.default_rng(0).standard_normal((3, 3, 1, 1))
    ours = tg.conv2d(row, window, stride=2, padding="same")
    theirs = tg.conv2d(row, window, stride=2, padding=1)
    assert np.array_equal(ours, theirs) == (n % 2 == 1)

# %%
# Next: why all this is called a convolution, although strictly speaking it is none.
