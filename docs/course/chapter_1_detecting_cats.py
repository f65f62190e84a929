r"""
Chapter 1: The problem with detecting cats
==========================================

Is there a cat in the picture?  A child answers at a glance.  A program gets three million numbers, and this chapter
is about what they do to a network that connects everything with everything.  Nothing of convolution needs to be known
yet; at the end it will be clear what is asked of it.
"""

import time

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    photographs = data.fetch("photographs", download=False)
    cat = data.load_image(photographs / "chelsea.png")
    astronaut = data.load_image(photographs / "astronaut.png")
    tissue = data.load_image(photographs / "ihc.png")
except (OSError, ImportError) as error:
    raise SystemExit(f"chapter 1: {error}") from None

# %%
# What such networks are for
# --------------------------
#
# *Convolutional neural networks*, CNNs for short, are networks for data in which neighbours belong together: pictures
# above all, but also sound and measurements over time.  They sort photographs, they find people and lane markings for
# cars that drive themselves, and they mark in medical images what a physician should look at twice.  Here are three
# problems that they solve, and a fourth, from medicine.
#
# The answers in this picture were put there by hand, to show what is asked.  Chelsea, the cat, gets the texture of
# gravel by a trick: the grey values of the one, sorted, replace those of the other, and the fine grain is added.

gravel = data.load_image(photographs / "gravel.png")[:300, :451]
box_blur = np.full((9, 9, 1, 1), 1 / 81, np.float32)
grain = gravel - tg.conv2d(gravel[None], box_blur, padding="same")[0]
rank = cat.reshape(-1, 3).argsort(axis=0).argsort(axis=0)  # 0: the darkest pixel
styled = np.clip(np.sort(gravel.ravel())[rank].reshape(cat.shape) + grain, 0, 1)

fig, axes = plt.subplots(2, 2, figsize=(8, 5.9), layout="constrained")
for ax, picture, title in (
    (axes[0, 0], cat, "Image classification: what is it?"),
    (axes[0, 1], astronaut[:340], "Object detection: what, and where?"),
    (axes[1, 0], styled, "Style transfer: as if made of gravel"),
    (axes[1, 1], tissue[200:500, :451], "Segmentation: which pixels are nuclei?"),
):
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=12, loc="left")
axes[0, 0].text(12, 285, "cat", fontsize=16, color="white", bbox={"color": BLUE, "pad": 4})
for x, y, width, height, name in (
    (170, 65, 110, 125, "face"),
    (365, 45, 100, 295, "shuttle"),
):
    box = plt.Rectangle((x, y), width, height, fill=False, lw=3, color=ORANGE)
    axes[0, 1].add_patch(box)
    axes[0, 1].text(x, y - 8, name, color="white", bbox={"color": ORANGE, "pad": 2})
blue = tissue[200:500, :451, 2] - tissue[200:500, :451, 0] > 0.08
axes[1, 1].contour(blue, levels=[0.5], colors="k", linewidths=0.8)

# %%
# Each of them is solved for real in an example of its own:
#
# * **Image classification**: one answer for the whole picture.  :ref:`sphx_glr_gallery_classify_cat.py`
# * **Object detection**: boxes around things, however many there are; cars need them many times a second.
#   :ref:`sphx_glr_gallery_detect_shapes.py` and :ref:`sphx_glr_gallery_detect_faces.py`
# * **Neural style transfer**: what is to be seen from one picture, how it is painted from another.
#   :ref:`sphx_glr_gallery_style_transfer.py`
# * **Medical images**: one answer for every pixel.  :ref:`sphx_glr_gallery_segment_cells.py`
#
# A picture is a list of numbers
# ------------------------------
#
# A *1-megapixel 8-bit RGB* photograph has a million pixels.  Each has three numbers, for red, green and blue; each
# number has 8 bits, so it is one of :math:`2^8 = 256` values from 0 to 255.

megapixel = data.load_image(photographs / "chelsea.png", size=1000)
photo = np.round(megapixel * 255).astype(np.uint8)
print(photo.shape, photo.dtype, f"{photo.size:,} numbers, {photo.nbytes / 1e6:.0f} MB")
assert photo.size == 3_000_000 == photo.nbytes

