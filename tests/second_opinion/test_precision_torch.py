"""Training with products of bf16 numbers beside PyTorch's bf16 autocast: 50 steps from the same weights."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels.precision import bf16_instructions, why_absent

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import filters, first  # noqa: E402  (needs torch)

F = torch.nn.functional
STEPS, LR, MOMENTUM = 50, 0.01, 0.9
SHAPES = {"w1": (3, 3, 8, 32), "b1": (32,), "w2": (3, 3, 32, 64), "b2": (64,), "w3": (1, 1, 64, 80), "w4": (80, 10)}


def start():
    """Weights by name, then images of ten classes, each with a pattern of its own, and their labels."""
    rng = np.random.default_rng(0)
    weights = {
        name: (rng.standard_normal(shape) * (2 / np.prod(shape[:-1])) ** 0.5 * (len(shape) > 1)).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    labels = rng.integers(0, 10, (5, 16))
    patterns = rng.standard_normal((10, 10, 10, 8))
    images = (patterns[labels] + rng.standard_normal((5, 16, 10, 10, 8))).astype(np.float32)
    return weights, images, labels


def ours(precision):
    weights, images, labels = start()
    p = {name: tg.nn.Parameter(value) for name, value in weights.items()}
    optimiser = tg.optim.SGD(list(p.values()), LR, momentum=MOMENTUM)
    losses = []
    with tg.set_float32_precision(precision):
        for step in range(STEPS):
            x = tg.relu(tg.conv2d(images[step % 5], p["w1"], p["b1"], padding=1))
            x = tg.relu(tg.conv2d(x, p["w2"], p["b2"], stride=2, padding=1))
            x = tg.relu(tg.conv2d(x, p["w3"]))
            loss = tg.softmax_cross_entropy(tg.global_avg_pool2d(x) @ p["w4"], labels[step % 5])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return np.array(losses)


def theirs(bf16):
    weights, images, labels = start()
    turned = {name: filters(w) if w.ndim == 4 else w for name, w in weights.items()}
    p = {name: torch.tensor(np.ascontiguousarray(w), requires_grad=True) for name, w in turned.items()}
    optimiser = torch.optim.SGD(p.values(), LR, momentum=MOMENTUM)
    losses = []
    for step in range(STEPS):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            x = F.relu(F.conv2d(torch.tensor(first(images[step % 5])), p["w1"], p["b1"], padding=1))
            x = F.relu(F.conv2d(x, p["w2"], p["b2"], stride=2, padding=1))
            x = F.relu(F.conv2d(x, p["w3"]))
            logits = x.mean((2, 3)) @ p["w4"]
        loss = F.cross_entropy(logits.float(), torch.tensor(labels[step % 5]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return np.array(losses)


@pytest.mark.skipif(not bf16_instructions(), reason=f"medium precision would be float32: {why_absent()}")
def test_losses_of_fifty_steps():
    """Beside float32, rounded products err about as much as autocast does."""
    exact, medium, plain, autocast = ours("highest"), ours("medium"), theirs(False), theirs(True)
    assert exact[-1] < 0.1 * exact[0]  # it learns
    np.testing.assert_allclose(exact, plain, rtol=1e-3, atol=1e-3)
    mine, torchs = (np.sqrt(np.mean((a - exact) ** 2)) for a in (medium, autocast))
    assert 0 < mine < 2 * torchs
    assert torchs < 2e-3 * exact[0]
