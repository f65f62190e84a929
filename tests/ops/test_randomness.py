"""The default generator: one seed makes a thread's draws repeatable, and no thread touches another's."""

import asyncio
import copy
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, detection, models, nn
from tinygrad_cnn.autodiff.observing import observing_effects
from tinygrad_cnn.data.transforms import Compose, RandomCrop, RandomFlip
from tinygrad_cnn.ops.random import seed_for

X = np.random.default_rng(0).random((6, 8, 8, 1), dtype=np.float32)
SAMPLES = data.ArrayDataset(X, np.arange(6), classes=list("abcdef"))


def in_thread(f, name=None):
    found = []
    thread = threading.Thread(target=lambda: found.append(f()), name=name)
    thread.start()
    thread.join()
    return found[0]


def batches(**settings):
    return [np.concatenate([x.ravel(), y]) for x, y in data.DataLoader(SAMPLES, 4, **settings)]


def everything():
    """Whatever draws, one after another."""
    net = models.build("lenet", (8, 8, 1), 10)
    yield from net.state_dict().values()
    yield net(X).data  # dropout
    yield nn.Dropout(0.5)(np.ones(20)).data
    yield tg.dropout(np.ones(20), 0.5)
    yield tg.randn(3).data
    yield tg.rand(3).data
    for name in ("normal", "uniform", "he_normal", "glorot_uniform", "orthogonal"):
        yield getattr(nn.init, name)((4, 4))
    yield from batches(shuffle=True)
    yield from batches(transform=Compose([RandomCrop(8, 1), RandomFlip()]))
    yield from (part.indices for part in data.random_split(SAMPLES, [3, 3]))
    yield detection.kmeans_anchors(np.random.default_rng(1).random((30, 2)) + 0.1, 3)


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def test_all_draws_follow_from_the_seed():
    def run(seed):
        tg.manual_seed(seed)
        return list(everything())

    first = run(5)
    assert same(run(5), first)
    other = run(6)
    moved = [not np.array_equal(p, q) for p, q in zip(first, other, strict=True)]
    assert sum(moved) > len(first) / 2  # biases start at zero


def test_a_seed_is_that_of_a_generator():
    tg.manual_seed(4)
    assert np.array_equal(tg.randn(5).data, tg.randn(5, rng=4).data)


def test_without_a_seed_nothing_can_be_repeated_and_loaders_have_seed_0():
    assert not np.array_equal(tg.randn(9).data, tg.randn(9).data)
    assert data.DataLoader(SAMPLES).seed == 0 and seed_for("f", None) == 0 and seed_for("f", None, otherwise=3) == 3
    assert same(batches(shuffle=True), batches(shuffle=True, seed=0))
    assert tg.get_rng_state() is None


def test_an_explicit_generator_is_the_stronger_form():
    tg.manual_seed(0)
    before = tg.get_rng_state()
    tg.randn(3, rng=1), nn.Linear(3, 3, rng=np.random.default_rng(2)), batches(shuffle=True, seed=3)
    nn.Dropout(0.5, rng=1)(np.ones(4)), models.build("lenet", (28, 28, 1), 10, rng=0)
    assert tg.get_rng_state() == before


@pytest.mark.parametrize("build", [lambda: nn.Dropout(0.5), lambda: models.build("lenet", (8, 8, 1), 10)])
def test_dropout_keeps_a_generator_of_its_own(build):
    tg.manual_seed(0)
    layers = build()
    before = tg.get_rng_state()
    generators = list(layers.generators())
    assert generators and len({str(g.bit_generator.state) for g in generators}) == len(generators)
    for module in layers.modules():
        if isinstance(module, nn.Dropout):
            module(np.ones(100))
    assert tg.get_rng_state() == before


# -- threads and tasks ----------------------------------------------------------------------------------------


def test_a_seed_in_one_thread_does_not_touch_another():
    tg.manual_seed(1)
    want = tg.randn(6).data
    tg.manual_seed(1)
    first = tg.randn(2).data

    def other():
        tg.manual_seed(2)
        return tg.randn(3).data

    assert np.array_equal(in_thread(other), tg.randn(3, rng=2).data)
    in_thread(lambda: (tg.set_rng_state(None), tg.randn(5)))
    assert np.array_equal(np.concatenate([first, tg.randn(4).data]), want)


def test_a_seed_in_a_thread_leaves_the_main_thread_unseeded():
    in_thread(lambda: tg.manual_seed(2))
    assert tg.get_rng_state() is None and in_thread(tg.get_rng_state) is None


def test_two_threads_at_once_draw_each_its_own():
    gate = threading.Barrier(2)

    def work(seed):
        tg.manual_seed(seed)
        found = []
        for _ in range(50):
            gate.wait()
            found.append(tg.rand(3).data)
        return np.concatenate(found)

    with ThreadPoolExecutor(2) as pool:
        a, b = pool.map(work, (1, 2))
    for found, seed in ((a, 1), (b, 2)):
        rng = np.random.default_rng(seed)
        assert np.array_equal(found, np.concatenate([tg.rand(3, rng=rng).data for _ in range(50)]))


def test_threads_without_a_seed_have_streams_that_follow_from_seed_and_name():
    def streams():
        return [in_thread(lambda: tg.randn(4).data, name) for name in ("a", "b", "a")]

    tg.manual_seed(1)
    a, b, again = streams()
    mine = tg.randn(4).data
    assert len({v.tobytes() for v in (a, b, again, mine)}) == 4  # a thread of the same name has a stream of its own
    tg.manual_seed(1)
    assert same([tg.randn(4).data, *streams()], [mine, a, b, again])  # whatever the main thread draws before
    tg.manual_seed(2)
    assert not same(streams(), [a, b, again])