corner = np.round(cat[104:109, 138:143] * 255).astype(int)  # in the cat's right eye
fig, axes = plt.subplots(1, 4, figsize=(8, 2.5), layout="constrained")
axes[0].imshow(corner)
axes[0].set_title("5 x 5 pixels")
colours = (("red", "Reds"), ("green", "Greens"), ("blue", "Blues"))
for k, (ax, (name, cmap)) in enumerate(zip(axes[1:], colours, strict=True)):
    ax.imshow(corner[:, :, k], cmap=cmap, vmin=0, vmax=510)
    ax.set_title(name)
    for (h, v), value in np.ndenumerate(corner[:, :, k]):
        ax.text(v, h, str(value), ha="center", va="center", fontsize=9)
for ax in axes:
    ax.set(xticks=[], yticks=[])

# %%
# So the input of a network is a vector with one variable for every number:
#
# .. math:: x \in \mathbb{R}^{3 \times 1\mathrm{M}}
#
# One layer of 1,000 units
# ------------------------
#
# The classical network is the *multilayer perceptron*, or MLP.  In its *dense* layers every unit looks at every
# input, with a weight for each, and adds a *bias*:
#
# .. math:: y_o = \sum_{i} W_{io}\, x_i + b_o
#
# That is :math:`n \cdot m` weights and :math:`m` biases for :math:`n` inputs and :math:`m` units.  First in small, to
# see that the formula counts rightly, then for the photograph.


def dense_parameters(n, m):
    return n * m + m


assert nn.Linear(300, 20).num_parameters() == dense_parameters(300, 20)

units = 1000
parameters = dense_parameters(photo.size, units)
print(f"{parameters:,} parameters, of which {units:,} biases")
assert parameters == 3_000_001_000

# %%
# Three billion weights, in one layer, and a network has several.  As float32 a number takes 4 bytes.  Training needs
# the gradient as well, a number for each weight; and the usual optimiser, Adam, keeps two more.

gigabytes = {
    "the weights": 4 * parameters / 1e9,
    "and their gradient": 8 * parameters / 1e9,
    "and Adam's two averages": 16 * parameters / 1e9,
}
for what, size in gigabytes.items():
    print(f"{what:24} {size:5.0f} GB")
assert [round(size) for size in gigabytes.values()] == [12, 24, 48]

# %%
# 48 GB do not fit into most computers, so the step cannot be run here.  But its time can be computed.  A hundredth of
# the layer does fit: a photograph of 100 x 100 pixels, 30,000 inputs.  How many weights does this machine get through
# in a second, forward, backward and one step of gradient descent?


def seconds_per_step(layer, x):
    """The fastest of three steps of gradient descent on one picture."""
    optimizer, times = tg.optim.SGD(layer.parameters(), lr=1e-3), []
    for _ in range(3):
        start = time.perf_counter()
        y = layer(x)
        optimizer.zero_grad()
        (y * y).mean().backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return min(times)


thumbnail = data.load_image(photographs / "chelsea.png", size=100)
dense = nn.Linear(thumbnail.size, units, rng=0)
rate = dense.num_parameters() / seconds_per_step(dense, thumbnail.reshape(1, -1))
dense_seconds = parameters / rate
print(f"measured: {rate / 1e6:,.0f} million weights a second")
print(f"computed: {dense_seconds:,.1f} s for a step on a megapixel")
print(f"{1e6 * dense_seconds / 86_400:,.0f} days for a million photographs")
assert dense.num_parameters() == 30_001_000

# %%
# Now the other kind of layer, on the same photograph.  A *convolution* with 16 filters of 3 x 3 pixels slides each of
# them over all places.  It is small enough to be run, at full size:

convolution = nn.Conv2d(3, 16, 3, padding="same", rng=0)
conv_seconds = seconds_per_step(convolution, megapixel[None])
print(f"convolution: {convolution.num_parameters()} parameters")
print(f"measured: {conv_seconds:.2f} s for a step on a megapixel")
assert convolution.num_parameters() == 3 * 3 * 3 * 16 + 16 == 448
assert convolution(megapixel[None]).shape == (1, 1000, 1000, 16)
assert conv_seconds < dense_seconds

