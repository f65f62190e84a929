"""
Tensor expressions
==================

A network of two layers from bare ops, trained on real digits: no modules, no optimiser, no ready-made loop::

    python examples/tensor_expressions.py
"""

import numpy as np

import tinygrad_cnn as tg

rng = np.random.default_rng(0)


def weights(*shape):
    """He's initialisation: the variance keeps its size through relu."""
    fan_in = np.prod(shape[:-1])
    values = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
    return tg.Tensor(values, dtype=np.float32, requires_grad=True)


w1, b1 = weights(3, 3, 1, 16), tg.zeros(16, requires_grad=True)  # filters (I, J, C, O)
w2, b2 = weights(4 * 4 * 16, 10), tg.zeros(10, requires_grad=True)
parameters = [w1, b1, w2, b2]


def logits(x):
    """x (N,8,8,1) -> (N,10)"""
    h = tg.max_pool2d(tg.relu(tg.conv2d(x, w1, b1, padding=1)), 2)
    return h.reshape(len(x), -1) @ w2 + b2


# %%
# Four hundred steps of gradient descent:

train, test = tg.data.digits()
for step in range(400):
    x, labels = train.batch(rng.integers(len(train), size=64))
    loss = tg.softmax_cross_entropy(logits(x), labels)
    loss.backward()
    for p in parameters:
        p.assign(p.data - 0.2 * p.grad)
        p.grad = None
    if step % 100 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")

with tg.no_grad():
    right = logits(test.images).data.argmax(axis=1) == test.labels
print(f"accuracy {right.mean():.4f} on {len(test)} digits that it never saw")

# %%
# The graph of the last step:

graph = tg.draw(loss)
