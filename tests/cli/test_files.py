"""Commands on files: ``summary``, ``draw``, ``predict --weights`` and ``convert``, run as a user runs them."""

import numpy as np
import pytest
from PIL import Image

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.cli import main

pytestmark = pytest.mark.level("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("files")
    net = models.build("lenet", (28, 28, 1), 10, rng=0).eval()
    tg.onnx.export(net, where / "net.onnx", np.ones((2, 28, 28, 1), np.float32))
    tg.save(where / "net.safetensors", net)
    tg.save(where / "theirs.safetensors", tg.io.to_torch(net, input_shape=(28, 28, 1)), metadata={"format": "pt"})
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8)).save(where / "digit.png")
    return where


@pytest.fixture
def command(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TINYGRAD_CNN_DEBUG", raising=False)

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in args])
        return left.value.code, *capsys.readouterr()

    return run


def test_summary(command):
    code, out, err = command("summary", "net.onnx")
    assert (code, err) == (0, "") and "61,706" in out
    code, out, _ = command("summary", "net.safetensors")
    assert code == 0 and "features.0.weight" in out and "5x5x1x6" in out and "61,706 numbers" in out
    code, out, _ = command("summary", "net.safetensors", "--model", "lenet")
    assert code == 0 and "multiply-adds" in out


def test_draw(command, folder):
    code, *_ = command("draw", "net.onnx", "--out", "net.dot")
    assert code == 0 and "conv2d" in (folder / "net.dot").read_text()
    code, _, err = command("draw", "net.safetensors")
    assert code == 1 and "Name their network: --model NAME" in err


def test_predict_says_the_same_of_every_format(command):
    found = {command("predict", "--weights", "net.onnx", "digit.png")[1]}
    for name in ("net.safetensors", "theirs.safetensors"):
        code, out, err = command("predict", "--weights", name, "--model", "lenet", "digit.png")
        assert (code, err) == (0, "")
        found.add(out)
    assert len(found) == 1 and "class " in found.pop()


def test_convert(command, folder):
    code, out, err = command("convert", "net.onnx", "net.npz")
    assert (code, err) == (0, "") and "written: net.npz" in out
    assert tg.load(folder / "net.npz").keys() == tg.load(folder / "net.onnx").keys()
    code, _, err = command("convert", "net.onnx", "net.pth")
    assert code == 1 and "written are .safetensors and .npz" in err
