"""The examples of methods: each learns something in a short run, and leaves its picture.

How good they get at full length stands on their pages.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.level("thorough")

ROOT = Path(__file__).parents[1]
NAMES = ("vit_digits", "gpt_docs", "siamese_digits", "pinn_burgers", "maml_sine")


def attempt(name, folder, *args, path=str(ROOT)):
    """An example runs in a folder of its own, with nothing but the package to import."""
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / f"{name}.py", *args],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def run(name, folder, steps):
    """The output of an example that leaves its picture, and nothing else."""
    done = attempt(name, folder, "--steps", str(steps), "--out", "picture.png")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["picture.png"]
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")
    return done.stdout


def numbers(pattern, output):
    return [float(text) for text in re.search(pattern, output).groups()]


def test_pinn_comes_near_the_reference(tmp_path):
    (error,) = numbers(r"relative error (\d\.\d+)", run("pinn_burgers", tmp_path, 100))
    assert error < 0.5


def test_maml_adapts_better_than_joint_training(tmp_path):
    output = run("maml_sine", tmp_path, 1500)
    before, one, five = numbers(r"MAML: error (\S+), after 1 step (\S+), after 5 (\S+)", output)
    _, joint, _ = numbers(r"Joint training: error (\S+), after 1 step (\S+), after 5 (\S+)", output)
    assert five < one < before and one < joint


def test_siamese_network_compares_better_than_pixels(tmp_path):
    output = run("siamese_digits", tmp_path, 100)
    seen, unseen = numbers(r"by network: (\S+) on seen classes, (\S+) on unseen", output)
    assert seen > numbers(r"by pixels: (\S+) on seen", output)[0] + 0.1 and unseen > 0.5


def test_vit_learns(tmp_path):
    assert numbers(r"accuracy (\d\.\d+)", run("vit_digits", tmp_path, 100))[0] > 0.3


def test_gpt_learns(tmp_path):
    first, last = numbers(r"loss (\S+), in the end (\S+)", run("gpt_docs", tmp_path, 60))
    assert last < 0.7 * first


@pytest.mark.parametrize("options", [["--steps", "0"], ["--out", "no/such/folder/picture.png"]])
@pytest.mark.parametrize("name", NAMES)
def test_wrong_options_are_refused_before_training(name, options, tmp_path):
    done = attempt(name, tmp_path, *options)
    assert done.returncode == 2 and "--steps goes from 1 up, --out is a file in a folder that exists" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_it_says_what_to_install(tmp_path, name):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n", encoding="utf-8")
    done = attempt(name, tmp_path, path=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{name}: ") and "matplotlib" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_its_page_and_ends_with_something_to_try(name):
    lines = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert 60 <= len(lines) <= 120
    tries = lines[lines.index("# Try") :]
    assert tries[1] == "# ---" and len([line for line in tries if line.startswith("# * ")]) >= 2
