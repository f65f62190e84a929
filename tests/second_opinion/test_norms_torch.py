"""Norms and computed weights beside PyTorch's: values, two orders of derivatives, and what moves from step to step."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, first, last  # noqa: E402  (needs torch)

T = torch.nn
PT = torch.nn.utils.parametrizations
RNG = np.random.default_rng(0)
SHAPES = {1: (4, 5, 3), 2: (4, 5, 6, 3), 3: (2, 4, 3, 2, 3)}
OPTIONS = [
    {}, {"affine": False}, {"bias": False}, {"momentum": None}, {"track_running_stats": False},
    {"affine": False, "momentum": 0.4, "eps": 1e-3}, {"track_running_stats": True}, {"track_running_stats": True,
    "momentum": None},
]  # fmt: skip


def pair(name, rank, options):
    """The same layer in both, in float64, with random weights."""
    if name == "InstanceNorm":
        options = {"affine": True, **options}
    ours = getattr(nn, f"{name}{rank}d")(3, **options).to(np.float64)
    theirs = getattr(T, f"{name}{rank}d")(3, **options).double()
    for p in ours.parameters():
        p.assign(RNG.uniform(0.5, 2, p.shape))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(ours).items()})
    return ours, theirs


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["BatchNorm", "InstanceNorm"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_running_norms(name, rank, options):
    if name == "InstanceNorm" and "momentum" in options and options["momentum"] is None:
        pytest.skip("PyTorch's averages of instance norm stay where they are without a momentum")
    ours, theirs = pair(name, rank, options)
    for k in range(3):
        x = RNG.standard_normal(SHAPES[rank]) * (k + 1) + k
        np.testing.assert_allclose(ours(x).data, last(theirs(torch.tensor(first(x)))), rtol=1e-8, atol=1e-10)
        for key, value in theirs.state_dict().items():
            if "running" in key:
                np.testing.assert_allclose(ours.state_dict()[key], value, rtol=1e-10, err_msg=key)
    agree(ours, theirs, x)
    ours.eval()
    theirs.eval()
    agree(ours, theirs, x)


def test_batch_norm_of_rows():
    ours, theirs = pair("BatchNorm", 1, {})
    agree(ours, theirs, RNG.standard_normal((5, 3)))
    agree(ours.eval(), theirs.eval(), RNG.standard_normal((5, 3)))


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm2d"])
def test_the_count_of_a_plain_mean_goes_to_pytorch_and_back(name):
    ours = getattr(nn, name)(3, momentum=None, affine=True, track_running_stats=True)
    theirs = getattr(T, name)(3, momentum=None, affine=True, track_running_stats=True)
    for _ in range(2):
        ours(RNG.standard_normal(SHAPES[int(name[-2])]).astype(np.float32))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(ours).items()})
    assert theirs.num_batches_tracked == 2
    other = getattr(nn, name)(3, momentum=None, track_running_stats=True)
    tg.io.from_torch(other, theirs)
    assert other.num_batches_tracked.data == 2


@pytest.mark.parametrize(("ours", "theirs"), [
    (lambda: nn.LayerNorm(3, bias=False), lambda: T.LayerNorm(3, bias=False)),
    (lambda: nn.LayerNorm(3, affine=False), lambda: T.LayerNorm(3, elementwise_affine=False)),
    (lambda: nn.RMSNorm(3, 1e-5, False), lambda: T.RMSNorm(3, 1e-5, False)),
])  # fmt: skip
def test_norms_of_samples_without_all_of_their_weights(ours, theirs):
    a, b = ours().to(np.float64), theirs().double()
    b.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(a).items()})
    agree(a, b, RNG.standard_normal((4, 2, 3)), turn=lambda x: x, back=lambda t: t.detach().numpy())


@pytest.mark.parametrize("options", [{"affine": False}, {"bias": False}])
def test_group_norm(options):
    agree(nn.GroupNorm(2, 4, **options).to(np.float64), T.GroupNorm(2, 4, **options).double(),
          RNG.standard_normal((2, 3, 3, 4)))  # fmt: skip


def test_alpha_dropout_has_the_values_of_pytorchs():
    x = np.full(1000, 0.3)
    mine = np.unique(nn.AlphaDropout(0.4, rng=0)(x))
    theirs = np.unique(T.AlphaDropout(0.4)(torch.tensor(x)).numpy())
    np.testing.assert_allclose(mine, theirs, rtol=1e-6)


LAYERS = {
    "dense": (lambda: nn.Linear(4, 3, rng=0), lambda: T.Linear(4, 3), (5, 4)),
    "convolution": (lambda: nn.Conv2d(4, 6, (3, 2), groups=2, rng=0), lambda: T.Conv2d(4, 6, (3, 2), groups=2),
                    (2, 5, 4, 4)),
    "depthwise": (lambda: nn.DepthwiseConv2d(4, 3, multiplier=2, rng=0), lambda: T.Conv2d(4, 8, 3, groups=4),
                  (2, 5, 4, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 3, 2, rng=0), lambda: T.ConvTranspose2d(4, 3, 2), (2, 3, 4, 4)),
}  # fmt: skip


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_spectral_norm_over_steps(name, steps):
    ours, theirs, shape = LAYERS[name]
    a = nn.spectral_norm(ours(), n_power_iterations=steps, rng=1).to(np.float64)
    b = PT.spectral_norm(theirs().double(), n_power_iterations=steps)
    b.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(a).items()})
    for _ in range(3):
        x = RNG.standard_normal(shape)
        np.testing.assert_allclose(a(x).data, last(b(torch.tensor(first(x)))), rtol=1e-8, atol=1e-10)
        there = tg.io.to_torch(a)
        for key, value in b.state_dict().items():
            np.testing.assert_allclose(there[key], value, rtol=1e-8, atol=1e-10, err_msg=key)
        a.zero_grad(), b.zero_grad()
        (a(x) ** 2.0).sum().backward()
        (b(torch.tensor(first(x))) ** 2).sum().backward()
        _same_gradients(a, b)
    _agree_with_weights(a.eval(), b.eval(), shape)


def _same_gradients(a, b):
    """The gradients of all parameters, each in PyTorch's layout."""
    theirs = dict(b.named_parameters())
    for place in nn.layouts.places(a, "torch"):
        if place.there in theirs:
            mine = place.layout.there(place.tensor.grad)
            np.testing.assert_allclose(mine, theirs[place.there].grad, rtol=1e-7, atol=1e-9, err_msg=place.there)


