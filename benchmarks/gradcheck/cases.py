"""Correct functions at points where they have derivatives, up to the order that is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray
Function = Callable[..., Any]  # of the operations of a framework (`sides`), and of the inputs


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    f: Function
    inputs: tuple[Array, ...]
    order: int = 1

    @property
    def size(self) -> int:
        """The number of entries of all inputs."""
        return sum(x.size for x in self.inputs)


def every() -> list[Case]:
    """All cases, in the same order at every call."""
    return [case for group in (ordinary, saturated, kinks, edges, scales, networks, programs) for case in group()]


def _both(group: str, name: str, f: Function, *inputs: Any, orders: tuple[int, ...] = (1, 2)) -> Iterator[Case]:
    arrays = tuple(np.array(x, np.float64) for x in inputs)
    for order in orders:
        yield Case(group, name, f, arrays, order)


def _unary(name: str) -> Function:
    return lambda op, x: getattr(op, name)(x)


SMOOTH = {"tanh", "sigmoid", "exp", "sin", "cos", "softplus", "gelu", "erf", "square", "expm1"}
PIECEWISE = {"relu", "abs", "leaky_relu"}
POSITIVE = {"log", "sqrt", "reciprocal", "log1p"}


def ordinary() -> Iterator[Case]:
    """Operations at numbers drawn from a normal distribution, with the absolute value where the domain demands it."""
    rng = np.random.default_rng(1)
    group = "ordinary points"
    for name in sorted(SMOOTH | PIECEWISE | POSITIVE):
        for shape in ((3,), (4, 5), (2, 3, 4)):
            x = rng.standard_normal(shape)
            yield from _both(group, name, _unary(name), np.abs(x) + 0.3 if name in POSITIVE else x)
    for _ in range(3):
        x, y, w = (rng.standard_normal(s) for s in ((4, 5), (4, 5), (5, 3)))
        image, filters = rng.standard_normal((2, 6, 6, 2)), rng.standard_normal((3, 3, 2, 3))
        labels = rng.integers(0, 5, 4)
        binary: dict[str, tuple[Function, tuple[Array, ...]]] = {
            "add": (lambda op, a, b: a + b, (x, y)),
            "multiply": (lambda op, a, b: a * b, (x, y)),
            "divide": (lambda op, a, b: a / b, (x, np.abs(y) + 0.3)),
            "broadcast": (lambda op, a, b: a * b, (x, y[0])),
            "maximum": (lambda op, a, b: op.maximum(a, b), (x, y)),
            "minimum": (lambda op, a, b: op.minimum(a, b), (x, y)),
            "matmul": (lambda op, a, b: op.matmul(a, b), (x, w)),
            "softmax": (lambda op, a: op.softmax(a), (x,)),
            "log_softmax": (lambda op, a: op.log_softmax(a), (x,)),
            "logsumexp": (lambda op, a: op.logsumexp(a), (x,)),
            "cross_entropy": (lambda op, a, labels=labels: op.cross_entropy(a, labels), (x,)),
            "sum": (lambda op, a: op.sum(a, 1), (x,)),
            "mean": (lambda op, a: op.mean(a, 0), (x,)),
            "max": (lambda op, a: op.max(a, 1), (x,)),
            "norm": (lambda op, a: op.sqrt(op.sum(a * a, 1)), (x,)),
            "variance": (lambda op, a: op.variance(a, 0), (x,)),
            "transpose": (lambda op, a: op.transpose(a) * 2.0, (x,)),
            "clip": (lambda op, a: op.clip(a, -0.5, 0.5), (x,)),
            "conv2d": (lambda op, a, b: op.conv2d(a, b), (image, filters)),
            "max_pool2d": (lambda op, a: op.max_pool2d(a), (image,)),
        }
        for name, (f, inputs) in binary.items():
            yield from _both(group, name, f, *inputs)


def saturated() -> Iterator[Case]:
    """Functions that are nearly constant: their derivatives are far smaller than the rounding of their values."""
    group = "saturation"

    def case(name: str, f: Function, x: Any) -> Iterator[Case]:
        yield from _both(group, f"{name}, alone", f, x)
        if np.ndim(x) == 1:
            yield from _both(group, f"{name}, among others", f, np.concatenate([x, [0.3, -0.7, 1.1]]))

    for v in (5.0, 10.0, 15.0, 19.0, 20.0, 30.0):
        yield from case(f"tanh({v:g})", _unary("tanh"), [v])
        yield from case(f"tanh({-v:g})", _unary("tanh"), [-v])
        yield from case(f"1 - tanh({v:g})**2", lambda op, x: 1.0 - op.square(op.tanh(x)), [v])
    for v in (10.0, 20.0, 36.0, 50.0, 100.0):
        yield from case(f"sigmoid({v:g})", _unary("sigmoid"), [v])
        yield from case(f"sigmoid({-v:g})", _unary("sigmoid"), [-v])
        yield from case(f"exp({-v:g})", _unary("exp"), [-v])
        yield from case(f"softplus({v:g})", _unary("softplus"), [v])
        yield from case(f"softplus({-v:g})", _unary("softplus"), [-v])
        yield from case(f"softmax({v:g}, 0, 0)", _unary("softmax"), [[v, 0.0, 0.0]])
        yield from case(f"softmax({-v:g}, 0, 1)", _unary("softmax"), [[-v, 0.0, 1.0]])
        yield from case(f"log_softmax({v:g}, 0, 0)", _unary("log_softmax"), [[v, 0.0, 0.0]])
        yield from case(f"logsumexp({v:g}, 0, 0)", _unary("logsumexp"), [[v, 0.0, 0.0]])
        for label, what in enumerate(("right", "wrong")):
            labels = np.array([label, 2])

            def loss(op: Any, x: Any, labels: Array = labels) -> Any:
                return op.cross_entropy(x, labels)

            yield from case(f"cross-entropy, sure by {v:g} and {what}", loss, [[v, 0.0, 0.0], [0.0, 0.5, v]])
    for v in (-4.0, -6.0, -9.0, -12.0, 6.0, 9.0):
        yield from case(f"gelu({v:g})", _unary("gelu"), [v])
        yield from case(f"erf({v:g})", _unary("erf"), [v])


def kinks() -> Iterator[Case]:
    """Points near kinks, as near as 1e-9, but not on one."""
    rng = np.random.default_rng(2)
    group = "near kinks"
    for n in (10**3, 10**4, 10**5, 10**6):
        for _ in range(3):
            x = rng.standard_normal(n)
            yield from _both(group, f"relu of {n} normals", _unary("relu"), x, orders=(1,))
            yield from _both(group, f"sum of relu of {n}", lambda op, x: op.sum(op.relu(x)), x, orders=(1,))
            yield from _both(group, f"sum of relu(x)**2 of {n}", lambda op, x: op.sum(op.square(op.relu(x))), x)
    for v in (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3):
        near = np.array([v, -v, 0.5, -1.2])
        for name in sorted(PIECEWISE):
            yield from _both(group, f"{name} at {v:g}", _unary(name), near)
            yield from _both(group, f"{name} at {v:g}, alone", _unary(name), [v])
        yield from _both(group, f"x * |x| at {v:g}", lambda op, x: x * op.abs(x), near)
        ties = np.array([[1.0, 1.0 + v, 0.2], [0.3, -0.4, 0.3 - v]])
        yield from _both(group, f"max of near ties, {v:g}", lambda op, x: op.max(x, 1), ties)
        pair = [1.0, 2.0], [1.0 + v, 0.0]
        yield from _both(group, f"maximum of near ties, {v:g}", lambda op, x, y: op.maximum(x, y), *pair)
        yield from _both(group, f"clip near its ends, {v:g}", lambda op, x: op.clip(x, -1.0, 1.0), [1 - v, -1 - v, 0.3])
        image = rng.standard_normal((1, 4, 4, 1))
        image[0, 1, 1, 0] = image[0, 0, 0, 0] + v
        yield from _both(group, f"max pooling of near ties, {v:g}", _unary("max_pool2d"), image)
    for others in ([], [0.5, -1.2], [1e-7, -1e-7]):
        yield from _both(group, "x * |x| at 0", lambda op, x: x * op.abs(x), [0.0, *others], orders=(1,))
        yield from _both(group, "relu(x)**2 at 0", lambda op, x: op.square(op.relu(x)), [0.0, *others], orders=(1,))


def edges() -> Iterator[Case]:
    """Points near the ends of domains and near poles."""
    group = "near poles and edges"
    powers: dict[str, Function] = {"sqrt": _unary("sqrt"), "log": _unary("log"), "1/x": _unary("reciprocal"),
                                   "x * log(x)": lambda op, x: x * op.log(x),
                                   "norm": lambda op, x: op.sqrt(op.sum(op.square(x)))}  # fmt: skip
    for v in (1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        for name, f in powers.items():
            yield from _both(group, f"{name} at {v:g}, alone", f, [v])
            yield from _both(group, f"{name} at {v:g}, among others", f, [v, 0.5, 2.0])
        yield from _both(group, f"1/x at {-v:g}", _unary("reciprocal"), [-v, 1.0])
        yield from _both(group, f"log1p at -1 + {v:g}", _unary("log1p"), [-1.0 + v, 0.5])


def scales() -> Iterator[Case]:
    """Large and small numbers, and small differences of large numbers."""
    rng = np.random.default_rng(3)
    group = "scales"
    functions: dict[str, Function] = {
        "square": _unary("square"),
        "sum of squares": lambda op, x: op.sum(x * x),
        "norm": lambda op, x: op.sqrt(op.sum(x * x)),
        "mean": lambda op, x: op.mean(x, 0),
        "abs": _unary("abs"),
        "relu": _unary("relu"),
        "max": lambda op, x: op.max(x, 0),
        "cube": lambda op, x: x * x * x,
        "log of 1 + x**2": lambda op, x: op.log1p(x * x),
    }
    for size in (1e-6, 1e-3, 1e3, 1e6):
        for name, f in functions.items():
            x = size * rng.standard_normal(7)
            yield from _both(group, f"{name} at {size:g}", f, x)
        x, y = size * rng.standard_normal((2, 3, 4))
        yield from _both(group, f"x @ y at {size:g}", lambda op, x, y: op.matmul(x, op.transpose(y)), x, y)
        yield from _both(group, f"x / y at {size:g}", lambda op, x, y: x / y, x, np.abs(y) + size)
        yield from _both(group, f"x of 1 times y of {size:g}", lambda op, x, y: x * y, x / size, y)
        yield from _both(group, f"sqrt and log at {size:g}", lambda op, x: op.sqrt(x) + op.log(x), np.abs(x) + size)
        away = 1e3 * size + rng.standard_normal((5, 3))
        yield from _both(group, f"variance at {1e3 * size:g} from zero", lambda op, x: op.variance(x, 0), away)
        yield from _both(group, f"log-sum-exp at {1e3 * size:g} from zero", _unary("logsumexp"), away)
        yield from _both(group, f"softmax at {1e3 * size:g} from zero", _unary("softmax"), away)


def _dense(op: Any, activation: str, labels: Array, x: Any, *weights: Any) -> Any:
    for w in weights[:-1]:
        x = getattr(op, activation)(op.matmul(x, w))
    return op.cross_entropy(op.matmul(x, weights[-1]), labels)


def cnn(op: Any, labels: Array, x: Any, filters: Any, w: Any) -> Any:
    """The loss of a small network: convolution, relu, pooling, dense layer."""
    h = op.max_pool2d(op.relu(op.conv2d(x, filters)))
    return op.cross_entropy(op.matmul(op.reshape(h, (len(labels), -1)), w), labels)


def cnn_inputs(rng: np.random.Generator, n: int, side: int, channels: int) -> tuple[Array, tuple[Array, ...]]:
    """Labels, and images, filters and weights for `cnn`, whose images are square."""
    inner = (side - 2) // 2
    x, filters = rng.standard_normal((n, side, side, 1)), 0.5 * rng.standard_normal((3, 3, 1, channels))
    w = rng.standard_normal((inner * inner * channels, 10)) / np.sqrt(inner * inner * channels)
    return rng.integers(0, 10, n), (x, filters, w)


def networks() -> Iterator[Case]:
    """Dense and convolutional networks up to their loss, in all parameters and the input."""
    rng = np.random.default_rng(4)
    group = "networks"
    for activation in ("relu", "tanh", "gelu", "softplus"):
        for widths in ((4, 8, 3), (6, 16, 16, 5), (10, 32, 32, 10), (20, 128, 10)):
            for _ in range(2):
                labels = rng.integers(0, widths[-1], 8)
                x = rng.standard_normal((8, widths[0]))
                weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in pairwise(widths)]

                def f(op: Any, *inputs: Any, labels: Array = labels, activation: str = activation) -> Any:
                    return _dense(op, activation, labels, *inputs)

                name = f"dense, {activation}, {'-'.join(map(str, widths))}"
                yield from _both(group, name, f, x, *weights)
    for n, side, channels in ((2, 6, 2), (4, 8, 4), (8, 12, 4), (64, 28, 8)):  # the last has 346,112 units of relu
        for _ in range(6 if n < 64 else 2):
            labels, inputs = cnn_inputs(rng, n, side, channels)

            def net(op: Any, *inputs: Any, labels: Array = labels) -> Any:
                return cnn(op, labels, *inputs)

            orders = (1, 2) if n < 64 else (1,)
            yield from _both(group, f"convolutional, {n} of {side}x{side}", net, *inputs, orders=orders)


STEPS: tuple[tuple[str, Function], ...] = (
    ("tanh", lambda op, x, y: op.tanh(x)),
    ("sigmoid", lambda op, x, y: op.sigmoid(x)),
    ("sin", lambda op, x, y: op.sin(x)),
    ("relu", lambda op, x, y: op.relu(x)),
    ("abs", lambda op, x, y: op.abs(x)),
    ("gelu", lambda op, x, y: op.gelu(x)),
    ("softplus", lambda op, x, y: op.softplus(x)),
    ("softmax", lambda op, x, y: op.softmax(x)),
    ("log", lambda op, x, y: op.log(op.square(x) + 0.5)),
    ("sqrt", lambda op, x, y: op.sqrt(op.square(x) + 0.1)),
    ("exp", lambda op, x, y: op.exp(-op.square(x))),
    ("add", lambda op, x, y: x + y),
    ("multiply", lambda op, x, y: x * y),
    ("divide", lambda op, x, y: x / (op.square(y) + 0.5)),
    ("maximum", lambda op, x, y: op.maximum(x, y)),
    ("clip", lambda op, x, y: op.clip(x, -0.8, 0.8)),
    ("centre", lambda op, x, y: x - op.mean(x, 0)),
    ("matmul", lambda op, x, y: op.matmul(x, op.matmul(op.transpose(y), x)) / 4.0),
)


def programs(count: int = 150) -> Iterator[Case]:
    """Random programs: three to eight steps, each on what earlier ones left."""
    rng = np.random.default_rng(5)
    for n in range(count):
        steps, operands = rng.integers(0, len(STEPS), 3 + n % 6), rng.random(8)
        chosen = [(int(k), float(i)) for k, i in zip(steps, operands, strict=False)]

        def f(op: Any, x: Any, y: Any, chosen: list[tuple[int, float]] = chosen) -> Any:
            values = [x, y]
            for k, i in chosen:
                values.append(STEPS[k][1](op, values[-1], values[int(i * (len(values) - 1))]))
            return values[-1]

        inputs = rng.standard_normal((2, 3, 4))
        yield from _both("random programs", " ".join(STEPS[k][0] for k, _ in chosen), f, *inputs)