# %%
# 448 numbers instead of three billion.  The weights do not become *more* with the size of the picture, either: the
# same filters serve all of them.
#
# To be fair: it is the weights that are saved, far more than the arithmetic.  Each filter is used at a million
# places, so the convolution multiplies 432 million times, the dense layer three billion times.  But it has 16
# million answers to show for it, and the dense layer 1,000.

assert 3 * 3 * 3 * 16 * 1_000_000 == 432_000_000

sides = np.array([8, 28, 32, 64, 128, 224, 500, 1000, 2000, 4000])
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
counts = [dense_parameters(3 * n * n, units) for n in sides]
ax.loglog(sides, counts, "s-", color=ORANGE, label="dense, 1,000 units")
ax.loglog(sides, np.full(10, 448), "o-", color=BLUE, label="convolution, 16 filters")
affordable = 16e9 / 16  # bytes of memory, bytes a weight
ax.axhline(affordable, color="#777777", lw=1, ls="--")
ax.text(8, 1.3 * affordable, "what 16 GB can train with Adam", fontsize=10, color="#555555")
ax.set(xlabel="side of the picture, pixels", ylabel="weights and biases", ylim=(100, 1e11))
ax.set_xticks([8, 32, 128, 500, 1000, 4000], ["8", "32", "128", "500", "1000", "4000"])
ax.minorticks_off()
ax.set_title("The parameters of one layer", loc="left")
ax.legend(frameon=False, loc="center right")

# %%
# What should stay the same
# -------------------------
#
# Size is one half of the problem.  The other half is what "there is a cat" means.  The cat may be anywhere, and there
# may be any number of cats.  Here is Chelsea in a field of grey, moved, cut off by the border, three times, and not
# at all.

small = data.load_image(photographs / "chelsea.png", size=(100, 150))
coffee = data.load_image(photographs / "coffee.png", size=(100, 150))


def scene(*things):
    """A grey field of 240 x 360 with things in it, each (picture, row, column)."""
    field = np.full((240, 360, 3), 0.55, np.float32)
    for thing, row, column in things:
        part = thing[: 240 - row, : 360 - column]
        field[row : row + part.shape[0], column : column + part.shape[1]] = part
    return field


scenes = {
    "a cat": scene((small, 20, 20)),
    "moved": scene((small, 110, 170)),
    "cropped": scene((small, 160, 275)),
    "three cats": scene((small, 10, 15), (small, 125, 40), (small, 60, 200)),
    "no cat": scene((coffee, 20, 20)),
}

# %%
# For a dense layer the moved cat is another list of numbers, hardly nearer to the first than a cup of coffee is.

for name in ("moved", "no cat"):
    distance = np.linalg.norm(scenes[name] - scenes["a cat"])
    print(f'distance of "{name}" from "a cat": {distance:.0f}')
    assert 50 < distance < 65

# %%
# What one would like is called **translational invariance**: the same features give the same answer, wherever they
# are.  A first attempt needs no learning.  Cut out an eye, 20 x 20 pixels, and subtract its mean.  This is the
# *filter*.  It is laid on the picture at every place; what lies on top of each other is multiplied and added up.
# Divided by how strong the contrast is at that place, the answer says how alike the two are: 1 for the eye, and about
# 0 for what has nothing to do with it.

grey = {name: picture.mean(axis=2, dtype=float) for name, picture in scenes.items()}
eye = grey["a cat"][48:68, 65:85] - grey["a cat"][48:68, 65:85].mean()


def slide(picture, filter):
    """A picture (H,W) and a filter (I,J): the sum of products at every place."""
    return tg.conv2d(picture[None, :, :, None], filter[:, :, None, None])[0, :, :, 0]


def likeness(picture):
    """How alike the picture is to the eye, at every place: -1 to 1."""
    ones = np.ones(eye.shape)
    contrast = slide(picture**2, ones) - slide(picture, ones) ** 2 / eye.size
    return slide(picture, eye) / (np.linalg.norm(eye) * np.sqrt(np.maximum(contrast, 1e-3)))


# %%
# A unit of a dense layer can hold the same eye, but looks for it at one place only, say at row 48 and column 65,
# where it was cut out.  Beside its answer, the largest one of all places, and how many eyes are found:

