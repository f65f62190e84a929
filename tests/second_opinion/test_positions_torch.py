"""The order of positional arguments is PyTorch's, read off the installed PyTorch."""

import inspect

import pytest

from tests.nn.test_positions import LAYERS, OPS

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")

THEIRS = {  # our names of arguments that PyTorch names otherwise
    "window": "kernel_size", "size": "output_size", "channels": ("num_features", "num_channels", "num_parameters",
    "normalized_shape"), "groups": ("groups", "num_groups"), "rate": "p", "axis": "dim", "slope": ("negative_slope",
    "init", "weight"), "x": ("input", "tensor"), "w": "weight", "b": "bias", "gamma": "weight", "beta": "bias",
    "width": "pad", "sections": "split_size_or_sections", "start": "start_dim", "logits": "input",
    "log_probabilities": "input", "labels": "target", "affine": "elementwise_affine",
}  # fmt: skip
FUNCTIONS = {  # the other has no signature to read
    "softmax_cross_entropy": "cross_entropy", "max_pool2d": "max_pool2d_with_indices",
    "max_pool1d": "max_pool1d_with_indices", "max_pool3d": "max_pool3d_with_indices",
    **{f"adaptive_max_pool{axes}d": f"adaptive_max_pool{axes}d_with_indices" for axes in (1, 2, 3)},
}  # fmt: skip
IN_C = {  # whose signatures stand in texts
    "prelu", "flatten", "adaptive_avg_pool1d",
    *(f"{name}{axes}d" for name in ("conv", "conv_transpose", "avg_pool") for axes in (1, 2, 3)),
}  # fmt: skip


def agree(ours, theirs):
    for mine, other in zip(ours, theirs, strict=False):
        known = THEIRS.get(mine, mine)
        assert other == mine or other in ((known,) if isinstance(known, str) else known), (ours, theirs)
    assert len(ours) <= len(theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    agree(LAYERS[name].split(), [*inspect.signature(getattr(torch.nn, name)).parameters])


@pytest.mark.parametrize("name", OPS)
def test_functions(name):
    F = torch.nn.functional
    theirs = FUNCTIONS.get(name, name)
    fn = getattr(F, theirs, None) or getattr(torch, theirs, None)
    if fn is None:
        pytest.skip(f"PyTorch has no {name}")
    if name in IN_C:
        text = next(line for line in fn.__doc__.splitlines() if f"{theirs}(" in line)
        names = [part.split("=")[0].strip() for part in text.partition("(")[2].rpartition(")")[0].split(",")]
    else:
        names = [*inspect.signature(fn).parameters]
    agree(OPS[name].split(), [n for n in names if n and n not in ("*", "/")])
