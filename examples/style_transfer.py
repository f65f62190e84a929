r"""
Neural style transfer
=====================

A photograph, painted in the manner of another picture.  Nothing is trained here: the network is finished and stays
as it is.  What gradient descent changes is the *picture*, until one layer of the network still sees the photograph in
it while others see the style [1]_::

    python examples/style_transfer.py                    # the cat, on what this machine has
    python examples/style_transfer.py --full --out art   # larger; first brings VGG16 (55 MB)
    python examples/style_transfer.py --content me.jpg --style painting.jpg --out art

.. [1] L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, 2016.
"""

import argparse
import math
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.models.vgg16 import MEAN

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    from scipy.optimize import Bounds, minimize
except ImportError as error:
    sys.exit(f"style_transfer: {error} (pip install 'tinygrad-cnn[examples]')")

parser = argparse.ArgumentParser(description="A photograph in another picture's style.")
parser.error = lambda message: sys.exit(f"style_transfer: {message}; try --help")
add = parser.add_argument
add("--content", help="the photograph; without it, chelsea the cat")
add("--style", help="the picture whose style it gets; without it, a stained tissue")
add("--size", type=int, help="longer side of the result in pixels, 32 to 1024 (160)")
add("--evaluations", type=int, default=60, help="of the loss and its gradient (60)")
add("--network", choices=("vgg16", "efficientnet", "random"), help="not the best at hand")
add("--out", help="a folder for result.png, steps.png, loss.png; else nothing is written")
add("--fetch", action="store_true", help="download what is missing: photographs, VGG16")
add("--full", action="store_true", help="--fetch --size 320; the loss must fall 100x")
options = parser.parse_args()
size = options.size or (320 if options.full else 160)
if not 32 <= size <= 1024 or options.evaluations < 2:
    parser.error("--size goes from 32 to 1024, --evaluations from 2 up")
if options.out and not Path(options.out).absolute().parent.is_dir():
    parser.error(f"--out {options.out}: there is no folder to put it in")
if options.out and Path(options.out).is_file():
    parser.error(f"--out {options.out}: is a file; give a folder")
fetch = partial(tg.data.fetch, download=options.fetch or options.full)

# %%
# Two pictures
# ------------
#
# They are used as they are in the file: red, green and blue from 0 to 255.


def picture(path, size):
    """A picture (1,H,W,3) whose longer side has `size` pixels."""
    h, w, _ = tg.data.load_image(path, channels=3).shape
    shape = round(h * size / max(h, w)), round(w * size / max(h, w))
    if min(shape) < 16:
        raise ValueError(f"{path}: {w} x {h} pixels are too narrow; crop it")
    return 255 * tg.data.load_image(path, shape, channels=3)[None]


try:
    photographs = None if options.content and options.style else fetch("photographs")
    content = picture(options.content or photographs / "chelsea.png", size)
    style = picture(options.style or photographs / "ihc.png", size)
except (OSError, ValueError, ImportError) as error:
    sys.exit(f"style_transfer: {error}")

fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, image, title in zip(axes, (content, style), ("content", "style"), strict=True):
    ax.imshow(image[0].astype(np.uint8))
    ax.set_title(f"the {title}")
    ax.axis("off")

# %%
# A network that has seen pictures
# --------------------------------
#
# The maps of a trained network say what is where: first lines and colours, then textures, then parts of things.  The
# network of the paper is VGG16.  Its max pooling is replaced by averages: a maximum sends the gradient to one pixel
# in four, an average to all, and the picture becomes smoother.
#
# Without its weights, the smaller EfficientNet-Lite0 does the same, less well.  Its first convolution moves by two
# pixels, so it is shown the picture at twice the size: otherwise a chequerboard would appear that it can hardly see.
# ``--network random`` is VGG16 before any training, to see what the training is worth.


def vgg16(weights=None):
    network = tg.models.vgg16_features(weights, pooling="average", rng=0)

    def maps(x):
        bgr = x[..., ::-1] - np.float32(MEAN)
        return network(bgr, [*VGG16["style"], VGG16["content"]])

    return maps


def efficientnet(weights):
    network = tg.models.efficientnet_lite0(weights=weights)

    def maps(x):
        h, w = x.shape[1:3]
        x = network.stem(tg.resize((x - 127) / 128, (2 * h, 2 * w), mode="bilinear"))
        seen = {"stem": x}
        for k in range(5):
            x = seen[f"block {k + 1}"] = network.body[k](x)
        return seen

    return maps


VGG16 = {
    "style": ["conv1_1", "conv2_1", "conv3_1", "conv4_1"], "content": "conv4_2",
    "content weight": 10.0, "variation weight": 5e-3,
}  # fmt: skip
EFFICIENTNET = {
    "style": ["stem", "block 1", "block 3", "block 5"], "content": "block 5",
    "content weight": 5e-3, "variation weight": 2e-4,
}  # fmt: skip


