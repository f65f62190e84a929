r"""
Chapter 3: Translation
======================

A cat is a cat wherever it sits.  What does a convolution do when the picture moves?  What does pooling add?  And what
does a whole network make of it?  Two words will be needed, *equivariance* and *invariance*, and both can be measured.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    photographs = data.fetch("photographs", download=False)
    cat = data.load_image(photographs / "chelsea.png", channels=1)[40:240, 100:300]
except (OSError, ImportError) as error:
    raise SystemExit(f"chapter 3: {error}") from None

# %%
# Shift in, shift out
# -------------------
#
# *Equivariance* says that it makes no difference whether one shifts the picture and then convolves, or the other way
# round:
#
# .. math:: \mathrm{shift}(x) \star w \;=\; \mathrm{shift}(x \star w)
#
# The picture is moved by 12 pixels down and 20 to the right.

sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
filters = sobel[:, :, None, None]
image = cat[None]


def shifted(x):
    return np.roll(x, (12, 20), axis=(1, 2))


first_shifted = tg.conv2d(shifted(image), filters, padding="same")[0, :, :, 0]
first_convolved = shifted(tg.conv2d(image, filters, padding="same"))[0, :, :, 0]
difference = np.abs(first_shifted - first_convolved)

fig, axes = plt.subplots(1, 3, figsize=(8, 3.1), layout="constrained")
for ax, values, title in (
    (axes[0], first_shifted, "shifted, then convolved"),
    (axes[1], first_convolved, "convolved, then shifted"),
    (axes[2], difference, "difference"),
):
    look = {"cmap": "Reds", "vmax": 0.2} if ax is axes[2] else {"cmap": "gray"}
    ax.imshow(values, **look)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)

# %%
# The difference is *exactly* zero, but for the two lines where one border of the picture was moved into its middle:
# there the windows saw zeros in one case and pixels in the other.

touched = np.zeros(difference.shape, bool)
touched[[11, 12, 0, -1]] = True  # rows at the seam, and the outermost
touched[:, [19, 20, 0, -1]] = True
away, on_them = difference[~touched].max(), difference[touched].max()
print(f"largest difference away from the borders {away}, on them {on_them:.2f}")
assert away == 0
assert on_them > 0

# %%
# Where strides break it
# ----------------------
#
# A stride of 2 looks at every other place.  Shift the picture by two pixels, and the map shifts by one.  Shift it
# by one, and other places are looked at: the map is a different one.


def strided(x):
    return tg.conv2d(x, filters, stride=2)[0, :, :, 0]


errors = []
for shift in range(9):
    now = strided(image[:, :, shift:])
    was = strided(image)[:, round(shift / 2) :]
    width = min(now.shape[1], was.shape[1])
    errors.append(np.abs(now[:, :width] - was[:, :width]).mean())
print(np.round(errors, 4))
assert max(errors[0::2]) == 0
assert min(errors[1::2]) > 0.01

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(range(9), errors, color=BLUE)
ax.set(xlabel="shift of the picture, pixels", ylabel="mean change of the map")
ax.set_title("Stride 2: only even shifts are passed on", loc="left")

# %%
# Pooling: a little may move
# --------------------------
#
# *Invariance* asks for more: that the answer stays the same.  Max pooling gives a little of it.  The largest number
# of a window may move inside the window, and nothing changes.  With windows of 1, 2, 4 and 8 pixels, and all of the
# map at once:

edges = np.maximum(tg.conv2d(image, filters, padding="same"), 0)


def change(x, shift, window):
    """How much a pooled map changes when its picture moves to the left, relatively."""
    x, moved = x[:, :, 1:185], x[:, :, 1 + shift : 185 + shift]
    if window == "all":
        pooled, again = x.max(axis=(1, 2)), moved.max(axis=(1, 2))
    else:
        pooled, again = tg.max_pool2d(x, window), tg.max_pool2d(moved, window)
    return np.linalg.norm(pooled - again) / np.linalg.norm(pooled)


shifts = range(9)
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
changes = {}
for window, color, marker in (
    (1, "#555555", "x"), (2, ORANGE, "s"), (4, GREEN, "^"),
    (8, BLUE, "o"), ("all", "k", "D"),
):  # fmt: skip
    changes[window] = [change(edges, shift, window) for shift in shifts]
    label = {1: "no pooling", "all": "global pooling"}.get(window, f"{window} x {window}")
    ax.plot(shifts, changes[window], f"{marker}-", color=color, label=label)
ax.set(xlabel="shift of the picture, pixels", ylabel="relative change of the map")
ax.set_title("The larger the window, the less a shift changes", loc="left")
fig.legend(frameon=False, loc="outside lower center", ncols=5)
by_one = [changes[window][1] for window in ("all", 8, 4, 2, 1)]
assert by_one == sorted(by_one)

# %%
# What a network makes of it
# --------------------------
#
# Three networks learn the digits of the package, each of them in the middle of a 16 x 16 field: a dense one, one
# that ends with ``Flatten``, and one that ends with global pooling.  Then the digits of the test move.


def centred(digits, shift=0):
    """Digits (N,8,8,1) in a field of 16 x 16, moved to the right by `shift` pixels."""
    field = np.zeros((len(digits), 16, 16, 1), np.float32)
    field[:, 4:12, 4 + shift : 12 + shift] = digits
    return field


def convolutions(rng):
    return [
        nn.Conv2d(1, 16, 3, padding="same", rng=rng), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding="same", rng=rng), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding="same", rng=rng), nn.ReLU(),
    ]  # fmt: skip


rng = np.random.default_rng(0)
networks = {
    "dense": nn.Sequential(
        nn.Flatten(), nn.Linear(256, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng)
    ),
    "convolutions, flatten": nn.Sequential(
        *convolutions(rng), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(256, 10, rng=rng)
    ),
    "convolutions, global pooling": nn.Sequential(
        *convolutions(rng),
        nn.Lambda(lambda x: tg.max(x, axis=(1, 2))),
        nn.Linear(64, 10, rng=rng),
    ),
}
train, test = data.digits()
fields = data.ArrayDataset(centred(train.images), train.labels)
accuracy = {}
for name, network in networks.items():
    tg.fit(network, fields, epochs=12, lr=3e-3, progress=False)
    for shift in range(-4, 5):
        logits = tg.predict(network, centred(test.images, shift))
        accuracy[name, shift] = np.mean(logits.argmax(axis=1) == test.labels)

# sphinx_gallery_thumbnail_number = 4
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, style in zip(networks, ("x:", "s--", "o-"), strict=True):
    color = {"x:": "#555555", "s--": ORANGE, "o-": BLUE}[style]
    percent = [100 * accuracy[name, k] for k in range(-4, 5)]
    ax.plot(range(-4, 5), percent, style, color=color, label=name)
ax.axhline(10, color="#AAAAAA", lw=1)
ax.set(xlabel="the digit moves to the right by, pixels", ylim=(0, 102))
ax.set_ylabel("right answers, percent")
ax.set_title("Learnt in the middle, asked elsewhere", loc="left")
fig.legend(frameon=False, loc="outside lower center", ncols=3)
for name in networks:
    middle, off = accuracy[name, 0], accuracy[name, 4]
    print(f"{name:30} middle {middle:.1%}, four pixels off {off:.1%}")
assert accuracy["dense", 4] < 0.2
assert accuracy["convolutions, global pooling", 4] > 0.95

# %%
# All three read digits in the middle.  The dense network knows nothing about any other place: it has learnt what
# pixel number 137 means, not what a seven is.  The convolutions find the strokes anywhere, but the dense layer
# behind ``Flatten`` has learnt where in the map to expect them; its pooling of 4 x 4 forgives a pixel or two.  With
# global pooling nothing is left that could depend on the place.
#
# Is that always better?  No: a six moved is a six, but a six turned is a nine, and in a street scene the sky is on
# top.  What should not matter can be built into a network; what does matter must be left to learn.
#
# Exercises
# ---------
#
# 1. For which shifts is a 2 x 2 max pooling equivariant?  Check it.
# 2. A picture of one even grey has no features at all.  What does a ``"same"`` convolution make of it, and what can a
#    network learn from that?
# 3. Is a convolution equivariant to a quarter turn of the picture?  For which filters?

# %%
# Solutions
# ---------
#
# 1. For even ones, as with any stride of 2.

pooled = tg.max_pool2d(image, 2)
assert np.array_equal(tg.max_pool2d(image[:, :, 2:], 2), pooled[:, :, 1:])
assert not np.array_equal(tg.max_pool2d(image[:, :, 1:-1], 2), pooled[:, :, :-1])

# %%
# 2. The border of zeros shows: the map is not even.  So a network can learn where the border is, and from there where
#    anything is.  ``"valid"`` does not give that away.

grey = np.full((1, 8, 8, 1), 0.5, np.float32)
blur = np.full((3, 3, 1, 1), 1 / 9, np.float32)
print(tg.conv2d(grey, blur, padding="same")[0, :, :, 0].round(2))
assert np.ptp(tg.conv2d(grey, blur, padding="same")) > 0.2
assert np.ptp(tg.conv2d(grey, blur)) < 1e-6

# %%
# 3. Only for filters that look the same after the turn, such as the blur.  Sobel's does not.

turned = np.rot90(image, axes=(1, 2))
for name, w, equal in (("blur", blur, True), ("Sobel", filters, False)):
    turned_first = tg.conv2d(turned, w)
    turned_last = np.rot90(tg.conv2d(image, w), axes=(1, 2))
    difference = np.abs(turned_first - turned_last).max()
    print(f"{name:6} largest difference {difference:.1e}")
    assert np.allclose(turned_first, turned_last, atol=1e-5) == equal

# %%
# Next: a convolution worked out by hand, number by number.
