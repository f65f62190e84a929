"""Scripts that draw learn at their start, in a line, that matplotlib is absent, too old, or cannot open windows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[2]
CALL = """
import tinygrad_cnn as tg
try:
    print(tg.plots.pyplot().__name__)
except ImportError as error:
    print(error)
"""


def ask(folder, backend="Agg", **stubs):
    """What the call says where a folder of stub modules comes first."""
    for name, text in stubs.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": backend}
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(display, None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CALL], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_it_is_pyplot(tmp_path):
    import matplotlib.pyplot as plt

    assert tg.plots.pyplot() is plt
    assert ask(tmp_path) == "matplotlib.pyplot\n"


def test_figures_that_are_open_stay_open():
    plt = tg.plots.pyplot()
    figure = plt.figure()
    assert tg.plots.pyplot().get_fignums() == [figure.number]
    plt.close(figure)


@pytest.mark.parametrize(("stub", "says"), [
    ("raise ModuleNotFoundError('hidden')", "pictures need matplotlib (hidden): pip install 'tinygrad-cnn[app]'.\n"),
    ("__version__ = '3.7.5'", "matplotlib is 3.7.5, 3.8 or newer is needed: pip install -U 'tinygrad-cnn[app]'.\n"),
    ("__version__ = '3.10.0'", "pictures need matplotlib"),  # new enough, so it goes on: there is no pyplot in it
    ("raise ImportError('made for another NumPy')", "cannot draw here: made for another NumPy"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(tmp_path, stub, says):
    said = ask(tmp_path, matplotlib=stub)
    assert says in said and said.count("\n") == 1


def test_a_backend_that_does_not_exist(tmp_path):
    said = ask(tmp_path, backend="nonsense")
    assert "cannot draw here" in said and "MPLBACKEND=Agg" in said and said.count("\n") == 1
