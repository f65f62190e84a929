"""Images read at any place, and channels as pixels, beside PyTorch's: to the second order, in float64."""

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, same  # noqa: E402  (needs torch)

F = torch.nn.functional
RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 5, 4, 3))
INSIDE, AROUND = RNG.uniform(-0.9, 0.9, (2, 3, 6, 2)), RNG.uniform(-2.2, 2.2, (2, 3, 6, 2))


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("border", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("grid", [INSIDE, AROUND], ids=["inside", "around"])
def test_grid_sample(grid, mode, border, align):
    options = {"mode": mode, "padding_mode": border, "align_corners": align}
    order = 1 if mode == "bicubic" else 2  # torch has no second order of bicubic
    agree(lambda x, g: tg.grid_sample(x, g, **options), lambda x, g: F.grid_sample(x, g, **options), X,
          (grid, same), order=order)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning")  # of a side of one pixel
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(3, 5), (1, 4)])
def test_affine_grid(size, align):
    theta = RNG.standard_normal((2, 2, 3))
    agree(lambda t: tg.affine_grid(t, size, align_corners=align),
          lambda t: F.affine_grid(t, [2, 1, *size], align_corners=align), theta, turn=same,
          back=lambda t: t.detach().numpy())  # fmt: skip


def test_pixel_shuffle():
    agree(lambda x: tg.pixel_shuffle(x, 2), lambda x: F.pixel_shuffle(x, 2), RNG.standard_normal((2, 3, 2, 12)))
    agree(lambda x: tg.pixel_unshuffle(x, 3), lambda x: F.pixel_unshuffle(x, 3), RNG.standard_normal((2, 6, 3, 2)))
