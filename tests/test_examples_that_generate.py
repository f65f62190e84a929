"""The pages on networks that draw: a few steps each, the picture at the end, and what they say without matplotlib."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.level("thorough")

ROOT = Path(__file__).parents[1]
NAMES = ("vae_digits", "dcgan_digits", "wgan_gp_digits", "ddpm_digits", "super_resolution")


def attempt(name, folder, *args, **environment):
    """An example runs in a folder of its own, with nothing but the package to import."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / f"{name}.py", *args],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def figures(name, folder, steps, pattern):
    """What a run of so many steps prints where the pattern fits, as rows of numbers; it writes its picture only."""
    done = attempt(name, folder, "--steps", str(steps), "--out", "picture.png")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["picture.png"]
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")
    return [tuple(map(float, found.groups())) for found in re.finditer(pattern, done.stdout)]


def test_the_autoencoder_learns_to_draw_digits_again(tmp_path):
    rows = figures("vae_digits", tmp_path, 401, r"reconstruction +([\d.]+)  divergence ([\d.]+)")
    (first, _), (last, apart) = rows
    assert last < 0.6 * first and 1 < apart < 5  # neither is the code ignored, nor are the clouds anywhere


def test_in_the_dcgan_neither_wins(tmp_path):
    rows = figures("dcgan_digits", tmp_path, 251, r"discriminator ([\d.]+)  generator ([\d.]+)")
    assert len(rows) == 2 and all(0.3 < loss < 3 for loss in rows[-1])


def test_the_wasserstein_distance_falls_and_the_penalty_holds(tmp_path):
    rows = figures("wgan_gp_digits", tmp_path, 101, r"distance +([\d.]+)  penalty ([\d.]+)")
    (_, _), (distance, penalty) = rows
    assert 0 < distance < 1.5 and penalty < 0.1


def test_the_diffusion_model_learns_to_see_noise(tmp_path):
    rows = figures("ddpm_digits", tmp_path, 201, r"loss ([\d.]+)")
    (first,), (last,) = rows
    assert last < first / 2


def test_super_resolution_beats_bicubic_interpolation(tmp_path):
    ((bicubic, network),) = figures("super_resolution", tmp_path, 150, r"bicubic ([\d.]+) dB, network ([\d.]+) dB")
    assert bicubic == pytest.approx(15.99, abs=0.02) and network > bicubic + 2


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_page_of_at_most_120_lines(name):
    lines = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert 60 <= len(lines) <= 120 and "# Try" in lines


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [["--steps", "0"], ["--out", "no/such/folder/picture.png"]])
def test_options_that_are_wrong_are_refused_before_training(name, options, tmp_path):
    done = attempt(name, tmp_path, *options)
    assert done.returncode == 2 and "--steps goes from 1 up, --out is a file in a folder that exists" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_it_says_what_to_install(name, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = attempt(name, tmp_path, PYTHONPATH=path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith(f"{name}: ")
