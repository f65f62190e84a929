"""
An op of your own
=================

One function, one rule, some samples; and everything that built-in ops have comes with it: gradients of every order,
drawing, and checks::

    python examples/check_my_op.py
"""

import numpy as np

import tinygrad_cnn as tg

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
except ImportError as error:
    raise SystemExit(f"check_my_op: {error}") from None


@tg.op(
    samples=[tg.testing.Sample(x=(2, 3)), tg.testing.Sample(x=(4,), steepness=3.0)],
    ref=lambda x, *, steepness=1.0: np.logaddexp(0, steepness * x) / steepness,
)
def soft_relu(x, *, steepness=1.0):
    """A smooth relu, log(1 + exp(s x)) / s.  x (...) -> (...)"""
    return np.maximum(x, 0) + np.log1p(np.exp(-steepness * np.abs(x))) / steepness


# %%
# The rule is made of ops itself, so derivatives of every order follow from it.

soft_relu.vjp(x=lambda g, x, steepness: g * tg.sigmoid(steepness * x))

x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
y = soft_relu(x, steepness=2.0)
(slope,) = tg.grad(y.sum(), [x], create_graph=True)
(curvature,) = tg.grad(slope.sum(), [x])
print(f"value     {y.data}\nslope     {slope.data}\ncurvature {curvature}")

points = tg.Tensor(np.linspace(-3, 3, 121), requires_grad=True)
(slopes,) = tg.grad(tg.sum(soft_relu(points)), [points], create_graph=True)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(points.data, soft_relu(points.data), color="#0072B2", label="soft_relu")
ax.plot(points.data, slopes.data, "--", color="#D55E00", label="slope")
curvatures = tg.grad(tg.sum(slopes), [points])[0]
ax.plot(points.data, curvatures, ":", color="#009E73", label="curvature")
ax.set_xlabel("x")
ax.set_title("A smooth relu and its derivatives", loc="left")
ax.legend(frameon=False)

# %%
# Is it right?  One call compares values with the reference, gradients with differences, and more.

print(tg.testing.check_op(soft_relu))

# %%
# A wrong rule is found out:

try:
    soft_relu.vjp(x=lambda g, x: g * tg.sigmoid(x))
    tg.testing.check_op(soft_relu)
except AssertionError as error:
    print(f"rejected  {str(error).splitlines()[0]}")
