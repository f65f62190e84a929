"""`tg.set_default_dtype`: what it decides, where it holds, and that a float64 model trains without casts."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim


@pytest.fixture(autouse=True)
def restored():
    yield
    tg.set_default_dtype(np.float32)


MADE = {
    "a list": lambda: tg.tensor([0.1]), "a float": lambda: tg.Tensor(0.1), "zeros": lambda: tg.zeros(2),
    "ones": lambda: tg.ones(2), "full": lambda: tg.full((2,), 3), "eye": lambda: tg.eye(2),
    "arange": lambda: tg.arange(0, 1, 0.1), "linspace": lambda: tg.linspace(0, 1, 3),
    "logspace": lambda: tg.logspace(0, 1, 3), "randn": lambda: tg.randn(2, rng=0), "rand": lambda: tg.rand(2, rng=0),
    "randn_like": lambda: tg.randn_like(np.arange(3), rng=0), "one_hot": lambda: tg.one_hot([0, 1], 2),
    "exp of whole numbers": lambda: tg.exp(np.arange(3)),
    "logsumexp of whole numbers": lambda: tg.logsumexp(tg.arange(3)),
    "numbers alone": lambda: tg.add(1, 0.5), "where": lambda: tg.where(np.array([True]), 1.0, 2),
    "a float beside whole numbers": lambda: tg.arange(3) * 0.5, "a quotient": lambda: tg.arange(3) / 2,
    "a loss of numbers": lambda: tg.mse_loss([0.1], [0.2]), "a parameter": lambda: nn.Parameter([0.1]),
    "PReLU": lambda: nn.PReLU().weight,
    **{f"init.{name}": lambda f=f: f((4, 4), rng=0) for name, f in nn.init.BY_NAME.items()},
    "init.constant": lambda: nn.init.constant(3, 1),
}  # fmt: skip


@pytest.mark.parametrize("what", MADE)
def test_it_decides(what):
    make = MADE[what]
    assert make().dtype == np.float32
    tg.set_default_dtype(np.float64)
    assert make().dtype == np.float64
    with tg.set_default_dtype("float16"):
        assert make().dtype == np.float16
    assert make().dtype == np.float64


def test_numbers_keep_all_their_digits_in_float64():
    with tg.set_default_dtype(np.float64):
        assert tg.tensor([0.1]).tolist() == [0.1] and tg.full((1,), 0.1).tolist() == [0.1]
        assert tg.linspace(0, 0.3, 4).tolist() == np.linspace(0, 0.3, 4).tolist()


def test_arrays_and_what_is_made_with_a_dtype_keep_theirs():
    with tg.set_default_dtype(np.float64):
        assert tg.tensor(np.zeros(2, np.float32)).dtype == np.float32
        assert tg.zeros(2, dtype=np.float32).dtype == np.float32
        assert tg.zeros_like(np.zeros(2, np.float32)).dtype == np.float32
        assert (tg.tensor(np.zeros(2, np.float32)) * 2.5).dtype == np.float32
        assert tg.arange(3).dtype == tg.randint(3, (2,), rng=0).dtype == np.int64


def test_layers_and_their_buffers_have_it():
    with tg.set_default_dtype(np.float64):
        model = tg.models.build("resnet8", (8, 8, 1), 3, rng=0)
    state = model.state_dict()
    assert {a.dtype for a in state.values() if a.dtype.kind == "f"} == {np.dtype(np.float64)}
    assert any("running_mean" in name for name in state)
    narrow = tg.models.build("resnet8", (8, 8, 1), 3, rng=0).state_dict()
    for name, value in narrow.items():  # the same draws, rounded
        np.testing.assert_array_equal(value, state[name].astype(value.dtype))


def test_a_float64_model_trains_on_float32_images_without_casts():
    images = np.random.default_rng(0).random((8, 8, 8, 1)).astype(np.float32)
    labels = np.arange(8) % 2
    with tg.set_default_dtype(np.float64):
        model = nn.Sequential(
            nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2, rng=0)
        )
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for x, y in data.DataLoader(data.ArrayDataset(np.tile(images, (4, 1, 1, 1)), np.tile(labels, 4)), 8, seed=0):
            loss = tg.softmax_cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
    assert {loss.dtype for loss in losses} == {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    assert float(losses[-1]) < float(losses[0])


def test_other_threads_keep_their_own():
    found = []
    tg.set_default_dtype(np.float64)

    def work():
        found.append(tg.get_default_dtype())
        tg.set_default_dtype(np.float16)
        found.append(tg.zeros(1).dtype)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [np.float32, np.float16] and tg.get_default_dtype() == np.float64


def test_as_a_context_it_is_restored_after_an_error_too():
    with pytest.raises(KeyError), tg.set_default_dtype(np.float64):
        raise KeyError
    assert tg.get_default_dtype() == np.float32
    with tg.set_default_dtype(np.float64), tg.set_default_dtype(np.float16):
        assert tg.get_default_dtype() == np.float16
    assert tg.get_default_dtype() == np.float32


OBJECT = pytest.param(object(), id="object")  # whose repr holds an address


@pytest.mark.parametrize("wrong", [np.int64, "int8", bool, complex, "f32", None, "abc", 3, OBJECT], ids=repr)
def test_what_is_no_floating_dtype_is_refused(wrong):
    with pytest.raises(TypeError, match="^set_default_dtype: .* use np.float32 or np.float64"):
        tg.set_default_dtype(wrong)
    assert tg.get_default_dtype() == np.float32


def test_bytes_of_the_other_order_are_converted():
    with tg.set_default_dtype(">f8"):
        assert tg.zeros(2).dtype.isnative


def test_what_a_function_of_the_user_draws_becomes_the_default_dtype():
    def drawn(shape, rng):
        return rng.normal(size=shape)  # float64, as NumPy draws

    assert {p.dtype for p in nn.Linear(3, 2, init=drawn).parameters()} == {np.dtype(np.float32)}
    with tg.set_default_dtype(np.float64):
        assert {p.dtype for p in nn.Linear(3, 2, init=drawn).parameters()} == {np.dtype(np.float64)}
