"""``tinygrad-cnn summary`` and ``doctor``, run as a user runs them."""

import json
import re
from pathlib import Path

import pytest

from tinygrad_cnn.cli import main

pytestmark = pytest.mark.level("default")

MODELS = """
import tinygrad_cnn as tg
from tinygrad_cnn import nn

def fine():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 16, rng=0), nn.Tanh(), nn.Linear(16, 4, rng=1))

ready = fine()

class Mine(nn.Module):
    def __init__(self):
        self.out = nn.Linear(3, 4, rng=0)
    def forward(self, x):
        return self.out(tg.mean(x, axis=(0, 1, 2), keepdims=True).reshape(1, 3) + x.mean(axis=(1, 2)))

class Greedy(nn.Module):
    def __init__(self, classes): pass

def number(): return 3

def fails(): raise KeyError("weights")
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_CNN_DEBUG", raising=False)
    Path("inspected_models.py").write_text(MODELS)

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in args])
        return left.value.code, *capsys.readouterr()

    return run


def refused(result, code, *words):
    assert result[0] == code and result[1] == "" and result[2].startswith("tinygrad-cnn: "), result
    assert all(word in result[2] for word in words), result[2]


def test_summary_of_a_network_by_name(command):
    code, out, err = command("summary", "lenet")
    assert (code, err) == (0, "") and "416,520" in out and "61,706" in out
    code, out, _ = command("summary", "resnet20", "--input", "32x32x3")
    assert code == 0 and "40.81 M multiply-adds" in out
    code, out, _ = command("summary", "lenet", "--classes", 7)
    assert code == 0 and "(1, 7)" in out


def test_summary_and_doctor_of_ones_own(command):
    for what in ("fine", "ready"):
        code, out, _ = command("summary", f"inspected_models:{what}", "--input", "4x4x3")
        assert code == 0 and re.search(r"^1 +Linear +\(1, 16\) +784 ", out, re.M)
    code, out, _ = command("doctor", "inspected_models:fine", "--input", "4x4x3", "--classes", 4)
    assert code == 0 and out.startswith("inspected_models:fine: Sequential") and out.count("  ok ") == 5
    code, out, _ = command("doctor", "inspected_models:Mine", "--input", "4x4x3", "--classes", 4, "--steps", 3)
    assert code == 1 and "changing sample 0 moves" in out and "tests failed" in out


def test_a_run_is_known_by_its_folder(command):
    assert command("train", "--epochs", 1, "--quiet", "--out", "run")[0] == 0
    assert json.loads(Path("run/config.json").read_text())["input_shape"] == [8, 8, 1]
    code, out, _ = command("summary", "run")
    assert code == 0 and "(1, 8, 8, 32)" in out
    code, out, _ = command("doctor", "run")
    assert code == 0 and "on 8 random inputs of 8x8x1, 10 classes" in out


def test_what_cannot_be_found_or_run_is_said_in_words(command):
    for name in ("summary", "doctor"):
        refused(command(name, "lenett"), 2, "no run folder or model 'lenett'", "Did you mean lenet")
        refused(command(name, "no_such_module:f"), 1, f"{name}: there is no module 'no_such_module'")
        refused(command(name, "inspected_models:nothing"), 1, "has no function 'nothing'")
        refused(command(name, "inspected_models:number"), 1, "number() returned a int; it must return an nn.Module")
        refused(command(name, "inspected_models:fails"), 1, "fails() failed with KeyError")
        refused(command(name, "inspected_models:Greedy"), 1, "Greedy() failed with TypeError", "classes")
        refused(command(name, "lenet", "--input", "28x28"), 1, "must be (H, W, C)")
        for text in ("28xx1", "axb", "0x1x1", "", "-3x1"):
            refused(command(name, "lenet", "--input", text), 2, "is not a shape; write height x width x channels")
        refused(command(name, "lenet", "--classes", 0), 2, "--classes")
    refused(command("doctor", "lenet", "--classes", 1), 1, "classes=1 must be a whole number of at least 2")
    refused(command("summary", "inspected_models:fine", "--input", "5x5x3"), 1, "failed with ValueError", "75")
    code, out, _ = command("doctor", "inspected_models:fine", "--input", "5x5x3", "--classes", 4)
    assert code == 1 and "FAILED  forward" in out and "not tried" in out
