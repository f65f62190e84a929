"""Print which ops of a functional and a layered net the compiled core leaves to Python (for test_twins)."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.core import compiled


def functional(x, w, v):
    y = tg.max_pool2d(tg.relu(tg.conv2d(x, w, padding=1)), 2)
    return tg.softmax_cross_entropy(y.reshape(y.shape[0], -1) @ v, np.array([1, 4]))


layered = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(),
    nn.Flatten(), nn.Linear(32, 10),
)  # fmt: skip
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 8, 8, 1)).astype(np.float32)
w = tg.Tensor(rng.standard_normal((3, 3, 1, 4)).astype(np.float32), requires_grad=True)
v = tg.Tensor(rng.standard_normal((64, 5)).astype(np.float32), requires_grad=True)
slow = set()
record = tg.Op.record


def noting(op, *args, **params):
    if not op.variadic:
        slow.add(op.name)
    return record(op, *args, **params)


compiled.lend(record=noting)
for _ in range(2):
    functional(x, w, v).backward()
    tg.softmax_cross_entropy(layered(tg.Tensor(x)), np.array([1, 4])).backward()
print("slow:", " ".join(sorted(slow)))
