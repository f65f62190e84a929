"""Figures of a run: what they show, and that no pyplot, window or global state is touched."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_cnn.plots import confusion_matrix, curves
from tinygrad_cnn.plots.training import confusion_counts

pytestmark = pytest.mark.level("default")

HISTORY = [{"epoch": k, "loss": 1 / k, "accuracy": 1 - 0.5 / k, "val_loss": 1.1 / k, "val_accuracy": 1 - 0.6 / k,
            "seconds": 1.0} for k in range(1, 6)]  # fmt: skip


def lines(figure):
    return [{line.get_label(): list(line.get_ydata()) for line in ax.lines} for ax in figure.axes]


def test_curves_show_loss_and_accuracy_of_both_sets():
    figure = curves(HISTORY)
    loss, accuracy = lines(figure)
    assert loss == {"training": [r["loss"] for r in HISTORY], "validation": [r["val_loss"] for r in HISTORY]}
    assert accuracy["validation"] == [r["val_accuracy"] for r in HISTORY]
    top, bottom = figure.axes
    assert top.get_title(loc="left") == "Loss" and "nats" in top.get_ylabel() and bottom.get_xlabel() == "epoch"
    assert [t.get_text() for t in top.get_legend().get_texts()] == ["training", "validation"]


def test_curves_read_the_text_of_a_csv_file():
    rows = [{name: str(value) for name, value in row.items()} for row in HISTORY]
    assert lines(curves(rows)) == lines(curves(HISTORY))


def test_curves_draw_what_is_there(tmp_path):
    figure = curves([{"loss": 2.0, "val_accuracy": ""}, {"loss": float("nan"), "val_accuracy": 0.5}, {"loss": 1.0}])
    loss, accuracy = lines(figure)
    np.testing.assert_array_equal(loss["training"], [2.0, np.nan, 1.0])
    np.testing.assert_array_equal(accuracy["validation"], [np.nan, 0.5, np.nan])
    curves([{"loss": float("inf")}]).savefig(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([], "history is empty"),
        ([{"epoch": 1, "speed": 3}], "no column is loss.*got epoch, speed"),
        ([{"loss": 1}, {"loss": "low"}], "loss of row 2 is 'low', which is not a number"),
    ],
)
def test_curves_refuse_what_cannot_be_drawn(history, words):
    with pytest.raises(ValueError, match=words):
        curves(history)


def test_the_confusion_matrix_counts():
    figure = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], ["cat", "dog", "owl"])
    ax = figure.axes[0]
    cells = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in ax.texts}
    assert cells == {(0, 0): "1", (0, 1): "1", (1, 1): "1", (2, 2): "2", (2, 0): "1"}
    np.testing.assert_allclose(ax.images[0].get_array(), [[1 / 2, 1 / 2, 0], [0, 1, 0], [1 / 3, 0, 2 / 3]])
    assert [t.get_text() for t in ax.get_xticklabels()][:3] == ["cat", "dog", "owl"]
    assert ax.get_ylabel() == "true class" and "4 of 6 correct (66.7%)" in figure.get_suptitle()


@pytest.mark.parametrize("classes", [None, 10, [f"class ${k}$ with a long name" for k in range(10)], 300])
def test_figures_hold_all_their_words(classes, tmp_path):
    """Nothing is cut off, nor are the labels of neighbouring classes on top of one another."""
    labels = np.arange(10).repeat(3)
    for figure in (confusion_matrix(labels, labels[::-1], classes), curves(HISTORY)):
        figure.savefig(tmp_path / "a.png")
        width, height = figure.canvas.get_width_height()
        assert width >= 600
        box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        rows = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(rows))


@pytest.mark.parametrize(
    ("labels", "predictions", "classes", "error", "words"),
    [
        ([0, 1], [0], None, ValueError, "2 labels, but 1 predictions"),
        ([], [], None, ValueError, "no labels"),
        ([0, 3], [0, 1], 3, ValueError, r"class 3 is outside 0\.\.2"),
        ([0, -1], [0, 1], 3, ValueError, "class -1 is outside"),
        ([0.0], [0], None, TypeError, "labels must be integers, got float64"),
        ([0], [[0.1, 0.9]], None, TypeError, "predictions must be integers"),
        ([[0]], [0], None, ValueError, r"shape \(N,\), got \(1, 1\)"),
    ],
)
def test_the_confusion_matrix_refuses_what_it_cannot_count(labels, predictions, classes, error, words):
    with pytest.raises(error, match=words):
        confusion_matrix(labels, predictions, classes)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_counts_of_each_true_and_predicted_class(dtype):
    truth, guess = np.array([0, 99, 99, 50], dtype), np.array([99, 99, 0, 50], dtype)
    counts = confusion_counts(truth, guess, 100)
    expected = np.zeros((100, 100), int)
    expected[0, 99] = expected[99, 99] = expected[99, 0] = expected[50, 50] = 1
    assert np.array_equal(counts, expected)
    assert confusion_counts(truth[:0], guess[:0], 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match=r"class 99 is outside 0\.\.98"):
        confusion_counts(truth, guess, 99)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-cnn\[app\]'"):
        curves(HISTORY)


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys, tinygrad_cnn.plots as plots; assert not {'matplotlib', 'graphviz', 'PIL'} & set(sys.modules);"
        "plots.curves([{'loss': 1.0}]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
