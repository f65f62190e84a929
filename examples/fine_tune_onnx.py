"""
Fine-tune an ONNX network
=========================

A published ONNX file, PP-OCR's judge of whether a line of text stands upright or on its head, learns to read digits::

    python examples/fine_tune_onnx.py [out.onnx]

It was trained on printed text; handwritten digits are new to it.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg

# %%
# Lines of four digits, twelve times as large, every other one turned by half a circle.


def lines(dataset, count, rng):
    """Images (count,48,192,3) in [-1, 1], bright paper, and whether each stands on its head."""
    rows = rng.choice(len(dataset), (count, 4))
    strips = np.concatenate([1 - dataset.images[rows[:, k]] for k in range(4)], axis=2).repeat(6, 1).repeat(6, 2)
    turned = rng.integers(0, 2, count)
    strips = np.where(turned[:, None, None, None] == 1, strips[:, ::-1, ::-1], strips)
    return np.repeat(strips * 2 - 1, 3, axis=3).astype(np.float32), turned


train, test = tg.data.digits()
rng = np.random.default_rng(0)
test_x, test_y = lines(test, 100, rng)

# %%
# The file has images (N, C, H, W) and ends in a softmax; here it is a module like any other, with 143 parameters.

assets = Path(globals().get("__file__", "")).parent / "assets" / "text_direction"
beside = assets / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
net = tg.onnx.load(beside if beside.exists() else tg.data.fetch("text-direction"), layout="channels_last")


def accuracy():
    with tg.no_grad():
        return np.mean(net(test_x).data.argmax(axis=1) == test_y)


print(f"before: accuracy {accuracy():.4f}")
optimizer = tg.optim.Adam(net.parameters(), lr=1e-3)
STEPS = 30
for _ in range(STEPS):
    x, y = lines(train, 16, rng)
    optimizer.zero_grad()
    loss = tg.nll_loss(tg.log(net(x)), y)
    loss.backward()
    optimizer.step()
print(f"after {STEPS} steps: accuracy {accuracy():.4f}")
tg.onnx.export(net, sys.argv[1] if len(sys.argv) > 1 else "digits_direction.onnx", test_x[:2])
