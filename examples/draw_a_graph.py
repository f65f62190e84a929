"""Draw the graph of the README's expression: what ran, on which shapes, and where the weights come in.

    python examples/draw_a_graph.py [file.svg]
"""

import sys

import numpy as np

import tinygrad_cnn as tg

rng = np.random.default_rng(0)
x = tg.Tensor(rng.random((4, 8, 8, 1), np.float32), name="images")
w = tg.Tensor(rng.standard_normal((3, 3, 1, 6), np.float32), requires_grad=True, name="filters")
b = tg.Tensor(np.zeros(6, np.float32), requires_grad=True, name="bias")
v = tg.Tensor(rng.standard_normal((6, 10), np.float32), requires_grad=True, name="weights")

features = tg.relu(tg.conv2d(x, w, b, padding="same"))
logits = tg.global_avg_pool2d(features) @ v
loss = tg.softmax_cross_entropy(logits, [3, 1, 4, 1])

path = tg.draw(loss).render(sys.argv[1] if len(sys.argv) > 1 else "graph.svg")
print(f"drawn: {path}")
