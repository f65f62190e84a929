r"""
Train a detector of shapes
==========================

A one-stage detector looks at a picture once and says what is where: boxes, classes, scores.  This page builds one from
the ground up, in the manner of YOLOv2 [1]_: anchors, assignment, three losses, non-maximum suppression, and at the
end mean average precision on scenes that it has never seen.

The scenes are drawn here, ellipses, rectangles, triangles and crosses that cover each other in part, under noise, so
that every box is known exactly.  Without options the script trains for less than half a minute.  For a mean average
precision of more than 0.9, which takes two or three minutes::

    python examples/detect_shapes.py --full

.. [1] J. Redmon and A. Farhadi, *YOLO9000: better, faster, stronger*, 2017.
"""

import argparse
import sys
import time

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import detection, nn, optim

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    sys.exit(f"detect_shapes: {error}")

parser = argparse.ArgumentParser(description="Train a detector of shapes.")
parser.error = lambda message: sys.exit(f"detect_shapes: {message}; try --help")
parser.add_argument("--full", action="store_true", help="more scenes, wider, more steps")
parser.add_argument("--steps", type=int, help="train for so many, as a trial")
options = parser.parse_args()
if options.steps is not None and options.steps < 1:
    parser.error(f"--steps {options.steps} must be at least 1")

SCENES, STEPS, WIDTHS = 2000, 600, (16, 32, 64, 96, 96)
if options.full:
    SCENES, STEPS, WIDTHS = 8000, 2400, (24, 48, 96, 128, 128)
STEPS = options.steps or STEPS

# %%
# Scenes
# ------
#
# A scene has 64x64 pixels and up to six shapes.  Each shape is a function of :math:`u` and :math:`v`, which run from
# -1 to 1 across its box, and the function is positive inside.  A shape is left out if it would cover so much of
# another that less than 60 % of that stay visible.  The true box is that of the whole shape, seen or not.

SIDE = 64


def larger(u, v):
    return np.maximum(abs(u), abs(v))


SHAPES = {
    "ellipse": lambda u, v: 1 - np.hypot(u, v),
    "rectangle": lambda u, v: 1 - larger(u, v),
    "triangle": lambda u, v: np.minimum(1 - v, 0.9 * ((v + 1) / 2 - abs(u))),
    "cross": lambda u, v: np.minimum(1 - larger(u, v), 0.34 - np.minimum(abs(u), abs(v))),
}
KINDS = list(SHAPES)
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] + 0.5


def scene(rng):
    """A picture (64,64,3) from 0 to 1, its true boxes (N,4), their classes (N,)."""
    ground = rng.uniform(0.1, 0.9, 3)
    slope = rng.uniform(-0.3, 0.3, (2, 3)) / SIDE
    picture = ground + (np.stack([ROWS, COLUMNS], axis=-1) - SIDE / 2) @ slope
    owner, sizes = np.zeros((SIDE, SIDE), int), [0]  # the shape seen at each pixel; 0: none
    boxes, classes = [], []
    wanted = rng.integers(1, 7)
    for _ in range(3 * wanted):  # so many tries, as not every shape finds room
        if len(boxes) == wanted:
            break
        w = rng.uniform(10, 30)
        h = np.clip(w * rng.uniform(0.7, 1.4), 10, 30)
        x, y = rng.uniform(w / 2, SIDE - w / 2), rng.uniform(h / 2, SIDE - h / 2)
        kind = rng.integers(len(KINDS))
        x0, y0, x1, y1 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
        part = np.s_[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
        u, v = (COLUMNS[part] - x) / (w / 2), (ROWS[part] - y) / (h / 2)
        level = SHAPES[KINDS[kind]](u, v)
        cover = np.clip(0.5 + level * min(w, h) / 2, 0, 1)  # of each pixel: soft edges
        visible = np.bincount(owner.ravel(), minlength=len(sizes))
        visible -= np.bincount(owner[part][cover > 0.5], minlength=len(sizes))
        if (visible[1:] < 0.6 * np.array(sizes[1:])).any():
            continue
        colour = rng.uniform(0, 1, 3)
        while abs(colour - ground).max() < 0.35:
            colour = rng.uniform(0, 1, 3)
        picture[part] += cover[..., None] * (colour - picture[part])
        owner[part][cover > 0.5] = len(sizes)
        sizes.append((cover > 0.5).sum())
        boxes.append((x0, y0, x1, y1))
        classes.append(kind)
    picture += rng.uniform(0.02, 0.1) * rng.standard_normal(picture.shape)
    return np.clip(picture, 0, 1).astype(np.float32), np.array(boxes), np.array(classes)


def show(ax, picture, title=""):
    ax.imshow(picture, extent=(0, SIDE, SIDE, 0))  # so that pixels have edges, as boxes do
    ax.set(title=title, xticks=[], yticks=[])


def outline(ax, boxes, colours, labels=None, **line):
    """Draws boxes, and on top of each its label."""
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        line = {"fill": False, "lw": 1.8, **line, "ec": colours[k]}
        ax.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, **line))
        if labels is not None:
            box = {"fc": colours[k], "ec": "none", "pad": 0.8}
            ax.text(x0, max(y0, 5), labels[k], fontsize=8, c="white", va="bottom", bbox=box)


