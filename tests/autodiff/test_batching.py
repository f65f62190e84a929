"""Stacks of cotangents: Jacobians by one walk equal those row by row, and what cannot be stacked is not."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff import batching
from tinygrad_cnn.autodiff.batching import gradients, how_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 6, 2))
V, W = RNG.normal(size=12), RNG.normal(size=(12, 9))
FILTERS, BIAS = RNG.normal(size=(3, 3, 2, 4)), RNG.normal(size=4)


def mlp(x):
    return tg.tanh(tg.linear(tg.linear_relu(x, W), W.T))


def conv_net(x):
    h = tg.max_pool2d(tg.conv2d_relu(x, FILTERS, BIAS, padding=1), 2)
    h = tg.avg_pool2d(tg.batch_norm_relu(h, BIAS[:4] + 3, BIAS), 3)
    return tg.log_softmax(tg.flatten(h, start=1))


def filters(w):
    w = w[:72].reshape(3, 3, 2, 4)
    return tg.global_avg_pool2d(tg.silu(tg.conv2d(X, w, stride=2))).ravel()


def shapes(x):
    rows = tg.concatenate([x[::2], x[[1, 3, 3]], tg.repeat(x[:2], 2), x[2:3] * 1.0])
    table = tg.stack([rows, tg.roll(tg.flip(rows), 2)], axis=1)
    return tg.pad(tg.moveaxis(table, 0, 1), 1, "wrap").sum(axis=0) * tg.cumsum(x)[1]


def reductions(x):
    t = x.reshape(3, 4)
    parts = [t.max(axis=0), t.prod(axis=1), t.var(axis=0), tg.norm(t, axis=1), tg.logsumexp(t, axis=-1)]
    return tg.concatenate(parts) / tg.exp(t).mean()


def written(x):
    y = x * 1.0
    y[2:5] = x[:3] ** 2
    return tg.einsum("i,ij,j->j", y, W[:, :9], x[:9]) + tg.outer(x[:3], x[:3]).ravel()


def loss(w):
    logits = tg.matmul(tg.tanh(tg.matmul(X.reshape(8, 18)[:, :4], w.reshape(4, 3))), W[:3])
    return tg.softmax_cross_entropy(logits, np.arange(8))


FUNCTIONS = {
    "mlp": (mlp, V), "mlp of rows": (mlp, W.T), "conv net": (conv_net, X), "filters": (filters, RNG.normal(size=90)),
    "shapes": (shapes, V), "reductions": (reductions, V), "written": (written, V),
    "gradient": (lambda x: tg.value_and_grad(loss)(x)[1], V),
    "tall": (lambda x: tg.sin(tg.matmul(W.T, x * x)).repeat(9), V),
    "checkpoint": (lambda x: tg.checkpoint(mlp, x), V), "float32": (mlp, V.astype(np.float32)),
    "unused elements": (lambda x: x[0] * V, V), "mixed dtypes": (lambda x: x.astype(np.float32) * 2.0, V),
}  # fmt: skip


@pytest.fixture
def one_by_one(monkeypatch):
    """A function that gives a Jacobian row by row."""

    def run(f, x):
        with monkeypatch.context() as patch:
            patch.setattr(batching, "FEWEST", np.inf)
            return tg.jacobian(f, x)

    return run


@pytest.fixture
def walks(monkeypatch):
    """The lengths of the stacks for which records were repeated."""
    lengths, rows = [], batching.Linear.rows
    monkeypatch.setattr(batching.Linear, "rows", lambda self, stack: lengths.append(len(stack)) or rows(self, stack))
    return lengths


def close(got, want):
    assert got.shape == want.shape and got.dtype == want.dtype
    rounding = 100 * np.finfo(want.dtype).eps
    np.testing.assert_allclose(got, want, rtol=rounding, atol=rounding * np.abs(want).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_walk_gives_what_rows_one_by_one_give(name, one_by_one, walks, monkeypatch):
    f, x = FUNCTIONS[name]
    want = one_by_one(f, x)
    assert not walks
    monkeypatch.setattr(batching, "slice_by_slice", None)  # no op of these is called slice by slice
    close(tg.jacobian(f, x), want)
    assert len(walks) == 1 and walks[0] >= batching.FEWEST


def test_a_hessian_takes_one_walk(walks):
    found = tg.hessian(loss, V)
    assert walks == [12] and np.array_equal(found.shape, (12, 12))
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    for k in range(12):
        np.testing.assert_allclose(found[k], tg.hvp(loss, V, np.eye(12)[k]), atol=1e-12)


@pytest.mark.parametrize("name", ["lenet", "mnistnet", "vgg_small", "resnet8", "mobilenet_v2", "unet"])
def test_gradients_of_networks_need_no_slices(name, walks, monkeypatch):
    monkeypatch.setattr(batching, "slice_by_slice", None)
    monkeypatch.setattr(batching, "LARGE", np.inf)
    monkeypatch.setattr(batching, "ROOM", 1 << 40)
    net, x = tg.models.build(name, (16, 16, 1), 8, rng=0), np.zeros((1, 16, 16, 1), np.float32)
    net.eval()
    tg.jacobian(lambda x: net(x).ravel()[:8], x)
    last = list(net.named_parameters())[-1]
    tg.jacobian(lambda p: nn.functional_call(net, {last[0]: p}, x).ravel()[:8], last[1].data)
    assert len(walks) >= 2


def test_every_op_with_rules_says_how_it_treats_stacks():
    silent = {
        name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.")
        and op.rules and op.composition is None and not op.effects and how_of(op) is None
    }  # fmt: skip
    assert not silent, f"declare stacks=..., by a function of autodiff.batching, for {', '.join(sorted(silent))}"


def test_large_stacks_are_cut_into_blocks(walks, one_by_one, monkeypatch):
    monkeypatch.setattr(batching, "ROOM", 5 * W.nbytes)
    close(tg.jacobian(mlp, W.T), one_by_one(mlp, W.T))
    assert sum(walks) == 9 * 12 and len(walks) > 20 and max(walks) - min(walks) <= 4


@pytest.mark.parametrize("limit", ["ROOM", "LARGE"])
def test_large_values_are_not_stacked(limit, walks, monkeypatch):
    monkeypatch.setattr(batching, limit, 100)
    tg.jacobian(mlp, V)
    assert not walks


def test_an_op_without_a_declaration_is_called_for_each_slice_and_no_other(register, walks, one_by_one):
    sizes = []

    def halved(x):
        sizes.append(x.shape)
        return x * 0.5

    half = register(halved)
    half.vjp(x=lambda g: half(g))

    def f(x):
        return tg.sin(half(tg.sin(x)))

    want = one_by_one(f, V)
    sizes.clear()
    close(tg.jacobian(f, V), want)
    assert sizes == [(12,)] * 14 and walks == [12]  # forward, in the record, and for each row


def test_a_case_that_a_declaration_leaves_out_is_computed_slice_by_slice(walks, one_by_one):
    def f(w):  # the filters of conv2d_dx are stacked
        return tg.conv2d_dx(X[:, :4, :4], w.reshape(2, 3, 1, 2), size=(5, 6)).ravel()[:10]

    def tall(x):  # arrays of indices with a slice between them
        return (x.reshape(2, 3, 2)[[0, 1, 1], :, [1, 0, 1]]).ravel()

    for function in (f, lambda x: tg.value_and_grad(lambda x: (f(x) ** 2).sum())(x)[1], tall):
        close(tg.jacobian(function, V), one_by_one(function, V))
    assert walks == [10, 12, 9]


def rule_for_arrays(g):
    return np.fft.irfft(np.fft.rfft(g), len(g))


def rule_that_leaves_tensors(g):
    return g.data * 2.0 if isinstance(g, tg.Tensor) else g * 2.0


@pytest.mark.parametrize("rule", [rule_for_arrays, rule_that_leaves_tensors])
def test_a_rule_that_cannot_be_recorded_is_used_row_by_row(rule, register, walks):
    op = register(lambda x: x * 2.0, name="doubled").vjp(x=rule)
    want = np.array([rule(row) for row in np.eye(12)])
    np.testing.assert_array_equal(tg.jacobian(op, V), want)
    assert not walks


@pytest.mark.parametrize("where", ["inside", "argument"])
def test_hooks_see_one_gradient_at_a_time(where, walks):
    seen = []

    def hook(g):
        seen.append(g.shape)
        return np.asarray(getattr(g, "data", g)) * (1.0 + (np.abs(np.asarray(getattr(g, "data", g))).max() > 1.5))

    def f(x):
        y = x * V
        (x if where == "argument" else y).register_hook(hook)
        return y * 2.0

    found = tg.jacobian(f, V)
    factor = 2.0 if where == "inside" else 1 + (np.abs(2 * V) > 1.5)
    np.testing.assert_allclose(found, np.diag(2 * V * factor))
    assert not walks and set(seen) == {(12,)} and len(seen) >= 12


def test_a_recorded_jacobian_is_computed_row_by_row_and_can_be_differentiated(walks):
    x = tg.Tensor(V, requires_grad=True)
    found = tg.jacobian(lambda x: tg.sin(x) * x[0], x)
    assert isinstance(found, tg.Tensor) and not walks
    slope = tg.grad((found * found).sum(), x)
    numeric = [
        ((tg.jacobian(lambda x: tg.sin(x) * x[0], V + d) ** 2).sum()
         - (tg.jacobian(lambda x: tg.sin(x) * x[0], V - d) ** 2).sum()) / 2e-6
        for d in 1e-6 * np.eye(12)
    ]  # fmt: skip
    np.testing.assert_allclose(slope, numeric, rtol=1e-6, atol=1e-6)


def test_a_declaration_that_gives_another_shape_is_refused(register):
    op = register(lambda x: x * 2.0, name="odd", stacks=lambda op, inputs, stacked, params: inputs[0][0])
    op.vjp(x=lambda g: op(g))
    with pytest.raises(ValueError, match=r"odd: of a stack of 12 it gave shape \(12,\), expected \(12, 12\)"):
        tg.jacobian(op, V)


def test_few_rows_are_not_recorded():
    x = tg.Tensor(V, requires_grad=True)
    few, enough = x[: batching.FEWEST - 1] * 2.0, x[: batching.FEWEST] * 2.0
    assert gradients(few, x) is None and gradients(enough, x) is not None


def test_observers_of_other_threads_and_later_calls_see_nothing():
    from tinygrad_cnn.core.register import observers

    before = list(observers)
    tg.jacobian(mlp, V)
    assert observers == before