def test_a_task_in_a_fork_has_draws_of_its_own():
    async def task(seed):
        with tg.fork_rng(seed):
            found = [tg.rand(2).data]
            await asyncio.sleep(0)
            apart = await asyncio.to_thread(lambda: tg.get_rng_state())
            return np.concatenate([*found, tg.rand(2).data]), apart

    async def both():
        return await asyncio.gather(task(1), task(2))

    tg.manual_seed(0)
    before = tg.get_rng_state()
    (a, other), (b, _) = asyncio.run(both())
    rngs = [np.random.default_rng(seed) for seed in (1, 2)]
    want = [np.concatenate([tg.rand(2, rng=rng).data for _ in range(2)]) for rng in rngs]
    assert same([a, b], want) and tg.get_rng_state() == before
    assert other["generator"] != before["generator"]  # a thread does not share the draws of the task that waits for it


# -- states and forks -----------------------------------------------------------------------------------------


def test_a_state_goes_through_json():
    tg.manual_seed(3)
    tg.rand(1)
    state = json.loads(json.dumps(tg.get_rng_state()))
    want = (tg.randn(3).data, in_thread(lambda: tg.randn(3).data, "a"))
    tg.manual_seed(9)
    tg.set_rng_state(state)
    assert same((tg.randn(3).data, in_thread(lambda: tg.randn(3).data, "a")), want)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (3, TypeError, "state must be a dict or None, got int"),
        ({}, ValueError, "must have the entries seed and generator, got none"),
        ({"seed": -1, "generator": {}}, ValueError, "must be a whole number"),
        ({"seed": 1, "generator": {"bit_generator": "MT19937"}}, ValueError, "not the state of a PCG64 generator"),
        ({"seed": 1, "generator": 3}, ValueError, "not the state of a PCG64 generator"),
    ],
)
def test_other_states_are_refused_and_change_nothing(state, error, words):
    tg.manual_seed(3)
    before = tg.get_rng_state()
    with pytest.raises(error, match=f"set_rng_state: .*{words}"):
        tg.set_rng_state(state)
    assert tg.get_rng_state() == before


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True])
def test_other_seeds_are_refused(seed):
    with pytest.raises((TypeError, ValueError), match="manual_seed: seed="):
        tg.manual_seed(seed)
    if seed is not None:
        with pytest.raises((TypeError, ValueError), match="fork_rng: seed="):
            tg.fork_rng(seed)
    assert tg.get_rng_state() is None


def test_a_fork_starts_where_the_generator_stands_and_leaves_it_there():
    tg.manual_seed(3)
    with tg.fork_rng():
        first = tg.rand(3).data
    with pytest.raises(RuntimeError, match="stop"), tg.fork_rng(8):
        assert np.array_equal(tg.rand(3).data, tg.rand(3, rng=8).data)
        tg.manual_seed(1)
        with tg.fork_rng():
            tg.set_rng_state(None)
        assert np.array_equal(tg.rand(3).data, tg.rand(3, rng=1).data)
        raise RuntimeError("stop")
    assert np.array_equal(tg.rand(3).data, first)


def test_a_fork_without_a_seed_leaves_nothing_behind():
    with tg.fork_rng():
        assert tg.get_rng_state() is None
        tg.manual_seed(3)
    assert tg.get_rng_state() is None


# -- who looks on, and who repeats ----------------------------------------------------------------------------


def test_observers_see_seeds_and_draws():
    names = []
    with observing_effects(lambda call: call.over or names.append(call.effect.rpartition(".")[2])):
        tg.manual_seed(0)
        tg.randn(3)
        nn.Dropout(0.5)
        tg.set_rng_state(tg.get_rng_state())
    assert names == ["manual_seed", "draw_from", "draw_from", "set_rng_state"]


def noisy(x):
    y = tg.dropout(tg.sin(x), 0.5) * nn.Dropout(0.3)(x)
    return (tg.checkpoint(lambda y: tg.dropout(y, 0.5), y) * tg.randn(4, 4)).sum()


@pytest.mark.parametrize("run", [lambda f: f(), in_thread], ids=["here", "in another thread"])
@pytest.mark.parametrize("between", [lambda: None, lambda: tg.rand(3), lambda: tg.set_rng_state(None)])
def test_a_checkpoint_repeats_the_draws_of_the_default_generator(run, between):
    x = tg.Tensor(np.ones((4, 4), np.float32), requires_grad=True)
    tg.manual_seed(0)
    want = tg.grad(noisy(x), x).data
    after = tg.get_rng_state()
    tg.manual_seed(0)
    y = tg.checkpoint(noisy, x)
    assert tg.get_rng_state() == after
    between()
    before = tg.get_rng_state()
    run(y.backward)
    assert np.array_equal(x.grad, want) and tg.get_rng_state() == before


def test_checks_of_a_model_leave_the_default_generator_alone():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Lambda(lambda x: tg.dropout(x, 0.2)), nn.Linear(4, 2, rng=1))
    tg.manual_seed(0)
    before = tg.get_rng_state()
    tg.testing.gradcheck(net, [np.ones((2, 3))])
    tg.draw(net, np.ones((2, 3), np.float32))
    tg.doctor(net, (3,), 2, steps=1)
    tg.evaluate(nn.Sequential(nn.Flatten(), nn.Linear(64, 6, rng=0)), SAMPLES)
    assert tg.get_rng_state() == before


def test_copies_draw_alike():
    tg.manual_seed(0)
    layer = nn.Dropout(0.5)
    for made in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(made(np.ones(50)).data, copy.deepcopy(layer)(np.ones(50)).data)
