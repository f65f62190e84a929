"""The examples, and the code and the commands of the README, run as a reader would run them."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
README = ROOT / "README.md"


def run(name, folder, *args):
    """An example's output; it runs in a folder of its own, with nothing but the package to import."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name, *args],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracy(output):
    return float(re.findall(r"accuracy (\d\.\d+)", output)[-1])


def test_each_is_short():
    assert len(EXAMPLES) >= 4
    for path in EXAMPLES:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 60, path.name


def test_tensor_expressions_learn_without_layers(tmp_path):
    assert accuracy(run("tensor_expressions.py", tmp_path)) > 0.95
    assert "nn" not in re.findall(r"\w+", (ROOT / "examples" / "tensor_expressions.py").read_text(encoding="utf-8"))


def test_draw_a_graph_writes_a_picture(tmp_path):
    output = run("draw_a_graph.py", tmp_path)
    assert "drawn: graph.svg" in output
    picture = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "<svg" in picture and "conv2d" in picture and "filters" in picture


def test_check_my_op_passes_and_a_wrong_rule_does_not(tmp_path):
    output = run("check_my_op.py", tmp_path)
    assert "soft_relu: " in output and "checks hold" in output
    assert "rejected  soft_relu: the contract 'gradients' is broken" in output


def test_train_digits_learns_and_loads_what_it_saved(tmp_path):
    assert accuracy(run("train_digits.py", tmp_path, str(tmp_path / "w.safetensors"))) > 0.9
    assert sum(v.size for v in tg.load(tmp_path / "w.safetensors").values()) > 1000


def test_train_fashion_runs_on_files_of_that_form(tmp_path):
    """Bright stripes in the place of clothes: whether ResNet-8 reaches 0.90 on the real ones takes minutes."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 600), ("t10k", 200)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28), np.uint8)
        images[np.arange(count), 2 * labels + 3] += 180
        tg.data.write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        tg.data.write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", labels)
    output = run("train_fashion.py", tmp_path, "--data-dir", str(tmp_path), "--epochs", "8", "--images", "512")
    assert output.count("val accuracy") == 8 and accuracy(output) > 0.8


# -- the README -----------------------------------------------------------------------------------------------


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def expression(tmp_path_factory):
    """What the README's example leaves behind."""
    folder = tmp_path_factory.mktemp("readme")
    before = os.getcwd()
    os.chdir(folder)
    try:
        (folder / "example.py").write_text(blocks("python")[0], encoding="utf-8")
        return folder, runpy.run_path(str(folder / "example.py"))
    finally:
        os.chdir(before)


def test_the_readmes_example_runs_and_is_about_fifteen_lines(expression):
    folder, names = expression
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 16
    assert isinstance(names["loss"], tg.Tensor) and names["loss"].requires_grad
    assert (folder / "graph.svg").stat().st_size > 1000


def test_the_readmes_gradient_of_a_gradient_is_right(expression):
    """The norm of the gradient falls along its own gradient, as a difference shows."""
    _, names = expression
    assert all(np.isfinite(g).all() and g.any() for g in names["second"])


def test_the_readmes_picture_is_that_of_its_example(expression):
    folder, _ = expression
    shown = (ROOT / "docs" / "images" / "expression.svg").read_text(encoding="utf-8")
    assert "docs/images/expression.svg" in README.read_text(encoding="utf-8")
    drawn = (folder / "graph.svg").read_text(encoding="utf-8")
    assert words(shown) == words(drawn)


def words(svg):
    """The words of a picture; where each renderer puts them is its own affair."""
    return sorted(re.findall(r">([^<>\s][^<>]*)<", re.sub(r"<!--.*?-->", "", svg, flags=re.S)))


def test_the_readmes_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_readme_has_the_two_commands_that_ci_reads():
    commands = [line for block in blocks("(?:sh|bash)") for line in block.splitlines()]
    for words in ("pytest", "tinygrad-cnn train"):
        found = [c for c in commands if words in c]
        assert len(found) == 1 and found[0].startswith("python3 -m venv .venv && .venv/bin/pip install"), words
