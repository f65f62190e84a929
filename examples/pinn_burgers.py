r"""
A network that obeys an equation: PINN
======================================

A *physics-informed neural network* [1]_ learns the solution of a differential equation without having seen it: its loss
is how far it is from obeying the equation at many points.  The derivatives in the equation are gradients of the network
in its inputs; training differentiates them once more, in the weights::

    python examples/pinn_burgers.py [--steps 1500] [--out PICTURE]

.. [1] M. Raissi, P. Perdikaris and G. E. Karniadakis, *Physics-informed neural networks*, 2019.
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
    sys.exit(f"pinn_burgers: {error}")

parser = argparse.ArgumentParser(description="Solve Burgers' equation with a network.")
parser.add_argument("--steps", type=int, default=1500, help="how long to train")
parser.add_argument("--out", type=Path, help="a file for the picture, .png, .svg or .pdf")
options = parser.parse_args()
if options.steps < 1 or (options.out and not options.out.absolute().parent.is_dir()):
    parser.error("--steps goes from 1 up, --out is a file in a folder that exists")

# %%
# Burgers' equation: fluid moves at the speed :math:`u(x, t)`.  Fast fluid catches up with slow fluid in front of it, so
# a smooth wave becomes a shock, and friction :math:`\nu` keeps the shock from becoming a jump.
#
# .. math:: u_t + u\,u_x = \nu\,u_{xx}, \qquad u(x, 0) = -\sin \pi x, \qquad u(\pm 1, t) = 0
#
# The output of the network is multiplied by :math:`t\,(1 - x^2)` and added to the initial wave, so the conditions at
# the start and at both walls hold for any weights.  Only the equation itself is left for the loss.

FRICTION, SIZES, rng = 0.01, (2, 32, 32, 32, 1), np.random.default_rng(0)
weights = [nn.Parameter(rng.standard_normal((i, o)) / np.sqrt(i)) for i, o in pairwise(SIZES)]
biases = [nn.Parameter(np.zeros(o)) for o in SIZES[1:]]


def speed(x, t):
    """u at places x (N,1) and times t (N,1) -> (N,1)"""
    h = tg.concatenate([x, t], axis=1)
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = tg.tanh(h @ w + b)
    return -tg.sin(np.pi * x) + t * (1 - x**2) * (h @ weights[-1] + biases[-1])


def residual(x, t):
    """How far u is from obeying the equation (N,1).  A sum will do, as u[k] depends on x[k] and t[k] alone."""
    u = speed(x, t)
    u_x, u_t = tg.grad(u.sum(), [x, t], create_graph=True)
    u_xx = tg.grad(u_x.sum(), x, create_graph=True)
    return u_t + u * u_x - FRICTION * u_xx


# %%
# A thousand points stay the same throughout.  So the loss has no noise, and L-BFGS can use its curvature, which takes
# far fewer steps than gradient descent.  The gradient of the loss contains third derivatives of the network.

x = tg.Tensor(rng.uniform(-1, 1, (1000, 1)), requires_grad=True)
t = tg.Tensor(rng.uniform(0, 1, (1000, 1)), requires_grad=True)
settings = {"max_iter": options.steps, "history_size": 50, "tolerance_change": 1e-12}
optimizer = optim.LBFGS([*weights, *biases], **settings)


def closure():
    optimizer.zero_grad()
    loss = (residual(x, t) ** 2).mean()
    loss.backward()
    return loss


print(f"loss {optimizer.step(closure):.4f}, after {optimizer.iterations} steps {closure().item():.6f}")

# %%
# The reference, which the network never saw, comes from finite differences on a fine grid, with small steps in time.

grid, count = np.linspace(-1, 1, 801), 100 * round(4000 * FRICTION)  # so many steps are stable
rows = [-np.sin(np.pi * grid)]
for _ in range(count):
    u = rows[-1]
    flow = FRICTION * np.diff(u) / np.diff(grid) - (u[1:] ** 2 + u[:-1] ** 2) / 4  # u u_x is (u²/2)_x
    rows.append(u + np.pad(np.diff(flow), 1) / (grid[1] - grid[0]) / count)
exact = np.array(rows[:: count // 100])  # (101,801): at t = 0, 0.01, ... 1

times, places = np.meshgrid(np.linspace(0, 1, 101), grid, indexing="ij")
with tg.no_grad():
    learned = speed(places.reshape(-1, 1), times.reshape(-1, 1)).data.reshape(exact.shape)
print(f"relative error {np.linalg.norm(learned - exact) / np.linalg.norm(exact):.4f}")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
image = axes[0].imshow(learned.T, extent=(0, 1, -1, 1), aspect="auto", origin="lower", cmap="RdBu_r")
axes[0].set(title="The speed that the network learned", xlabel="time t", ylabel="place x")
fig.colorbar(image, label="speed u")
for k, colour in ((0, "#888888"), (25, "#009E73"), (50, "#0072B2"), (100, "#D55E00")):
    axes[1].plot(grid, exact[k], color=colour, lw=6, alpha=0.3)
    axes[1].plot(grid, learned[k], color=colour, label=f"t = {k / 100:g}")
axes[1].set(title="Network (thin) and solver (thick)", xlabel="place x", ylabel="speed u")
axes[1].legend()

if options.out:
    fig.savefig(options.out, dpi=150)

# %%
# Try
# ---
#
# * Set ``FRICTION`` to 0.1: no shock forms, and the error falls below 0.1 %.
# * Take 200 points instead of 1000: the loss becomes smaller, and the error about ten times as large.  Nothing holds
#   the network between its points.
