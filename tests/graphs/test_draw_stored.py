"""Three graphs, compared letter by letter with the texts stored in `dot/`.

After a change that is meant, ``python tests/graphs/test_draw_stored.py`` writes them again; look at the pictures first.
"""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg

STORED = Path(__file__).parent / "dot"


def draw(*args, **options):
    """Every op, which is not what `tg.draw` draws by itself (see test_outline.py)."""
    return tg.draw(*args, **{"detail": "ops", **options})


def expression():
    """A tensor expression in which one result is used three times, once behind a cut."""
    x = tg.Tensor([0.5, 2.0], requires_grad=True, name="x")
    y = tg.Tensor([1.0, 3.0], requires_grad=True, name="y")
    h = x * y + x
    h.name = "h"
    return draw(h * h / tg.stop_gradient(h), title="A shared result")


def parameter(name, *shape):
    return tg.Tensor(np.full(shape, 0.1, np.float32), requires_grad=True, name=name)


def two_layers(images):
    """A convolution and a dense layer, in modules."""
    with tg.scope("features"):
        with tg.scope("0"):
            h = tg.conv2d(
                images, parameter("features.0.weight", 3, 3, 1, 4), parameter("features.0.bias", 4), padding="same"
            )
        with tg.scope("1"):
            h = tg.relu(h)
        with tg.scope("2"):
            h = tg.max_pool2d(h, 2, stride=2)
    with tg.scope("classifier"):
        return tg.flatten(h, start=1) @ parameter("classifier.weight", 64, 10) + parameter("classifier.bias", 10)


def network():
    return draw(two_layers, np.zeros((2, 8, 8, 1), np.float32), title="Two layers")


def second_order():
    """The gradient of a gradient."""
    x = tg.Tensor([0.5, 2.0], requires_grad=True, name="x")
    slope = tg.grad((x * tg.sin(x)).sum(), x, create_graph=True)
    return draw(tg.grad((slope * slope).sum(), x, create_graph=True), rankdir="LR")


@pytest.mark.parametrize("make", [expression, network, second_order], ids=lambda make: make.__name__)
def test_drawn_as_stored(make):
    assert make().source == (STORED / f"{make.__name__}.dot").read_text(encoding="utf-8")


if __name__ == "__main__":
    for make in (expression, network, second_order):
        make().render(STORED / f"{make.__name__}.dot")