COLOURS = np.array(["#0072B2", "#D55E00", "#009E73", "#CC79A7"])  # of the four classes
OTHERS = ("#E69F00", "#56B4E9", "#666666")  # of three of anything else

started = time.perf_counter()
rng = np.random.default_rng(0)
training = [scene(rng) for _ in range(SCENES)]
print(f"{SCENES} scenes with {sum(len(boxes) for _, boxes, _ in training)} shapes")

fig, axes = plt.subplots(2, 4, figsize=(7.5, 3.9), layout="constrained")
for ax, (picture, boxes, classes) in zip(axes.flat, training, strict=False):
    show(ax, picture)
    outline(ax, boxes, COLOURS[classes])
entries = [plt.Line2D([], [], color=COLOURS[k], label=KINDS[k]) for k in range(4)]
fig.legend(handles=entries, ncols=4, loc="outside lower center", frameon=False)

# %%
# How much two boxes agree
# ------------------------
#
# Everything below measures agreement by *intersection over union*: the area that two boxes share, divided by the area
# that at least one of them covers.  It is 1 for the same box, 0 for boxes apart, and 1/3 for a box pushed by half its
# width, which is less than it looks.

assert np.isclose(detection.box_iou([[0, 0, 10, 10]], [[5, 0, 15, 10]])[0, 0], 1 / 3)

# %%
# Anchors
# -------
#
# The network will not guess sizes out of the blue, but correct given ones, the anchors.  Good anchors are like
# the boxes in the training scenes, so k-means finds them there, with 1 - IoU as the distance.

sizes = np.concatenate([boxes[:, 2:] - boxes[:, :2] for _, boxes, _ in training])
anchors = detection.kmeans_anchors(sizes, 3, rng=0)
print("anchors:", *(f"{w:.1f}x{h:.1f}" for w, h in anchors))

counts, fits = range(1, 8), []
for count in counts:
    many = detection.kmeans_anchors(sizes, count, rng=0)
    fits.append(detection.shape_iou(sizes, many).max(axis=1).mean())
assert (np.diff(fits) > 0).all() and fits[2] > 0.75

nearest = detection.shape_iou(sizes, anchors).argmax(axis=1)
fig, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for k, marker in enumerate("o^s"):
    w, h = sizes[nearest == k][:150].T
    axes[0].plot(w, h, marker, color=OTHERS[k], ms=3, alpha=0.5)
    axes[0].plot(*anchors[k], marker, color=OTHERS[k], ms=11, mec="black")
axes[0].set_title("Sizes, and three anchors")
axes[0].set(xlabel="width, pixels", ylabel="height, pixels")
axes[1].plot(counts, fits, "o-", color="#0072B2")
axes[1].set(xlabel="anchors", ylabel="mean IoU with the best", ylim=(0.5, 1))
axes[1].set_title("More anchors fit better")

# %%
# Who has to find what
# --------------------
#
# The network halves the picture three times, so a grid of 8x8 cells is left, 8 pixels apart, and three anchors stand
# in each: 192 *slots*.  A true box belongs to the cell of its centre, and there to the anchor of the most similar
# shape.  All other slots have to say that they see nothing; except those whose anchor overlaps a true box so well (an
# IoU of at least 0.6) that this would be unfair, which are ignored.

