r"""
Chapter 8: How the gradient is found
====================================

Nobody wrote a backward pass for the network of the last chapter.  Its gradient was put together from small rules, one
for each kind of operation.  This chapter takes that apart: the record, the rules, the walk back, second derivatives,
and how to check that all of it is right.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, testing
from tinygrad_cnn.insight import formulas

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    raise SystemExit(f"chapter 8: {error}") from None

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

# %%
# The record
# ----------
#
# An expression runs at once.  Beside its value it leaves a record of what was done, a *graph*: which operation, on
# which inputs.  Here is one in which ``h`` is used twice.

x = tg.Tensor([0.5, 2.0], requires_grad=True, name="x")
w = tg.Tensor([3.0, -1.0], requires_grad=True, name="w")
h = x * w
y = (tg.exp(h) + h * h).sum()
picture = tg.draw(y, title="sum(exp(h) + h * h), where h = x * w")

# %%
# The rules
# ---------
#
# For each input of an operation there is a rule, which turns the gradient :math:`g` of the result into the gradient
# of that input.  The registry knows them all, and can say them as formulas.

for name in ("mul", "exp", "sum", "matmul", "relu", "conv2d"):
    rules = formulas.of(tg.registry[name])
    print(f"{name:8}", "; ".join(f"{a}: {rule.plain}" for a, rule in rules.items()))

# %%
# With these the gradient can be worked out by hand, from the end to the beginning.  The sum hands 1 to each
# element; ``exp`` multiplies by its own result; ``h`` has been used three times, so what comes from its three uses
# is added.

g_sum = np.ones(2)
g_h = g_sum * np.exp(h.data) + g_sum * h.data + g_sum * h.data
g_x, g_w = g_h * w.data, g_h * x.data

dx, dw = tg.grad(y, [x, w], retain_graph=True)
assert np.allclose(dx, g_x)
assert np.allclose(dw, g_w)

# %%
# Formula by formula, for this very graph:

print(tg.explain(y, wrt=x))

# %%
# The order matters.  ``h`` may pass its gradient on only after all its uses have reported; otherwise ``x`` would
# hear from it with a part of the truth.  So the graph is sorted first, and each operation is visited once.  Walking
# along every path instead would visit this chain of doublings :math:`2^{60}` times:

a = tg.Tensor([1.0], requires_grad=True)
doubled = a
for _ in range(60):
    doubled = doubled + doubled
(slope,) = tg.grad(doubled, [a])
assert slope[0] == 2.0**60

# %%
# The three faces of a convolution
# --------------------------------
#
# What are the rules of a convolution?  Weigh its output with any numbers :math:`g` and add up:
#
# .. math:: \langle g,\; x \star w \rangle = \sum g_{hvo}\; x_{h+i,\,v+j,\,c}\; w_{ijco}
#
# This is linear in each of the three.  Keep two and leave the third open, and you have an operation: the
# convolution (:math:`g` open), the gradient in the image (:math:`x` open), the gradient in the filters (:math:`w`
# open).  All three are operations of the registry, and the rule of each is one of the others.  So derivatives of
# any order are there already, and none was written by hand.

rng = np.random.default_rng(0)
image, filters = rng.standard_normal((1, 7, 7, 2)), rng.standard_normal((3, 3, 2, 4))
g = rng.standard_normal((1, 5, 5, 4))
faces = {
    "g with conv2d(x, w)": np.vdot(g, tg.conv2d(image, filters)),
    "x with conv2d_dx(g, w)": np.vdot(image, tg.conv2d_dx(g, filters, size=(7, 7))),
    "w with conv2d_dw(x, g)": np.vdot(filters, tg.conv2d_dw(image, g, window=(3, 3))),
}
for name, number in faces.items():
    print(f"{name:24} {number:.12f}")
assert np.ptp(list(faces.values())) < 1e-12

# %%
# Looking at the gradient of a network
# ------------------------------------
#
# A picture shows where the gradient goes.  Boxes are coloured by its norm, on the way back from the loss to the
# filters.

model = models.build("lenet", (28, 28, 1), 10, rng=0)
images = rng.standard_normal((8, 28, 28, 1)).astype(np.float32)
labels = np.arange(8)
flow = tg.draw(
    lambda images: tg.softmax_cross_entropy(model(images), labels), images,
    show={"shapes", "grads"}, title="Gradient flow in a LeNet",
)  # fmt: skip

# %%
# A gradient is computed by operations, so it has a graph of its own.  Side by side, with the same numbers: ``2'``
# was made by the rule of ``2``.

t = tg.Tensor([0.5, 2.0], requires_grad=True, name="t")
both = tg.draw(tg.sum(tg.sin(t) * t), direction="both")

# %%
# When it vanishes
# ----------------
#
# Going back through a layer multiplies by its slope.  A sigmoid's slope is at most 1/4, so after 20 such layers
# little is left.  A relu's is 0 or 1, and with weights of the right size (He and others, 2015) the gradient keeps
# its norm.


def gradient_norms(activation, scale):
    """The norm of the loss's gradient in the weights of each of 20 dense layers."""
    rng, h = np.random.default_rng(0), np.random.default_rng(1).standard_normal((32, 64))
    weights = [
        tg.Tensor(rng.standard_normal((64, 64)) * np.sqrt(scale / 64), requires_grad=True)
        for _ in range(20)
    ]
    for weight in weights:
        h = activation(h @ weight)
    return [np.linalg.norm(d) for d in tg.grad((h * h).mean(), weights)]


