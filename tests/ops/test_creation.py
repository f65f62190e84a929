"""Functions that make Tensors: shapes as NumPy and PyTorch spell them, settings, ranges, messages."""

import numpy as np
import pytest

import tinygrad_cnn as tg

FILLED = {"zeros": tg.zeros, "ones": tg.ones, "rand": tg.rand, "randn": tg.randn}
SHAPES = [((2, 3),), (2, 3), ([2, 3],), (np.array([2, 3]),), (np.int64(2), np.uint8(3)), (np.zeros((2, 3)).shape,)]


@pytest.mark.parametrize("make", FILLED.values(), ids=FILLED)
def test_shapes_are_written_in_any_way(make):
    for shape in SHAPES:
        assert make(*shape).shape == (2, 3)
    assert make(shape=(2, 3)).shape == (2, 3)
    assert make(5).shape == make((5,)).shape == make(np.int64(5)).shape == (5,)
    assert make().shape == make(()).shape == () and make(0, 3).shape == (0, 3)


@pytest.mark.parametrize("shape", [s for s in SHAPES if len(s) == 1], ids=repr)
def test_shapes_of_functions_with_other_arguments(shape):
    assert tg.full(*shape, 7).tolist() == [[7.0] * 3] * 2
    assert tg.randint(0, 9, *shape, rng=0).shape == tg.randint(9, shape=shape[0], rng=0).shape == (2, 3)


@pytest.mark.parametrize("name", FILLED)
def test_wrong_shapes(name):
    make = FILLED[name]
    for shape in [(2, -1), ((2, -1),), (-1,)]:
        with pytest.raises(ValueError, match=rf"^{name}: shape=.* must be a tuple of whole numbers of at least 0\."):
            make(*shape)
    for shape in [(2.0, 3), (2.5,), ("a",), (None, 2), (True, 2), ((2, (3,)),), (tg.Tensor([2, 3]),)]:
        with pytest.raises(TypeError, match=rf"^{name}: shape=.* must be a tuple of whole numbers"):
            make(*shape)
    with pytest.raises(
        TypeError, match=rf"^{name}: .*float64 follows the shape \(2, 3\); settings go by name, as dtype"
    ):
        make((2, 3), np.float64)
    with pytest.raises(TypeError, match=f"^{name}: shape was given twice"):
        make(2, shape=3)


SETTINGS = {
    **{name: (lambda make=make, **s: make(2, 3, **s)) for name, make in FILLED.items()},
    "full": lambda **s: tg.full((2, 3), 1.5, **s), "eye": lambda **s: tg.eye(2, 3, **s),
    "arange": lambda **s: tg.arange(6, **s), "linspace": lambda **s: tg.linspace(0, 1, 4, **s),
    "logspace": lambda **s: tg.logspace(0, 1, 4, **s), "zeros_like": lambda **s: tg.zeros_like(np.ones((2, 3)), **s),
    "ones_like": lambda **s: tg.ones_like([1.0, 2.0], **s), "full_like": lambda **s: tg.full_like(tg.zeros(2), 2, **s),
    "rand_like": lambda **s: tg.rand_like(tg.zeros(2), **s), "randn_like": lambda **s: tg.randn_like(np.ones(2), **s),
    "randint": lambda **s: tg.randint(0, 5, (2, 3), **s), "permutation": lambda **s: tg.permutation(5, **s),
    "tensor": lambda **s: tg.tensor([1, 2], **s),
}  # fmt: skip
RANDOM = ("rand", "randn", "rand_like", "randn_like", "randint", "permutation")


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name):
    for dtype in (np.float32, np.float64, np.float16, "float64"):
        t = SETTINGS[name](dtype=dtype, requires_grad=True, name="t")
        assert type(t) is tg.Tensor and t.dtype == dtype and t.requires_grad and t.name == "t"
        assert t.data.base is not None and t.version == 0
    assert not SETTINGS[name]().requires_grad
    with pytest.raises(TypeError, match="carries no gradient"):
        SETTINGS[name](dtype=np.int64, requires_grad=True)


@pytest.mark.parametrize("name", RANDOM)
def test_draws_repeat_with_a_seed_and_go_on_with_a_generator(name):
    draw = SETTINGS[name]
    assert np.array_equal(draw(rng=7).data, draw(rng=np.random.default_rng(7)).data)
    rng = np.random.default_rng(7)
    assert np.array_equal(draw(rng=rng).data, draw(rng=7).data)
    state = rng.bit_generator.state
    draw(rng=rng)
    assert rng.bit_generator.state != state
    with pytest.raises(TypeError, match=f"^{name}: rng="):
        draw(rng="seed")


@pytest.mark.parametrize(
    "like", [np.zeros((2, 3), np.float64), tg.zeros(2, 3, dtype=np.float64)], ids=["array", "Tensor"]
)
def test_likes_keep_shape_and_dtype(like):
    for t in (
        tg.zeros_like(like),
        tg.ones_like(like),
        tg.full_like(like, 0.1),
        tg.rand_like(like),
        tg.randn_like(like),
    ):
        assert t.shape == (2, 3) and t.dtype == np.float64
    assert tg.full_like(like, 0.1).tolist() == [[0.1] * 3] * 2
    whole = np.arange(3)
    assert tg.zeros_like(whole).dtype == tg.full_like(whole, 7).dtype == np.int64
    assert tg.rand_like(whole).dtype == tg.randn_like(tg.Tensor(whole)).dtype == np.float32
    with pytest.raises(TypeError, match=r"^full_like: value=0.5 does not fit the dtype int64 of x; pass dtype="):
        tg.full_like(whole, 0.5)
    assert tg.full_like(whole, 0.5, dtype=np.float32).tolist() == [0.5] * 3
    for make in (tg.zeros_like, tg.ones_like, tg.randn_like):
        with pytest.raises(TypeError):
            make("abc")