def best_network():
    """The maps of the best network that can be had, and which layers to use."""
    if options.network == "random":
        return vgg16(), VGG16
    try:
        if options.network != "efficientnet":
            return vgg16(fetch("hed")), VGG16
    except (OSError, ImportError) as error:
        if options.network:
            raise
        print(f"Without VGG16, the smaller EfficientNet-Lite0 is used: {error}")
    return efficientnet(fetch("efficientnet-lite0")), EFFICIENTNET


try:
    maps, layers = best_network()
except (OSError, ValueError, ImportError) as error:
    sys.exit(f"style_transfer: {error}")
with tg.no_grad():
    content_maps, style_maps = maps(content), maps(style)
for name in dict.fromkeys([*layers["style"], layers["content"]]):
    print(f"{name:8} sees the photograph as {content_maps[name].shape[1:]}")

# %%
# What the content is
# -------------------
#
# Simply the map of a later layer.  The result :math:`x` shall have nearly the same one as the photograph :math:`p`:
#
# .. math:: L_{\mathrm{content}} = \frac{1}{M N} \sum_{m,n} \left( F_{mn}(x) - F_{mn}(p) \right)^2
#
# Here :math:`F_{mn}` is channel :math:`n` of :math:`N` at place :math:`m` of :math:`M`.  The eyes stay where they are,
# but the single pixel is free.
#
# What a style is
# ---------------
#
# Style is what remains when you forget where.  For each pair of channels, ask how strongly they answer together, on
# average over all places: blue *and* dotted, brown *and* striped.  That table is the Gram matrix:
#
# .. math:: G_{ij} = \frac{1}{M} \sum_{m} F_{mi} F_{mj}
#
# The style loss compares those of the result with those of the style picture :math:`s`, in four layers:
#
# .. math:: L_{\mathrm{style}} = \frac{1}{4} \sum_{\mathrm{layers}} \frac{1}{N^2}
#           \sum_{i,j} \left( G_{ij}(x) - G_{ij}(s) \right)^2


def gram(maps):
    """(1,H,W,N) -> (N,N): how strongly each two channels answer together, on average."""
    F = maps.reshape(-1, maps.shape[-1])
    return F.T @ F / F.shape[0]


style_grams = {name: gram(style_maps[name]) for name in layers["style"]}

# %%
# Is it true that a Gram matrix does not know where?  Shuffle all places of a map: its Gram matrix stays the same.

first = layers["style"][0]
places = content_maps[first].reshape(-1, content_maps[first].shape[-1])
shuffled = np.random.default_rng(0).permutation(places)[None, None]
assert np.allclose(gram(shuffled), gram(content_maps[first]), rtol=1e-3)

grams = {"content": gram(content_maps[first]), "style": style_grams[first]}
brightest = max(values.max() for values in grams.values()) ** 0.25
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained")
for ax, (title, values) in zip(axes, grams.items(), strict=True):
    shown = ax.imshow(values**0.25, vmin=0, vmax=brightest)
    ax.set(title=f"Gram matrix of the {title}", xlabel=f"channel of {first}")
fig.colorbar(shown, ax=axes, label="fourth root of the entry")

# %%
# No noise, please
# ----------------
#
# The *total variation* keeps neighbouring pixels alike.  The three together are the loss:
#
# .. math:: L = L_{\mathrm{style}} + \alpha L_{\mathrm{content}} + \beta L_{\mathrm{variation}}
#
# .. math:: L_{\mathrm{variation}} = \mathrm{mean} \left( x_{h+1,v} - x_{h,v} \right)^2
#           + \mathrm{mean} \left( x_{h,v+1} - x_{h,v} \right)^2


def losses(x):
    """The three parts of the loss of a picture (1,H,W,3), weighted."""
    seen = maps(x)
    differences = [gram(seen[name]) - target for name, target in style_grams.items()]
    content = tg.mse_loss(seen[layers["content"]], content_maps[layers["content"]])
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    variation = (down * down).mean() + (right * right).mean()
    return {
        "style": sum((d * d).mean() for d in differences) / len(differences),
        "content": layers["content weight"] * content,
        "variation": layers["variation weight"] * variation,
    }


# %%
# The gradient goes through all layers down to the pixels, and nobody has to derive it.  The paper did, for the style
# loss of one layer, and it is the same:
#
# .. math:: \frac{\partial L}{\partial F} = \frac{4}{M N^2} \, F \, \left( G - G(s) \right)

F = tg.Tensor(content_maps[first], requires_grad=True)
difference = gram(F) - style_grams[first]
(slope,) = tg.grad((difference * difference).mean(), [F])
M, N = places.shape
by_hand = 4 / (M * N**2) * places @ difference.data
assert np.abs(slope.reshape(M, N) - by_hand).max() < 1e-4 * np.abs(by_hand).max()

