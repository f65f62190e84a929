"""no_grad: as a context and as a decorator, after exceptions, in each thread for itself."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.core.modes import current


def run(main):
    """What a coroutine returns, in a thread of its own: there may be an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main).result()


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
    assert current().path == ""


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


def test_asyncio_tasks_have_modes_of_their_own():
    async def waits_without_recording():
        with tg.no_grad():
            await asyncio.sleep(0.01)
            return recording()

    async def computes_meanwhile():
        await asyncio.sleep(0.005)
        return recording()

    async def both():
        return await asyncio.gather(waits_without_recording(), computes_meanwhile())

    assert run(both()) == [False, True]
    assert recording()


@pytest.mark.parametrize("decorate", [tg.no_grad, tg.no_grad()], ids=["bare", "called"])
def test_decorators_need_no_brackets(decorate):
    @decorate
    def evaluate(x, *, times=1):
        """Says what it does."""
        return recording(), x * times

    assert evaluate(3, times=2) == (False, 6) and recording()
    assert evaluate.__name__ == "evaluate" and evaluate.__doc__ == "Says what it does."


@pytest.mark.parametrize("decorate", [tg.no_grad, tg.no_grad()], ids=["bare", "called"])
def test_a_generators_mode_holds_while_it_runs(decorate):
    seen = []

    @decorate
    def steps():
        try:
            seen.append((yield recording()))
            yield recording()
        except KeyError:
            yield "caught"
        finally:
            seen.append(recording())

    run = steps()
    assert next(run) is False and recording()
    assert run.send("sent") is False and recording()
    assert run.throw(KeyError) == "caught" and recording()
    run.close()
    assert seen == ["sent", False] and recording()
    assert list(steps())[:1] == [False]


def test_coroutines_and_async_generators_are_switched_at_each_step():
    seen = []

    @tg.no_grad
    async def coroutine():
        before = recording()
        await asyncio.sleep(0)
        return before, recording()

    @tg.no_grad
    async def numbers():
        for _ in range(2):
            await asyncio.sleep(0)
            yield recording()

    @tg.no_grad
    async def catches():
        try:
            yield "first"
        except KeyError:
            try:
                yield "caught", recording()
            except BaseException as error:
                seen.append(type(error).__name__)
                raise
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    async def main():
        thrown = catches()
        assert await thrown.asend(None) == "first" and await thrown.athrow(KeyError()) == ("caught", False)
        await thrown.aclose()
        cancelled = catches()
        await cancelled.asend(None)
        with pytest.raises(asyncio.CancelledError):
            await cancelled.athrow(asyncio.CancelledError())
        assert seen == ["GeneratorExit", "CancelledError"]
        found = [await coroutine(), recording()]
        async for each in numbers():
            found += [each, recording()]
        return found

    assert run(main()) == [(False, False), True, False, True, False, True]


def test_a_block_that_is_left_in_another_context_restores_what_was():
    def opened():
        with tg.no_grad():
            yield

    block = opened()
    contextvars.copy_context().run(next, block)
    assert recording()
    block.close()  # leaves the block here, not in the context in which it was entered
    assert recording()


def test_a_decorator_says_what_it_decorates():
    with pytest.raises(TypeError, match="decorate functions, got Tensor"):
        tg.no_grad(tg.Tensor(1.0))


def test_a_class_is_not_decorated():
    with pytest.raises(TypeError, match="got the class Model; decorate its methods"):

        @tg.no_grad
        class Model:
            pass
