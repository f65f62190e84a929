"""no_grad: as a context and as a decorator, after exceptions, in each thread for itself."""

import threading

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.core.modes import state


def recording():
    return (tg.Tensor(1.0, requires_grad=True) * 2.0).requires_grad


def test_context_nests_and_enable_grad_turns_it_around():
    assert recording()
    with tg.no_grad():
        assert not recording()
        with tg.enable_grad():
            assert recording()
            with tg.no_grad():
                assert not recording()
            assert recording()
        assert not recording()
    assert recording()


def test_decorator_works_on_every_call():
    @tg.no_grad()
    def evaluate():
        return recording()

    assert [evaluate(), evaluate(), recording()] == [False, False, True]


def test_restored_after_exceptions():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert recording()

    @tg.no_grad()
    def fails():
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert recording()
    with pytest.raises(ValueError), tg.scope("a"), tg.scope("b"):
        raise ValueError
    assert state.path == ""


def test_failing_op_leaves_recording_on():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError):
        x.reshape(3)
    with pytest.raises(tg.GraphError):
        tg.grad(x.sum(), tg.Tensor([1.0]))
    assert recording()


def test_each_thread_has_its_own_mode():
    seen = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(recording()))
        thread.start()
        thread.join()
        seen.append(recording())
    assert seen == [True, False]


def test_scopes_name_layers_in_nodes():
    x = tg.Tensor(1.0, requires_grad=True)
    with tg.scope("features"):
        with tg.scope("0"):
            a = x * 2.0
        b = a * 2.0
    c = b * 2.0
    assert [t.node.path for t in (a, b, c)] == ["features.0", "features", ""]
    assert [t.node.label for t in (a, c)] == ["mul (features.0)", "mul"]