found = {}
print(f"{'':10}   one place  anywhere  found")
for name, picture in grey.items():
    answers = likeness(picture)
    found[name] = np.argwhere(answers > 0.99)
    print(f"{name:10} {answers[48, 65]:11.2f} {answers.max():9.2f} {len(found[name]):6}")
    assert np.isclose(answers.max(), 1) == (name != "no cat")
    assert np.isclose(answers[48, 65], 1) == (name == "a cat")
assert [len(places) for places in found.values()] == [1, 1, 1, 3, 0]

fig, axes = plt.subplots(2, 3, figsize=(8, 4), layout="constrained")
for ax, (name, picture) in zip(axes.flat, scenes.items(), strict=False):
    ax.imshow(picture)
    for row, column in found[name]:
        middle = column + 10, row + 10
        ax.add_patch(plt.Circle(middle, 16, fill=False, lw=2.5, color="#F0E442"))
    ax.set_title(name, fontsize=12)
axes[1, 2].imshow(eye, cmap="gray")
axes[1, 2].set_title("the filter", fontsize=12)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

# %%
# The filter finds the eye in every place, in any number, and none in the cup.  The largest answer of all places is
# the same wherever the cat sits.  The dense unit knows one place, and would have to learn the eye again for each of
# the others.
#
# Is the eye of *this* cat at *this* size a good cat detector?  No, as exercise 3 shows.  What a network learns are
# many filters, for simpler things.  Chapter 3 measures how far the invariance goes then.
#
# Neighbours are alike
# --------------------
#
# Why may a filter be so small?  Because what belongs together in a picture lies together.  Take two pixels at some
# distance: how alike are they?  The *correlation* is 1 if one tells all about the other, and 0 if nothing.


def correlation(picture, distance):
    """Of the grey values of pixels that are so many columns apart."""
    return np.corrcoef(picture[:, :-distance].ravel(), picture[:, distance:].ravel())[0, 1]


distances = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]
cat_grey = cat.mean(axis=2)
shuffled = np.random.default_rng(0).permutation(cat_grey.ravel()).reshape(cat_grey.shape)
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for name, picture, style, color in (
    ("the cat", cat_grey, "o-", BLUE),
    ("the astronaut", astronaut.mean(axis=2), "s-", ORANGE),
    ("the tissue", tissue.mean(axis=2), "^-", GREEN),
    ("the cat's pixels, shuffled", shuffled, "x:", "#555555"),
):
    alike = [correlation(picture, d) for d in distances]
    ax.plot(distances, alike, style, color=color, label=name)
ax.set(xlabel="distance, pixels", ylabel="correlation", ylim=(-0.25, 1.05))
ax.set_title("The nearer, the more alike", loc="left")
ax.legend(frameon=False)
for d in (1, 64):
    print(f"cat, at distance {d}: {correlation(cat_grey, d):.2f}")
assert correlation(cat_grey, 1) > 0.95
assert abs(correlation(cat_grey, 64)) < 0.1
assert abs(correlation(shuffled, 1)) < 0.02

# %%
# A dense layer has no notion of near and far: if the pixels of all pictures are shuffled in the same way, nothing
# changes for it (exercise 2).  It has to find out from examples what was known beforehand.
#
# Two ways to hold a network back
# -------------------------------
#
# With three billion weights a network can learn a million photographs by heart and understand nothing; this is
# called *overfitting*.  Holding it back is called *regularisation*.
#
# **In an MLP it is mostly done in the loss.**  A penalty on large weights is added to the cost :math:`J`:
#
# .. math:: J_{\lambda} = J + \frac{\lambda}{2} \sum_{i,o} W_{io}^2
#    \qquad \bar{W}_{\lambda} = \bar{W} + \lambda\, W
#
# The bar stands for the gradient.  Each step pulls each weight towards zero a little, but all of them remain.

rng = np.random.default_rng(0)
x, labels = rng.standard_normal((8, 30)), rng.integers(0, 2, 8)
W, decay = tg.Tensor(rng.standard_normal((30, 2)), requires_grad=True), 0.1
(plain,) = tg.grad(tg.softmax_cross_entropy(x @ W, labels), [W])
J = tg.softmax_cross_entropy(x @ W, labels) + decay / 2 * (W * W).sum()
(held_back,) = tg.grad(J, [W])
assert np.allclose(held_back, plain + decay * W.data)

