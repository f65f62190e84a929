"""Warnings: at the user's line, once for each line, and deprecations in sight of whoever runs a script."""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim
from tinygrad_cnn.autodiff.outside import warn

X, LABELS = np.eye(4, 3, dtype=np.float32), np.array([0, 1, 1, 0])


def sgd():
    return optim.SGD([tg.Tensor([1.0], requires_grad=True)], lr=1.0)


FORMER = {
    "a keyword of fit": lambda: tg.fit(nn.Linear(3, 2, rng=0), (X, LABELS), epochs=1, early_stop=2, progress=False),
    "a keyword of predict": lambda: tg.predict(nn.Linear(3, 2, rng=0), images=X),
    "an argument of a data set": lambda: data.ArrayDataset(images=X[:, :, None], labels=LABELS),
    "an option of a schedule": lambda: optim.CosineLR(sgd(), 2, restarts=True),
    "a name of viz": lambda: tg.viz.draw,
}


@pytest.mark.parametrize("name", FORMER)
def test_a_former_way_warns_at_the_line_that_uses_it(name):
    with pytest.warns(DeprecationWarning, match="is deprecated and will be removed in the next release. Use ") as seen:
        FORMER[name]()
    assert {one.filename for one in seen} == {__file__}


def test_one_line_warns_once_and_another_again(monkeypatch, tmp_path):
    script = "import tinygrad_cnn as tg\nfrom tinygrad_cnn.autodiff.outside import deprecated\n"
    script += "for k in range(3):\n    deprecated('old', 'new')\ndeprecated('old', 'new')\n"
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stderr.count("DeprecationWarning: old is deprecated") == 2, done.stderr


def test_the_category_is_the_one_asked_for():
    with pytest.warns(RuntimeWarning, match="slow"):
        warn("slow", RuntimeWarning)
