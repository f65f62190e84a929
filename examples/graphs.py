r"""
Pictures of graphs
==================

One function, ``tg.draw``, for whatever has been recorded: a network, its gradient, a forward pass that failed, the
difference of two versions.  Each picture can be a file (``.render("graph.svg")``, ``.png``, ``.pdf``, ``.dot``) or,
with ``.html``, a page in which modules open and close, boxes tell what they are, and the backward pass plays::

    python examples/graphs.py [--out FOLDER]

With a folder, the pictures are written there; those in the documentation come from this line.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn

parser = argparse.ArgumentParser(description="Draw graphs.")
parser.error = lambda message: sys.exit(f"graphs: {message}; --help lists all options")
parser.add_argument("--out", type=Path, help="write the pictures into this folder")
options = parser.parse_args()
rng = np.random.default_rng(0)

# %%
# LeNet-5
# -------
#
# A module with an example input.  Frames are modules; parameters stand beside the op that uses them.

lenet = models.build("lenet", (28, 28, 1), 10, rng=0)
digits = rng.standard_normal((8, 28, 28, 1)).astype(np.float32)
lenet5 = tg.draw(lenet, digits, title="LeNet-5")

# %%
# The same with numbers: how large values and gradients are, where the gradient is weak.

loss = nn.CrossEntropyLoss()
gradient_flow = tg.draw(
    lambda images: loss(lenet(images), np.arange(8)), digits,
    show={"shapes", "params", "cost", "grads"}, title="LeNet-5: cost and gradient flow",
)  # fmt: skip

# %%
# ResNet-20
# ---------
#
# Blocks that repeat are drawn once.

resnet = models.build("resnet20", (32, 32, 3), 10, rng=0)
pictures = rng.standard_normal((2, 32, 32, 3)).astype(np.float32)
resnet20 = tg.draw(resnet, pictures, repeats=True, depth=2, title="ResNet-20")

# %%
# A U-Net
# -------
#
# The way down, the way up, and the bridges between them.

net = models.build("unet", (64, 64, 1), 2, rng=0)
scene = rng.standard_normal((1, 64, 64, 1)).astype(np.float32)
unet = tg.draw(net, scene, depth=2, title="U-Net")

# %%
# A gradient, and the gradient of a gradient
# ------------------------------------------
#
# Forward and backward side by side, with the same numbers: ``2'`` was made by the rule of ``2``.

x = tg.Tensor([0.5, 2.0], requires_grad=True, name="x")
y = (tg.sin(x) * x).sum()
both = tg.draw(y, direction="both", title="sum(sin(x) x), and its gradient")

# %%
# What computes a gradient is ops again, so it has a graph like any other, which can be differentiated.

slope = tg.grad((x * tg.sin(x)).sum(), x, create_graph=True)
curvature = tg.grad((slope * slope).sum(), x, create_graph=True)
second_order = tg.draw(curvature, title="The gradient of a gradient's square")

# %%
# A forward pass that fails
# -------------------------
#
# The picture shows how far it came, and what went wrong.

wrong = nn.Sequential(
    nn.Conv2d(1, 6, 5, rng=0), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(900, 10, rng=0),
)  # fmt: skip
try:
    wrong(digits)
except ValueError as error:
    failing = tg.draw(error, title="Where it failed")

# %%
# Two versions
# ------------

before = nn.Sequential(nn.Conv2d(1, 6, 5, rng=0), nn.ReLU(), nn.MaxPool2d(2))
after = nn.Sequential(nn.Conv2d(1, 8, 5, rng=0), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
difference = tg.draw_diff((before, digits), (after, digits))

# %%
# Large graphs
# ------------
#
# A chain of 100, 1,000 and 10,000 ops, from the recorded graph to DOT text:

for count in (100, 1_000, 10_000):
    y = tg.Tensor(np.ones(3, np.float32), requires_grad=True)
    for _ in range(count):
        y = tg.sin(y)
    began = time.perf_counter()
    source = tg.draw(y).source
    print(f"{count:>6,} ops: {time.perf_counter() - began:.3f} s, {len(source):,} characters")

# %%
# As files, with ``--out``:

drawings = {
    "lenet5": lenet5, "gradient_flow": gradient_flow, "resnet20": resnet20, "unet": unet,
    "both": both, "second_order": second_order, "failing": failing, "difference": difference,
}  # fmt: skip
if options.out:
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, drawing in drawings.items():
            print(f"drawn: {drawing.render(options.out / f'{name}.svg')}")
    except (OSError, tg.graphs.RenderError) as error:
        sys.exit(f"graphs: --out: {error}")