# %%
# **In a CNN it is done by structure.**  A convolution is a dense layer of which most weights are nailed to zero and
# the others tied together (chapter 2 draws the matrix).  The 16 maps from the megapixel photograph, made by a dense
# layer, would take 48 trillion weights; 448 numbers are free.  And large patterns are put together from small ones,
# layer by layer: edges, then corners and fur, then eyes.  After four convolutions, each followed by a pooling that
# halves the map, a unit sees a window of 46 x 46 pixels, for a fraction of the weights that one filter of that size
# would need:

layers, channels = [], 3
for maps in (16, 16, 16, 16):
    layers += [nn.Conv2d(channels, maps, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    channels = maps
stack = nn.Sequential(*layers)
seen = tg.plots.receptive_field_of(stack, (128, 128, 3))
height, width = seen.size
at_once = height * width * 3 * 16 + 16
print(f"a unit at the top sees {height} x {width} pixels")
print(f"in four layers {stack.num_parameters():,} parameters, in one layer {at_once:,}")
assert (height, width) == (46, 46)
assert megapixel.size * 16 * 1_000_000 == 48e12
assert at_once > 10 * stack.num_parameters()

# %%
# Side by side, for the photograph:
#
# .. list-table::
#    :header-rows: 1
#    :widths: 26 37 37
#
#    * -
#      - MLP: dense, 1,000 units
#      - CNN: convolution, 16 filters
#    * - an output looks at
#      - all 3,000,000 numbers
#      - 27 numbers, 3 x 3 pixels
#    * - a weight is used
#      - at 1 place
#      - at 1,000,000 places
#    * - parameters
#      - 3,000,001,000
#      - 448
#    * - a larger picture
#      - needs more weights
#      - needs the same
#    * - the cat moves
#      - all is to be learnt again
#      - the answers move with it
#    * - is held back by
#      - a penalty in the loss
#      - its structure
#
# Exercises
# ---------
#
# 1. A telephone takes photographs of 12 megapixels.  How many weights does a dense layer of 1,000 units have on them,
#    how much memory do they take, and how many parameters has the convolution?
# 2. Show that a dense layer does not care about the order of the pixels: shuffle the inputs, and its rows in the same
#    way.  Does a convolution care?
# 3. How good is the eye as a detector?  Try it on Chelsea at half the brightness, in the mirror, and a fifth larger.

# %%
# Solutions
# ---------
#
# 1. 36 billion weights, 144 GB before any training; and 448, as ever.

twelve = dense_parameters(12_000_000 * 3, 1000)
print(f"{twelve:,} parameters, {4 * twelve / 1e9:.0f} GB")
assert round(twelve / 1e9) == 36
assert round(4 * twelve / 1e9) == 144

# %%
# 2. The answers of the dense layer are the same numbers.  The convolution's are not, in any order: its windows now
#    hold pixels that never were neighbours.

flat, order = thumbnail.reshape(1, -1), rng.permutation(thumbnail.size)
shuffled_rows = dense.weight.data[order]
assert np.allclose(flat[:, order] @ shuffled_rows, flat @ dense.weight.data, atol=1e-4)

places = rng.permutation(100 * 100)
mixed = thumbnail.reshape(-1, 3)[places].reshape(1, 100, 100, 3)
before, after = (np.sort(convolution(x).data.ravel()) for x in (thumbnail[None], mixed))
print(f"largest answer before {before[-1]:.2f}, after {after[-1]:.2f}")
assert not np.allclose(before, after, atol=1e-3)

# %%
# 3. The brightness does not matter, since the answer is divided by the contrast.  In the mirror and a fifth larger,
#    the cat is missed: the filter knows one eye, seen in one way.

larger = data.load_image(photographs / "chelsea.png", size=(120, 180))
others = {
    "half as bright": scenes["a cat"] / 2,
    "in the mirror": scene((small[:, ::-1], 20, 20)),
    "a fifth larger": scene((larger, 20, 20)),
}
best = {}
for name, picture in others.items():
    best[name] = likeness(picture.mean(axis=2, dtype=float)).max()
    print(f"{name:16} {best[name]:.2f}")
assert best["half as bright"] > 0.99
assert max(best["in the mirror"], best["a fifth larger"]) < 0.99

# %%
# Next: where the weights went, counted and drawn.
