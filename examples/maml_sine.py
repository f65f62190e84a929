"""
Learning to learn: MAML
=======================

Who has met many sine curves should need only a few points of a new one.  *Model-agnostic meta-learning* [1]_ looks for
initial weights from which one step of gradient descent leads far.  Its loss is that after the step, so its gradient
goes through a gradient::

    python examples/maml_sine.py [--steps 5000] [--out PICTURE]

.. [1] C. Finn, P. Abbeel and S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    sys.exit(f"maml_sine: {error}")

parser = argparse.ArgumentParser(description="Learn to learn sine curves.")
parser.add_argument("--steps", type=int, default=5000, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# A task is one curve: ten of its points to learn from, the others to be asked about.  The first axis of all arrays is
# that of the tasks, so one product of matrices serves many, each with weights of its own.  They share initial weights.


def draw_tasks(rng, count, points):
    """Points x and values y of sine curves, (T,points,1) each."""
    amplitude, phase = rng.uniform(0.1, 5, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))
    x = rng.uniform(-5, 5, (count, points, 1))
    return x.astype(np.float32), (amplitude * np.sin(x - phase)).astype(np.float32)


def initial_weights():
    """Three layers: weights (1,I,O), biases (1,1,O), and so on."""
    rng, weights = np.random.default_rng(0), []
    for i, o in pairwise((1, 40, 40, 1)):
        weights += [rng.standard_normal((1, i, o)) * np.sqrt(2 / i), np.zeros((1, 1, o))]
    return [nn.Parameter(w.astype(np.float32)) for w in weights]


def network(weights, x):
    """x (T,N,1) -> (T,N,1)"""
    w1, b1, w2, b2, w3, b3 = weights
    return tg.relu(tg.relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3


def losses(weights, x, y):
    """The mean squared error of each task (T,)"""
    return ((network(weights, x) - y) ** 2).mean(axis=(1, 2))


def adapt(weights, x, y, steps, rate=0.01, create_graph=False):
    """The weights of each task after some steps; `create_graph` makes the steps a part of the graph."""
    weights = [tg.broadcast_to(w, (len(x), *w.shape[1:])) for w in weights]
    for _ in range(steps):
        slopes = tg.grad(losses(weights, x, y).sum(), weights, create_graph=create_graph)
        weights = [w - rate * s for w, s in zip(weights, slopes, strict=True)]
    return weights


rng, meta, joint = np.random.default_rng(1), initial_weights(), initial_weights()
optimizer = optim.Adam([*meta, *joint], lr=5e-3)
schedule = optim.CosineLR(optimizer, steps=options.steps)
for _ in range(options.steps):
    x, y = draw_tasks(rng, 25, 20)
    adapted = adapt(meta, x[:, :10], y[:, :10], 1, create_graph=True)
    loss = losses(adapted, x[:, 10:], y[:, 10:]).mean()  # MAML: after adaptation, on other points
    loss = loss + losses(joint, x, y).mean()  # ordinary training of another network, on all tasks
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

# %%
# Two hundred new curves follow; the picture shows one.  At first no network can know which curve is meant.  One step
# brings the meta-learned weights to it.  The jointly trained ones know the mean of all curves, which is far from each;
# their rate of 0.003 is about the best for them, and with 0.01 they overshoot.

x, y = draw_tasks(np.random.default_rng(2), 200, 210)
line, shown = np.linspace(-5, 5, 300, dtype=np.float32).reshape(1, -1, 1), slice(10, 11)
fig, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, name, weights, rate in zip(axes[:2], ("MAML", "Joint training"), (meta, joint), (0.01, 0.003), strict=True):
    after = [adapt(weights, x[:, :10], y[:, :10], steps, rate) for steps in range(11)]
    errors = [losses(w, x[:, 10:], y[:, 10:]).data.mean() for w in after]
    print(f"{name}: error {errors[0]:.2f}, after 1 step {errors[1]:.2f}, after 5 {errors[5]:.2f}")
    axes[2].plot(errors, "o-", label=name)
    ax.scatter(x[shown, 10:], y[shown, 10:], s=6, color="#BBBBBB", label="a new curve")
    for steps, colour in ((0, "#888888"), (1, "#009E73"), (5, "#D55E00")):
        drawn = network([w[shown] for w in after[steps]], line).data
        ax.plot(line.ravel(), drawn.ravel(), color=colour, label=f"network after {steps} steps")
    ax.plot(x[shown, :10].ravel(), y[shown, :10].ravel(), "k^", label="ten points to learn from")
    ax.set(title=name, xlabel="x", ylabel="y", ylim=(-5, 5))
axes[2].set(title="200 new curves", xlabel="steps on ten points", ylabel="mean squared error", ylim=0)
axes[2].legend()
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)

if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Learn from five points (``:5`` and ``5:`` everywhere): after one step, MAML's error is 1.1 and the other's 3.0.
# * Drop ``create_graph=True``: MAML of first order takes less time; the error after one step grows by a quarter.
