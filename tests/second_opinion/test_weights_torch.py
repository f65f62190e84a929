"""`from_torch` and `to_torch` beside PyTorch itself: equal outputs both ways, and equal losses while training."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
T = torch.nn

RNG = np.random.default_rng(0)
SHAPE = (8, 6, 3)


def first(x):
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def last(t):
    a = t.detach().numpy()
    return np.moveaxis(a, 1, -1) if a.ndim > 2 else a


NETS = {
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 2), 1, 1, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, 1,
                              1, 1, 2, rng=1), nn.PReLU(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 5, rng=2)),
        lambda: T.Sequential(T.Conv2d(3, 4, (3, 2), 1, 1), T.BatchNorm2d(4), T.ReLU(), T.Conv2d(4, 4, 3, 1, 1, 1, 2),
                             T.PReLU(4), T.MaxPool2d(2), T.Flatten(), T.Linear(48, 5)),
        SHAPE,
    ),
    "upsampling": (
        lambda: nn.Sequential(nn.DepthwiseConv2d(3, 3, 1, 1, multiplier=2, rng=0), nn.GroupNorm(3, 6), nn.SiLU(),
                              nn.ConvTranspose2d(6, 4, 3, 2, 1, 1, 2, rng=1), nn.Conv2d(4, 4, 4, rng=2)),
        lambda: T.Sequential(T.Conv2d(3, 6, 3, 1, 1, groups=3), T.GroupNorm(3, 6), T.SiLU(),
                             T.ConvTranspose2d(6, 4, 3, 2, 1, 1, 2), T.Conv2d(4, 4, 4)),
        SHAPE,
    ),
    "rows": (
        lambda: nn.Sequential(nn.Linear(3, 3, rng=0), nn.LayerNorm(3), nn.GELU(), nn.Linear(3, 3, False, rng=1)),
        lambda: T.Sequential(T.Linear(3, 3), T.LayerNorm(3), T.GELU(), T.Linear(3, 3, False)),
        (3,),
    ),
    "sequences": (
        lambda: nn.Sequential(nn.Conv1d(3, 4, 3, 2, 1, rng=0), nn.LeakyReLU(0.2), nn.Flatten(),
                              nn.Linear(16, 2, rng=1)),
        lambda: T.Sequential(T.Conv1d(3, 4, 3, 2, 1), T.LeakyReLU(0.2), T.Flatten(), T.Linear(16, 2)),
        (8, 3),
    ),
}  # fmt: skip


@pytest.fixture(params=list(NETS))
def pair(request):
    torch.manual_seed(0)
    ours, theirs, shape = NETS[request.param]
    theirs = theirs()
    with torch.no_grad():
        for name, value in theirs.named_buffers():
            if "running" in name:
                value.copy_(torch.rand(value.shape) + 0.5)
    return ours(), theirs, shape


def shape_of(shape):
    return {"input_shape": shape} if len(shape) > 1 else {}


def agree(ours, theirs, shape):
    x = RNG.standard_normal((4, *shape)).astype(np.float32)
    np.testing.assert_allclose(ours.eval()(x).data, last(theirs.eval()(first(x))), rtol=1e-5, atol=1e-5)


def test_from_torch(pair, tmp_path):
    ours, theirs, shape = pair
    report = tg.io.from_torch(ours, theirs.state_dict(), **shape_of(shape))
    assert not report.missing and not report.unexpected
    agree(ours, theirs, shape)
    for p in ours.parameters():
        p.assign(np.zeros(p.shape, np.float32))
    torch.save({"epoch": 1, "model": theirs.state_dict()}, tmp_path / "a.pth")
    tg.io.from_torch(ours, tmp_path / "a.pth", **shape_of(shape))
    agree(ours, theirs, shape)
    tg.io.from_torch(ours, theirs, **shape_of(shape))  # the module itself


def test_to_torch(pair):
    ours, theirs, shape = pair
    for p in ours.parameters():
        p.assign(RNG.standard_normal(p.shape).astype(np.float32))
    arrays = tg.io.to_torch(ours, **shape_of(shape))
    assert set(arrays) == set(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    agree(ours, theirs, shape)


def test_three_steps_give_the_same_losses(pair):
    ours, theirs, shape = pair
    tg.io.from_torch(ours, theirs.state_dict(), **shape_of(shape))
    ours.to(np.float64).train()
    theirs.double().train()
    x = RNG.standard_normal((6, *shape))
    target = RNG.standard_normal(ours(x).shape)
    tg.io.from_torch(ours, theirs.state_dict(), **shape_of(shape))  # the call above moved running statistics
    a, b = optim.SGD(ours.parameters(), 0.05, momentum=0.9), torch.optim.SGD(theirs.parameters(), 0.05, momentum=0.9)
    for _ in range(3):
        loss = tg.mse_loss(ours(x), target)
        other = T.functional.mse_loss(theirs(first(x)), first(target))
        assert loss.item() == pytest.approx(other.item(), rel=1e-9)
        for optimizer, value in ((a, loss), (b, other)):
            optimizer.zero_grad()
            value.backward()
            optimizer.step()


def test_bfloat16_and_a_plain_load():
    layer, theirs = nn.Linear(3, 3, rng=0), T.Linear(3, 3)
    tg.io.from_torch(layer, theirs.to(torch.bfloat16).state_dict())
    np.testing.assert_array_equal(layer.weight.data.T, theirs.weight.detach().float().numpy())
    with pytest.raises(ValueError, match=r"tensors of PyTorch's.*from_torch\(model, values\)"):
        layer.load_state_dict(T.Linear(3, 3).state_dict())


@pytest.mark.parametrize(("ours", "theirs"), [
    (
        lambda: nn.LSTM(4, 3, 2, bidirectional=True, rng=0),
        lambda: T.LSTM(4, 3, 2, batch_first=True, bidirectional=True),
    ),
    (lambda: nn.GRU(4, 3, rng=0), lambda: T.GRU(4, 3, batch_first=True)),
    (lambda: nn.RNN(4, 3, bias=False, rng=0), lambda: T.RNN(4, 3, bias=False, batch_first=True)),
    (lambda: nn.MultiheadAttention(4, 2, rng=0), lambda: T.MultiheadAttention(4, 2, batch_first=True)),
    (
        lambda: nn.MultiheadAttention(4, 2, kdim=4, vdim=4, bias=False, rng=0),
        lambda: T.MultiheadAttention(4, 2, bias=False, batch_first=True),
    ),
])  # fmt: skip
def test_layers_of_sequences(ours, theirs):
    ours, theirs = ours(), theirs()
    x = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    tg.io.from_torch(ours, theirs)
    t = torch.tensor(x)
    want = theirs(t, t, t)[0] if isinstance(theirs, T.MultiheadAttention) else theirs(t)[0]
    got = ours(x) if isinstance(ours, nn.MultiheadAttention) else ours(x)[0]
    np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=0, atol=1e-6)
    back = tg.io.to_torch(ours)
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(back[name], value.numpy(), err_msg=name)


def test_an_embedding():
    ours, theirs = nn.Embedding(5, 3, rng=0), T.Embedding(5, 3)
    tg.io.from_torch(ours, theirs)
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().numpy())
