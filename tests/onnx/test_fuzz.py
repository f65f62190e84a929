"""Mutated files are read or refused, and nothing else happens."""

import contextlib

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.io import FileFormatError
from tinygrad_cnn.onnx import ExportError, reading


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.BatchNorm2d(3), nn.ReLU6(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(27, 4, rng=1), nn.Softmax(),
    )  # fmt: skip
    x = np.ones((2, 6, 6, 1), np.float32)
    tg.onnx.export(net.eval(), folder / "a.onnx", x, verify=False)
    tg.onnx.export(
        lambda x: tg.concatenate([tg.resize(x, (3, 4)), tg.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :3]], axis=1),
        folder / "b.onnx", x[:, :, :3], verify=False,
    )  # fmt: skip
    return [(folder / name).read_bytes() for name in ("a.onnx", "b.onnx")], x


def mutated(data, rng):
    """A few bytes changed, cut out, doubled, or the end lost."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(len(out))), int(rng.integers(1, 9))
        kind = rng.integers(5)
        if kind == 0:
            out[at] = rng.integers(256)
        elif kind == 1:
            out[at] ^= 1 << rng.integers(8)
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + length]
        else:
            out[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()
        if not out:
            break
    return bytes(out[: rng.integers(len(out) + 1)] if rng.random() < 0.05 else out)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", [0, *(pytest.param(k, marks=pytest.mark.level("thorough")) for k in range(1, 10))])
def test_mutated_files(part, originals, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST", 1 << 20)  # or the test would take room for what is allowed
    files, x = originals
    rng, read = np.random.default_rng(part), 0
    path = tmp_path / "mutated.onnx"
    for k in range(200):
        path.write_bytes(mutated(files[k % 2], rng))
        try:
            net = tg.onnx.load(path)
        except (FileFormatError, ExportError):
            continue
        read += 1
        with contextlib.suppress(ExportError, ValueError, TypeError, IndexError, MemoryError):
            net(*[x] * len(net.input_names))
    assert 0 < read < 200