def _agree_with_weights(a, b, shape, order=2):
    """Two orders of derivatives, in x and in the originals."""
    places = [p for p in nn.layouts.places(a, "torch") if isinstance(p.tensor, nn.Parameter)]
    agree(
        lambda x, *values: tg.functional_call(a, dict(zip([p.here for p in places], values, strict=True)), x),
        lambda x, *values: torch.func.functional_call(b, dict(zip([p.there for p in places], values, strict=True)), x),
        RNG.standard_normal(shape),
        *[(p.tensor.data.astype(np.float64), p.layout.there) for p in places],
        order=order, rtol=1e-6, atol=1e-8,
    )  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_weight_norm(name):
    ours, theirs, shape = LAYERS[name]
    a, b = nn.weight_norm(ours()).to(np.float64), PT.weight_norm(theirs().double())
    b.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(a).items()})
    _agree_with_weights(a, b, shape, order=1)  # PyTorch's second is not the derivative of its first (2.13, CPU)


def test_weight_norm_of_second_order_beside_its_formula():
    def ours(v, g):
        return tg.functional_call(layer, {f"{top}0": g, f"{top}1": v}, np.eye(4))

    layer, top = nn.weight_norm(nn.Linear(4, 3, bias=False, rng=0)).to(np.float64), "parametrizations.weight.original"
    v, g = RNG.standard_normal((4, 3)), RNG.uniform(0.5, 2, (1, 3))
    agree(ours, lambda v, g: v * (g / v.norm(2, 0, keepdim=True)), v, (g, lambda g: g))


@pytest.mark.parametrize("norm", ["spectral_norm", "weight_norm"])
def test_computed_weights_behind_a_flatten_go_to_pytorch_and_back(norm):
    def make(seed):
        options = {"rng": seed} if norm == "spectral_norm" else {}
        return nn.Sequential(nn.Conv2d(2, 3, 2, rng=seed), nn.Flatten(),
                             getattr(nn, norm)(nn.Linear(12, 12, rng=seed + 1), **options))  # fmt: skip

    ours = make(0).eval()
    theirs = T.Sequential(T.Conv2d(2, 3, 2), T.Flatten(), getattr(PT, norm)(T.Linear(12, 12))).eval()
    for options in ({"input_shape": (3, 3, 2)}, {"flatten": {"2": 3}}):
        theirs.load_state_dict({k: torch.tensor(v) for k, v in tg.io.to_torch(ours, **options).items()})
        x = RNG.standard_normal((2, 3, 3, 2)).astype(np.float32)
        want = theirs(torch.tensor(first(x))).detach().numpy()
        np.testing.assert_allclose(ours(x).data, want, rtol=1e-4, atol=1e-6)
        other = make(5).eval()
        tg.io.from_torch(other, theirs, **options)
        np.testing.assert_allclose(other(x).data, want, rtol=1e-4, atol=1e-6)
