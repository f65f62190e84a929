"""What a program cannot hold is refused with the line and a remedy, after the call is done; nothing is frozen."""

import inspect

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

from . import steps

BUFFER, HISTORY, TABLE = np.zeros(3, np.float32), [], np.arange(10.0)
COUNT = 0


def item(x, y, loss, net, sgd):
    loss.item()


def condition(x, y, loss, net, sgd):
    return loss if loss > 1 else loss * 2


def printing(x, y, loss, net, sgd):
    str(loss)


def formatting(x, y, loss, net, sgd):
    return f"{loss:.3f}"


def number(x, y, loss, net, sgd):
    return float(loss)


def values(x, y, loss, net, sgd):
    return loss if loss.data > 1 else loss * 2


def a_list(x, y, loss, net, sgd):
    return loss * loss.tolist()


def input_condition(x, y, loss, net, sgd):
    return loss if x[0, 0, 0, 0] > 0 else loss * 2


def input_loop(x, y, loss, net, sgd):
    return sum(loss * int(k) for k in np.unique(y))


def mask(x, y, loss, net, sgd):
    return loss * tg.Tensor(x[y == 1]).sum()


def arrays_alone(x, y, loss, net, sgd):
    return loss if tg.max(x) > 1 else loss * 2


def norm_condition(x, y, loss, net, sgd):
    return loss if optim.clip_grad_norm(net.parameters(), 1.0) > 0.1 else loss * 2


def gradient_condition(x, y, loss, net, sgd):
    return loss if net.out.bias.grad[0] > 0 else loss * 2


def new_array(x, y, loss, net, sgd):
    return loss * np.ones(3)


def hidden_numpy(x, y, loss, net, sgd):
    return loss * tg.Tensor(np.asarray(x) * 2).sum()


def hidden_table(x, y, loss, net, sgd):
    return loss * tg.Tensor(TABLE[y])


def counter(x, y, loss, net, sgd):
    return loss * float(next(numbers))


def appending(x, y, loss, net, sgd):
    HISTORY.append(loss)


def counting(x, y, loss, net, sgd):
    global COUNT
    COUNT += 1


def generator(x, y, loss, net, sgd):
    return loss * tg.rand(rng=np.random.default_rng(3))


def attribute(x, y, loss, net, sgd):
    net.norm.running_mean = np.zeros(4)


def module(x, y, loss, net, sgd):
    return nn.Linear(3, 2, rng=0)(net.out(tg.zeros(2, 5))).sum()


def update(x, y, loss, net, sgd):
    net.out.bias.update(lambda own: np.multiply(own, 2, out=own))


def hook(x, y, loss, net, sgd):
    (net.out.bias * 2).retain_grad().sum().backward()


numbers = iter(range(1, 1000))
REFUSED = {
    item: "item()", condition: "a condition", printing: "printing", formatting: "a format", number: "float()",
    values: "a condition", a_list: "tolist()", input_condition: "a condition", input_loop: "np.unique",
    mask: "choosing by a mask", arrays_alone: "a condition", norm_condition: "a number that an effect returned",
    gradient_condition: "a condition", new_array: "an array of shape (3,)", hidden_numpy: "an array of shape",
    hidden_table: "an array of shape (6,)", counter: "a constant is different in two calls", appending: "HISTORY",
    counting: "COUNT", generator: "a constant is different", attribute: "an attribute of a module",
    module: "an attribute of a module", update: "Tensor.update", hook: "retain_grad",
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: body.__name__)
def test_a_step_is_refused_with_its_line(body):
    HISTORY.clear()
    net = steps.Net()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def training(x, y):
        loss = tg.softmax_cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return body(x, y, loss, net, optimizer)

    step = tg.compile(training)
    with pytest.raises(tg.CompileError) as caught:
        for x, y in steps.batches(6):
            step(x, y)
    lines, first = inspect.getsourcelines(body)
    words = str(caught.value)
    assert REFUSED[body] in words
    assert any(f"{__file__}:{first + k}" in words for k in range(len(lines))), words
    assert ". " in words  # what is wrong, and what to do instead
    assert step.programs == []
    before = steps.frozen(net.state_dict())
    with pytest.raises(tg.CompileError):  # at once, and nothing is done
        step(x, y)
    assert steps.frozen(net.state_dict()) == before