STRIDE = 8
GRID = (SIDE // STRIDE, SIDE // STRIDE)
laid = detection.anchor_boxes(anchors, GRID, STRIDE)


def assign(boxes):
    return detection.assign_anchors(boxes, anchors, GRID, STRIDE, ignore=0.6)


picture, boxes, classes = training[3]
found = assign(boxes)
positive, ignored = found.positive.sum(), found.ignored.sum()
print(f"{positive} slots with a box, {ignored} ignored, of {found.box.size}")
assert found.box.size == 192 and positive == len(boxes)

fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
show(axes[0], picture, "true boxes, and cells of their centres")
show(axes[1], picture, "the anchors that start from there")
for k, (row, column, anchor) in enumerate(found.slots):
    cell = np.array([column, row, column + 1, row + 1]) * STRIDE
    outline(axes[0], [boxes[k], cell], [COLOURS[classes[k]], "white"])
    outline(axes[1], [laid[row, column, anchor]], [COLOURS[classes[k]]], ls="--")
for k in range(1, GRID[0]):
    axes[0].axhline(k * STRIDE, color="white", lw=0.4)
    axes[0].axvline(k * STRIDE, color="white", lw=0.4)

# %%
# The network
# -----------
#
# Five convolutions with batch normalisation and relu, and a last one that gives nine numbers for each slot: four for
# the box, a score, and four for the classes.  The last one starts with zeros, so that all boxes are the anchors at
# first, and with -4 as the bias of each score, since sigmoid(-4) is 0.018 and nearly all slots see nothing.  Random
# numbers there would have to be unlearnt first.


def layers(channels, width, **how):
    convolution = nn.Conv2d(channels, width, 3, padding="same", bias=False, rng=rng, **how)
    return convolution, nn.BatchNorm2d(width), nn.ReLU()


a, b, c, d, e = WIDTHS
head = nn.Conv2d(e, 9 * len(anchors), 1, rng=rng)
network = nn.Sequential(
    *layers(3, a, stride=2), *layers(a, b), nn.MaxPool2d(2),
    *layers(b, c), nn.MaxPool2d(2), *layers(c, d), *layers(d, e), head,
)  # fmt: skip
start = np.zeros((len(anchors), 9), np.float32)
start[:, 4] = -4
head.bias.assign(start.ravel())
head.weight.assign(np.zeros_like(head.weight.data))
assert round(float(tg.sigmoid(np.float64(-4))), 3) == 0.018
print(f"{network.num_parameters():,} parameters")


def slots(pictures):
    """The raw numbers of every slot: (N,64,64,3) -> (N,8,8,3,9)."""
    raw = network(pictures - np.float32(0.5))
    return raw.reshape((len(pictures), *GRID, len(anchors), 9))


# %%
# Three losses
# ------------
#
# * *Is something there?*  Binary cross-entropy of the score, over all slots but the ignored ones.
# * *Where?*  One minus the generalised IoU of the predicted box with the true one.  It also has a slope when the two
#   do not touch.
# * *What?*  Softmax cross-entropy of the classes.
#
# The last two count for the slots with a box only.  Every second picture is mirrored, which makes two of one.


def mirrored(picture, boxes, classes):
    x0, y0, x1, y1 = boxes.T
    return picture[:, ::-1], np.stack([SIDE - x1, y0, SIDE - x0, y1], axis=1), classes


def losses(batch):
    """Score, box and class loss of some scenes, each per true box."""
    raw = slots(np.stack([picture for picture, _, _ in batch]))
    found = [assign(boxes) for _, boxes, _ in batch]
    positive = np.stack([f.positive for f in found])
    counted = ~np.stack([f.ignored for f in found])
    which = [f.box[f.positive] for f in found]
    boxes = np.concatenate([b[k] for (_, b, _), k in zip(batch, which, strict=True)])
    classes = np.concatenate([c[k] for (_, _, c), k in zip(batch, which, strict=True)])
    score = tg.binary_cross_entropy_with_logits(raw[..., 4], positive, reduction="none")
    predicted = detection.decode_boxes(raw[..., :4], anchors, STRIDE)[positive]
    return (
        (score * counted).sum() / len(boxes),
        detection.giou_loss(predicted, boxes),
        tg.softmax_cross_entropy(raw[positive][:, 5:], classes),
    )


optimizer = optim.Adam(network.parameters(), lr=0.01)
schedule = optim.OneCycleLR(optimizer, max_lr=0.01, total_steps=STEPS)
history = []
for _ in range(STEPS):
    chosen = [training[k] for k in rng.integers(len(training), size=32)]
    batch = [mirrored(*one) if rng.random() < 0.5 else one for one in chosen]
    parts = losses(batch)
    optimizer.zero_grad()
    (parts[0] + 2 * parts[1] + parts[2]).backward()
    optimizer.step()
    schedule.step()
    history.append([part.item() for part in parts])
network.eval()

window = np.ones(max(STEPS // 40, 1)) / max(STEPS // 40, 1)  # for a running mean
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for k, label in enumerate(("score", "box", "class")):
    smooth = np.convolve(np.array(history)[:, k], window, "valid")
    ax.plot(smooth, ("-", "--", "-.")[k], color=OTHERS[k], label=label)
ax.set(title="The three losses", xlabel="step", ylabel="loss per true box", yscale="log")
ax.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# From slots to boxes
# -------------------
#
# On a scene the network has not seen: all boxes whose score times class probability is at least 0.2, then what
# non-maximum suppression leaves of them.  The surest box removes those of its class that overlap it by an IoU of more
# than 0.45, then the surest of the rest does, and so on.


def detect(pictures, least=0.01):
    """For each picture (64,64,3) the boxes, scores and classes before suppression."""
    with tg.no_grad():
        raw = slots(np.stack(pictures)).data
    chances = tg.softmax(raw[..., 5:])
    scores = tg.sigmoid(raw[..., 4]) * chances.max(axis=-1)
    boxes = detection.decode_boxes(raw[..., :4], anchors, STRIDE)
    classes = chances.argmax(axis=-1)
    sure = scores >= least
    return [
        detection.Detections(detection.clip_boxes(b[s], SIDE, SIDE), p[s], c[s])
        for b, p, c, s in zip(boxes, scores, classes, sure, strict=True)
    ]


def suppress(found):
    kept = detection.nms(found.boxes, found.scores, 0.45, classes=found.classes)
    return detection.Detections(*(part[kept] for part in found))


fresh = [scene(np.random.default_rng(1_000_000 + k)) for k in range(300)]
pictures = [picture for picture, _, _ in fresh]
candidates = [found for k in range(0, 300, 50) for found in detect(pictures[k : k + 50])]
predicted = [suppress(found) for found in candidates]
seconds = time.perf_counter() - started


def removed(k):
    """How many boxes go from picture k, if its shapes are apart and as many boxes stay."""
    true = fresh[k][1]
    before, after = ((found[k].scores >= 0.2).sum() for found in (candidates, predicted))
    apart = np.isclose(detection.box_iou(true, true).sum(), len(true))
    return before - after if apart and after == len(true) else -1


shown = max(range(300), key=removed)
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
for ax, name, found in zip(axes, ("before", "after"), (candidates, predicted), strict=True):
    boxes, scores, classes = found[shown]
    sure = scores >= 0.2
    show(ax, pictures[shown], f"{name}: {sure.sum()} boxes")
    outline(ax, boxes[sure], COLOURS[classes[sure]])

# %%
# What it finds
# -------------
#
# Six fresh scenes.  In colours what was found with a score of at least 0.5, with its class and score; dashed in
# white the true boxes.

# sphinx_gallery_thumbnail_number = 6
fig, axes = plt.subplots(2, 3, figsize=(7.5, 5.1), layout="constrained")
for ax, (picture, true, _), found in zip(axes.flat, fresh, predicted, strict=False):
    boxes, scores, classes = (part[found.scores >= 0.5] for part in found)
    show(ax, picture)
    labels = [f"{KINDS[c]} {s:.2f}" for c, s in zip(classes, scores, strict=True)]
    outline(ax, boxes, COLOURS[classes], labels)
    outline(ax, true, ["white"] * len(true), ls="--", lw=1)

# %%
# How good that is
# ----------------
#
# A detection *hits* if its IoU with a true box of its class is at least 0.5 and no surer one has hit that box before.
# Go down the list of all detections of a class, surest first: *precision* is the share of hits among those so far,
# *recall* the share of true boxes that they have hit.  The area under the curve, with each precision raised to the
# best one further right, is the average precision (AP), and its mean over the classes is ``mAP@0.5``.

truths = [detection.Truths(boxes, classes) for _, boxes, classes in fresh]
result = detection.mean_average_precision(predicted, truths)
print(f"mAP@0.5 {result.value:.3f} on {len(fresh)} fresh scenes")
print(f"{STEPS} steps, {seconds:.0f} s in all")
if not options.steps:
    assert result.value >= (0.9 if options.full else 0.75)

fig, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
for kind, style in zip(result.classes, ("-", "--", "-.", ":"), strict=False):
    curve = result.classes[kind]
    label = f"{KINDS[kind]}: AP {curve.average:.3f}"
    axes[0].step(*curve.envelope(), style, where="pre", color=COLOURS[kind], label=label)
axes[0].set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.03))
axes[0].set_title("Precision and recall")
axes[0].legend(frameon=False, loc="lower left")

limits = np.arange(0.3, 0.96, 0.05)
results = [detection.mean_average_precision(predicted, truths, iou=one) for one in limits]
values = [result.value for result in results]
axes[1].plot(limits, values, "o-", color="#0072B2")
axes[1].set(xlabel="least IoU of a hit", ylabel="mAP", ylim=(0, 1.03))
axes[1].set_title("The stricter, the fewer hits")
assert values[0] > values[-1]

# %%
# What this page does not show
# ----------------------------
#
# Scenes that a program draws are easier than photographs: a handful of forms, no perspective, no light.  What carries
# over is the machinery.  The same anchors, slots and decoding are those of the network that
# :ref:`finds faces <sphx_glr_gallery_detect_faces.py>`, and ``tg.detection`` has them for data of yours.

# sphinx_gallery_start_ignore
if plt.get_backend().lower() != "agg":  # on a desktop the pictures open in windows
    plt.show()
# sphinx_gallery_end_ignore