vanishing, steady = gradient_norms(tg.sigmoid, 1), gradient_norms(tg.relu, 2)
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogy(range(1, 21), vanishing, "o-", color=ORANGE, label="sigmoid")
ax.semilogy(range(1, 21), steady, "s-", color=BLUE, label="relu, weights after He")
ax.set(xlabel="layer, from the input", ylabel="norm of the gradient")
ax.set_xticks([1, 5, 10, 15, 20])
ax.set_title("What reaches the first layers", loc="left")
ax.legend(frameon=False)
assert vanishing[0] < 1e-6 * vanishing[-1]
assert steady[0] > 0.1 * steady[-1]

# %%
# Derivatives of derivatives
# --------------------------
#
# ``create_graph=True`` records the gradient's own operations.  So :math:`t^3` can be differentiated three times over:

t = tg.Tensor(np.array([2.0]), requires_grad=True)
f = t * t * t
orders = [f.item()]
for _ in range(3):
    (f,) = tg.grad(f, [t], create_graph=True)
    orders.append(f.item())
print(orders)
assert orders == [8, 12, 12, 6]

# %%
# For a network, the second derivatives say how the loss bends.  The whole Hessian is a table of weights by weights;
# the bend along *one* direction costs only a few gradients.  Both, for a small convolution:

small = rng.standard_normal((3, 3, 1, 1))
picture_in, wanted = rng.standard_normal((4, 8, 8, 1)), rng.standard_normal((4, 6, 6, 1))


def loss(w):
    return tg.mse_loss(tg.tanh(tg.conv2d(picture_in, w)), wanted)


hessian = tg.hessian(loss, small).reshape(9, 9)
direction = rng.standard_normal(small.shape)
along = tg.hvp(loss, small, direction)
assert np.allclose(hessian, hessian.T)
assert np.allclose(hessian @ direction.ravel(), along.ravel())

fig, ax = plt.subplots(figsize=(4.6, 3.8), layout="constrained")
limit = np.abs(hessian).max()
shown = ax.imshow(hessian, cmap="RdBu", vmin=-limit, vmax=limit)
ax.set(xlabel="weight of the 3 x 3 filter", ylabel="weight of the 3 x 3 filter")
ax.set_title("Hessian of the loss", loc="left")
fig.colorbar(shown, ax=ax, label="second derivative")

# %%
# How to check a gradient
# -----------------------
#
# Move the input a little in some direction :math:`v`, and see whether the output moves as the gradient says:
#
# .. math:: \frac{f(x + \varepsilon v) - f(x - \varepsilon v)}{2 \varepsilon}
#    \;\approx\; \langle \nabla f(x),\, v \rangle
#
# How small should the step be?  A large one sees the bend of the function, a small one the rounding of the numbers.

point, v = rng.standard_normal(10), rng.standard_normal(10)


def difference(f, x, v, step):
    return (f(x + step * v) - f(x - step * v)) / (2 * step)


def smooth(x):
    return tg.sum(tg.tanh(x) * tg.exp(x))


X = tg.Tensor(point, requires_grad=True)
exact = np.vdot(tg.grad(smooth(X), [X])[0], v)
steps = np.logspace(-12, 0, 49)
errors = {}
for dtype in (np.float64, np.float32):
    p, q = point.astype(dtype), v.astype(dtype)
    found = np.array([difference(smooth, p, q, dtype(step)) for step in steps])
    errors[dtype] = np.abs(found - exact) / abs(exact)

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.loglog(steps, errors[np.float64], color=BLUE, label="float64")
ax.loglog(steps, errors[np.float32], "--", color=ORANGE, label="float32")
ax.set(xlabel="step", ylabel="relative error", ylim=(1e-13, 10))
ax.set_title("Too large bends, too small rounds", loc="left")
ax.legend(frameon=False)
best = {dtype: steps[int(np.argmin(found))] for dtype, found in errors.items()}
print("best steps:", {dtype.__name__: f"{step:.0e}" for dtype, step in best.items()})
assert min(errors[np.float64]) < 1e-9
assert min(errors[np.float32]) > 1e-8  # float32 never gets near: check in float64

