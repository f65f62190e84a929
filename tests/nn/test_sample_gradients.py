"""Gradients of each sample: equal to a loop over samples, in every kind of network; what mixes samples is refused."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

RNG = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 1, 2])
N = len(LABELS)


def drawn(*shape):
    return RNG.standard_normal((N, *shape)).astype(np.float32)


def loop(loss, model, x, y):
    """The gradients that the samples have one after another."""
    rows = {name: [] for name, p in model.named_parameters() if p.requires_grad}
    for n in range(len(x[0]) if isinstance(x, tuple) else len(x)):
        model.zero_grad()
        one = tuple(a[n : n + 1] for a in x) if isinstance(x, tuple) else (x[n : n + 1],)
        loss(model(*one), y[n : n + 1]).backward()
        for name, p in model.named_parameters():
            if name in rows:
                rows[name].append(np.zeros_like(p.data) if p.grad is None else p.grad)
    model.zero_grad()
    return {name: np.stack(several) for name, several in rows.items()}


def agree(model, x, y=LABELS, loss=tg.softmax_cross_entropy, alone=None, rtol=2e-4):
    model.to(np.float64)
    x = tuple(a.astype(np.float64) if a.dtype.kind == "f" else a for a in (x if isinstance(x, tuple) else (x,)))
    x = x if len(x) > 1 else x[0]
    want = loop(alone or loss, model, x, y)
    got = tg.per_sample_grad(loss, model, x, y)
    assert got.keys() == want.keys()
    for name, g in want.items():
        assert got[name].shape == g.shape and got[name].dtype == g.dtype
        np.testing.assert_allclose(got[name], g, rtol=1e-9, atol=1e-11, err_msg=name)
    norms = np.sqrt(sum((g.reshape(len(g), -1) ** 2).sum(1) for g in want.values()))
    np.testing.assert_allclose(tg.per_sample_grad_norm(loss, model, x, y), norms, rtol=1e-8, atol=1e-10)
    assert all(p.grad is None for p in model.parameters())


class Words(nn.Module):
    """Embedding, places, attention or LSTM, and weights that are shared with the embedding."""

    def __init__(self, kind):
        rng = np.random.default_rng(0)
        self.table = nn.Embedding(7, 4, padding_idx=0, rng=rng)
        self.places = nn.Parameter(rng.standard_normal((6, 4)).astype(np.float32))
        self.kind = kind
        self.mix = nn.LSTM(4, 4, 2, bidirectional=False, rng=rng) if kind == "lstm" else nn.MultiheadAttention(
            4, 2, rng=rng)  # fmt: skip
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        h = self.table(x) + self.places[: x.shape[1]]
        h = self.mix(h)[0] if self.kind == "lstm" else h + self.mix(self.norm(h), causal=True)
        return h.mean(axis=1) @ self.table.weight.T


class TimeFirst(nn.Module):
    """Runs a dense layer on (L, N, C), and one on (N*L, C)."""

    def __init__(self):
        self.one, self.two = nn.Linear(4, 3, rng=0), nn.Linear(3, 3, rng=1)

    def forward(self, x):
        h = tg.tanh(self.one(tg.transpose(x, (1, 0, 2))))
        h = tg.reshape(tg.transpose(h, (1, 0, 2)), (-1, 3))
        return tg.reshape(self.two(h), (x.shape[0], -1, 3)).mean(axis=1)


class PartsFirst(nn.Module):
    """Has the samples of each part one after another, (2*N, C), behind one dense layer and before another."""

    def __init__(self):
        self.one, self.two = nn.Linear(4, 6, rng=0), nn.Linear(3, 3, rng=1)

    def forward(self, x):
        h = tg.transpose(tg.reshape(self.one(x), (-1, 2, 3)), (1, 0, 2))
        h = tg.tanh(self.two(tg.reshape(h, (-1, 3))))
        return tg.reshape(h, (2, -1, 3)).sum(axis=0)


class Twice(nn.Module):
    """One layer used two times, and one parameter in a product with itself."""

    def __init__(self):
        self.dense, self.scale = nn.Linear(3, 3, rng=0), nn.Parameter(np.array([1.0, 2.0, 3.0], np.float32))

    def forward(self, x):
        return tg.checkpoint(self.dense, tg.tanh(self.dense(x))) * self.scale * self.scale


def images(*layers):
    return nn.Sequential(*layers, nn.GlobalAvgPool2d(), nn.Linear(6, 3, rng=9))


NETS = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1)), (4,)),
    "batch norm in eval": (
        lambda: images(nn.Conv2d(2, 6, 3, bias=False, rng=0), nn.BatchNorm2d(6), nn.ReLU()).eval(), (5, 5, 2)),
    "layer and group norm": (lambda: images(
        nn.Conv2d(2, 6, 3, padding=1, rng=0), nn.GroupNorm(2, 6), nn.ReLU(), nn.LayerNorm(6), nn.InstanceNorm2d(6),
        nn.PReLU(6), nn.RMSNorm(6)), (5, 5, 2)),
    "kinds of convolution": (lambda: images(
        nn.Conv2d(2, 4, 3, groups=2, stride=2, padding=1, rng=0), nn.ReLU(), nn.ConvTranspose2d(4, 4, 2, 2, groups=2,
        rng=1), nn.DepthwiseConv2d(4, 3, padding=1, rng=2), nn.SeparableConv2d(4, 6, 3, dilation=2, rng=3)), (6, 6, 2)),
    "sequences": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3, rng=0), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3, rng=1)), (5, 2)),
    "time first": (TimeFirst, (6, 4)), "parts first": (PartsFirst, (4,)), "used twice": (Twice, (3,)),
    "computed weights": (lambda: nn.Sequential(nn.weight_norm(nn.Linear(4, 5, rng=0)), nn.ReLU(), nn.spectral_norm(
        nn.Linear(5, 3, rng=1), rng=2)).eval(), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_networks(name):
    make, shape = NETS[name]
    agree(make(), drawn(*shape))


@pytest.mark.parametrize("kind", ["lstm", "attention"])
def test_embeddings_lstm_attention_and_shared_weights(kind):
    agree(Words(kind), RNG.integers(0, 7, (N, 4)), RNG.integers(0, 7, N))


@pytest.mark.level("thorough")
@pytest.mark.parametrize(("name", "shape"), [("lenet", (28, 28, 1)), ("resnet8", (16, 16, 3))])
def test_published_networks(name, shape):
    agree(tg.models.build(name, shape, 10, rng=0).eval(), drawn(*shape))


WEIGHT = np.array([0.5, 2.0, 1.0])


@pytest.mark.parametrize("options", [
    {"reduction": "none"}, {"reduction": "sum"}, {"reduction": "mean"}, {"ignore_index": 1}, {"weight": WEIGHT},
    {"weight": WEIGHT, "ignore_index": 2, "label_smoothing": 0.1},
])  # fmt: skip
def test_reductions_of_cross_entropy(options):
    alone = {**options, "reduction": "mean" if options.get("reduction") != "sum" else "sum"}
    agree(nn.Linear(4, 3, rng=0), drawn(4), loss=lambda z, t: tg.softmax_cross_entropy(z, t, **options),
          alone=lambda z, t: tg.softmax_cross_entropy(z, t, **alone))  # fmt: skip


def test_other_losses():
    agree(nn.Linear(4, 3, rng=0), drawn(4), drawn(3).astype(np.float64), loss=tg.mse_loss)
    agree(nn.Linear(4, 3, rng=0), drawn(4), drawn(3).astype(np.float64),
          loss=lambda z, t: ((z - t) ** 2.0).sum(axis=1) if z.shape[0] > 1 else ((z - t) ** 2.0).sum())  # fmt: skip


class Both(nn.Module):
    def __init__(self):
        self.left, self.right = nn.Linear(4, 3, rng=0), nn.Linear(2, 3, rng=1)

    def forward(self, a, b):
        return {"sum": self.left(a) + self.right(b), "left": self.left(a)}


def test_several_inputs_and_outputs():
    def loss(z, t):
        return tg.softmax_cross_entropy(z["sum"], t) + 0.5 * (z["left"] ** 2.0).mean()

    agree(Both(), (drawn(4), drawn(2)), loss=loss)


def test_one_sample_and_frozen_parts():
    net = nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1))
    net[0].freeze()
    agree(net, drawn(4)[:1], LABELS[:1])
    agree(net, drawn(4))


def test_what_a_parameter_does_not_reach_is_zero():
    net = Both()
    found = tg.per_sample_grad(lambda z, t: tg.softmax_cross_entropy(z["left"], t), net, (drawn(4), drawn(2)), LABELS)
    assert not found["right.weight"].any() and found["right.weight"].shape == (N, 2, 3)


def test_their_mean_is_the_gradient_of_the_batch_and_draws_go_on():
    net, x = nn.Sequential(nn.Linear(4, 5, rng=0), nn.Dropout(0.5, rng=3), nn.Linear(5, 3, rng=1)), drawn(4)
    found = tg.per_sample_grad(tg.softmax_cross_entropy, net, x, LABELS)
    net[1].rng = np.random.default_rng(3)
    tg.softmax_cross_entropy(net(x), LABELS).backward()
    for name, p in net.named_parameters():
        np.testing.assert_allclose(found[name].mean(0), p.grad, rtol=1e-4, atol=1e-6)


class Mixing(nn.Module):
    def __init__(self, how, first=True):
        self.dense, self.last, self.how, self.first = nn.Linear(4, 4, rng=0), nn.Linear(4, 3, rng=1), how, first

    def forward(self, x):
        return self.last(self.dense(self.how(x)) if self.first else self.how(self.dense(x)))


def without(x):
    return x - x.mean(axis=0)


MIXING = {
    "mean": without, "flip": lambda x: tg.flip(x, axis=0), "cumsum": lambda x: tg.cumsum(x, axis=0),
    "product": lambda x: tg.matmul(tg.softmax(tg.matmul(x, x.T) * 0.1), x), "first": lambda x: x + x[:1],
}  # fmt: skip


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", MIXING)
def test_what_mixes_samples_is_refused(how, first, count):
    for call in (tg.per_sample_grad, tg.per_sample_grad_norm):
        with pytest.raises(ValueError, match="mixes samples"):
            call(tg.softmax_cross_entropy, Mixing(MIXING[how], first), drawn(4)[:count], LABELS[:count])


@pytest.mark.parametrize(("net", "x", "label"), [
    (lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.BatchNorm1d(3)), lambda: drawn(4), r"batch_norm \(1\)"),
    (lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3, rng=0)), lambda: drawn(4), r"batch_norm \(0\)"),
    (lambda: nn.Sequential(nn.Embedding(7, 3, rng=0), nn.BatchNorm1d(3)), lambda: RNG.integers(0, 7, N),
     r"batch_norm \(1\)"),
])  # fmt: skip
def test_batch_norm_in_training_is_named_with_its_remedy(net, x, label):
    model, x = net(), x()
    with pytest.raises(ValueError, match=rf"per_sample_grad: {label} mixes samples: .*model.eval\(\)"):
        tg.per_sample_grad(tg.softmax_cross_entropy, model, x, LABELS)
    agree(model.eval(), x)


NET = nn.Linear(4, 3, rng=0)


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ((tg.mse_loss, "net", drawn(4), drawn(3)), TypeError, "needs a Module second"),
    ((3, NET, drawn(4), LABELS), TypeError, "needs a loss function"),
    ((tg.softmax_cross_entropy, nn.ReLU(), drawn(4), LABELS), ValueError, "no parameter that requires a gradient"),
    ((tg.softmax_cross_entropy, NET, 3.0, LABELS), TypeError, "x must be an array"),
    ((lambda z, t: z, NET, drawn(4), LABELS), ValueError, r"gave shape \(5, 3\); it must give one number, or 5"),
    ((lambda z, t: 3.0, NET, drawn(4), LABELS), TypeError, "must return a Tensor"),
    ((lambda z, t: (z - z.mean(axis=0)).sum(axis=1) ** 2.0, NET, drawn(4), LABELS), ValueError, "loss_fn mixes"),
    ((lambda z, t: (z.sum() + 1.0) ** 2.0, NET, drawn(4), LABELS), ValueError, "neither the mean nor the sum"),
    ((lambda z, t: tg.softmax_cross_entropy(z, t) + (NET.weight ** 2.0).sum(), NET, drawn(4), LABELS), ValueError,
     "uses the parameter 'weight' itself"),
])  # fmt: skip
def test_mistakes_are_worded(arguments, error, message):
    with pytest.raises(error, match=message):
        tg.per_sample_grad(*arguments)


def test_lengths_of_dense_layers_from_rows_and_from_pairs_of_rows():
    for rows, features in ((1, 5), (2, 9), (30, 2)):  # one row, few rows of many features, many of few
        net = nn.Sequential(nn.Linear(features, features, rng=0), nn.Linear(features, 3, rng=1))
        agree(net, drawn(rows, features), loss=lambda z, t: tg.softmax_cross_entropy(z.mean(axis=1), t))