def test_rows_of_numbers_are_those_of_numpy():
    for args, more in [((0, 1, 5), {}), ((1, -1, 4), {"endpoint": False}), ((2.0, 3.0), {}), ((0, 1, 0), {})]:
        np.testing.assert_array_equal(tg.linspace(*args, dtype=np.float64, **more).data, np.linspace(*args, **more))
        np.testing.assert_array_equal(tg.logspace(*args, dtype=np.float64, **more).data, np.logspace(*args, **more))
    np.testing.assert_array_equal(tg.logspace(0, 3, 4, base=2).data, [1, 2, 4, 8])
    for wrong, error in (((0, np.inf), ValueError), ((tg.Tensor(0.0), 1), TypeError), ((0, 1, 2.5), TypeError),
                         ((0, 1, -1), ValueError)):  # fmt: skip
        with pytest.raises(error, match="^linspace: "):
            tg.linspace(*wrong)
        with pytest.raises(error, match="^logspace: "):
            tg.logspace(*wrong)


def test_whole_numbers_are_drawn_from_low_to_below_high():
    t = tg.randint(-2, 3, 1000, rng=0)
    assert sorted(set(t.tolist())) == [-2, -1, 0, 1, 2]
    for short in (tg.randint(3, (1000,), rng=0), tg.randint(3, shape=1000, rng=0), tg.randint(0, 3, (1000,), rng=0)):
        assert np.array_equal(short.data, tg.randint(3, [1000], rng=0).data) and set(short.tolist()) == {0, 1, 2}
    assert tg.randint(3, rng=0).shape == () and tg.randint(0, 256, 9, dtype=np.uint8).dtype == np.uint8
    for call, words in {
        lambda: tg.randint(3, 3, 2): "no whole number is at least 3 and below 3",
        lambda: tg.randint(0): "no whole number is at least 0 and below 0",
        lambda: tg.randint(0, 300, 2, dtype=np.uint8): "uint8 cannot hold all numbers from 0 to 299",
        lambda: tg.randint(0, 5, (2, -1)): "shape=",
    }.items():
        with pytest.raises(ValueError, match=f"^randint: {words}"):
            call()
    for call in (lambda: tg.randint(0.5, 3), lambda: tg.randint(0, (2,), (3,)), lambda: tg.randint(0, 2.5, 3)):
        with pytest.raises(TypeError, match="^randint: "):
            call()


def test_permutations():
    order = tg.permutation(50, rng=1)
    assert sorted(order.tolist()) == list(range(50)) != order.tolist()
    x = np.arange(100.0).reshape(50, 2)
    assert np.array_equal(np.sort(tg.Tensor(x)[order].data, axis=0), x) and len(tg.permutation(0)) == 0
    with pytest.raises(TypeError, match=r"^permutation: n=.*write x\[tg.permutation\(len\(x\)\)\]"):
        tg.permutation(x)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,), (2, 1, 3)])
def test_one_hot(shape):
    labels = np.random.default_rng(0).integers(0, 5, shape)
    want = np.eye(5)[labels]
    for given in (labels, labels.astype(np.uint8)):
        rows = tg.one_hot(given, 5)
        assert type(rows) is np.ndarray and rows.dtype == np.float32
        np.testing.assert_array_equal(rows, want)
    rows = tg.one_hot(tg.Tensor(labels), np.int64(5), dtype=np.float64)
    assert isinstance(rows, tg.Tensor) and rows.dtype == np.float64 and not rows.requires_grad
    np.testing.assert_array_equal(rows.data, want)
    assert tg.one_hot(labels, 5, dtype=bool).dtype == bool


def test_one_hot_checks_its_labels():
    for labels, wrong in (([0, 3], 3), ([-1, 2], -1)):
        with pytest.raises(ValueError, match=rf"^one_hot: label {wrong} is not from 0 to 2, as classes=3 asks"):
            tg.one_hot(labels, 3)
    for labels in ([0.0, 1.0], [True, False], "ab", None):
        with pytest.raises(TypeError, match="^one_hot: "):
            tg.one_hot(labels, 3)
    for classes, error in ((0, ValueError), (2.0, TypeError), (None, TypeError)):
        with pytest.raises(error, match="^one_hot: classes="):
            tg.one_hot([0], classes)


def test_arange():
    for bounds in ((5,), (2, 8), (2, 8, 2), (8, 2, -3), (np.int8(2), np.int64(8)), (0,), (3, 1)):
        t = tg.arange(*bounds)
        assert t.dtype == np.int64 and t.tolist() == list(range(*map(int, bounds)))
    assert tg.arange(0, 1, 0.25).tolist() == tg.arange(np.float64(0), 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75]
    for call, error, words in (
        (lambda: tg.arange(), TypeError, "takes stop, or start, stop and perhaps step; got 0 numbers"),
        (lambda: tg.arange(1, 2, 3, 4), TypeError, "got 4 numbers"),
        (lambda: tg.arange(1, 2, 0), ValueError, "step=0 never reaches stop"),
        (lambda: tg.arange("a"), TypeError, "stop='a' must be a finite number"),
        (lambda: tg.arange(0, tg.Tensor(3)), TypeError, "stop=.*such as stop.item"),
        (lambda: tg.arange(0, np.inf), ValueError, "stop=inf must be a finite number"),
    ):
        with pytest.raises(error, match=f"^arange: .*{words}"):
            call()