# %%
# At a kink there is no derivative to find.  One step of the difference lands on either side of it, and the answer
# is an average of two slopes: 1/2 for relu at 0, where the convention here says 0.

at_zero = difference(lambda x: tg.relu(x), np.array([0.0]), np.array([1.0]), 1e-6)[0]
zero = tg.Tensor(np.array([0.0]), requires_grad=True)
print("relu at 0: difference", at_zero, " rule", tg.grad(tg.relu(zero).sum(), [zero])[0][0])
assert at_zero == 0.5

# %%
# ``gradcheck`` takes care of all this: float64, random weights instead of ones (which hide errors), steps that are
# tried one after the other, and a report that names the element.  A rule with a wrong sign:

wrong = tg.op(lambda x: np.cos(x), name="wrong_cos", samples=[])
wrong.vjp(x=lambda g, x: g * tg.sin(x))
try:
    testing.gradcheck(wrong, [np.array([0.3, 0.7])])
except testing.GradcheckError as error:
    print(error)
else:
    raise SystemExit("the wrong rule was not found")
del tg.registry["wrong_cos"]

# %%
# A step that is right brings no change as it gets smaller; the error above stays as it is, so the rule is wrong and
# not the step.  Every operation of this framework is checked so, at the first and second order, and every rule is
# also *broken on purpose*, to see that the check notices.
#
# Exercises
# ---------
#
# 1. Write ``softplus``, :math:`\log(1 + e^x)`, as an operation of your own with its rule, and check it to second order.
# 2. ``y = x * stop_gradient(x)``: what is its gradient, and why is ``gradcheck`` right to complain?
# 3. What is the gradient of the *sum* of a batch normalisation's output, and what does that say about checking
#    gradients with ``sum()``?

# %%
# Solutions
# ---------
#
# 1. The slope of softplus is the sigmoid.

my_softplus = tg.op(lambda x: np.logaddexp(0, x), name="my_softplus", samples=[])
my_softplus.vjp(x=lambda g, x: g * tg.sigmoid(x))
testing.gradcheck(my_softplus, [np.array([-1.0, 0.0, 2.0])], order=2)
del tg.registry["my_softplus"]

# %%
# 2. It is :math:`x`, not :math:`2x`: one of the two factors was declared a constant.  The function that runs is still
#    :math:`x^2`, and that is what differences see.

x = tg.Tensor(np.array([3.0]), requires_grad=True)
assert tg.grad((x * tg.stop_gradient(x)).sum(), [x])[0][0] == 3
try:
    testing.gradcheck(lambda x: x * tg.stop_gradient(x), [np.array([3.0])])
except testing.GradcheckError:
    print("gradcheck notices")
else:
    raise SystemExit("it should have been noticed")

# %%
# 3. It is zero: the normalised numbers add up to a constant, whatever the input.  Many a wrong rule would give zero
#    as well, and pass.  Random weights show the difference.

norm = nn.BatchNorm2d(3)
numbers, factors = rng.standard_normal((2, 4, 5, 5, 3)).astype(np.float32)
batch = tg.Tensor(numbers, requires_grad=True)
(ones,) = tg.grad(norm(batch).sum(), [batch])
(weighted,) = tg.grad((norm(batch) * factors).sum(), [batch])
assert np.abs(ones).max() < 1e-5
assert np.abs(weighted).max() > 0.1

# %%
# This was the last chapter.  :ref:`The engine itself <sphx_glr_engine_from_scratch.py>`, built again in six steps, is
# the next page to read, :doc:`the cheat sheet </cheat_sheet>` the one to keep.
#
# Further reading
# ---------------
#
# * Wikipedia on `convolutional neural networks <https://en.wikipedia.org/wiki/Convolutional_neural_network>`__ and on
#   `kernels of image processing <https://en.wikipedia.org/wiki/Kernel_(image_processing)>`__
# * *A beginner's guide to convolutional neural networks*, on Heartbeat
# * Goodfellow, Bengio and Courville, *Deep learning*, 2016, chapter 9: the textbook
# * Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016: sizes, in moving pictures
# * LeCun and others, *Gradient-based learning applied to document recognition*, 1998: where LeNet comes from
# * Baydin and others, *Automatic differentiation in machine learning: a survey*, 2018
