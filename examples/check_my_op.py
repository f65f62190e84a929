"""An op of your own: one function, one rule, some samples; and everything that built-in ops have comes with it.

    python examples/check_my_op.py
"""

import numpy as np

import tinygrad_cnn as tg


@tg.op(
    samples=[tg.testing.Sample(x=(2, 3)), tg.testing.Sample(x=(4,), steepness=3.0)],
    ref=lambda x, *, steepness=1.0: np.logaddexp(0, steepness * x) / steepness,
)
def soft_relu(x, *, steepness=1.0):
    """A smooth relu, log(1 + exp(s x)) / s.  x (...) -> (...)"""
    return np.maximum(x, 0) + np.log1p(np.exp(-steepness * np.abs(x))) / steepness


# The rule is made of ops itself, so derivatives of every order follow from it.
soft_relu.vjp(x=lambda g, x, steepness: g * tg.sigmoid(steepness * x))

x = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
y = soft_relu(x, steepness=2.0)
(slope,) = tg.grad(y.sum(), [x], create_graph=True)
(curvature,) = tg.grad(slope.sum(), [x])
print(f"value     {y.data}\nslope     {slope.data}\ncurvature {curvature}")

print(f"checked   {tg.testing.check_op(soft_relu)}")

try:  # a wrong rule is found out
    soft_relu.vjp(x=lambda g, x: g * tg.sigmoid(x))
    tg.testing.check_op(soft_relu)
except AssertionError as error:
    print(f"rejected  {str(error).splitlines()[0]}")