# %%
# Painting
# --------
#
# The picture starts as the photograph.  SciPy's L-BFGS searches in its pixels, each of which stays between 0 and 255.
# The method remembers how the gradient changed over the last steps and so guesses the curvature, which makes it much
# faster than plain gradient descent where the loss is smooth and free of noise.

x = tg.Tensor(content, requires_grad=True)
first_slope = np.abs(tg.grad(sum(losses(x).values()), [x])[0]).max()
if not first_slope:
    sys.exit("style_transfer: nothing to do, the photograph has that style already")
scale = 10 / first_slope  # L-BFGS begins along the gradient: by 10 at most
history, steps = [], {0: content[0]}  # by the number of evaluations
marks = [math.ceil(options.evaluations / part) for part in (16, 8, 4, 2, 1)]
try:
    from tqdm import tqdm

    progress = tqdm(total=options.evaluations, disable=None)  # None: on a terminal only
except ImportError:
    progress = None


def evaluate(pixels):
    """The loss of a picture in a row, and its gradient."""
    x.assign(pixels.reshape(content.shape).astype(np.float32))
    parts = losses(x)
    loss = parts["together"] = sum(parts.values())
    (slope,) = tg.grad(loss, [x])
    history.append({name: part.item() for name, part in parts.items()})
    if progress is not None:
        progress.set_postfix_str(f"loss {loss.item():,.1f}", refresh=False)
        progress.update()
    return scale * loss.item(), scale * slope.ravel().astype(np.float64)


def keep(intermediate_result):
    """After each iteration: keep the picture now and then; stop in the end."""
    if len(history) >= marks[0]:
        steps[len(history)] = intermediate_result.x.reshape(x.shape)[0].copy()
        marks[:] = [mark for mark in marks if mark > len(history)]
    if not marks:
        raise StopIteration


begin = time.perf_counter()
found = minimize(
    evaluate,
    content.ravel(),
    jac=True,
    method="L-BFGS-B",
    bounds=Bounds(0, 255),
    callback=keep,
    options={"maxiter": options.evaluations, "maxcor": 20, "ftol": 0, "gtol": 0},
)
seconds = time.perf_counter() - begin
if progress is not None:
    progress.close()
result = found.x.reshape(x.shape)[0]
steps[len(history)] = result
assert result.min() >= 0 and result.max() <= 255

loss = [entry["together"] for entry in history]
ratio = loss[0] / min(loss[: options.evaluations])
print(f"loss {loss[0]:,.1f} at first, {loss[-1]:,.1f} after {len(loss)} evaluations")
print(f"1/{ratio:,.0f} of it within {options.evaluations} evaluations, {seconds:.1f} s")
if options.full and ratio < 100:
    sys.exit(f"style_transfer: the loss fell {ratio:.0f} times only, 100 were expected")

# %%
# The picture starts as the photograph, so the content loss starts at zero.  It rises as the style takes hold.

assert history[0]["content"] < 1e-6 * loss[0] and history[-1]["content"] > 0

# sphinx_gallery_thumbnail_number = 5
curves, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
colours = ("#0072B2", "#D55E00", "#009E73", "#000000")
for name, color, line in zip(history[0], colours, ("--", "-.", ":", "-"), strict=True):
    values = [entry[name] or np.nan for entry in history]
    ax.semilogy(range(1, len(values) + 1), values, line, color=color, label=name)
ax.set(xlabel="evaluation", ylabel="loss")
ax.set_title(f"The loss falls {ratio:,.0f} times", loc="left")
ax.legend(frameon=False)

# %%

height, width = result.shape[:2]
columns = math.ceil(len(steps) / 2)
size = (9, 18 / columns * height / width + 0.6)
sheet, axes = plt.subplots(2, columns, figsize=size, layout="constrained", squeeze=False)
for ax in axes.flat:
    ax.axis("off")
for ax, (count, image) in zip(axes.flat, steps.items(), strict=False):
    ax.imshow(image.astype(np.uint8))
    ax.set_title(f"after {count} evaluations" if count else "the photograph", fontsize=10)

# %%
# The result
# ----------

fig, ax = plt.subplots(figsize=(8, 8 * height / width), layout="constrained")
ax.imshow(result.astype(np.uint8))
ax.axis("off")

if options.out:
    try:
        from PIL import Image

        folder = Path(options.out)
        folder.mkdir(exist_ok=True)
        with tg.io.atomic_write(folder / "result.png") as file:
            Image.fromarray(result.round().astype(np.uint8)).save(file, "png")
        for name, figure in {"steps.png": sheet, "loss.png": curves}.items():
            with tg.io.atomic_write(folder / name) as file:
                figure.savefig(file, format="png", dpi=150)
    except OSError as error:
        sys.exit(f"style_transfer: the result cannot be written: {error}")
    print(f"written: result.png, steps.png and loss.png in {folder}")
elif plt.get_backend().lower() == "agg":
    print("not written, and no display to show it: --out FOLDER keeps the pictures")
if plt.get_backend().lower() != "agg":
    plt.show()
