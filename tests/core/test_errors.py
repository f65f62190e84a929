"""An exception bears a note of what it interrupted, which costs nothing else: no attribute, copy or process sees it."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.core.errors import interrupts


def noted(error):
    return [what for what, *_ in vars(error).get("_interrupted", ())]


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def test_an_op_leaves_a_note_of_itself_its_arguments_and_where_it_ran():
    x, w = tg.Tensor(np.ones((2, 3), np.float32)), tg.Tensor(np.ones((4, 2), np.float32))
    with tg.scope("head"):
        error = error_of(lambda: tg.matmul(x, w))
    ((op, args, params, path),) = vars(error)["_interrupted"]
    assert op is tg.matmul and args[0] is x and args[1] is w and params == {} and path == "head"


@pytest.mark.parametrize(
    "call",
    [
        lambda op, x: op(), lambda op, x: op(x, x, x, x), lambda op, x: op(x, colour=1), lambda op, x: op("text"),
        lambda op, x: op(x, axis=x), lambda op, x: op(x, x=x),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_bound_leaves_a_note_too(call):
    x = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    assert noted(error_of(lambda: call(tg.sum, x))) == [tg.sum]


def test_a_mistaken_call_says_in_which_module_it_is():
    x = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    with tg.scope("head"), pytest.raises(TypeError, match=r"^exp \(head\): unknown parameter 'colour'"):
        tg.exp(x, colour=1)


def test_binding_takes_nothing_out_of_the_note():
    x = tg.Tensor(np.ones((1, 4, 4, 1), np.float32))
    ((_, args, params, _),) = vars(error_of(lambda: tg.conv2d(x=x, padding=1)))["_interrupted"]
    assert args == () and params == {"x": x, "padding": 1}


def test_a_step_back_leaves_a_note_of_its_node():
    x = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    y = tg.exp(x)
    loss = y.sum()
    loss.backward()
    assert noted(error_of(loss.backward)) == [y.node]  # its array was released; sum had saved none
    handle = x.register_hook(lambda g: 1 / 0)
    assert noted(error_of(tg.exp(x).sum().backward)) == [x.node]
    handle.remove()


def test_an_interrupt_is_noted_as_well():
    @tg.op(name="errors_test_interrupted")
    def interrupted(x):
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupted(np.ones(1))
        assert noted(caught.value) == [interrupted]
    finally:
        tg.registry.pop("errors_test_interrupted")


class Frozen(Exception):
    __slots__ = ()

    def __setattr__(self, name, value):
        raise AttributeError("this class refuses attributes")


class Hidden(Exception):
    __dict__ = property(lambda self: 1 / 0)


class Taken(Exception):
    def __init__(self, *args):
        self._interrupted = "the class uses this name for something else"


@pytest.mark.parametrize("kind", [Frozen, Hidden, Taken, KeyError, StopIteration, OSError])
def test_no_class_of_exceptions_is_hidden_by_its_note(kind):
    @tg.op(name="errors_test_raises")
    def raises(x):
        raise error

    error = kind("as it was")
    try:
        assert error_of(lambda: raises(np.ones(1))) is error
        assert kind in (Hidden, Taken) or noted(error) == [raises]
    finally:
        tg.registry.pop("errors_test_raises")


def test_copies_and_pickles_are_without_the_note():
    error = error_of(lambda: tg.Tensor(np.ones(2), requires_grad=True) @ np.ones(3))
    error.told = "in the third batch"
    interrupts(error, lambda: "cannot be pickled", (), {}, "")
    for other in (copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert str(other) == str(error) and other.told == error.told and noted(other) == []
    assert len(noted(error)) == 2


def test_nothing_lives_longer_than_the_exception():
    gc.disable()
    try:
        hidden = tg.exp(tg.Tensor(np.ones(2, np.float32), requires_grad=True))
        node = weakref.ref(hidden.node)
        try:
            hidden @ np.ones(3, np.float32)
        except ValueError as error:
            del hidden
            assert node() is not None and noted(error) == [tg.matmul]
        assert node() is None
    finally:
        gc.enable()
